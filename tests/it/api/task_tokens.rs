//! Tokens of tasks that wait for pins and imports, over the API: where they are taken, and that no answer has one.

use pinbridge_shared::domain::ids::PinKey;
use pinbridge_shared::domain::import::ImportKey;
use pinbridge_shared::domain::pin::idempotency::pin_id;
use pinbridge_shared::domain::secret::Secret;
use pinbridge_shared::domain::task::{Awaited, TASK_TOKEN_MAX, TASKS_MAX, TaskEnd, TaskTokenId};
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
    let pin = Awaited::Pin(PinKey { workspace, pin: pin_id(workspace, key) });
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

/// What many pins would share, what is published later, and what only tries. An import takes one in its header.
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
    let (status, answer) = post(&api, "/v1/pins/batch", None, &json!({"pins": [bare], "task_token": TOKEN})).await;
    let detail = &answer["detail"][0];
    assert_eq!(
        (status, &answer["code"], &detail["type"]),
        (422, &json!("validation_error"), &json!("extra_forbidden"))
    );
    assert_eq!(detail["loc"], json!(["body", "task_token"]), "{answer}");
    let path = format!("/v1/pins?task_token={TOKEN}");
    assert_eq!(post(&api, &path, None, &bare).await.0, 422, "addresses are in logs");
    // A row shares its request with others.
    let (status, import) = post(&api, "/v1/pins/imports/json", None, &json!([with])).await;
    assert_eq!(status, 202, "{import}");
    while api.world.run_importer_once().await {}
    let path = format!("/v1/pins/imports/{}", import["id"].as_str().expect("an id"));
    let (_, done) = api.call("GET", &path, As::Key(&api.key), Value::Null).await;
    assert_eq!((&done["failed_rows"], &done["results"][0]["fields"]), (&json!(1), &json!(["task_token"])), "{done}");
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

fn row(key: &str) -> Value {
    let mut row = body(key);
    row["title"] = json!(format!("Crane {key}"));
    row
}

/// The tasks that wait for the import with this key.
async fn import_tasks(api: &Api, key: &str) -> Vec<TaskTokenId> {
    let import = Awaited::Import(ImportKey::of(testdata::workspace(), key));
    api.world.context.task_tokens.task_tokens(import).await.expect("read")
}

/// Sends rows as a list, with these headers.
async fn send_rows(api: &Api, key: &str, token: &str, rows: &Value) -> (u16, Value) {
    let request = http::Request::builder().method("POST").uri("/v1/pins/imports/json").header("x-api-key", &api.key);
    let request = request.header("idempotency-key", key).header("x-pinbridge-task-token", token);
    let request = request.body(axum::body::Body::from(rows.to_string())).expect("a request");
    let (status, _, answer) = api.send(request).await;
    assert!(!answer.to_string().contains(TOKEN), "{answer}");
    (status, answer)
}

/// Sends one row as a file, beside these fields of the form.
async fn send_form(
    api: &Api,
    (key, query): (&str, &str),
    header: Option<&str>,
    fields: &[(&str, &str)],
) -> (u16, Value) {
    let file = "account_id,board_id,title,image_url,idempotency_key\n";
    let row = row(key);
    let cells = ["account_id", "board_id", "title", "image_url", "idempotency_key"].map(|name| row[name].as_str());
    let file = format!("{file}{}\n", cells.map(|cell| cell.expect("a text")).join(","));
    let part = |name: &str, text: &str| {
        let filename = if name == "file" { "; filename=\"a.csv\"" } else { "" };
        format!("--xyz\r\nContent-Disposition: form-data; name=\"{name}\"{filename}\r\n\r\n{text}\r\n")
    };
    let parts: String = fields.iter().map(|(name, text)| part(name, text)).collect();
    let body = format!("{parts}{}--xyz--\r\n", part("file", &file));
    let uri = format!("/v1/pins/imports/csv{query}");
    let request = http::Request::builder().method("POST").uri(uri).header("x-api-key", &api.key);
    let request = request.header("content-type", "multipart/form-data; boundary=xyz").header("idempotency-key", key);
    let request = match header {
        Some(token) => request.header("x-pinbridge-task-token", token),
        None => request,
    };
    let (status, _, answer) = api.send(request.body(axum::body::Body::from(body)).expect("a request")).await;
    assert!(!answer.to_string().contains(TOKEN), "{answer}");
    (status, answer)
}

#[tokio::test]
async fn an_import_takes_a_token_in_a_header_or_in_its_form_and_never_shows_it() {
    let api = api().await;
    let id = TaskTokenId::of(&Secret::new(TOKEN));
    let (status, first) = send_rows(&api, "list", TOKEN, &json!([row("a")])).await;
    assert_eq!((status, import_tasks(&api, "list").await), (202, vec![id.clone()]), "{first}");
    let (status, _) = send_form(&api, ("in-header", ""), Some(TOKEN), &[]).await;
    assert_eq!((status, import_tasks(&api, "in-header").await), (202, vec![id.clone()]));
    let fields = [("task_token", TOKEN)];
    let (status, import) = send_form(&api, ("in-form", ""), Some("token-of-the-header"), &fields).await;
    assert_eq!((status, import_tasks(&api, "in-form").await), (202, vec![id]), "the form's counts: {import}");
    assert_eq!(import["unknown_columns"], json!([]));
    // It is no content: the same rows with another one are the same import.
    let (status, again) = send_rows(&api, "list", "another-token", &json!([row("a")])).await;
    assert_eq!((status, &again["id"]), (202, &first["id"]));
    assert_eq!(import_tasks(&api, "list").await.len(), 2);
    let import = first["id"].as_str().expect("an id");
    let paths = [format!("/v1/pins/imports/{import}"), format!("/v1/pins/imports/{import}/timeline")];
    for path in paths.into_iter().chain(["/v1/pins/imports", "/v1/activity-logs", "/v1/export"].map(str::to_owned)) {
        let (_, answer) = api.call("GET", &path, As::Key(&api.key), Value::Null).await;
        assert!(!answer.to_string().contains(TOKEN), "{path}: {answer}");
    }
}

