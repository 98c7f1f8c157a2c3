//! What a support person reads of a schedule and of an import, as `timeline_situations.rs` has it of pins. The whole
//! timelines are in `timelines/`; `UPDATE_TIMELINES=1` writes them anew.

use pinbridge_shared::domain::import::{ImportKey, Stop, StopReason};
use pinbridge_shared::domain::pin::failure::Failure;
use pinbridge_shared::domain::task::TaskAnswer;
use pinbridge_shared::domain::testdata;
use pinbridge_shared::domain::time::{HOUR_MS, MINUTE_MS, SECOND_MS};
use pinbridge_shared::domain::webhook::destination::Destination;
use pinbridge_shared::testing::fake_pinterest::Answer;
use pinbridge_shared::testing::{START, TestWorld};
use serde_json::{Value, json};

use super::timeline_situations::{BOARD, api, ask, compare_sentences, pin, pin_of, plan, text, time, timeline, told};
use crate::support::api::{Api, As};

const TASK_TOKEN: &str = "AAAAKgAAAAIAAAAAAAAAAQ-canary";

async fn shown_at(api: &Api, path: &str) -> Value {
    let (status, timeline) = ask(api, "GET", &format!("{path}/timeline"), Value::Null).await;
    assert_eq!(status, 200, "{timeline}");
    timeline
}

#[tokio::test]
async fn a_schedule_that_waits_and_was_moved() {
    let api = api().await;
    let path = plan(&api, START.plus_ms(HOUR_MS)).await;
    compare_sentences("20-schedule-waits", &shown_at(&api, &path).await);
    api.world.system.advance_ms(SECOND_MS);
    let later = json!({"run_at": START.plus_ms(2 * HOUR_MS).rfc3339()});
    assert_eq!(ask(&api, "PATCH", &path, later).await.0, 200);
    let shown = shown_at(&api, &path).await;
    assert!(told(&shown, "changed").ends_with(" by the API key \"first key\": run_at."), "{shown}");
    compare_sentences("20-schedule-moved", &shown);
}

#[tokio::test]
async fn a_schedule_that_was_published() {
    let api = api().await;
    let path = plan(&api, START.plus_ms(HOUR_MS)).await;
    api.world.run_for_ms(HOUR_MS + MINUTE_MS).await;
    let shown = shown_at(&api, &path).await;
    assert_eq!((text(&shown, "published_at_source"), &shown["created_on_pinterest_at"]), ("answer", &Value::Null));
    assert!(text(&shown, "summary").starts_with("Published on "), "{shown}");
    compare_sentences("21-schedule-published", &shown);
}

#[tokio::test]
async fn a_schedule_whose_pin_was_found() {
    let api = api().await;
    // A board without any Pin proves nothing.
    api.world.pinterest.add_stranger(BOARD, "Somebody's soup");
    api.world.pinterest.answer_next([Answer::LOST_WITH_COMMIT]);
    let path = plan(&api, START.plus_ms(HOUR_MS)).await;
    api.world.run_for_ms(HOUR_MS + 10 * MINUTE_MS).await;
    let (shown, of_pin) = (shown_at(&api, &path).await, timeline(&api, &pin_of(&api, &path).await).await);
    for name in ["published_at", "published_at_source", "created_on_pinterest_at"] {
        assert!(shown[name].is_string() && shown[name] == of_pin[name], "{name}: {shown}");
    }
    assert_eq!(text(&shown, "published_at_source"), "board");
    let (found, created) = (time(&shown["published_at"]), time(&shown["created_on_pinterest_at"]));
    assert!(created < found, "{shown}");
    for text in [text(&shown, "summary"), told(&shown, "published")] {
        assert!(!text.starts_with("Published on "), "{text}");
        assert!(text.contains(&format!(" was found on the board on {}.", found.in_words())), "{text}");
        assert!(text.contains(&format!(" Pinterest created it on {}.", created.in_words())), "{text}");
    }
    compare_sentences("22-schedule-found", &shown);
}

#[tokio::test]
async fn a_schedule_that_failed() {
    let api = api().await;
    api.world.pinterest.answer_next([Answer::Refused(Failure::ImageBroken, None)]);
    let path = plan(&api, START.plus_ms(HOUR_MS)).await;
    api.world.run_for_ms(HOUR_MS + MINUTE_MS).await;
    let shown = shown_at(&api, &path).await;
    assert!(told(&shown, "failed").contains(Failure::ImageBroken.message()), "{shown}");
    assert_eq!((&shown["published_at"], &shown["published_at_source"]), (&Value::Null, &Value::Null));
    compare_sentences("23-schedule-failed", &shown);
}

