//! Imports: every row is counted once and makes one pin, whatever dies, is lost or comes twice.

use std::collections::BTreeSet;

use pinbridge_shared::domain::ids::PinKey;
use pinbridge_shared::domain::import::{
    Ask, Import, ImportKey, ImportStatus, Outcome, Row, RowError, RowOptions, RowResult, Source, StopReason,
};
use pinbridge_shared::domain::pin::attempt::Status;
use pinbridge_shared::domain::pin::failure::Failure;
use pinbridge_shared::domain::pin::{PinRequest, Priority};
use pinbridge_shared::domain::testdata;
use pinbridge_shared::domain::time::{MINUTE_MS, SECOND_MS};
use pinbridge_shared::flows::imports::{self, ImportView, ResumeError, Submission, SubmitError, Submitted};
use pinbridge_shared::flows::tenants::purge;
use pinbridge_shared::ports::QueueName;
use pinbridge_shared::testing::fake_boards::refused;
use pinbridge_shared::testing::fake_store::FakeStore;
use pinbridge_shared::testing::faults::{DEATHS, Fault};
use pinbridge_shared::testing::{START, TestWorld};

use crate::support::sweep::{FAULTS, sweep};

/// The longest a lost import may wait for somebody to notice.
const PICKED_UP_WITHIN_MS: i64 = 5 * MINUTE_MS;

async fn world() -> (TestWorld, std::sync::Arc<FakeStore>) {
    let (world, store) = TestWorld::with_store(3).await;
    assert!(world.context.tenants.save_workspace(&testdata::workspace_row()).await.expect("saved").is_done());
    (world, store)
}

fn good(number: u32, key: &str) -> Row {
    let request = PinRequest { title: format!("Crane {key}"), priority: Priority::Bulk, ..testdata::request(key) };
    Row::new(number, Some(key.into()), Ask::Pin(Box::new(request)))
}

fn bad(number: u32) -> Row {
    let error = RowError::new("validation_error", "board_id: Field required", &["board_id"]);
    Row::new(number, None, Ask::Refused(error))
}

fn submission(rows: Vec<Row>, key: Option<&str>) -> Submission {
    Submission {
        source: Source::Json,
        filename: None,
        content_hash: serde_json::to_vec(&rows).expect("plain data"),
        rows,
        unknown_columns: Vec::new(),
        options: RowOptions::new(),
        by: None,
        idempotency_key: key.map(str::to_owned),
    }
}

async fn submit(world: &TestWorld, rows: Vec<Row>) -> ImportKey {
    match imports::submit(&world.context, testdata::workspace(), submission(rows, None)).await.expect("taken in") {
        Submitted::New(view) | Submitted::Replay(view) => view.import.key,
    }
}

async fn read(world: &TestWorld, key: ImportKey) -> ImportView {
    world.faults.spare(imports::read(&world.context, key)).await.expect("read").expect("there")
}

fn scheduled(number: u32, key: &str) -> Row {
    let Ask::Pin(request) = good(number, key).ask else { panic!("a pin") };
    Row::new(number, Some(key.into()), Ask::Schedule(request, START.plus_ms(60 * MINUTE_MS)))
}

#[tokio::test]
async fn schedules_of_an_import_dont_ask_a_pinterest_again_that_cant_tell() {
    let (world, _) = world().await;
    world.boards.fail_next((0..100).map(|_| refused(Failure::RateLimited)));
    let key = submit(&world, (1..=25).map(|number| scheduled(number, &format!("row-{number}"))).collect()).await;
    run_importer(&world).await;
    let view = read(&world, key).await;
    assert_eq!((view.totals.created, view.status()), (25, ImportStatus::Completed));
    assert_eq!(world.boards.tokens().len(), 1, "one call of Pinterest told enough");
}

#[tokio::test]
async fn schedules_of_an_import_at_a_slow_pinterest_are_made_in_several_runs() {
    let (world, store) = world().await;
    world.boards.insert(&testdata::request("any").board_id);
    let rows: Vec<Row> = (1..=20).map(|number| scheduled(number, &format!("row-{number}"))).collect();
    for nth in 1..=20 {
        world.faults.plan("schedules.put_schedule", nth, Fault::Slow(6 * SECOND_MS));
    }
    let key = submit(&world, rows).await;
    run_importer(&world).await;
    let view = read(&world, key).await;
    assert_eq!((view.totals.created, view.status()), (20, ImportStatus::Completed));
    let mut count = 0;
    store.each_schedule(|_| count += 1);
    assert_eq!(count, 20);
}

