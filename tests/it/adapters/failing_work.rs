//! Work that fails is heard, and its cause is found: each message that isn't done leaves a line that names what it is
//! about and the port that failed, and counts in a metric, because Lambda counts its invocation as a success.

use aws_lambda_events::sqs::{SqsEvent, SqsMessage};
use pinbridge_shared::domain::ids::{ImportId, PinKey};
use pinbridge_shared::domain::import::ImportKey;
use pinbridge_shared::domain::message::{ImportMessage, NotifyMessage, PublishMessage, ReconcileMessage};
use pinbridge_shared::domain::pin::failure::Failure;
use pinbridge_shared::domain::pin::history::{Event, EventKind};
use pinbridge_shared::domain::testdata;
use pinbridge_shared::domain::time::{MINUTE_MS, SECOND_MS};
use pinbridge_shared::testing::TestWorld;
use pinbridge_shared::testing::fake_pinterest::Answer;
use pinbridge_shared::testing::faults::Fault;
use uuid::Uuid;

use crate::support::logs::{Line, Logs};

const NOT_DONE: &str = "message not done; it is redelivered";

fn event(body: &str, deliveries: u32) -> SqsEvent {
    let mut record = SqsMessage::default();
    record.message_id = Some("message-1".into());
    record.receipt_handle = Some("receipt-1".into());
    record.body = Some(body.to_owned());
    record.attributes.insert("ApproximateReceiveCount".into(), deliveries.to_string());
    let mut event = SqsEvent::default();
    event.records = vec![record];
    event
}

fn publish(key: PinKey) -> String {
    serde_json::to_string(&PublishMessage::new(key, testdata::account(), 0, None)).expect("plain data")
}

/// Runs the publisher on the pin's message; answers whether the message is done.
async fn run_publisher(world: &TestWorld, key: PinKey, deliveries: u32) -> bool {
    let deadline = world.now().plus_ms(25 * SECOND_MS);
    let response = pinbridge_publisher::handle(&world.context, event(&publish(key), deliveries), deadline).await;
    response.batch_item_failures.is_empty()
}

fn assert_names(line: &Line, fields: &[(&str, String)]) {
    for (name, value) in fields {
        assert_eq!(line.get(*name), Some(value), "{name} of {line:?}");
    }
}

#[tokio::test]
async fn a_failing_message_names_its_pin_workspace_account_and_port() {
    for (call, fault, port) in [
        ("store.pins", Fault::FailBefore, "store"),
        ("store.save_attempt", Fault::Contended, "table"),
        ("secrets.tokens", Fault::FailBefore, "secrets"),
    ] {
        let world = TestWorld::new(1).await;
        let key = world.accept("key").await;
        let logs = Logs::take();
        for _ in 0..10 {
            world.faults.plan(call, 1, fault);
        }
        assert!(!run_publisher(&world, key, 3).await, "{call}");
        let lines = logs.of(NOT_DONE);
        assert_eq!(lines.len(), 1, "{call}: one line a delivery");
        assert_names(
            &lines[0],
            &[
                ("level", "ERROR".into()),
                ("function", "publisher".into()),
                ("port", port.into()),
                ("workspace_id", testdata::workspace().to_string()),
                ("account_id", testdata::account().to_string()),
                ("pin_id", key.pin.to_string()),
                ("deliveries", "3".into()),
            ],
        );
        assert!(!run_publisher(&world, key, 3).await, "{call}");
        assert_eq!(logs.metric("WorkFailed"), [format!("function=publisher port={port}")], "{call}");
    }
}

