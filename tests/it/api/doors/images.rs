//! Images that Pinterest certainly can't fetch: every door says so.

use super::*;

/// What an answer of a door warns about, as a code.
fn warned(door: Door, answer: &Value) -> Option<&str> {
    match door {
        Pins | Schedules => answer["warnings"][0]["code"].as_str(),
        Batch => answer["results"][0]["warnings"][0]["code"].as_str(),
        _ => answer["results"][0]["warning_code"].as_str(),
    }
}

#[tokio::test]
async fn an_image_that_certainly_fails_is_told_at_every_door() {
    for (url, code) in [
        ("http://localhost/a.jpg", "image_unreachable"),
        ("https://192.168.1.1.nip.io/a.jpg", "image_unreachable"),
        ("https://drive.google.com/file/d/1/view", "image_format_unsupported"),
        ("https://example.com/a.svg", "image_format_unsupported"),
    ] {
        for door in [Pins, Batch, Schedules, Json, JsonDry, Csv, CsvDry] {
            let api = api().await;
            let answer = Call::of(&api).send(&api, door, &with(pin("a"), "image_url", json!(url))).await;
            assert_eq!(outcome(door, &answer), "created", "{door:?} {url}: {}", answer.2);
            assert_eq!(warned(door, &answer.2), Some(code), "{door:?} {url}: {}", answer.2);
            if matches!(door, Pins | Schedules) {
                assert_eq!(answer.1["x-pinbridge-warning"], format!("{code}; field=image_url"));
            }
            let fine = Call::of(&api).send(&api, door, &with(pin("b"), "title", json!("Another"))).await;
            assert_eq!(warned(door, &fine.2), None, "{door:?}: {}", fine.2);
        }
        // A change of it, too.
        for (door, list) in [(Pins, "pins"), (Schedules, "schedules")] {
            let api = api().await;
            api.world.pinterest.refuse(Some(Failure::TokenRevoked));
            let made = Call::of(&api).send(&api, door, &pin("a")).await;
            let path = format!("/v1/{list}/{}", made.2["id"].as_str().expect("an id"));
            let (status, headers, answer) =
                api.full("PATCH", &path, As::Key(&api.key), json!({"image_url": url})).await;
            assert_eq!((status, answer["warnings"][0]["code"].as_str()), (200, Some(code)), "{answer}");
            assert_eq!(headers["x-pinbridge-warning"], format!("{code}; field=image_url"));
            let (status, answer) = api.call("PATCH", &path, As::Key(&api.key), json!({"title": "New"})).await;
            assert_eq!((status, &answer["warnings"]), (200, &json!([])), "{answer}");
        }
    }
}

#[tokio::test]
async fn a_signed_url_that_ends_too_soon_is_told_at_every_door() {
    // START is 2026-01-01T00:00:00Z, and a schedule's time an hour later.
    let expired = [
        "https://b.s3.amazonaws.com/a.jpg?X-Amz-Date=20251231T225900Z&X-Amz-Expires=3600&X-Amz-Signature=a",
        "https://storage.googleapis.com/b/a.jpg?X-Goog-Date=20251231T000000Z&X-Goog-Expires=60&X-Goog-Signature=a",
        "https://d1.cloudfront.net/a.jpg?Expires=1767225599&Signature=a&Key-Pair-Id=K",
        "https://a.blob.core.windows.net/b/a.jpg?sv=2022-11-02&se=2025-12-31T23%3A59%3A59Z&sr=b&sp=r&sig=a",
    ];
    for url in expired {
        for door in DOORS {
            let api = api().await;
            let answer = Call::of(&api).send(&api, door, &with(pin("a"), "image_url", json!(url))).await;
            if matches!(door, Validate | ValidateSchedule) {
                assert_eq!(outcome(door, &answer), "image_unreachable", "{door:?} {url}: {}", answer.2);
                assert!(answer.2.to_string().contains("has expired"), "{door:?} {url}: {}", answer.2);
            } else {
                assert_eq!(outcome(door, &answer), "created", "{door:?} {url}: {}", answer.2);
                assert_eq!(warned(door, &answer.2), Some("image_unreachable"), "{door:?} {url}: {}", answer.2);
            }
        }
    }
    // It ends with the half hour: too soon for a schedule, and for a pin that may start up to then.
    let half = "https://d1.cloudfront.net/a.jpg?Expires=1767227400&Signature=a&Key-Pair-Id=K";
    let api = api().await;
    let call = Call::of(&api);
    let timely = with(pin("a"), "image_url", json!(half));
    let late = with(timely.clone(), "publish_before", json!(START.plus_ms(HOUR_MS).rfc3339()));
    let later = with(timely.clone(), "publish_before", json!(START.plus_ms(2 * HOUR_MS).rfc3339()));
    for (door, pin, wanted) in [
        (Validate, &timely, "passed"),
        (Validate, &late, "warning"),
        (ValidateSchedule, &timely, "warning"),
        (ValidateSchedule, &later, "warning"),
    ] {
        let (_, _, answer) = call.send(&api, door, pin).await;
        let checks = answer["checks"].as_array().expect("a list");
        let media = checks.iter().find(|check| check["name"] == "media").expect("there");
        assert_eq!((&media["status"], &answer["valid"]), (&json!(wanted), &json!(true)), "{door:?}: {answer}");
    }
    let scheduled = call.send(&api, Schedules, &timely).await;
    assert_eq!(warned(Schedules, &scheduled.2), Some("image_unreachable"), "{}", scheduled.2);
    // A change of the time alone tells it, too.
    let path = format!("/v1/schedules/{}", scheduled.2["id"].as_str().expect("an id"));
    for hours in [2, 3] {
        let body = json!({"run_at": START.plus_ms(hours * HOUR_MS).rfc3339()});
        let (status, answer) = api.call("PATCH", &path, As::Key(&api.key), body).await;
        assert_eq!((status, &answer["warnings"][0]["code"]), (200, &json!("image_unreachable")), "{answer}");
    }
    let (_, answer) = api.call("PATCH", &path, As::Key(&api.key), json!({"title": "New"})).await;
    assert_eq!(answer["warnings"], json!([]), "{answer}");
}