/// Lets the importer work, without any other function, until nothing is in its queue.
async fn run_importer(world: &TestWorld) {
    while let Some(next) = world.queue.next_due(QueueName::Import) {
        world.system.advance_to(next);
        world.run_importer_once().await;
    }
}

/// Every pin there is.
async fn listed(world: &TestWorld) -> Vec<PinKey> {
    let workspace = testdata::workspace();
    let listed = world.context.store.listing_after(workspace, None, world.now(), 1_000).await.expect("read");
    listed.into_iter().map(|(_, pin)| PinKey { workspace, pin }).collect()
}

fn results(view: &ImportView) -> Vec<&RowResult> {
    view.results.iter().flat_map(|chunk| &chunk.rows).collect()
}

fn counts(view: &ImportView) -> [u32; 4] {
    [view.import.rows, view.totals.created, view.totals.existing, view.totals.failed]
}

/// Good, bad and duplicate rows: 440 new pins, 30 that exist, 30 that fail.
fn five_hundred() -> Vec<Row> {
    (1..=500)
        .map(|number| match number % 50 {
            // The same pin as a row before, once in the same chunk and else in an earlier one.
            10 => good(number, &format!("key-{}", number - 1)),
            20 if number > 50 => good(number, &format!("key-{}", number - 49)),
            20 => good(number, "exists"),
            // The same key for another payload.
            30 => Row { number, ..with_title(good(number, &format!("key-{}", number - 1)), "Another") },
            40 => bad(number),
            45 => with_account(good(number, &format!("key-{number}")), 99),
            // Exists before the import.
            5 => good(number, "exists"),
            _ => good(number, &format!("key-{number}")),
        })
        .collect()
}

fn changed(row: Row, change: impl FnOnce(&mut PinRequest)) -> Row {
    let mut row = row;
    if let Ask::Pin(request) = &mut row.ask {
        change(request);
    }
    row
}

fn with_title(row: Row, title: &str) -> Row {
    changed(row, |request| request.title = title.into())
}

fn with_account(row: Row, account: u128) -> Row {
    let account = pinbridge_shared::domain::ids::AccountId(uuid::Uuid::from_u128(account));
    changed(row, |request| request.account = account)
}

#[tokio::test]
async fn five_hundred_rows_are_counted_exactly_while_the_importer_is_killed_twice() {
    let (world, _) = world().await;
    world
        .accept_request(match good(0, "exists").ask {
            Ask::Pin(request) => *request,
            _ => unreachable!("a pin"),
        })
        .await;
    let key = submit(&world, five_hundred()).await;
    // In the middle of a chunk, and after a chunk's pins but before its results.
    world.faults.plan("store.put_pin", 130, Fault::DieAfter);
    world.run_importer_once().await;
    let killed_once = read(&world, key).await;
    assert_eq!(killed_once.status(), ImportStatus::Processing);
    world.faults.plan("imports.put_import_result", 4, Fault::DieBefore);
    world.system.advance_to(world.queue.next_due(QueueName::Import).expect("it comes back"));
    world.run_importer_once().await;
    let killed_twice = read(&world, key).await;
    assert_eq!(killed_twice.results.len(), killed_once.results.len() + 3);
    run_importer(&world).await;

    let view = read(&world, key).await;
    assert_eq!(view.status(), ImportStatus::CompletedWithErrors);
    assert_eq!(counts(&view), [500, 440, 30, 30]);
    let numbers: Vec<u32> = results(&view).iter().map(|row| row.number).collect();
    assert_eq!(numbers, (1..=500).collect::<Vec<_>>(), "every row once, in the file's order");
    let of = |code: &str| {
        let is = |row: &&&RowResult| matches!(&row.outcome, Outcome::Failed(error) if error.code == code);
        results(&view).iter().filter(is).count()
    };
    assert_eq!((of("validation_error"), of("idempotency_key_reused"), of("not_found")), (10, 10, 10));
    let made: BTreeSet<_> = results(&view)
        .into_iter()
        .filter_map(|row| match row.outcome {
            Outcome::Created(made) => Some(format!("{made:?}")),
            _ => None,
        })
        .collect();
    assert_eq!(made.len(), 440, "no pin for two rows");
    assert_eq!(listed(&world).await.len(), 441, "and no pin besides");
}

