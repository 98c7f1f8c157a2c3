//! Tasks of state machines that wait for imports: each ends with its import, whatever dies or is lost.

use std::sync::Arc;

use pinbridge_shared::domain::import::{Ask, ImportKey, Row, RowError, RowOptions, Source, StopReason};
use pinbridge_shared::domain::secret::Secret;
use pinbridge_shared::domain::task::{Awaited, TaskAnswer, TaskEnd};
use pinbridge_shared::domain::testdata;
use pinbridge_shared::domain::time::{MINUTE_MS, SECOND_MS};
use pinbridge_shared::domain::webhook::delivery::State;
use pinbridge_shared::domain::webhook::destination::Destination;
use pinbridge_shared::domain::webhook::endpoint::EndpointKey;
use pinbridge_shared::flows::imports::{self, Submission, Submitted};
use pinbridge_shared::flows::webhooks::wait_for_end::{end_if_finished, wait_for_end};
use pinbridge_shared::testing::TestWorld;
use pinbridge_shared::testing::fake_store::FakeStore;
use pinbridge_shared::testing::faults::{DEATHS, Fault};
use serde_json::{Value, json};

use super::{ended, waiting};
use crate::support::sweep::{FAULTS, sweep};

const KEY: &str = "file";
const TOKEN: &str = "AAAAKgAAAAIAAAAAAAAAAQ";
const OTHER_TOKEN: &str = "AAAAKgAAAAIAAAAAAAAAAR";
/// The longest that a task waits for the end of its import after one fault.
const ENDED_WITHIN_MS: i64 = 30 * MINUTE_MS;

async fn world() -> (TestWorld, Arc<FakeStore>, EndpointKey) {
    let (world, store) = TestWorld::with_destination(1, Destination::TaskTokens).await;
    let saved = world.faults.spare(world.context.tenants.save_workspace(&testdata::workspace_row())).await;
    assert!(saved.expect("saved").is_done());
    (world, store, Destination::TaskTokens.endpoint(testdata::workspace()).key)
}

fn key() -> ImportKey {
    ImportKey::of(testdata::workspace(), KEY)
}

fn refused(number: u32) -> Row {
    let error = RowError::new("validation_error", "board_id: Field required", &["board_id"]);
    Row::new(number, None, Ask::Refused(error))
}

fn pin(number: u32) -> Row {
    let request = testdata::request(&format!("row-{number}"));
    Row::new(number, Some(request.idempotency_key.clone()), Ask::Pin(Box::new(request)))
}

fn submission(rows: Vec<Row>) -> Submission {
    Submission {
        source: Source::Json,
        filename: None,
        content_hash: serde_json::to_vec(&rows).expect("plain data"),
        rows,
        unknown_columns: Vec::new(),
        options: RowOptions::new(),
        by: None,
        idempotency_key: Some(KEY.to_owned()),
    }
}

/// A request with the token, as the API works on it; `None`: it fails.
async fn request(world: &TestWorld, token: &str) -> Option<()> {
    wait_for_end(&world.context, Awaited::Import(key()), &Secret::new(token)).await.ok()?;
    let rows = vec![pin(1), refused(2), pin(3)];
    match imports::submit(&world.context, testdata::workspace(), submission(rows)).await.ok()? {
        Submitted::New(_) => Some(()),
        Submitted::Replay(view) => end_if_finished(&world.context, &view.import).await.ok(),
    }
}

/// The same, repeated by a client until it succeeds.
async fn request_stubbornly(world: &TestWorld, token: &str) {
    for _ in 0..5 {
        if world.faults.mortal(request(world, token)).await.flatten().is_some() {
            return;
        }
    }
    panic!("five tries, and one fault only");
}

/// How many tasks wait for the import.
async fn tasks(world: &TestWorld) -> usize {
    let read = world.context.task_tokens.task_tokens(Awaited::Import(key()));
    world.faults.spare(read).await.expect("read").len()
}

fn failure(reason: StopReason) -> TaskEnd {
    TaskEnd::Failure { error: reason.code().to_owned(), cause: reason.message().to_owned() }
}

