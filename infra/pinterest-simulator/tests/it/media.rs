//! Carousels and videos over real connections, including the upload form.

use std::time::{Duration, Instant};

use pinterest_simulator::Config;
use serde_json::{Value, json};

use crate::client::{Answer, Client, start};

pub const VIDEO: &[u8] = b"\0\0\0\x18ftypmp42\0\r\n--not the boundary\xFF";
const BOUNDARY: &str = "simulated-boundary";

/// A form with these fields in their order, as a browser writes it.
fn form(fields: &[(&str, &[u8])]) -> Vec<u8> {
    let mut form = Vec::new();
    for (name, value) in fields {
        let file = if *name == "file" { "; filename=\"a.mp4\"\r\nContent-Type: video/mp4" } else { "" };
        form.extend(
            format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n").as_bytes(),
        );
        form.extend(*value);
        form.extend(b"\r\n");
    }
    form.extend(format!("--{BOUNDARY}--\r\n").as_bytes());
    form
}

async fn post(client: &Client, url: &str, content_type: &str, body: Vec<u8>) -> Answer {
    let path = url.strip_prefix(&format!("http://{}", client.address)).expect("a URL of the simulator's own");
    client.try_send_bytes("POST", path, &[("content-type", content_type)], body).await.expect("an answer")
}

/// Sends the file to the `upload_url` of a registered upload, with its `upload_parameters`.
pub async fn upload(client: &Client, registered: &Value, file: &[u8]) -> Answer {
    let parameters = registered["upload_parameters"].as_object().expect("parameters");
    let fields = parameters.iter().map(|(name, value)| (name.as_str(), value.as_str().unwrap_or_default().as_bytes()));
    let form = form(&fields.chain([("file", file)]).collect::<Vec<_>>());
    let content_type = format!("multipart/form-data; boundary={BOUNDARY}");
    post(client, registered["upload_url"].as_str().expect("a URL"), &content_type, form).await
}

pub async fn register(client: &Client) -> Value {
    let registered = client.call("POST", "/v5/media", Some(json!({"media_type": "video"}))).await;
    assert_eq!(registered.status, 201, "{}", registered.text);
    registered.json()
}

pub async fn status(client: &Client, registered: &Value) -> String {
    let path = format!("/v5/media/{}", registered["media_id"].as_str().expect("an id"));
    client.get(&path).await.json()["status"].as_str().unwrap_or_default().to_owned()
}

pub fn video_pin(client: &Client, registered: &Value) -> Value {
    let mut pin = client.pin("Video");
    pin["media_source"] = json!({
        "source_type": "video_id", "media_id": registered["media_id"], "cover_image_url": "https://example.com/c.jpg",
    });
    pin
}