#[tokio::test]
async fn a_refused_import_leaves_no_token_and_a_dry_run_takes_none() {
    let api = api().await;
    assert_eq!(send_rows(&api, "list", "first-token", &json!([row("a")])).await.0, 202);
    let (status, answer) = send_rows(&api, "list", TOKEN, &json!([row("b")])).await;
    assert_eq!((status, import_tasks(&api, "list").await.len()), (409, 1), "{answer}");
    let (status, answer) = send_rows(&api, "empty", TOKEN, &json!([])).await;
    assert_eq!((status, import_tasks(&api, "empty").await), (422, Vec::new()), "{answer}");
    let fields = [("task_token", TOKEN)];
    for (header, fields, loc) in [
        (Some(TOKEN), &[][..], json!(["header", "x-pinbridge-task-token"])),
        (None, &fields[..], json!(["body", "task_token"])),
    ] {
        let (status, answer) = send_form(&api, ("dry", "?dry_run=true"), header, fields).await;
        assert_eq!((status, &answer["detail"][0]["loc"]), (422, &loc), "{answer}");
    }
    assert_eq!(import_tasks(&api, "dry").await, []);
}

#[tokio::test]
async fn a_token_of_a_form_is_checked_and_one_by_another_name_is_not_dropped() {
    let api = api().await;
    let long = "x".repeat(TASK_TOKEN_MAX + 1);
    for wrong in ["", "a b", "a\u{e9}", long.as_str()] {
        let (status, answer) = send_form(&api, ("file", ""), None, &[("task_token", wrong)]).await;
        assert_eq!((status, &answer["detail"][0]["loc"]), (422, &json!(["body", "task_token"])), "{wrong}: {answer}");
    }
    for name in ["Task-Token", "taskToken", "X-Pinbridge-Task-Token"] {
        let (status, answer) = send_form(&api, ("file", ""), None, &[(name, TOKEN)]).await;
        assert_eq!((status, &answer["detail"][0]["loc"]), (422, &json!(["body", name])), "{answer}");
    }
    let twice = [("task_token", TOKEN), ("task_token", "other")];
    assert_eq!(send_form(&api, ("file", ""), None, &twice).await.0, 422);
    assert_eq!(import_tasks(&api, "file").await, []);
    for number in 0..TASKS_MAX {
        let (status, answer) = send_rows(&api, "list", &format!("token-{number}"), &json!([row("a")])).await;
        assert_eq!(status, 202, "{answer}");
    }
    let (status, answer) = send_rows(&api, "list", "token-more", &json!([row("a")])).await;
    assert_eq!((status, &answer["detail"][0]["loc"]), (422, &json!(["header", "x-pinbridge-task-token"])), "{answer}");
}

#[tokio::test]
async fn without_a_state_machine_an_import_with_a_token_is_refused() {
    let api = Api::new().await;
    let (status, answer) = send_rows(&api, "list", TOKEN, &json!([row("a")])).await;
    assert_eq!((status, &answer["detail"][0]["loc"]), (422, &json!(["header", "x-pinbridge-task-token"])), "{answer}");
    assert!(answer.to_string().contains("StateMachineArns"), "{answer}");
    let (_, imports) = api.call("GET", "/v1/pins/imports", As::Key(&api.key), Value::Null).await;
    assert_eq!(imports, json!([]), "nothing was accepted");
}

#[tokio::test]
async fn an_import_ends_its_task_and_a_repeated_request_of_one_that_is_over_does_so_at_once() {
    let api = api().await;
    let rows = json!([row("a"), {"title": "nowhere to go"}]);
    assert_eq!(send_rows(&api, "list", TOKEN, &rows).await.0, 202);
    for token in [TOKEN, "another-token"] {
        assert_eq!(send_rows(&api, "list", token, &rows).await.0, 202);
        while api.world.run_importer_once().await {}
        while api.world.run_notifier_once().await > 0 {}
    }
    let ended = api.world.tasks.ended();
    let tokens: Vec<&str> = ended.iter().map(|(token, _)| token.as_str()).collect();
    assert_eq!((tokens, import_tasks(&api, "list").await), (vec![TOKEN, "another-token"], Vec::new()));
    for (_, end) in &ended {
        let TaskEnd::Success { output } = end else { panic!("{end:?}") };
        let output: Value = serde_json::from_str(output).expect("JSON");
        let told = (&output["event"], &output["status"], &output["created"], &output["failed"]);
        assert_eq!(told, (&json!("import.completed"), &json!("completed_with_errors"), &json!(1), &json!(1)));
    }
}
