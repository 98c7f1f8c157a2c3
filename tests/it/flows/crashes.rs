//! Killed at any point: nothing is published twice, nothing is stranded.

use pinbridge_shared::domain::ids::PinKey;
use pinbridge_shared::domain::pin::PinRequest;
use pinbridge_shared::domain::pin::attempt::Status;
use pinbridge_shared::domain::pin::failure::Failure;
use pinbridge_shared::domain::testdata;
use pinbridge_shared::domain::time::MINUTE_MS;
use pinbridge_shared::flows::accept::accept_pin::Acceptance;
use pinbridge_shared::testing::fake_pinterest::Answer;
use pinbridge_shared::testing::faults::{DEATHS, Fault};
use pinbridge_shared::testing::{START, TestWorld};

use super::accept_numbered;
use crate::support::sweep::{FAULTS, sweep};

async fn assert_one_pin(world: &TestWorld, key: PinKey) {
    world.run_until_finished(&[key], START.plus_ms(20 * MINUTE_MS)).await;
    let attempt = world.attempt(key).await;
    let pins = world.pinterest.pins();
    assert_eq!((attempt.status, pins.len()), (Status::Published, 1), "{attempt:?}");
    assert_eq!(attempt.pinterest_pin_id.as_deref(), Some(pins[0].id.as_str()));
}

#[tokio::test]
async fn a_worker_that_dies_between_its_write_ahead_and_the_call_publishes_once() {
    for (call, fault) in [("store.save_attempt", Fault::DieAfter), ("pinterest.create_pin", Fault::DieBefore)] {
        let world = TestWorld::new(1).await;
        world.pinterest.add_stranger(&testdata::request("any").board_id, "Somebody's soup");
        let key = world.accept("key").await;
        world.faults.plan(call, 1, fault);
        world.run_publisher_once().await;
        assert_eq!(world.attempt(key).await.status, Status::Publishing, "announced");
        assert_eq!(world.pinterest.calls().len(), 0, "and never sent");
        assert_one_pin(&world, key).await;
    }
}

#[tokio::test]
async fn a_worker_that_dies_between_the_call_and_its_record_publishes_once() {
    for (call, nth, fault) in
        [("pinterest.create_pin", 1, Fault::DieAfter), ("store.save_attempt", 2, Fault::DieBefore)]
    {
        let world = TestWorld::new(1).await;
        let key = world.accept("key").await;
        world.faults.plan(call, nth, fault);
        world.run_publisher_once().await;
        assert_eq!(world.attempt(key).await.status, Status::Publishing, "not recorded");
        assert_eq!(world.pinterest.pins().len(), 1, "yet created");
        assert_one_pin(&world, key).await;
        assert_eq!(world.pinterest.calls().len(), 1, "and adopted");
    }
}

#[tokio::test]
async fn a_dispatcher_that_dies_for_its_first_hours_finds_what_was_accepted_before() {
    const HOURS: i64 = 3;
    let world = TestWorld::new(1).await;
    let key = world.accept("key").await;
    assert_eq!(world.queue.lose_all(), 1);
    for _ in 0..HOURS * 60 {
        // Before it comes to the rescuer.
        world.faults.plan("store.waiting_accounts", 1, Fault::DieBefore);
        assert!(world.run_dispatcher_once().await.is_none(), "it dies");
        world.system.advance_ms(MINUTE_MS);
    }
    world.run_until_finished(&[key], world.now().plus_ms(20 * MINUTE_MS)).await;
    assert_eq!(world.attempt(key).await.status, Status::Published);
}