#[tokio::test]
async fn a_video_is_registered_uploaded_processed_and_pinned() {
    let client = start(Config { media_processing_ms: 300, ..Config::default() }).await;
    let registered = register(&client).await;
    assert_eq!(status(&client, &registered).await, "registered");
    let pin = video_pin(&client, &registered);
    assert_eq!(client.call("POST", "/v5/pins", Some(pin.clone())).await.status, 400);

    let begin = Instant::now();
    let taken = upload(&client, &registered, VIDEO).await;
    assert_eq!((taken.status, taken.text.as_str()), (204, ""));
    while status(&client, &registered).await == "processing" {
        assert!(begin.elapsed() < Duration::from_secs(10));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // The simulator counts whole milliseconds.
    assert!(begin.elapsed() >= Duration::from_millis(299), "{:?}", begin.elapsed());
    assert_eq!(status(&client, &registered).await, "succeeded");

    let created = client.call("POST", "/v5/pins", Some(pin)).await;
    assert_eq!((created.status, &created.json()["media"]["media_type"]), (201, &json!("video")), "{}", created.text);
    let committed = client.get("/_sim/pins").await.json();
    let media = json!({
        "source_type": "video_id", "media_id": registered["media_id"], "cover_image_url": "https://example.com/c.jpg",
    });
    assert_eq!(committed[0]["media"], media);
}

#[tokio::test]
async fn a_file_that_is_not_a_video_fails_in_processing() {
    let client = start(Config { media_processing_ms: 0, ..Config::default() }).await;
    let registered = register(&client).await;
    assert_eq!(upload(&client, &registered, b"GIF89a and so on").await.status, 204);
    assert_eq!(status(&client, &registered).await, "failed");
    assert_eq!(client.call("POST", "/v5/pins", Some(video_pin(&client, &registered))).await.status, 400);
}

#[tokio::test]
async fn a_video_may_be_larger_than_any_other_request() {
    let client = start(Config { media_processing_ms: 0, ..Config::default() }).await;
    let registered = register(&client).await;
    let mut file = VIDEO.to_vec();
    file.resize(33 * 1024 * 1024, 0);
    assert_eq!(upload(&client, &registered, &file).await.status, 204);
    assert_eq!(status(&client, &registered).await, "succeeded");
}

#[tokio::test]
async fn an_invalid_form_is_refused_with_the_storages_errors() {
    let client = start(Config::default()).await;
    let registered = register(&client).await;
    let url = registered["upload_url"].as_str().expect("a URL");
    let parameters = registered["upload_parameters"].as_object().expect("parameters").clone();
    let owned: Vec<(String, Vec<u8>)> = parameters
        .iter()
        .map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().as_bytes().to_vec()))
        .collect();
    let right: Vec<(&str, &[u8])> = owned.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect();
    let with_file = |fields: &[(&'static str, &'static [u8])]| form(&[fields, &[("file", VIDEO)]].concat());
    let mut file_first = vec![("file", VIDEO)];
    file_first.extend(&right);
    let multipart = format!("multipart/form-data; boundary={BOUNDARY}");
    let cut = {
        let whole = form(&right);
        whole[..whole.len() / 2].to_vec()
    };
    for (content_type, body, status, code) in [
        ("application/json", b"{}".to_vec(), 412, "PreconditionFailed"),
        (multipart.as_str(), b"soup".to_vec(), 400, "MalformedPOSTRequest"),
        (multipart.as_str(), cut, 400, "MalformedPOSTRequest"),
        (multipart.as_str(), form(&right), 400, "InvalidArgument"),
        (multipart.as_str(), form(&file_first), 400, "InvalidArgument"),
        (multipart.as_str(), with_file(&[("key", b"uploads/1")]), 403, "AccessDenied"),
        (multipart.as_str(), with_file(&[]), 400, "InvalidArgument"),
    ] {
        let refused = post(&client, url, content_type, body).await;
        assert_eq!((refused.status, refused.header("content-type")), (status, "application/xml"), "{}", refused.text);
        assert!(refused.text.contains(&format!("<Error><Code>{code}</Code><Message>")), "{}", refused.text);
    }
    let mut forged = registered.clone();
    forged["upload_parameters"]["x-amz-signature"] = json!("0".repeat(64));
    let refused = upload(&client, &forged, VIDEO).await;
    assert!(refused.status == 403 && refused.text.contains("<Code>SignatureDoesNotMatch</Code>"), "{}", refused.text);
    assert_eq!(self::status(&client, &registered).await, "registered");
}

#[tokio::test]
async fn a_carousel_is_created_and_read_back() {
    let client = start(Config::default()).await;
    let mut pin = client.pin("Carousel");
    let items = json!([
        {"url": "https://example.com/1.jpg", "title": "One"},
        {"url": "https://example.com/2.jpg", "link": "https://example.com/two"},
    ]);
    pin["media_source"] = json!({"source_type": "multiple_image_urls", "items": items, "index": 1});
    let created = client.call("POST", "/v5/pins", Some(pin)).await;
    assert_eq!(created.status, 201, "{}", created.text);
    let media = &created.json()["media"];
    assert_eq!((&media["media_type"], &media["items"][0]["title"]), (&json!("multiple_images"), &json!("One")));
    let path = format!("/v5/pins/{}", created.json()["id"].as_str().expect("an id"));
    assert_eq!(client.get(&path).await.json(), created.json());
}
