//! The event that an import is finished: once, also if the process dies right after the write.

use pinbridge_shared::domain::event::EventType;
use pinbridge_shared::domain::import::{Ask, ImportKey, Row, RowError, RowOptions, Source};
use pinbridge_shared::domain::testdata;
use pinbridge_shared::domain::time::MINUTE_MS;
use pinbridge_shared::domain::webhook::endpoint::EndpointKey;
use pinbridge_shared::flows::imports::{self, Submission, Submitted};
use pinbridge_shared::ports::QueueName;
use pinbridge_shared::testing::TestWorld;
use pinbridge_shared::testing::faults::{DEATHS, Fault};
use serde_json::json;

use super::{bodies, ended, listening, names, of_events};

async fn world(events: &[EventType]) -> (TestWorld, EndpointKey) {
    let (world, endpoint) = listening(events).await;
    let saved = world.faults.spare(world.context.tenants.save_workspace(&testdata::workspace_row())).await;
    assert!(saved.expect("saved").is_done());
    (world, endpoint)
}

/// Submits an import of two pins and a row that is refused.
async fn submit(world: &TestWorld) -> ImportKey {
    let pin = |number: u32| {
        let request = testdata::request(&format!("row-{number}"));
        Row::new(number, Some(request.idempotency_key.clone()), Ask::Pin(Box::new(request)))
    };
    let refused = Ask::Refused(RowError::new("validation_error", "board_id: Field required", &["board_id"]));
    let submission = Submission {
        source: Source::Json,
        filename: None,
        rows: vec![pin(1), pin(2), Row::new(3, None, refused)],
        unknown_columns: Vec::new(),
        options: RowOptions::new(),
        content_hash: vec![1; 32],
        by: None,
        idempotency_key: None,
    };
    match imports::submit(&world.context, testdata::workspace(), submission).await.expect("taken in") {
        Submitted::New(view) | Submitted::Replay(view) => view.import.key,
    }
}

async fn is_finished(world: &TestWorld, key: ImportKey) -> bool {
    let import = world.faults.spare(world.context.imports.import(key)).await.expect("read").expect("there");
    import.finished.is_some()
}

/// Lets the importer work, without any other function.
async fn run_importer(world: &TestWorld) {
    while let Some(next) = world.queue.next_due(QueueName::Import) {
        world.system.advance_to(next);
        world.run_importer_once().await;
    }
}

#[tokio::test]
async fn a_finished_import_is_told_with_its_counts() {
    let (world, endpoint) = world(&[EventType::ImportCompleted]).await;
    let key = submit(&world).await;
    world.run_for_ms(20 * MINUTE_MS).await;
    assert!(is_finished(&world, key).await);
    let sent = bodies(&world, endpoint);
    assert_eq!(names(&sent), ["import.completed"]);
    let expected = [json!("completed_with_errors"), json!(3), json!(2), json!(0), json!(1)];
    assert_eq!(["status", "rows", "created", "existing", "failed"].map(|name| sent[0][name].clone()), expected);
    assert_eq!(sent[0]["results_path"], json!(format!("/v1/pins/imports/{}", key.import)));
}

#[tokio::test]
async fn a_death_between_the_totals_and_the_message_is_mended_with_the_same_id() {
    let lost = DEATHS.into_iter().chain([Fault::FailBefore, Fault::FailAfter]);
    for (call, fault) in lost.flat_map(|fault| ["queue.send_notify", "imports.finish_import"].map(|call| (call, fault)))
    {
        let (world, endpoint) = world(&[EventType::ImportCompleted]).await;
        let key = submit(&world).await;
        world.faults.plan(call, 1, fault);
        world.run_for_ms(20 * MINUTE_MS).await;
        assert!(!world.faults.heal() && is_finished(&world, key).await, "{call} {fault:?}");
        assert_eq!(names(&bodies(&world, endpoint)), ["import.completed"], "{call} {fault:?}");
        assert_eq!(ended(&world, endpoint).await.len(), 1, "{call} {fault:?}");
    }
}

#[tokio::test]
async fn an_import_that_nobody_hears_of_files_no_marker_for_its_end() {
    let mut markers = Vec::new();
    for event in [EventType::PinFailed, EventType::ImportCompleted] {
        let (world, _) = world(&[event]).await;
        let key = submit(&world).await;
        world.faults.take_calls();
        run_importer(&world).await;
        assert!(is_finished(&world, key).await);
        let calls = of_events(&world.faults.take_calls());
        let count = |name: &str| calls.iter().filter(|call| **call == name).count();
        markers.push((count("store.put_marker"), count("queue.send_notify")));
    }
    let [(without, unsent), (with, sent)] = markers[..] else { panic!("two worlds") };
    assert_eq!((with - without, unsent, sent), (1, 0, 1));
}