#[tokio::test]
async fn a_dry_run_names_an_image_that_pinterest_cant_fetch() {
    let private = [
        "http://localhost/a.jpg",
        "http://localhost:8000/a.jpg",
        "https://app.localhost/a.jpg",
        "http://127.0.0.1/a.jpg",
        "http://10.0.0.7/a.jpg",
        "http://172.16.3.4/a.jpg",
        "http://192.168.1.2:9000/a.jpg",
        "http://169.254.169.254/a.jpg",
        "http://100.64.0.1/a.jpg",
        "http://0.0.0.0/a.jpg",
        "http://2130706433/a.jpg",
        "http://[::1]/a.jpg",
        "http://[fd00::7]/a.jpg",
        "http://[fe80::1]/a.jpg",
        "http://[::ffff:192.168.1.2]/a.jpg",
        "http://printer.local/a.jpg",
        "http://assets.corp.internal/a.jpg",
        "http://minio/a.jpg",
        "http://app.test/a.jpg",
    ];
    let pages = [
        "https://drive.google.com/file/d/1AbC/view?usp=sharing",
        "https://drive.google.com/open?id=1AbC",
        "https://www.dropbox.com/scl/fi/abc/crane.jpg?rlkey=x&dl=0",
        "https://www.dropbox.com/s/abc/crane.jpg",
        "https://1drv.ms/i/s!abc",
        "https://photos.app.goo.gl/abc",
        "https://photos.google.com/share/abc",
        "https://www.icloud.com/photos/#0abc",
        "https://www.instagram.com/p/abc/",
        "https://www.pinterest.com/pin/123456/",
        "https://pin.it/abc",
        "https://imgur.com/a/abc",
        "https://imgur.com/abc",
        "https://unsplash.com/photos/abc",
        "https://www.flickr.com/photos/someone/123/",
        "https://www.canva.com/design/abc/view",
        "https://we.tl/t-abc",
    ];
    let fine = [
        "https://example.com/a.jpg",
        "https://8.8.8.8/a.jpg",
        "http://172.32.0.1/a.jpg",
        "https://localhost.example.com/a.jpg",
        "https://i.imgur.com/abc.jpg",
        "https://images.unsplash.com/photo-1?w=1000",
        "https://www.dropbox.com/s/abc/crane.jpg?raw=1",
        "https://www.dropbox.com/s/abc/crane.jpg?dl=1",
        "https://dl.dropboxusercontent.com/s/abc/crane.jpg",
        "https://drive.google.com/uc?export=view&id=1AbC",
        "https://lh3.googleusercontent.com/abc",
        "https://i.pinimg.com/originals/a.jpg",
        "https://live.staticflickr.com/1/2.jpg",
    ];
    let api = api().await;
    let call = Call::of(&api);
    let check = |answer: &Value| {
        let checks = answer["checks"].as_array().expect("a list");
        checks.iter().find(|check| check["name"] == "media").expect("there").clone()
    };
    for (urls, wanted) in [(&private[..], Some("image_unreachable")), (&pages[..], Some("image_format_unsupported"))] {
        for url in urls {
            for door in [Validate, ValidateSchedule] {
                let (_, _, answer) = call.send(&api, door, &with(pin("a"), "image_url", json!(url))).await;
                let check = check(&answer);
                assert_eq!((&check["status"], check["code"].as_str()), (&json!("failed"), wanted), "{url}: {check}");
                assert_eq!(answer["valid"], false, "{url}");
            }
            for door in [JsonDry, CsvDry] {
                let (_, _, answer) = call.send(&api, door, &with(pin("a"), "image_url", json!(url))).await;
                assert_eq!(answer["results"][0]["warning_code"].as_str(), wanted, "{url}: {answer}");
            }
        }
    }
    for url in fine {
        let (_, _, answer) = call.send(&api, Validate, &with(pin("a"), "image_url", json!(url))).await;
        assert_eq!(check(&answer)["status"], "passed", "{url}: {answer}");
        let (_, _, answer) = call.send(&api, JsonDry, &with(pin("a"), "image_url", json!(url))).await;
        assert_eq!(answer["results"][0]["warning_code"], Value::Null, "{url}: {answer}");
    }
}