#[tokio::test]
async fn the_pins_of_an_import_are_published_each_once_and_in_the_files_order() {
    let (world, _) = world().await;
    let key = submit(&world, (1..=60).map(|number| good(number, &format!("key-{number:02}"))).collect()).await;
    world.run_for_ms(3 * MINUTE_MS).await;
    assert_eq!(read(&world, key).await.status(), ImportStatus::Completed);
    let titles: Vec<String> = world.pinterest.pins().into_iter().map(|pin| pin.title.unwrap_or_default()).collect();
    assert_eq!(titles.len(), 60);
    assert_eq!(titles.iter().collect::<BTreeSet<_>>().len(), 60, "each once");
    // The first fifty have their tokens at once; the others follow one by one.
    let (burst, rest) = titles.split_at(50);
    assert!(burst.iter().max() < rest.iter().min() && rest.is_sorted(), "{rest:?}");
}

/// Few rows, long ones, so that a chunk has three of them.
fn few() -> Vec<Row> {
    let long = |row: Row| changed(row, |request| request.description = Some("ab ".repeat(31_000)));
    vec![
        long(good(1, "one")),
        long(good(2, "two")),
        bad(3),
        long(good(4, "one")),
        long(good(5, "five")),
        Row { number: 6, ..with_title(good(6, "two"), "Another") },
        long(good(7, "seven")),
    ]
}

/// Hands the rows in as a client does, who tries again under the same key.
async fn submit_stubbornly(world: &TestWorld) -> ImportKey {
    for _ in 0..5 {
        let submit = imports::submit(&world.context, testdata::workspace(), submission(few(), Some("file")));
        match world.faults.mortal(submit).await {
            Some(Ok(Submitted::New(view) | Submitted::Replay(view))) => return view.import.key,
            Some(Err(SubmitError::KeyReused { .. })) => panic!("the same rows are the same import"),
            Some(Err(SubmitError::Port(_))) | None => {}
        }
    }
    panic!("five tries, and one fault only");
}

/// One import with `fault` at the nth port call; answers whether it went off.
async fn story(nth: usize, fault: Fault) -> bool {
    let (world, store) = world().await;
    world.faults.take_calls();
    world.faults.plan_any(nth, fault);
    let key = submit_stubbornly(&world).await;
    let handed_in = world.now();
    let mut view = read(&world, key).await;
    while view.import.finished.is_none() {
        let waited_ms = world.now().since_ms(handed_in);
        assert!(waited_ms <= PICKED_UP_WITHIN_MS, "{fault:?} at call {nth}: not finished after {waited_ms} ms");
        world.run_for_ms(10 * SECOND_MS).await;
        view = read(&world, key).await;
    }
    assert_eq!(counts(&view), [7, 4, 1, 2], "{fault:?} at call {nth}: {:?}", results(&view));
    let went_off = !world.faults.heal();
    // Whatever is still under way comes to rest without another pin or count.
    world.run_for_ms(30 * MINUTE_MS).await;
    assert_eq!(read(&world, key).await, view, "{fault:?} at call {nth}, later");
    assert_eq!(world.pinterest.pins().len(), 4, "{fault:?} at call {nth}: each pin once");
    assert_eq!(world.queue.next_due(QueueName::Import), None, "{fault:?} at call {nth}, the queue");
    assert_eq!(store.import_chunks_held(), view.import.chunks as usize, "{fault:?} at call {nth}, rows of no import");
    went_off
}

#[tokio::test]
async fn a_fault_at_any_call_of_an_import_counts_every_row_once_and_strands_nothing() {
    sweep(&FAULTS, 60, story).await;
}