#[tokio::test]
async fn a_schedule_that_was_canceled_names_who_canceled_it() {
    let api = api().await;
    let (other, _) = api.new_key(json!({"name": "Shop"})).await;
    let path = plan(&api, START.plus_ms(5 * MINUTE_MS)).await;
    // Its pin is accepted by now.
    api.world.run_for_ms(4 * MINUTE_MS).await;
    let (status, answer) = api.call("POST", &format!("{path}/cancel"), As::Key(&other), Value::Null).await;
    assert_eq!(status, 200, "{answer}");
    let shown = shown_at(&api, &path).await;
    assert!(told(&shown, "canceled").contains(" was canceled by the API key \"Shop\" before "), "{shown}");
    compare_sentences("24-schedule-canceled", &shown);
}

#[tokio::test]
async fn a_schedule_that_was_late() {
    let api = api().await;
    let path = plan(&api, START.plus_ms(HOUR_MS)).await;
    // Nothing runs for a while.
    api.world.system.advance_ms(HOUR_MS + 10 * MINUTE_MS);
    api.world.run_for_ms(2 * MINUTE_MS).await;
    let shown = shown_at(&api, &path).await;
    assert!(text(&shown, "summary").contains(" It started 1"), "{shown}");
    compare_sentences("25-schedule-late", &shown);
}

/// Sends the rows; returns the path of the import.
async fn import(api: &Api, rows: &[Value], task_token: Option<&str>) -> String {
    let request = http::Request::builder().method("POST").uri("/v1/pins/imports/json");
    let request = request.header("x-api-key", &api.key).header("content-type", "application/json");
    let request = match task_token {
        Some(token) => request.header("x-pinbridge-task-token", token),
        None => request,
    };
    let body = axum::body::Body::from(json!(rows).to_string());
    let (status, _, taken) = api.send(request.body(body).expect("a request")).await;
    assert_eq!(status, 202, "{taken}");
    format!("/v1/pins/imports/{}", text(&taken, "id"))
}

fn without_title(key: &str) -> Value {
    let mut row = pin(key);
    row["title"] = json!("");
    row
}

#[tokio::test]
async fn an_import_names_its_failed_rows() {
    let api = api().await;
    let path = import(&api, &[pin("one"), without_title("two"), pin("three")], None).await;
    compare_sentences("30-import-waits", &shown_at(&api, &path).await);
    api.world.run_for_ms(MINUTE_MS).await;
    let shown = shown_at(&api, &path).await;
    let done = told(&shown, "rows_done");
    assert!(
        done.contains(" rows 1 to 3 were processed: 2 created, 0 existed already, 1 failed. Row 2 failed "),
        "{done}"
    );
    assert!(done.contains(" Row 2 failed with validation_error: title: "), "{done}");
    compare_sentences("30-import-one-failed", &shown);
}

#[tokio::test]
async fn an_import_names_the_first_of_many_failed_rows() {
    let api = api().await;
    let rows: Vec<Value> = (0..6).map(|number| without_title(&format!("row-{number}"))).collect();
    let path = import(&api, &rows, None).await;
    api.world.run_for_ms(MINUTE_MS).await;
    let shown = shown_at(&api, &path).await;
    let done = told(&shown, "rows_done");
    assert!(done.contains(" Row 3 failed ") && !done.contains(" Row 4 "), "{done}");
    assert!(done.ends_with(" 3 more rows failed."), "{done}");
    compare_sentences("31-import-many-failed", &shown);
}

#[tokio::test]
async fn an_import_that_stopped() {
    let api = api().await;
    let path = import(&api, &[pin("one")], None).await;
    let id = path.rsplit('/').next().and_then(|id| id.parse().ok()).expect("an id");
    let key = ImportKey { workspace: testdata::workspace(), import: id };
    let stop = Stop { reason: StopReason::DeadLettered, at: api.world.now() };
    api.world.context.imports.stop_import(key, Some(&stop)).await.expect("stopped");
    let shown = shown_at(&api, &path).await;
    assert!(told(&shown, "stopped").contains(StopReason::DeadLettered.message()), "{shown}");
    compare_sentences("32-import-stopped", &shown);
}

#[tokio::test]
async fn an_import_whose_task_waits_and_ends() {
    let api = Api::over(TestWorld::with_destination(1, Destination::TaskTokens).await.0).await;
    assert_eq!(api.world.boards.add("Cranes"), BOARD);
    api.world.tasks.answer(None);
    let path = import(&api, &[pin("one")], Some(TASK_TOKEN)).await;
    let before = shown_at(&api, &path).await;
    assert_eq!(before["events"].as_array().map(Vec::len), Some(1), "{before}");
    api.world.run_for_ms(SECOND_MS).await;
    let open = shown_at(&api, &path).await;
    assert!(told(&open, "task_waiting").starts_with("By "), "{open}");
    api.world.tasks.answer(Some(TaskAnswer::Ended));
    api.world.run_for_ms(20 * MINUTE_MS).await;
    let shown = shown_at(&api, &path).await;
    assert!(told(&shown, "task_ended").starts_with("On "), "{shown}");
    assert!(!shown.to_string().contains("task_waiting") && !shown.to_string().contains(TASK_TOKEN), "{shown}");
    compare_sentences("33-import-task", &shown);
}
