//! Links as clients write them: accepted alike at every door, stored and sent in one form.

use axum::body::Body;
use http::Request;
use pinbridge_shared::domain::ids::PinKey;
use pinbridge_shared::domain::pin::PinRequest;
use pinbridge_shared::domain::pin::Placement;
use pinbridge_shared::domain::pin::idempotency::{self, PayloadHash};
use pinbridge_shared::domain::testdata;
use serde_json::{Value, json};

use crate::support::api::{Api, As};

/// What clients write, and what is stored.
const LINKS: [(&str, &str); 14] = [
    ("HTTPS://Example.com", "https://example.com/"),
    ("  https://example.com/a ", "https://example.com/a"),
    ("\thttps://example.com:443/a\r\n", "https://example.com/a"),
    ("\u{a0}https://EXAMPLE.com/A", "https://example.com/A"),
    ("https://bücher.example/café", "https://xn--bcher-kva.example/caf%C3%A9"),
    ("https://BU\u{308}CHER.example", "https://xn--bcher-kva.example/"),
    ("https://example.com/折り鶴?q=鶴", "https://example.com/%E6%8A%98%E3%82%8A%E9%B6%B4?q=%E9%B6%B4"),
    ("https://example.com/a/../b?x=1&amp;y=2#c", "https://example.com/b?x=1&amp;y=2#c"),
    ("https://example.com/a b", "https://example.com/a%20b"),
    ("https://example.com/a\tb", "https://example.com/ab"),
    ("https://example.com/a\u{a0}b\u{200b}", "https://example.com/a%C2%A0b%E2%80%8B"),
    ("https:example.com/a", "https://example.com/a"),
    ("https:///example.com/a", "https://example.com/a"),
    ("https:\\\\example.com\\a", "https://example.com/a"),
];

fn body(key: &str, link: &str) -> Value {
    json!({
        "account_id": testdata::account(),
        "board_id": testdata::request(key).board_id,
        "title": format!("Title of {key}"),
        "link_url": link,
        "image_url": link,
        "cover_image_url": link,
        "idempotency_key": key,
    })
}

async fn api() -> Api {
    let api = Api::new().await;
    api.world.boards.insert(&testdata::request("any").board_id);
    api
}

async fn ask(api: &Api, method: &str, path: &str, body: Value, status: u16) -> Value {
    let (got, answer) = api.call(method, path, As::Key(&api.key), body).await;
    assert_eq!(got, status, "{method} {path}: {answer}");
    answer
}

fn assert_stored(shown: &Value, stored: &str, door: &str) {
    for field in ["link_url", "image_url", "cover_image_url"] {
        assert_eq!(shown[field], stored, "{field} of {door}");
    }
}

#[tokio::test]
async fn a_link_is_stored_and_sent_in_one_form_by_every_door() {
    for (given, stored) in LINKS {
        let api = api().await;
        let pin = ask(&api, "POST", "/v1/pins", body("pin", given), 201).await;
        assert_stored(&pin, stored, "a pin");
        let replay = ask(&api, "POST", "/v1/pins", body("pin", stored), 200).await;
        assert_eq!(replay["id"], pin["id"], "{given:?} is {stored:?}");
        let batch = ask(&api, "POST", "/v1/pins/batch", json!({"pins": [body("batch", given)]}), 200).await;
        assert_stored(&batch["results"][0]["pin"], stored, "a batch");
        let valid = ask(&api, "POST", "/v1/pins/validate", body("validated", given), 200).await;
        assert_eq!(valid["valid"], true, "{valid}");

        let edited = ask(&api, "POST", "/v1/pins", body("edited", "https://example.com/before"), 201).await;
        let path = format!("/v1/pins/{}", edited["id"].as_str().expect("an id"));
        let edited = ask(&api, "PATCH", &path, json!({"link_url": given}), 200).await;
        assert_eq!(edited["link_url"], stored);

        let mut schedule = body("schedule", given);
        schedule["run_at"] = json!(api.world.now().plus_ms(86_400_000).rfc3339());
        let made = ask(&api, "POST", "/v1/schedules", schedule.clone(), 201).await;
        assert_stored(&made["payload"], stored, "a schedule");
        let path = format!("/v1/schedules/{}", made["id"].as_str().expect("an id"));
        ask(&api, "PATCH", &path, json!({"link_url": "https://example.com/else"}), 200).await;
        let fields = json!({"link_url": given, "image_url": given, "cover_image_url": given});
        let moved = ask(&api, "PATCH", &path, fields, 200).await;
        assert_stored(&moved["payload"], stored, "an edited schedule");

        let rows = json!([body("imported", given)]);
        ask(&api, "POST", "/v1/pins/imports/json", rows, 202).await;
        send_csv(&api, given).await;
        api.world.run_for_ms(5_000).await;
        for key in ["imported", "csv"] {
            let pin = idempotency::pin_id(testdata::workspace(), key);
            let shown = ask(&api, "GET", &format!("/v1/pins/{pin}"), Value::Null, 200).await;
            assert_stored(&shown, stored, key);
        }
        for call in api.world.pinterest.calls() {
            assert_eq!(call.request.link_url.as_deref(), Some(stored), "{}", call.request.idempotency_key);
        }
        assert!(api.world.pinterest.calls().len() >= 5);
    }
}