#[tokio::test]
async fn an_import_whose_message_is_lost_is_picked_up_within_five_minutes() {
    let (world, _) = world().await;
    let key = submit(&world, few()).await;
    assert_eq!(world.queue.lose_all(), 1);
    world.run_for_ms(PICKED_UP_WITHIN_MS).await;
    assert_eq!(counts(&read(&world, key).await), [7, 4, 1, 2]);
}

#[tokio::test]
async fn messages_that_come_twice_count_nothing_twice() {
    let (world, _) = world().await;
    let key = submit(&world, five_hundred()).await;
    world.queue.duplicate_all();
    run_importer(&world).await;
    let view = read(&world, key).await;
    assert_eq!((counts(&view)[0], view.totals.processed()), (500, 500));
}

#[tokio::test]
async fn two_importers_at_once_make_each_pin_once() {
    let (world, _) = world().await;
    let key = submit(&world, few()).await;
    let message = pinbridge_shared::domain::message::ImportMessage::new(key);
    let ends_at_ms = world.context.system.monotonic_ms() + MINUTE_MS;
    // Every call lets the other go on.
    (1..400).for_each(|nth| world.faults.plan_any(nth, Fault::Yield));
    let work =
        || pinbridge_shared::flows::imports::import_rows::work_on_import(&world.context, message.clone(), ends_at_ms);
    let (one, other) = futures_util::future::join(work(), work()).await;
    assert!(one.is_ok() && other.is_ok());
    world.faults.heal();
    let view = read(&world, key).await;
    assert_eq!(counts(&view), [7, 4, 1, 2], "{:?}", results(&view));
    world.run_for_ms(10 * MINUTE_MS).await;
    assert_eq!(world.pinterest.pins().len(), 4);
}

#[tokio::test]
async fn a_dead_letter_stops_the_import_with_a_reason_and_it_can_be_resumed() {
    let (world, _) = world().await;
    world.queue.set_max_receives(2);
    let key = submit(&world, few()).await;
    // For every copy of the message that the rescuer sends meanwhile, too.
    (1..=20).for_each(|nth| world.faults.plan("imports.import_chunk", nth, Fault::FailBefore));
    world.run_for_ms(10 * MINUTE_MS).await;
    let view = read(&world, key).await;
    assert_eq!(view.status(), ImportStatus::Failed);
    assert_eq!(view.import.stopped.as_ref().map(|stop| stop.reason), Some(StopReason::DeadLettered));
    world.faults.heal();
    world.run_for_ms(60 * MINUTE_MS).await;
    assert_eq!(read(&world, key).await.status(), ImportStatus::Failed, "it waits for somebody");
    let resumed = imports::resume(&world.context, key).await.expect("resumed");
    assert_eq!(resumed.status(), ImportStatus::Queued);
    assert!(matches!(imports::resume(&world.context, key).await, Err(ResumeError::NotStopped(ImportStatus::Queued))));
    world.run_for_ms(MINUTE_MS).await;
    assert_eq!(counts(&read(&world, key).await), [7, 4, 1, 2]);
}

#[tokio::test]
async fn a_dead_copy_of_a_message_stops_no_import_that_gets_on() {
    let (world, _) = world().await;
    let key = submit(&world, few()).await;
    let body = serde_json::to_string(&pinbridge_shared::domain::message::ImportMessage::new(key)).expect("plain");
    world.faults.plan("imports.put_import_result", 2, Fault::DieAfter);
    world.run_importer_once().await;
    assert_eq!(read(&world, key).await.status(), ImportStatus::Processing);
    world.queue.insert(QueueName::ImportDeadLetters, body, world.now());
    assert!(world.run_import_dead_letters_once().await);
    run_importer(&world).await;
    assert_eq!(counts(&read(&world, key).await), [7, 4, 1, 2]);
}

#[tokio::test]
async fn an_import_whose_rows_are_gone_says_so() {
    let (world, store) = world().await;
    let key = submit(&world, few()).await;
    store.lose_import_chunks();
    run_importer(&world).await;
    let view = read(&world, key).await;
    assert_eq!(view.import.stopped.map(|stop| stop.reason), Some(StopReason::RowsMissing));
}

