//! Media of Pins beyond the single image, and media uploads.

use super::*;
use crate::world::upload::FileFacts;

const PNG: &str = "iVBORw0KGgo=";

fn item(number: usize) -> Value {
    json!({"url": format!("https://example.com/{number}.jpg")})
}

fn carousel(items: Vec<Value>) -> Value {
    json!({"media_source": {"source_type": "multiple_image_urls", "items": items}})
}

/// An upload of the desk's account that has succeeded at `NOW_MS`.
fn uploaded(desk: &mut Desk) -> String {
    let upload = desk.world.register_upload(NOW_MS, desk.caller).expect("registered").clone();
    let fields = desk.world.upload_parameters(&upload).0.map(|(name, value)| (name.to_owned(), value));
    let mut file = FileFacts::default();
    file.extend(b"\0\0\0\x18ftypmp42");
    desk.world.receive_upload(NOW_MS - 60_000, &fields, Some(file)).expect("accepted");
    upload.id
}

#[test]
fn a_carousel_shows_every_image_with_its_texts() {
    let mut desk = Desk::open();
    let mut first = item(0);
    first["title"] = json!("One");
    first["description"] = json!("The first");
    first["link"] = json!("https://example.com/one");
    let pin = desk.create(carousel(vec![first, item(1)])).expect("created").json();
    assert_eq!(pin["creative_type"], "CAROUSEL");
    let id = pin["id"].as_str().expect("an id");
    assert_eq!(pin["media"]["media_type"], "multiple_images");
    let mut items = pin["media"]["items"].as_array().cloned().expect("items");
    let large = |number: usize| format!("https://i.pinimg.com/1200x/{id}-{number}.jpg");
    for (number, item) in items.iter_mut().enumerate() {
        assert_eq!(item["images"].take()["1200x"]["url"], large(number));
    }
    let expected = json!([
        {"item_type": "image", "title": "One", "description": "The first", "link": "https://example.com/one", "images": null},
        {"item_type": "image", "title": null, "description": null, "link": null, "images": null},
    ]);
    assert_eq!(json!(items), expected);
}

#[test]
fn a_carousel_has_two_to_five_valid_images() {
    let base64 = |data: &str| json!({"content_type": "image/png", "data": data, "url": null});
    let of_base64 = |items: Value| json!({"media_source": {"source_type": "multiple_image_base64", "items": items}});
    for count in [2, 5] {
        assert!(Desk::open().create(carousel((0..count).map(item).collect())).is_ok(), "{count}");
        let items: Vec<Value> = (0..count).map(|_| base64(PNG)).collect();
        assert!(Desk::open().create(of_base64(json!(items))).is_ok(), "{count}");
    }
    for (change, expected) in [
        (carousel(vec![]), (400, 1)),
        (carousel(vec![item(0)]), (400, 1)),
        (carousel((0..6).map(item).collect()), (400, 1)),
        (carousel(vec![item(0), json!("https://example.com/1.jpg")]), (400, 1)),
        (carousel(vec![item(0), json!({"title": "no image"})]), (400, 1)),
        (carousel(vec![item(0), json!({"url": "soup.jpg"})]), (400, 1)),
        (carousel(vec![item(0), json!({"url": "https://example.com/1.jpg", "link": "soup"})]), (400, 1)),
        (carousel(vec![item(0), json!({"url": "https://example.com/1.jpg", "title": 7})]), (400, 1)),
        (json!({"media_source": {"source_type": "multiple_image_urls"}}), (400, 1)),
        (json!({"media_source": {"source_type": "multiple_image_urls", "items": {}}}), (400, 1)),
        (
            json!({"media_source": {"source_type": "multiple_image_urls", "items": [item(0), item(1)], "index": -1}}),
            (400, 1),
        ),
        (of_base64(json!([base64(PNG), base64("c291cA==")])), (403, 235)),
        (of_base64(json!([base64(PNG), item(1)])), (400, 1)),
    ] {
        let (status, code, _) = Desk::open().refusal(change.clone());
        assert_eq!((status, code), expected, "{change}");
    }
}