async fn send_csv(api: &Api, link: &str) {
    let row = body("csv", link);
    let columns = ["account_id", "board_id", "title", "idempotency_key", "image_url", "link_url", "cover_image_url"];
    let values = columns.map(|name| format!("\"{}\"", row[name].as_str().expect("a text")));
    let text = format!("{}\r\n{}\r\n", columns.join(","), values.join(","));
    let form = format!(
        "--xyz\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.csv\"\r\nContent-Type: text/csv\r\n\r\n\
         {text}\r\n--xyz--\r\n"
    );
    let request = Request::builder().method("POST").uri("/v1/pins/imports/csv").header("x-api-key", &api.key);
    let request = request.header("content-type", "multipart/form-data; boundary=xyz").body(Body::from(form));
    let (status, _, answer) = api.send(request.expect("a request")).await;
    assert_eq!(status, 202, "{answer}");
}

#[tokio::test]
async fn what_is_no_link_is_refused_by_name() {
    let api = api().await;
    for wrong in ["example.com", "//example.com", "https://", "https://a b.example/", "ftp://example.com/", " "] {
        let answer = ask(&api, "POST", "/v1/pins", body("wrong", wrong), 422).await;
        assert!(answer.to_string().contains("Input should be a valid http or https URL\""), "{wrong:?}: {answer}");
    }
    for wrong in ["https://user@example.com/", "https://user:pw@example.com/", "https:user:pw@example.com"] {
        let answer = ask(&api, "POST", "/v1/pins", body("wrong", wrong), 422).await;
        assert!(answer.to_string().contains("URL without a user name and a password"), "{wrong:?}: {answer}");
        assert!(!answer.to_string().contains("pw@"), "{answer}");
    }
    let long = format!("https://example.com/ {}", "鶴".repeat(900));
    let answer = ask(&api, "POST", "/v1/pins", body("wrong", &long), 422).await;
    assert!(answer.to_string().contains("URL should have at most 2048 characters"), "{answer}");
}

#[tokio::test]
async fn a_key_that_the_old_build_accepted_is_answered_with_its_pin() {
    for given in ["https://EXAMPLE.com:443", "https://bücher.example/café", "https://example.com/a?b#c"] {
        let api = api().await;
        // 0.2.0 stored links as they were given, under the first version of the hash.
        let title = "Title of old".to_owned();
        let link = Some(given.to_owned());
        let picture = given.to_owned();
        let request = PinRequest {
            title,
            description: None,
            link_url: link.clone(),
            image_url: picture,
            cover_image_url: link,
            ..testdata::request("old")
        };
        let pin = testdata::pin_of(request, api.world.now(), Placement::Now);
        let key = PinKey { workspace: testdata::workspace(), pin: idempotency::pin_id(testdata::workspace(), "old") };
        let mut hash = PayloadHash::of(&pin.request).0;
        hash[0] = 1;
        let pin = pinbridge_shared::domain::pin::Pin { key, payload_hash: PayloadHash(hash), ..pin };
        api.world.context.store.put_pin(&pin).await.expect("written");
        let replay = ask(&api, "POST", "/v1/pins", body("old", given), 200).await;
        assert_eq!((&replay["id"], &replay["link_url"]), (&json!(key.pin), &json!(given)));
        let other = ask(&api, "POST", "/v1/pins", body("old", "https://example.com/other"), 409).await;
        assert_eq!(other["code"], "idempotency_key_reused");
    }
}