/// The outputs of the tasks with this token, all of which succeeded.
fn outputs(world: &TestWorld, token: &str) -> Vec<Value> {
    let output = |(of, end): (String, TaskEnd)| {
        let TaskEnd::Success { output } = &end else { panic!("{end:?}") };
        (of == token).then(|| serde_json::from_str(output).expect("JSON"))
    };
    world.tasks.ended().into_iter().filter_map(output).collect()
}

#[tokio::test]
async fn a_finished_import_ends_each_of_its_tasks_with_its_event() {
    let (world, _, endpoint) = world().await;
    for token in [TOKEN, TOKEN, OTHER_TOKEN] {
        request(&world, token).await.expect("accepted");
    }
    world.run_for_ms(20 * MINUTE_MS).await;
    assert_eq!(world.tasks.ended().len(), 2);
    for token in [TOKEN, OTHER_TOKEN] {
        let outputs = outputs(&world, token);
        let [output] = &outputs[..] else { panic!("{outputs:?}") };
        assert_eq!((&output["event"], &output["import_id"]), (&json!("import.completed"), &json!(key().import)));
        let counts = ["status", "rows", "created", "existing", "failed"].map(|name| output[name].clone());
        assert_eq!(counts, [json!("completed_with_errors"), json!(3), json!(2), json!(0), json!(1)]);
    }
    assert_eq!((tasks(&world).await, waiting(&world, endpoint).await.len()), (0, 0));
    let ended = ended(&world, endpoint).await;
    assert!(ended.len() == 2 && ended.iter().all(|one| one.state == State::Delivered), "{ended:?}");
}

#[tokio::test]
async fn a_task_that_comes_after_the_end_of_its_import_ends_too() {
    let (world, ..) = world().await;
    request(&world, TOKEN).await.expect("accepted");
    world.run_for_ms(20 * MINUTE_MS).await;
    request(&world, OTHER_TOKEN).await.expect("a repetition");
    world.run_for_ms(SECOND_MS).await;
    assert_eq!([TOKEN, OTHER_TOKEN].map(|token| outputs(&world, token).len()), [1, 1]);
    assert_eq!(tasks(&world).await, 0);
}

#[tokio::test]
async fn a_task_that_is_over_ends_its_delivery_and_its_token() {
    let (world, _, endpoint) = world().await;
    world.tasks.answer(Some(TaskAnswer::Gone));
    request(&world, TOKEN).await.expect("accepted");
    world.run_for_ms(20 * MINUTE_MS).await;
    assert_eq!(world.tasks.ended().len(), 1, "asked once");
    let ended = ended(&world, endpoint).await;
    let last = ended[0].last.clone().expect("a try");
    let error = Some("task_gone_or_ended_before");
    assert_eq!((ended[0].state, last.error.as_deref(), tasks(&world).await), (State::Failed, error, 0));
}

#[tokio::test]
async fn a_task_waits_for_step_functions() {
    let (world, _, endpoint) = world().await;
    world.tasks.answer(None);
    request(&world, TOKEN).await.expect("accepted");
    world.run_for_ms(SECOND_MS).await;
    assert_eq!((waiting(&world, endpoint).await.len(), tasks(&world).await), (1, 1));
    world.tasks.answer(Some(TaskAnswer::Ended));
    world.run_for_ms(20 * MINUTE_MS).await;
    assert_eq!((outputs(&world, TOKEN).len(), tasks(&world).await), (1, 0));
    assert_eq!(waiting(&world, endpoint).await.len(), 0);
}

#[tokio::test]
async fn an_import_without_a_task_costs_one_message_and_no_delivery() {
    let (world, _, endpoint) = world().await;
    let submitted = imports::submit(&world.context, testdata::workspace(), submission(vec![refused(1)])).await;
    assert!(matches!(submitted, Ok(Submitted::New(_))));
    world.faults.take_calls();
    world.run_for_ms(60 * MINUTE_MS).await;
    let sent = world.faults.take_calls().into_iter().filter(|call| *call == "queue.send_notify").count();
    assert_eq!((sent, ended(&world, endpoint).await.len()), (1, 0), "the rescuer misses no delivery");
}