/// Schedules came first in every run: the backlog waited until the dispatcher survived them.
#[tokio::test]
async fn a_dispatcher_that_keeps_dying_over_schedules_releases_the_backlog_within_two_runs() {
    for first_minute in [1, 2] {
        let world = TestWorld::new(5).await;
        let keys = accept_numbered(&world, 0..145).await;
        let account = testdata::connected_account().key;
        let waiting = async || world.faults.spare(world.context.store.backlog(account, 10)).await.expect("read");
        assert!(!waiting().await.is_empty(), "more pins than slots");
        for run in 0..2 {
            world.system.advance_to(START.plus_ms((first_minute + run) * MINUTE_MS));
            world.faults.plan("schedules.release_watermark", 1, Fault::DieBefore);
            assert!(world.run_dispatcher_once().await.is_none(), "it dies");
        }
        assert_eq!(waiting().await, [], "from minute {first_minute} on");
        world.run_until_finished(&keys, START.plus_ms(20 * MINUTE_MS)).await;
        assert_eq!(world.pinterest.pins().len(), 145);
    }
}

/// The rescuer set the watermark, and the next run took the beginning for noted: the rollup began hours later.
#[tokio::test]
async fn a_first_run_that_cannot_note_its_beginning_leaves_no_watermark() {
    for call in ["schedules.set_release_watermark", "rollups.set_rolled_up", "store.set_watermark"] {
        let world = TestWorld::new(5).await;
        let (store, rollups) = (&world.context.store, &world.context.rollups);
        let marks = async || {
            let marks = async { (store.watermark().await, rollups.rolled_up().await) };
            let (watermark, rolled_up) = world.faults.spare(marks).await;
            (watermark.expect("read"), rolled_up.expect("read"))
        };
        world.faults.plan(call, 1, Fault::FailBefore);
        world.run_dispatcher_once().await.expect("lives").expect("runs");
        assert_eq!(marks().await.0, None, "{call}");
        world.system.advance_ms(MINUTE_MS);
        world.run_dispatcher_once().await.expect("lives").expect("runs");
        let (watermark, rolled_up) = marks().await;
        assert_eq!(watermark, Some(START.minute()), "{call}");
        assert!(rolled_up.is_some_and(|mark| mark < START.minute()), "{call}: {rolled_up:?}");
    }
}

/// The more minutes the rescuer had missed, the likelier one of its reads failed, and then it began with the first one
/// again.
#[tokio::test]
async fn a_rescuer_whose_reads_keep_failing_comes_further_with_each_run() {
    const READS_A_MINUTE: usize = 8;
    for fault in [Fault::FailBefore, Fault::DieBefore] {
        let world = TestWorld::new(5).await;
        world.run_dispatcher_once().await.expect("lives").expect("begins");
        world.system.advance_ms(55 * MINUTE_MS);
        let key = world.accept("key").await;
        world.queue.lose_all();
        world.system.advance_ms(5 * MINUTE_MS);
        let mark = async || world.faults.spare(world.context.store.watermark()).await.expect("read").expect("set");
        let (mut before, mut runs) = (mark().await, 0);
        while world.queue.messages().is_empty() {
            world.system.advance_ms(MINUTE_MS);
            world.faults.plan("store.markers", 12 * READS_A_MINUTE, fault);
            world.run_dispatcher_once().await;
            world.faults.heal();
            let after = mark().await;
            assert!(after > before || !world.queue.messages().is_empty(), "{fault:?}: run {runs} stays at {after}");
            (before, runs) = (after, runs + 1);
        }
        assert!((3..10).contains(&runs), "{fault:?}: {runs} runs");
        world.run_until_finished(&[key], world.now().plus_ms(20 * MINUTE_MS)).await;
        assert_eq!(world.pinterest.pins().len(), 1, "{fault:?}");
    }
}

#[tokio::test]
async fn a_duplicate_inside_the_quiesce_period_of_a_dead_worker_waits_for_it() {
    let world = TestWorld::new(1).await;
    world.pinterest.add_stranger(&testdata::request("any").board_id, "Somebody's soup");
    world.pinterest.answer_next([Answer::Lost { commits_after_ms: Some(75_000) }]);
    let key = world.accept("key").await;
    world.queue.duplicate_all();
    world.faults.plan("pinterest.create_pin", 1, Fault::DieAfter);
    world.run_publisher_once().await;
    assert_one_pin(&world, key).await;
    assert_eq!(world.pinterest.calls().len(), 1, "the late commit was waited for");
}