#[tokio::test]
async fn every_function_of_a_queue_says_what_its_message_was_about() {
    let world = TestWorld::new(1).await;
    let (logs, deadline) = (Logs::take(), world.now().plus_ms(45 * SECOND_MS));
    let key = world.accept("key").await;
    let board = testdata::pin().board_key();
    world.faults.plan("store.board_scan", 1, Fault::FailBefore);
    let body = serde_json::to_string(&ReconcileMessage::new(&board, world.now())).expect("plain data");
    pinbridge_reconciler::handle(&world.context, event(&body, 1), deadline).await;
    let of_board = [("function", "reconciler".into()), ("board_id", board.board_id.clone())];
    assert_names(&logs.of(NOT_DONE)[0], &of_board);

    world.faults.plan("imports.import", 1, Fault::FailBefore);
    let import = ImportKey { workspace: testdata::workspace(), import: ImportId(Uuid::from_u128(7)) };
    let body = serde_json::to_string(&ImportMessage::new(import)).expect("plain data");
    pinbridge_importer::handle(&world.context, event(&body, 1), deadline).await;
    let of_import = [("function", "importer".into()), ("import_id", import.import.to_string())];
    assert_names(&logs.of(NOT_DONE)[0], &of_import);

    world.faults.plan("store.pins", 1, Fault::FailBefore);
    pinbridge_dead_letters::handle(&world.context, event(&publish(key), 1), deadline).await;
    let of_pin = [("function", "dead_letters".into()), ("pin_id", key.pin.to_string()), ("port", "store".into())];
    assert_names(&logs.of(NOT_DONE)[0], &of_pin);

    world.faults.plan("store.pins", 1, Fault::FailBefore);
    let body = serde_json::to_string(&NotifyMessage::of_pin(key, 1, 1)).expect("plain data");
    pinbridge_notifier::handle(&world.context, event(&body, 1), deadline).await;
    let of_events = [("function", "notifier".into()), ("pin_id", key.pin.to_string()), ("port", "store".into())];
    assert_names(&logs.of(NOT_DONE)[0], &of_events);

    // A run of the dispatcher that leaves schedules or an account behind ends well all the same.
    world.faults.plan("schedules.release_watermark", 1, Fault::FailBefore);
    world.run_dispatcher_once().await.expect("alive").expect("the rest is done");
    assert_eq!(logs.metric("WorkFailed"), ["function=dispatcher port=schedules"]);
}

#[tokio::test]
async fn every_retry_and_deferral_leaves_one_line() {
    for (failure, hint_ms, text) in [
        (Failure::PinterestBusy, None, "attempt failed; pin retried later"),
        (Failure::RateLimited, Some(90 * SECOND_MS), "pin deferred"),
        (Failure::SpamBlock, None, "pin deferred"),
    ] {
        let world = TestWorld::new(1).await;
        let key = world.accept("key").await;
        world.pinterest.answer_next([Answer::Refused(failure, hint_ms)]);
        let logs = Logs::take();
        run_publisher(&world, key, 1).await;
        let lines = logs.of(text);
        assert_eq!(lines.len(), 1, "{failure:?}");
        assert_names(&lines[0], &[("pin_id", key.pin.to_string()), ("error_code", failure.code().into())]);
        assert!(lines[0].contains_key("next_at"), "{lines:?}");
    }
    // A message that comes back later without any change of its pin.
    let world = TestWorld::new(1).await;
    let key = world.accept("key").await;
    world.pinterest.answer_next([Answer::LOST_WITH_COMMIT]);
    run_publisher(&world, key, 1).await;
    let logs = Logs::take();
    assert!(!run_publisher(&world, key, 2).await, "its quiesce period isn't over");
    let lines = logs.of("message waits");
    assert_eq!(lines.len(), 1);
    assert_names(&lines[0], &[("pin_id", key.pin.to_string()), ("status", "publishing".into())]);
}

#[tokio::test]
async fn deliveries_that_came_to_nothing_are_in_the_timeline_and_cost_no_write() {
    let mut calls = Vec::new();
    for (deliveries, note) in
        [(1, None), (2, Some("1 deliveries did nothing")), (19, Some("18 deliveries did nothing"))]
    {
        let world = TestWorld::new(1).await;
        let key = world.accept("key").await;
        world.faults.take_calls();
        assert!(run_publisher(&world, key, deliveries).await);
        calls.push(world.faults.take_calls());
        let history = world.attempt(key).await.history;
        let started = history.iter().find(|event| event.kind == EventKind::AttemptStarted).expect("started");
        assert_eq!(started.note.as_deref(), note, "{deliveries}");
    }
    assert!(calls.iter().all(|of| *of == calls[0]), "{calls:?}");
}

#[tokio::test]
async fn a_delivery_that_an_event_explains_is_not_called_idle() {
    let world = TestWorld::new(1).await;
    let key = world.accept("key").await;
    world.pinterest.answer_next([Answer::Refused(Failure::PinterestBusy, None)]);
    run_publisher(&world, key, 1).await;
    world.system.advance_ms(10 * MINUTE_MS);
    run_publisher(&world, key, 2).await;
    let history = world.attempt(key).await.history;
    let notes = |event: &Event| event.kind == EventKind::AttemptStarted && event.note.is_some();
    assert!(!history.iter().any(notes), "{history:?}");
}