/// One import with `fault` at the nth port call; answers whether it went off.
async fn story(nth: usize, fault: Fault) -> bool {
    let (world, _, endpoint) = world().await;
    world.faults.take_calls();
    world.faults.plan_any(nth, fault);
    request_stubbornly(&world, TOKEN).await;
    let asked_at = world.now();
    while world.tasks.ended().is_empty() {
        let waited_ms = world.now().since_ms(asked_at);
        assert!(waited_ms <= ENDED_WITHIN_MS, "{fault:?} at call {nth}: not ended after {waited_ms} ms");
        world.run_for_ms(10 * SECOND_MS).await;
    }
    let went_off = !world.faults.heal();
    world.run_for_ms(30 * MINUTE_MS).await;
    let outputs = outputs(&world, TOKEN);
    // An answer of Step Functions that is lost is asked for again.
    assert!(matches!(outputs.len(), 1 | 2), "{fault:?} at call {nth}: {outputs:?}");
    assert!(outputs.iter().all(|output| output["created"] == 2), "{fault:?} at call {nth}: {outputs:?}");
    let left = (tasks(&world).await, waiting(&world, endpoint).await.len());
    assert_eq!(left, (0, 0), "{fault:?} at call {nth}, later");
    went_off
}

#[tokio::test]
async fn a_fault_at_any_call_of_an_import_leaves_no_task_behind() {
    sweep(&FAULTS, 30, story).await;
}

#[tokio::test]
async fn an_import_that_stops_ends_its_task_as_a_failure_and_a_resumed_one_ends_later_tasks() {
    let (world, ..) = world().await;
    world.queue.set_max_receives(2);
    request(&world, TOKEN).await.expect("accepted");
    // For every copy of the message that the rescuer sends meanwhile, too.
    (1..=20).for_each(|nth| world.faults.plan("imports.import_chunk", nth, Fault::FailBefore));
    world.run_for_ms(10 * MINUTE_MS).await;
    world.faults.heal();
    assert_eq!(world.tasks.ended(), [(TOKEN.to_owned(), failure(StopReason::DeadLettered))]);
    request(&world, "while it has stopped").await.expect("a repetition");
    world.run_for_ms(SECOND_MS).await;
    let ended = world.tasks.ended();
    assert_eq!(ended[1..], [("while it has stopped".to_owned(), failure(StopReason::DeadLettered))]);

    imports::resume(&world.context, key()).await.expect("resumed");
    request(&world, OTHER_TOKEN).await.expect("a repetition");
    world.run_for_ms(20 * MINUTE_MS).await;
    let ended = world.tasks.ended();
    let [_, _, (token, TaskEnd::Success { .. })] = &ended[..] else { panic!("{ended:?}") };
    assert_eq!((token.as_str(), tasks(&world).await), (OTHER_TOKEN, 0));
}

#[tokio::test]
async fn a_death_around_the_stop_of_an_import_leaves_no_task_behind() {
    for fault in DEATHS.into_iter().chain([Fault::FailBefore, Fault::FailAfter]) {
        for call in [
            "store.put_marker",
            "imports.stop_import",
            "queue.send_notify",
            "tasks.end_task",
            "task_tokens.delete_task_token",
            "webhooks.put_delivery",
        ] {
            let (world, store, endpoint) = world().await;
            request(&world, TOKEN).await.expect("accepted");
            store.lose_import_chunks();
            world.faults.plan(call, 1, fault);
            world.run_for_ms(60 * MINUTE_MS).await;
            assert!(!world.faults.heal(), "{call} {fault:?} happened");
            let ended = world.tasks.ended();
            let wanted = (TOKEN.to_owned(), failure(StopReason::RowsMissing));
            assert!(!ended.is_empty() && ended.iter().all(|one| *one == wanted), "{call} {fault:?}: {ended:?}");
            assert_eq!((tasks(&world).await, waiting(&world, endpoint).await.len()), (0, 0), "{call} {fault:?}");
        }
    }
}