#[tokio::test]
async fn the_same_key_and_rows_are_the_same_import_and_other_rows_are_refused() {
    let (world, _) = world().await;
    let submit = |rows| imports::submit(&world.context, testdata::workspace(), submission(rows, Some("file")));
    let Ok(Submitted::New(first)) = submit(few()).await else { panic!("new") };
    run_importer(&world).await;
    let Ok(Submitted::Replay(again)) = submit(few()).await else { panic!("the same") };
    assert_eq!((again.import.key, counts(&again)), (first.import.key, [7, 4, 1, 2]));
    let refused = submit(vec![good(1, "another")]).await;
    assert!(matches!(refused, Err(SubmitError::KeyReused { existing }) if existing.key == first.import.key));
    assert_eq!(world.queue.next_due(QueueName::Import), None, "nothing more to do");
}

#[tokio::test]
async fn another_import_of_the_same_rows_finds_their_pins() {
    let (world, _) = world().await;
    let rows: Vec<Row> = (1..=30).map(|number| good(number, &format!("key-{number}"))).collect();
    let (first, second) = (submit(&world, rows.clone()).await, submit(&world, rows).await);
    run_importer(&world).await;
    assert_eq!(counts(&read(&world, first).await), [30, 30, 0, 0]);
    assert_eq!(counts(&read(&world, second).await), [30, 0, 30, 0]);
}

#[tokio::test]
async fn an_import_goes_on_in_another_invocation_when_its_time_is_over() {
    let (world, _) = world().await;
    let key = submit(&world, five_hundred()).await;
    // Each chunk takes ten seconds of sixty, of which twenty are kept.
    (1..=40).for_each(|nth| world.faults.plan("imports.put_import_result", nth, Fault::Slow(10_000)));
    world.run_importer_once().await;
    assert_eq!(read(&world, key).await.status(), ImportStatus::Processing);
    run_importer(&world).await;
    assert_eq!(read(&world, key).await.totals.processed(), 500);
}

#[tokio::test]
async fn nothing_is_accepted_in_a_workspace_that_is_being_deleted() {
    for die_at in [0, 1, 2] {
        let (world, store) = world().await;
        let key = submit(&world, few()).await;
        if die_at > 0 {
            world.faults.plan("imports.put_import_result", die_at, Fault::DieAfter);
            world.run_importer_once().await;
        }
        assert!(purge::delete_workspace(&world.context, testdata::workspace()).await.expect("marked"));
        run_importer(&world).await;
        assert_eq!(read(&world, key).await.results.len(), die_at);
        for _ in 0..8 {
            let ends_at_ms = world.context.system.monotonic_ms() + 240_000;
            purge::continue_all(&world.context, ends_at_ms).await.expect("purged");
            world.run_for_ms(5 * MINUTE_MS).await;
        }
        assert!(!store.holds_anything_of(testdata::workspace()), "{die_at} results before");
    }
}

#[tokio::test]
async fn rows_of_a_submission_that_died_are_cleared_away() {
    for fault in DEATHS {
        let (world, store) = world().await;
        world.faults.plan("imports.put_import_chunks", 1, fault);
        let rows = vec![good(1, "key")];
        let died = world.faults.mortal(imports::submit(&world.context, testdata::workspace(), submission(rows, None)));
        assert!(died.await.is_none());
        assert_eq!(store.import_chunks_held(), usize::from(fault == Fault::DieAfter));
        world.run_for_ms(5 * MINUTE_MS).await;
        assert_eq!(store.import_chunks_held(), 0);
    }
}

#[tokio::test]
async fn pins_of_an_import_that_wait_are_published_in_their_turn() {
    let (world, _) = world().await;
    let key = submit(&world, (1..=200).map(|number| good(number, &format!("key-{number}"))).collect()).await;
    run_importer(&world).await;
    let Import { finished, .. } = read(&world, key).await.import;
    assert_eq!(finished.map(|totals| totals.created), Some(200));
    world.run_until(START.plus_ms(5 * MINUTE_MS)).await;
    let keys = listed(&world).await;
    assert_eq!(keys.len(), 200);
    assert!(world.pins(&keys).await.iter().all(|(_, attempt)| attempt.status == Status::Published));
    assert_eq!(world.pinterest.pins().len(), 200);
}
