//! The API over HTTP: every kind of wrong request has its own clear answer, in the body that all clients read.

use std::time::Duration;

use reqwest::{Method, Response};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::process::{Local, pins_at};

struct Answer {
    status: u16,
    headers: reqwest::header::HeaderMap,
    body: Value,
}

async fn read(response: Response) -> Answer {
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let text = response.text().await.expect("a text");
    Answer { status, headers, body: serde_json::from_str(&text).unwrap_or(Value::Null) }
}

async fn send(local: &Local, method: Method, path: &str, key: Option<(&str, &str)>, body: Option<&str>) -> Answer {
    let mut request = local.http.request(method, local.url(path));
    if let Some((name, value)) = key {
        request = request.header(name, value);
    }
    if let Some(body) = body {
        request = request.header("content-type", "application/json").body(body.to_owned());
    }
    read(request.send().await.expect("answers")).await
}

const UNKNOWN_METER: &str = "/v1/rate-meter?account_id=00000000-0000-4000-8000-000000000000";

/// The body's shape is the same for every error.
fn assert_error(answer: &Answer, status: u16, code: &str) {
    assert_eq!((answer.status, answer.body["code"].as_str()), (status, Some(code)), "{}", answer.body);
    let request_id = answer.headers.get("x-request-id").and_then(|id| id.to_str().ok()).expect("x-request-id");
    assert_eq!(answer.body["error"]["request_id"], request_id);
    assert_eq!(answer.body["error"]["code"], code);
    assert_eq!(answer.body["error"]["message"], answer.body["message"]);
    assert!(answer.body["error"]["remediation"].as_str().is_some_and(|text| !text.is_empty()));
    assert!(!answer.body["detail"].is_string(), "a text would hide the code from the Python client");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_wrong_request_has_its_own_answer() {
    let folder = tempfile::tempdir().expect("a folder");
    let local = Local::start(folder.path(), &[], &[]).await;
    let key = Some(("x-api-key", local.text("api_key")));
    let valid = local.pin_body("http-1");

    type Header<'a> = Option<(&'a str, &'a str)>;
    type Case<'a> = (Method, &'a str, Header<'a>, Option<&'a str>, u16, &'a str);
    let cases: [Case<'_>; 14] = [
        (Method::GET, "/v1/nowhere", key, None, 404, "route_not_found"),
        (Method::DELETE, "/v1/pins", key, None, 405, "method_not_allowed"),
        (Method::POST, "/v1/pins", key, Some("{\"title\": "), 400, "malformed_json"),
        (Method::POST, "/v1/pins", key, Some("[]"), 400, "malformed_json"),
        (Method::GET, "/v1/rate-meter", key, None, 422, "validation_error"),
        (Method::GET, "/v1/rate-meter?account_id=x", key, None, 422, "validation_error"),
        (Method::GET, UNKNOWN_METER, key, None, 404, "not_found"),
        (Method::POST, "/v1/pins", None, Some("{}"), 401, "missing_api_key"),
        (Method::GET, "/v1/pins", Some(("x-api-key", "pb_live_wrong")), None, 401, "invalid_api_key"),
        (Method::GET, "/v1/pins", Some(("authorization", "Bearer nonsense")), None, 401, "invalid_session"),
        (Method::POST, "/v1/pins", key, Some("{}"), 422, "validation_error"),
        (Method::GET, "/v1/pins?limit=0", key, None, 422, "validation_error"),
        (Method::GET, "/v1/pins/not-a-uuid", key, None, 422, "validation_error"),
        (Method::GET, "/v1/pins/7d11ee90-a944-54ed-a55c-7f2e8a5ca0b6", key, None, 404, "not_found"),
    ];
    for (method, path, key, body, status, code) in cases {
        let answer = send(&local, method, path, key, body).await;
        assert_error(&answer, status, code);
    }
    let not_allowed = send(&local, Method::DELETE, "/v1/pins", key, None).await;
    assert!(not_allowed.headers.get("allow").is_some_and(|allow| allow.to_str().unwrap_or("").contains("POST")));
    let oversize = "x".repeat(70_000);
    assert_error(&send(&local, Method::POST, "/v1/pins", key, Some(&oversize)).await, 413, "payload_too_large");

    // Every mistake is named at once, where it is.
    let wrong =
        json!({"account_id": "x", "board_id": "1", "title": "t".repeat(101), "image_url": "ftp://a", "link_url": 7});
    let answer = send(&local, Method::POST, "/v1/pins", key, Some(&wrong.to_string())).await;
    let mut fields: Vec<&str> = answer.body["detail"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|error| error["loc"][1].as_str().expect("a field"))
        .collect();
    fields.sort_unstable();
    assert_eq!(fields, ["account_id", "idempotency_key", "image_url", "link_url", "title"]);

    let mut later = valid.clone();
    later["run_at"] = json!("2030-01-01T00:00:00Z");
    let answer = send(&local, Method::POST, "/v1/pins", key, Some(&later.to_string())).await;
    assert_error(&answer, 422, "validation_error");

    let mut asset = valid.clone();
    asset["asset_id"] = json!("7d11ee90-a944-54ed-a55c-7f2e8a5ca0b6");
    asset["image_url"] = Value::Null;
    let answer = send(&local, Method::POST, "/v1/pins", key, Some(&asset.to_string())).await;
    assert_error(&answer, 422, "assets_not_enabled");
    let mut foreign = valid.clone();
    foreign["account_id"] = json!("7d11ee90-a944-54ed-a55c-7f2e8a5ca0b6");
    let answer = send(&local, Method::POST, "/v1/pins", key, Some(&foreign.to_string())).await;
    assert_error(&answer, 404, "not_found");
    assert!(pins_at(&local.http, local.text("pinterest_url")).await.is_empty(), "nothing was published by mistake");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rate_meter_shows_the_real_bucket() {
    let folder = tempfile::tempdir().expect("a folder");
    let local = Local::start(folder.path(), &[], &[("PINBRIDGE_DAILY_BUDGET", "1000")]).await;
    let path = format!("/v1/rate-meter?account_id={}", local.text("account_id"));
    local.await_tokens(25).await;
    let fresh = local.get(&path).await;
    let account = &fresh["account"];
    assert_eq!(account["account_id"], local.text("account_id"));
    assert_eq!((&account["tokens_available"], &account["capacity"]), (&json!(25.0), &json!(25)));
    assert_eq!((&account["refill_rate"], &account["configured_refill_rate"]), (&json!(1.0), &json!(1.0)));
    assert_eq!(
        (&account["waiting"], &account["on_hold"], &account["paused_until"]),
        (&json!(0), &json!(false), &Value::Null)
    );
    assert_eq!((&fresh["global"]["capacity"], &fresh["global"]["tokens_available"]), (&json!(1000), &json!(900)));
    assert_eq!(fresh["daily_budget"]["spent"], 0);
    for index in 0..10 {
        assert_eq!(local.create(&local.pin_body(&format!("meter-{index}"))).await.0, 201);
    }
    let after = local.get(&path).await;
    let left = after["account"]["tokens_available"].as_f64().expect("a number");
    assert!((15.0..23.0).contains(&left), "{after}");
    local.await_published(10, Duration::from_secs(60)).await;
    let counted = local.get(&path).await;
    assert_eq!((&counted["daily_budget"]["spent"], &counted["global"]["tokens_available"]), (&json!(10), &json!(890)));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_key_is_one_pin_and_another_payload_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let local = Local::start(folder.path(), &[], &[]).await;
    let body = local.pin_body("same");
    let bearer = format!("Bearer {}", local.text("api_key"));
    let first = send(&local, Method::POST, "/v1/pins", Some(("authorization", &bearer)), Some(&body.to_string())).await;
    assert_eq!(first.status, 201);
    let again = send(&local, Method::POST, "/v1/pins", Some(("authorization", &bearer)), Some(&body.to_string())).await;
    assert_eq!((again.status, &again.body["id"]), (200, &first.body["id"]));
    assert_eq!(again.headers.get("idempotent-replayed").map(|value| value.as_bytes()), Some(b"true".as_slice()));
    let mut other = body.clone();
    other["title"] = json!("Another title");
    let refused =
        send(&local, Method::POST, "/v1/pins", Some(("authorization", &bearer)), Some(&other.to_string())).await;
    assert_error(&refused, 409, "idempotency_key_reused");

    local.await_published(1, Duration::from_secs(30)).await;
    assert_eq!(pins_at(&local.http, local.text("pinterest_url")).await.len(), 1);
    let id = first.body["id"].as_str().expect("an id");
    let timeline = local.get(&format!("/v1/pins/{id}/timeline")).await;
    let published = timeline["events"].as_array().expect("events").last().expect("an event").clone();
    assert_eq!((&published["event"], &published["upstream_status"]), (&json!("published"), &json!(201)));
    assert!(published["upstream_request_id"].is_string(), "{timeline}");
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_are_newest_first_paged_filtered_and_counted() {
    let folder = tempfile::tempdir().expect("a folder");
    let local = Local::start(folder.path(), &[], &[]).await;
    for index in 0..7 {
        assert_eq!(local.create(&local.pin_body(&format!("list-{index}"))).await.0, 201);
    }
    local.await_published(7, Duration::from_secs(30)).await;
    let key = Some(("x-api-key", local.text("api_key")));
    let page = send(&local, Method::GET, "/v1/pins?limit=3&offset=2", key, None).await;
    let keys: Vec<&str> =
        page.body.as_array().expect("a list").iter().filter_map(|pin| pin["idempotency_key"].as_str()).collect();
    assert_eq!(keys, ["list-4", "list-3", "list-2"]);
    assert_eq!(page.headers.get("x-total-count").and_then(|count| count.to_str().ok()), Some("7"));
    let none = send(&local, Method::GET, "/v1/pins?status=failed", key, None).await;
    assert_eq!((none.status, none.body), (200, json!([])));
    let account = local.text("account_id");
    let mine = send(&local, Method::GET, &format!("/v1/pins?account_id={account}&status=published"), key, None).await;
    assert_eq!(mine.body.as_array().map(Vec::len), Some(7));
    let job = local.get(&format!("/v1/jobs/{}", page.body[0]["id"].as_str().expect("an id"))).await;
    assert_eq!(
        (&job["job_id"], &job["pin_id"], &job["status"]),
        (&page.body[0]["id"], &page.body[0]["id"], &json!("published"))
    );
    for path in ["/", "/healthz", "/readyz"] {
        assert_eq!(send(&local, Method::GET, path, None, None).await.status, 200, "{path}");
    }
}

/// A client sends head and body apart, and the API refuses by the head. The connection stays usable for the next
/// request.
#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_waits_for_the_body_and_keeps_the_connection() {
    let folder = tempfile::tempdir().expect("a folder");
    let local = Local::start(folder.path(), &[], &[]).await;
    let address = local.text("base_url").trim_start_matches("http://").to_owned();
    let mut stream = TcpStream::connect(&address).await.expect("connects");
    let head = format!(
        "POST /v1/pins HTTP/1.1\r\nhost: {address}\r\nx-api-key: pb_live_wrong\r\n\
         content-type: application/json\r\ncontent-length: 2\r\n\r\n"
    );
    for round in 1..=3 {
        stream.write_all(head.as_bytes()).await.expect("the connection is open");
        let mut bytes = [0; 4096];
        let early = timeout(Duration::from_millis(200), stream.read(&mut bytes)).await;
        assert!(early.is_err(), "round {round}: answered before the body: {early:?}");
        stream.write_all(b"{}").await.expect("the connection is open");
        let length = stream.read(&mut bytes).await.expect("answers");
        let answer = String::from_utf8_lossy(&bytes[..length]).into_owned();
        assert!(answer.starts_with("HTTP/1.1 401"), "round {round}: {answer}");
    }
}
