//! Tokens of tasks that wait for pins, over the API: where they are taken, and that no answer has one.

use pinbridge_shared::domain::ids::PinKey;
use pinbridge_shared::domain::pin::idempotency::pin_id;
use pinbridge_shared::domain::secret::Secret;
use pinbridge_shared::domain::task::{TASK_TOKEN_MAX, TaskTokenId};
use pinbridge_shared::domain::testdata;
use pinbridge_shared::domain::time::HOUR_MS;
use pinbridge_shared::domain::webhook::destination::Destination;
use pinbridge_shared::ports::QueueName;
use pinbridge_shared::testing::TestWorld;
use serde_json::{Value, json};

use crate::support::api::{Api, As};

const TOKEN: &str = "AAAAKgAAAAIAAAAAAAAAAQ-canary";

async fn api() -> Api {
    Api::over(TestWorld::with_destination(1, Destination::TaskTokens).await.0).await
}

fn body(key: &str) -> Value {
    let request = testdata::request(key);
    json!({"account_id": request.account, "board_id": request.board_id, "title": "Crane",
           "image_url": "https://example.com/a.jpg", "idempotency_key": key})
}

fn with_token(key: &str, token: Value) -> Value {
    let mut body = body(key);
    body["task_token"] = token;
    body
}

/// The tasks that wait for the pin with this key.
async fn tasks(api: &Api, key: &str) -> Vec<TaskTokenId> {
    let workspace = testdata::workspace();
    let pin = PinKey { workspace, pin: pin_id(workspace, key) };
    api.world.context.task_tokens.task_tokens(pin).await.expect("read")
}

async fn post(api: &Api, path: &str, header: Option<&str>, body: &Value) -> (u16, Value) {
    let request = http::Request::builder().method("POST").uri(path).header("x-api-key", &api.key);
    let request = match header {
        Some(token) => request.header("x-pinbridge-task-token", token),
        None => request,
    };
    let request = request.body(axum::body::Body::from(body.to_string())).expect("a request");
    let (status, _, answer) = api.send(request).await;
    assert!(!answer.to_string().contains(TOKEN), "{path}: {answer}");
    (status, answer)
}

#[tokio::test]
async fn a_pin_takes_a_token_in_its_body_or_in_a_header_and_never_shows_it() {
    let api = api().await;
    let id = TaskTokenId::of(&Secret::new(TOKEN));
    let (status, in_body) = post(&api, "/v1/pins", None, &with_token("a", json!(TOKEN))).await;
    assert_eq!((status, tasks(&api, "a").await), (201, vec![id.clone()]), "{in_body}");
    let (status, in_header) = post(&api, "/v1/pins", Some(TOKEN), &body("b")).await;
    assert_eq!((status, tasks(&api, "b").await), (201, vec![id.clone()]), "{in_header}");
    let (status, _) = post(&api, "/v1/pins", Some("token-of-the-header"), &with_token("c", json!(TOKEN))).await;
    assert_eq!((status, tasks(&api, "c").await), (201, vec![id.clone()]), "the body's counts");
    let (status, _) = post(&api, "/v1/pins", None, &with_token("d", Value::Null)).await;
    assert_eq!((status, tasks(&api, "d").await), (201, Vec::new()));
    // It is no content: the same pin without it, and with another one.
    let (status, again) = post(&api, "/v1/pins", None, &body("a")).await;
    assert_eq!((status, &again["id"]), (200, &in_body["id"]));
    let (status, _) = post(&api, "/v1/pins", None, &with_token("a", json!("another-token"))).await;
    assert_eq!((status, tasks(&api, "a").await.len()), (200, 2));
    let pin = in_body["id"].as_str().expect("an id");
    for path in [format!("/v1/pins/{pin}"), format!("/v1/pins/{pin}/timeline"), "/v1/export".to_owned()] {
        let (_, answer) = api.call("GET", &path, As::Key(&api.key), Value::Null).await;
        assert!(!answer.to_string().contains(TOKEN), "{path}: {answer}");
    }
}

#[tokio::test]
async fn a_refused_pin_leaves_no_token() {
    let api = api().await;
    let mut unknown = with_token("a", json!(TOKEN));
    unknown["account_id"] = json!("7d11ee90-a944-54ed-a55c-7f2e8a5ca0b6");
    let (status, answer) = post(&api, "/v1/pins", None, &unknown).await;
    assert!((400..500).contains(&status), "{answer}");
    assert_eq!(tasks(&api, "a").await, []);
    assert_eq!(post(&api, "/v1/pins", None, &body("b")).await.0, 201);
    let mut other = with_token("b", json!(TOKEN));
    other["title"] = json!("Another crane");
    let (status, answer) = post(&api, "/v1/pins", None, &other).await;
    assert_eq!((status, tasks(&api, "b").await), (409, Vec::new()), "{answer}");
}