/// Accepts, retrying like a client until the answer arrives.
async fn accept_stubbornly(world: &TestWorld, request: PinRequest) -> PinKey {
    for _ in 0..5 {
        if let Some(Ok(Acceptance::New(pin, _) | Acceptance::Replay(pin, _))) = world.try_accept(request.clone()).await
        {
            return pin.key;
        }
    }
    panic!("five tries, and one fault only");
}

/// One story with `fault` at the nth port call; answers whether it went off.
async fn story(nth: usize, fault: Fault, answers: &[Answer]) -> bool {
    let world = TestWorld::new(5).await;
    world.pinterest.add_stranger(&testdata::request("any").board_id, "Somebody's soup");
    world.pinterest.answer_next(answers.to_vec());
    world.faults.plan_any(nth, fault);
    let key = accept_stubbornly(&world, testdata::request("key")).await;
    world.run_until_finished(&[key], START.plus_ms(25 * MINUTE_MS)).await;
    let (attempt, pins) = (world.attempt(key).await, world.pinterest.pins());
    assert_eq!((attempt.status, pins.len()), (Status::Published, 1), "{fault:?} at call {nth}: {attempt:?}");
    assert_eq!(attempt.pinterest_pin_id.as_deref(), Some(pins[0].id.as_str()), "{fault:?} at call {nth}");
    let went_off = !world.faults.heal();
    // Whatever is still under way comes to rest without another Pin.
    world.run_for_ms(30 * MINUTE_MS).await;
    assert_eq!(world.pinterest.pins().len(), 1, "{fault:?} at call {nth}, later");
    assert_eq!((world.queue.messages().len(), world.queue.dead().len()), (0, 0), "{fault:?} at call {nth}, the queue");
    assert_eq!(world.queue.reconciliations(), [], "{fault:?} at call {nth}, the reconciliation queue");
    went_off
}

async fn sweep_with(answers: &[Answer]) {
    sweep(&FAULTS, 12, async |nth, fault| story(nth, fault, answers).await).await;
}

#[tokio::test]
async fn a_fault_at_any_call_of_an_ordinary_pin_ends_in_one_pin() {
    sweep_with(&[]).await;
}

#[tokio::test]
async fn a_fault_at_any_call_of_an_unresolved_pin_ends_in_one_pin() {
    sweep_with(&[Answer::LOST_WITH_COMMIT]).await;
    sweep_with(&[Answer::LOST_WITHOUT_COMMIT]).await;
}

#[tokio::test]
async fn a_fault_at_any_call_of_a_retried_pin_ends_in_one_pin() {
    sweep_with(&[Answer::Refused(Failure::PinterestBusy, None)]).await;
}

#[tokio::test]
async fn a_fault_at_any_call_of_a_paused_pin_ends_in_one_pin() {
    sweep_with(&[Answer::Refused(Failure::RateLimited, Some(20_000))]).await;
}

/// The backlog's story: the account's tokens are spent, so that the pin is released by the dispatcher.
#[tokio::test]
async fn a_death_at_any_call_of_a_release_loses_and_doubles_nothing() {
    sweep(&DEATHS, 12, async |nth, fault| {
        let world = TestWorld::new(5).await;
        let keys = accept_numbered(&world, 0..145).await;
        world.system.advance_to(START.plus_ms(MINUTE_MS));
        world.faults.plan_any(nth, fault);
        let died = world.run_dispatcher_once().await.is_none();
        world.faults.heal();
        world.run_until_finished(&keys, START.plus_ms(15 * MINUTE_MS)).await;
        assert_eq!(world.pinterest.pins().len(), 145, "{fault:?} at call {nth}");
        died
    })
    .await;
}