#[test]
fn a_video_is_shown_by_its_cover() {
    let mut desk = Desk::open();
    let media_id = uploaded(&mut desk);
    let video = |cover: Value| {
        let mut source = json!({"source_type": "video_id", "media_id": media_id});
        cover.as_object().into_iter().flatten().for_each(|(name, value)| source[name] = value.clone());
        json!({"media_source": source})
    };
    for cover in [
        json!({"cover_image_url": "https://example.com/cover.jpg", "cover_image_data": null}),
        json!({"cover_image_data": PNG, "cover_image_content_type": "image/png"}),
        json!({"cover_image_key_frame_time": 0}),
    ] {
        let pin = desk.create(video(cover)).expect("created").json();
        assert_eq!((&pin["creative_type"], &pin["media"]["media_type"]), (&json!("VIDEO"), &json!("video")));
        let cover =
            format!("https://i.pinimg.com/videos/thumbnails/originals/{}.jpg", pin["id"].as_str().expect("an id"));
        assert_eq!(pin["media"]["cover_image_url"], cover);
        assert!(pin["media"]["images"]["600x"]["url"].is_string());
        for unknown in ["video_url", "duration", "width", "height"] {
            assert_eq!(pin["media"].get(unknown), Some(&Value::Null), "{unknown}");
        }
    }
    let whole = json!({"source_type": "video_id", "media_id": null, "cover_image_key_frame_time": 0});
    for (change, expected) in [
        (video(json!({})), (400, 1, "'cover_image_url' is a required property")),
        (video(json!({"cover_image_data": PNG})), (400, 1, "'cover_image_content_type' is a required property")),
        (video(json!({"cover_image_data": "c291cA==", "cover_image_content_type": "image/png"})), (403, 235, "broken")),
        (video(json!({"cover_image_url": "cover.jpg"})), (400, 1, "invalid URL")),
        (video(json!({"cover_image_key_frame_time": -1})), (400, 1, "'cover_image_key_frame_time' is not an integer")),
        (video(json!({"media_id": "1", "cover_image_key_frame_time": 0})), (400, 1, "there is no media upload 1")),
        (json!({"media_source": whole}), (400, 1, "'media_id' is a required property")),
    ] {
        let (status, code, message) = desk.refusal(change.clone());
        assert_eq!((status, code), (expected.0, expected.1), "{change}");
        assert!(message.contains(expected.2), "{message}");
    }
}

#[test]
fn a_registration_answers_with_every_parameter_of_the_upload_form() {
    let mut desk = Desk::open();
    let mut request = Request::new(Operation::MediaCreate, "");
    request.host = "127.0.0.1:4010".to_owned();
    request.body = json(&json!({"media_type": "video"}));
    let reply = dispatch(&mut desk.world, NOW_MS, desk.caller, &request).expect("registered");
    let body = reply.json();
    assert_eq!((reply.status, &body["media_type"]), (201, &json!("video")));
    assert_eq!(body["upload_url"], "http://127.0.0.1:4010/pinterest-media-upload/");
    let id = body["media_id"].as_str().expect("an id").to_owned();
    let parameters = body["upload_parameters"].as_object().expect("parameters");
    let names: Vec<&str> = parameters.keys().map(String::as_str).collect();
    let documented = [
        "Content-Type",
        "key",
        "policy",
        "x-amz-algorithm",
        "x-amz-credential",
        "x-amz-date",
        "x-amz-security-token",
        "x-amz-signature",
    ];
    assert_eq!(names, documented);
    assert_eq!(parameters["x-amz-date"], "20221013T014029Z");
    assert!(parameters["key"].as_str().is_some_and(|key| key.ends_with(&format!(":video:780000000000000001:{id}"))));

    let got = desk.call(Operation::MediaGet, &id, "", Value::Null).expect("found").json();
    assert_eq!(got, json!({"media_id": id, "media_type": "video", "status": "registered"}));
    let done = uploaded(&mut desk);
    let list = desk.call(Operation::MediaList, "", "", Value::Null).expect("a page").json();
    let succeeded = json!({"media_id": done, "media_type": "video", "status": "succeeded"});
    assert_eq!(list, json!({"items": [succeeded, got], "bookmark": null}));
    for (operation, id, body, expected) in [
        (Operation::MediaGet, "1", Value::Null, (404, 404)),
        (Operation::MediaGet, "soup", Value::Null, (400, 1)),
        (Operation::MediaCreate, "", json!({"media_type": "image"}), (400, 1)),
        (Operation::MediaCreate, "", json!({}), (400, 1)),
    ] {
        let error = desk.call(operation, id, "", body).expect_err("must be refused");
        assert_eq!((error.status, error.code), expected, "{operation:?}");
    }
}