#[tokio::test]
async fn a_repeated_request_for_a_pin_that_is_over_ends_its_task_at_once() {
    let api = api().await;
    assert_eq!(post(&api, "/v1/pins", None, &body("a")).await.0, 201);
    while api.world.queue.next_due(QueueName::Publish).is_some_and(|due| due <= api.world.now()) {
        api.world.run_publisher_once().await;
    }
    while api.world.run_notifier_once().await > 0 {}
    assert_eq!(post(&api, "/v1/pins", Some(TOKEN), &body("a")).await.0, 200);
    while api.world.run_notifier_once().await > 0 {}
    assert_eq!(api.world.tasks.ended().len(), 1);
    assert_eq!(tasks(&api, "a").await, []);
}

#[tokio::test]
async fn a_token_is_checked_and_every_error_named() {
    let api = api().await;
    for wrong in [json!(1), json!(""), json!("a b"), json!("a\u{e9}"), json!("x".repeat(TASK_TOKEN_MAX + 1))] {
        let (status, answer) = post(&api, "/v1/pins", None, &with_token("a", wrong.clone())).await;
        assert_eq!((status, &answer["detail"][0]["loc"]), (422, &json!(["body", "task_token"])), "{wrong}: {answer}");
    }
    let mut two = with_token("a", json!("a b"));
    two["title"] = json!("");
    let (_, answer) = post(&api, "/v1/pins", None, &two).await;
    assert_eq!(answer["detail"].as_array().map(Vec::len), Some(2), "{answer}");
    let (status, answer) = post(&api, "/v1/pins", Some("a b"), &body("a")).await;
    assert_eq!((status, &answer["detail"][0]["loc"]), (422, &json!(["header", "x-pinbridge-task-token"])), "{answer}");
    assert_eq!(post(&api, "/v1/pins", Some(&"x".repeat(TASK_TOKEN_MAX)), &body("a")).await.0, 201, "the longest");
}

/// What many pins would share, what is published later, and what only tries.
#[tokio::test]
async fn every_other_operation_that_takes_pins_refuses_a_token_by_name() {
    let api = api().await;
    let scheduled = |body: Value| {
        let mut body = body;
        body["run_at"] = json!(api.world.now().plus_ms(HOUR_MS).rfc3339());
        body
    };
    let (bare, with) = (body("a"), with_token("a", json!(TOKEN)));
    for (path, bare, with) in [
        ("/v1/pins/batch", json!({"pins": [bare]}), json!({"pins": [with]})),
        ("/v1/pins/validate", bare.clone(), with.clone()),
        ("/v1/schedules", scheduled(bare.clone()), scheduled(with.clone())),
        ("/v1/schedules/validate", scheduled(bare.clone()), scheduled(with.clone())),
        ("/v1/pins/imports/json?dry_run=true", json!([bare]), json!([with])),
    ] {
        let (status, answer) = post(&api, path, Some(TOKEN), &bare).await;
        let loc = &answer["detail"][0]["loc"];
        assert_eq!((status, loc), (422, &json!(["header", "x-pinbridge-task-token"])), "{path}: {answer}");
        let (_, answer) = post(&api, path, None, &with).await;
        assert!(answer.to_string().contains("task_token"), "{path}: {answer}");
    }
    let (status, answer) = post(&api, "/v1/pins/imports/json", Some(TOKEN), &json!([body("a")])).await;
    assert_eq!(status, 422, "{answer}");
    assert_eq!(tasks(&api, "a").await, []);
    let pin = PinKey { workspace: testdata::workspace(), pin: pin_id(testdata::workspace(), "a") };
    assert!(api.world.pins(&[pin]).await.is_empty(), "nothing was accepted");
}

#[tokio::test]
async fn without_a_state_machine_a_token_is_refused_and_the_pin_with_it() {
    let api = Api::new().await;
    for (header, body, loc) in [
        (None, with_token("a", json!(TOKEN)), json!(["body", "task_token"])),
        (Some(TOKEN), body("a"), json!(["header", "x-pinbridge-task-token"])),
    ] {
        let (status, answer) = post(&api, "/v1/pins", header, &body).await;
        assert_eq!((status, &answer["detail"][0]["loc"]), (422, &loc), "{answer}");
        assert!(answer.to_string().contains("StateMachineArns"), "{answer}");
    }
    assert_eq!(post(&api, "/v1/pins", None, &body("a")).await.0, 201, "nothing was accepted before");
}
