//! The rollup: exact, whatever fails, and in nobody's way.

use std::collections::BTreeMap;
use std::sync::Arc;

use pinbridge_shared::domain::ids::{AccountKey, PinKey, WorkspaceId};
use pinbridge_shared::domain::pacing::pace::Pace;
use pinbridge_shared::domain::pin::attempt::Status;
use pinbridge_shared::domain::pin::failure::Failure;
use pinbridge_shared::domain::pin::{Pin, Placement, WaitReason};
use pinbridge_shared::domain::stats::rollup::{End, Sample, Sums};
use pinbridge_shared::domain::testdata::{self, pin_of};
use pinbridge_shared::domain::time::{MINUTE_MS, Moment, SECOND_MS};
use pinbridge_shared::flows::pins::retry_pin::retry_pin;
use pinbridge_shared::flows::stats::roll_up::{RUN_MAX_MS, RolledUp, roll_up};
use pinbridge_shared::testing::fake_pinterest::Answer;
use pinbridge_shared::testing::fake_store::FakeStore;
use pinbridge_shared::testing::faults::Fault;
use pinbridge_shared::testing::{START, TestWorld};
use uuid::Uuid;

use super::accept_numbered;
use crate::support::sweep::{FAULTS_AND_REPEATS, sweep};

/// Whatever happens to a pin that ends at once, the rollup knows of it by then.
const ROLLED_UP_AFTER_MS: i64 = 14 * MINUTE_MS;
const ENDS_AT_MS: i64 = 600 * SECOND_MS;

fn truth(store: &FakeStore) -> (Vec<Sample>, BTreeMap<i64, Sums>) {
    let mut samples = Vec::new();
    store.each_pin(|pin, attempt| samples.push(Sample::of(pin, attempt)));
    let mut by_hour: BTreeMap<i64, Vec<Sample>> = BTreeMap::new();
    samples.iter().for_each(|sample| by_hour.entry(sample.hour()).or_default().push(*sample));
    (samples, by_hour.into_iter().map(|(hour, samples)| (hour, Sums::of(&samples))).collect())
}

fn assert_exact(store: &FakeStore, what: &str) {
    let ((mut samples, sums), (true_samples, true_sums)) = (store.peek_rollups(testdata::workspace()), truth(store));
    samples.sort_unstable_by_key(|sample| sample.pin);
    assert_eq!(samples, true_samples, "{what}");
    assert_eq!(sums, true_sums, "{what}");
}

/// One that has published, failed and waiting pins, of which the rollup knows nothing yet, and whose rescuer has done
/// with the minutes in which they were accepted.
async fn not_rolled_up(pins: usize) -> (TestWorld, Arc<FakeStore>, Vec<PinKey>) {
    let (mut world, store) = TestWorld::with_store(5).await;
    // The first three at once, one with a slot, the others through the backlog.
    world.context.settings.pace = Pace::new(3, 0.02);
    world.pinterest.answer_next([Answer::Created, Answer::Refused(Failure::ImageBroken, None)]);
    let keys = accept_numbered(&world, 0..pins).await;
    while world.run_publisher_once().await > 0 {}
    world.system.advance_ms(16 * MINUTE_MS);
    world.context.rollups.set_rolled_up(START.minute() - 1).await.expect("set");
    world.context.store.set_watermark(START.minute() + 12).await.expect("set");
    (world, store, keys)
}

async fn roll_up_now(world: &TestWorld) -> RolledUp {
    let ends_at_ms = world.context.system.monotonic_ms() + ENDS_AT_MS;
    roll_up(&world.context, ends_at_ms).await.expect("folded")
}

#[tokio::test]
async fn the_first_fold_counts_every_pin_and_the_next_one_nothing_again() {
    let (world, store, keys) = not_rolled_up(12).await;
    let ends: Vec<Status> = world.pins(&keys).await.iter().map(|(_, attempt)| attempt.status).collect();
    for status in [Status::Published, Status::Failed, Status::Deferred] {
        assert!(ends.contains(&status), "{ends:?}");
    }
    let waiting = world.pins(&keys).await;
    assert!(waiting.iter().any(|(pin, _)| matches!(pin.placement, Placement::Backlog(_))), "without a recovery marker");
    let rolled_up = roll_up_now(&world).await;
    assert_eq!((rolled_up.minutes, rolled_up.samples, rolled_up.behind), (10, 12, 0));
    assert_exact(&store, "once");
    assert_eq!(roll_up_now(&world).await, RolledUp::default(), "nothing is left to be done");
}

/// A fault at every port call of a roll-up, one run each.
#[tokio::test]
async fn a_fault_at_any_call_of_a_roll_up_leaves_the_rollup_exact_after_the_next_one() {
    for fault in FAULTS_AND_REPEATS {
        // The reads of the clock, all alike, are not among any call's.
        for nth in [1, 17, 40, 41, 80] {
            let (world, store, _) = not_rolled_up(40).await;
            world.faults.plan("store.markers", nth, fault);
            roll_up_with_fault(&world, &store, &format!("{fault:?} at reading {nth} of the clock")).await;
        }
    }
    sweep(&FAULTS_AND_REPEATS, 10, async |nth, fault| {
        let (world, store, _) = not_rolled_up(40).await;
        world.faults.plan_any(nth, fault);
        roll_up_with_fault(&world, &store, &format!("{fault:?} at call {nth}")).await;
        !world.faults.heal()
    })
    .await;
}

async fn roll_up_with_fault(world: &TestWorld, store: &FakeStore, what: &str) {
    let ends_at_ms = world.context.system.monotonic_ms() + ENDS_AT_MS;
    let _ = world.faults.mortal(roll_up(&world.context, ends_at_ms)).await;
    // The clean one, in which no fault is left but one that no call met.
    world.faults.spare(roll_up_now(world)).await;
    assert_exact(store, what);
}

#[tokio::test]
async fn two_folds_at_once_are_as_good_as_one() {
    for nth in 1..30 {
        let (world, store, _) = not_rolled_up(80).await;
        for more in 0..3 {
            world.faults.plan_any(nth + more * 2, Fault::Yield);
        }
        let ends_at_ms = world.context.system.monotonic_ms() + ENDS_AT_MS;
        let (first, second) = tokio::join!(roll_up(&world.context, ends_at_ms), roll_up(&world.context, ends_at_ms));
        let _ = (first, second);
        world.faults.heal();
        roll_up_now(&world).await;
        assert_exact(&store, &format!("they take turns at call {nth}"));
    }
}

/// A worker that read the pins, then stood still while everything went on, writes what it read.
#[tokio::test]
async fn what_a_worker_read_long_ago_changes_nothing_when_it_writes_it_at_last() {
    for call in
        ["rollups.first_rollup_page", "rollups.other_rollup_pages", "rollups.save_rollup_page", "rollups.set_rolled_up"]
    {
        let (world, store, keys) = not_rolled_up(40).await;
        let failed = world.pins(&keys).await.into_iter().find(|(_, attempt)| attempt.status == Status::Failed);
        let failed = failed.expect("one failed").0.key;
        world.faults.plan(call, 1, Fault::Yield);
        let ends_at_ms = world.context.system.monotonic_ms() + ENDS_AT_MS;
        let meanwhile = async {
            retry_pin(&world.context, failed, false).await.expect("retried");
            roll_up(&world.context, ends_at_ms).await
        };
        let (stale, fresh) = tokio::join!(roll_up(&world.context, ends_at_ms), meanwhile);
        let _ = (stale, fresh);
        let samples = store.peek_rollups(testdata::workspace()).0;
        let sample = samples.iter().find(|sample| sample.pin == failed.pin).expect("told");
        assert_eq!(sample.end, End::Open, "{call}");
        assert_exact(&store, call);
    }
}

#[tokio::test]
async fn a_retried_pins_failure_is_taken_out_again() {
    let (world, store) = TestWorld::with_store(3).await;
    world.pinterest.answer_next([Answer::Refused(Failure::ImageBroken, None)]);
    let key = world.accept("key").await;
    world.run_for_ms(ROLLED_UP_AFTER_MS).await;
    assert_exact(&store, "failed");
    let failed_at = world.attempt(key).await.finished_at.expect("it failed");
    assert_eq!(store.peek_rollups(testdata::workspace()).0[0].end, End::Failed(failed_at));
    for answer in [Answer::Refused(Failure::ImageBroken, None), Answer::Created] {
        world.pinterest.answer_next([answer]);
        retry_pin(&world.context, key, false).await.expect("retried");
        world.run_for_ms(ROLLED_UP_AFTER_MS).await;
        assert_exact(&store, "retried");
    }
    assert!(matches!(store.peek_rollups(testdata::workspace()).0[0].end, End::Published(_)));
}

#[tokio::test]
async fn a_backlog_is_counted_when_it_is_accepted_and_again_as_it_is_released() {
    let (mut world, store) = TestWorld::with_store(3).await;
    world.context.settings.pace = Pace::new(2, 0.05);
    let keys = accept_numbered(&world, 0..60).await;
    world.run_for_ms(ROLLED_UP_AFTER_MS).await;
    let open = |store: &FakeStore| {
        let samples = store.peek_rollups(testdata::workspace()).0;
        (samples.len(), samples.iter().filter(|sample| sample.end == End::Open).count())
    };
    let (told, still_open) = open(&store);
    assert_eq!(told, 60, "accepted, though they wait");
    assert!(still_open > 10, "{still_open}");
    world.run_until_finished(&keys, START.plus_ms(60 * MINUTE_MS)).await;
    world.run_for_ms(ROLLED_UP_AFTER_MS).await;
    assert_eq!(open(&store), (60, 0));
    assert_exact(&store, "released");
}

/// Twenty ticks, in all of which the rollup's rows can't be read or written.
#[tokio::test]
async fn a_rollup_that_fails_throughout_keeps_nothing_from_being_published() {
    for call in ["rollups.rolled_up", "rollups.first_rollup_page", "rollups.save_rollup_page", "rollups.set_rolled_up"]
    {
        let mut ends = Vec::new();
        for fails in [false, true] {
            let (mut world, store) = TestWorld::with_store(3).await;
            world.context.settings.pace = Pace::new(2, 0.05);
            let keys = accept_numbered(&world, 0..20).await;
            if fails {
                (1..200).for_each(|nth| world.faults.plan(call, nth, Fault::FailBefore));
            }
            world.run_until_finished(&keys, START.plus_ms(20 * MINUTE_MS)).await;
            world.run_until(START.plus_ms(20 * MINUTE_MS)).await;
            let finished: Vec<Option<Moment>> =
                world.pins(&keys).await.into_iter().map(|(_, attempt)| attempt.finished_at).collect();
            assert_eq!(world.pinterest.pins().len(), 20);
            ends.push(finished);
            if fails {
                // Minutes without anything may have been folded.
                let rolled_up = store.peek_rolled_up();
                assert!(
                    rolled_up.is_none_or(|minute| minute < START.minute() + 2),
                    "nothing could be folded: {rolled_up:?}"
                );
                assert!(world.faults.heal());
                world.run_for_ms(ROLLED_UP_AFTER_MS).await;
            }
            assert_exact(&store, call);
        }
        assert_eq!(ends[0], ends[1], "each pin at the same moment, with and without the rollup");
    }
}

/// Each tick ends at the rollup: killed there, the next one is not kept waiting by its lease.
#[tokio::test]
async fn a_dispatcher_that_dies_while_it_folds_has_given_back_its_lease() {
    let (world, _) = TestWorld::with_store(3).await;
    world.faults.plan("rollups.rolled_up", 1, Fault::DieBefore);
    assert!(world.run_dispatcher_once().await.is_none(), "it died");
    let report = world.run_dispatcher_once().await.expect("survives").expect("dispatched");
    assert!(report.ran);
}

/// A row whose pins are partly unfinished is filed anew for those; the others are still told.
#[tokio::test]
async fn the_finished_pins_of_a_row_that_is_filed_anew_are_not_forgotten() {
    let (mut world, store) = TestWorld::with_store(5).await;
    world.context.settings.pace = Pace::new(3, 0.2);
    let keys = accept_numbered(&world, 0..40).await;
    // Released together, a part of them is published when the queue loses the others.
    world.run_for_ms(150 * SECOND_MS).await;
    assert!(world.queue.lose_all() > 3);
    let published = world.pins(&keys).await.iter().filter(|(_, attempt)| attempt.status.is_terminal()).count();
    assert!((23..38).contains(&published), "{published}");
    world.run_until_finished(&keys, START.plus_ms(60 * MINUTE_MS)).await;
    world.run_for_ms(ROLLED_UP_AFTER_MS).await;
    assert_exact(&store, "a part of a row came later");
}

/// As many workspaces with a backlog as this, each with a pin that waits there from the start.
async fn many_waiting(workspaces: u128) -> (TestWorld, Arc<FakeStore>, Vec<WorkspaceId>) {
    let (world, store) = TestWorld::with_store(6).await;
    let ids: Vec<WorkspaceId> = (0..workspaces).map(|number| WorkspaceId(Uuid::from_u128(number << 64))).collect();
    let fill = async {
        for workspace in &ids {
            let account = AccountKey { workspace: *workspace, account: testdata::account() };
            let pin = pin_of(testdata::request("waits"), START, Placement::Backlog(WaitReason::AccountPacing));
            let pin = Pin { key: PinKey { workspace: *workspace, pin: pin.key.pin }, ..pin };
            world.context.store.mark_waiting(account, START).await.expect("marked");
            world.context.store.put_pin(&pin).await.expect("written");
        }
    };
    world.faults.spare(fill).await;
    world.system.advance_ms(16 * MINUTE_MS);
    world.context.rollups.set_rolled_up(START.minute() - 1).await.expect("set");
    world.context.store.set_watermark(START.minute() + 12).await.expect("set");
    (world, store, ids)
}

fn counted(store: &FakeStore, workspaces: &[WorkspaceId]) -> usize {
    let once = |workspace: &&WorkspaceId| {
        let (samples, sums) = store.peek_rollups(**workspace);
        let sums_of_samples = sums.values().flat_map(|sums| sums.0.values()).flat_map(|of| of.created).sum::<u32>();
        assert!(samples.len() <= 1 && sums_of_samples as usize == samples.len(), "{workspace:?}: {samples:?}");
        samples.len() == 1
    };
    workspaces.iter().filter(once).count()
}

#[tokio::test]
async fn a_roll_up_of_thousands_of_waiting_workspaces_ends_in_time_and_goes_on_where_it_stopped() {
    const WORKSPACES: u128 = 2_500;
    const INVOCATION_MS: i64 = 55 * SECOND_MS;
    /// Each port call; that of a listing makes four queries.
    const CALL_MS: i64 = 5;
    /// What is begun when the time is over: the workspaces that are rolled up together.
    const ENDS_LATE_MS: i64 = 2 * SECOND_MS;
    let (world, store, ids) = many_waiting(WORKSPACES).await;
    world.faults.take_ms(CALL_MS);
    let mut before = 0;
    for _ in 0..40 {
        let began_ms = world.context.system.monotonic_ms();
        let rolled_up = roll_up(&world.context, began_ms + INVOCATION_MS).await.expect("rolled up");
        let took_ms = world.context.system.monotonic_ms() - began_ms;
        assert!(took_ms <= RUN_MAX_MS + ENDS_LATE_MS, "a run took {took_ms} ms");
        let now = counted(&store, &ids);
        if rolled_up.behind == 0 {
            assert_eq!((now, store.peek_rolled_up()), (ids.len(), Some(START.minute() + 9)));
            return;
        }
        assert!(now > before || rolled_up.minutes > 0, "every run comes further: {now} after {before}");
        before = now;
    }
    panic!("after 40 runs {before} of {} workspaces are in the rollup", ids.len());
}

#[tokio::test]
async fn a_run_with_hardly_any_time_comes_further_too() {
    let (world, store, ids) = many_waiting(100).await;
    world.faults.take_ms(1);
    for runs in 1.. {
        assert!(runs <= 10, "{} of {}", counted(&store, &ids), ids.len());
        let ends_at_ms = world.context.system.monotonic_ms() + 10 * SECOND_MS + 10;
        if roll_up(&world.context, ends_at_ms).await.expect("rolled up").behind == 0 {
            break;
        }
    }
    assert_eq!(counted(&store, &ids), ids.len());
}

/// A single workspace with more waiting pins than a run has time for.
#[tokio::test]
async fn a_listing_that_is_longer_than_a_run_is_continued_by_the_next_ones() {
    const PINS: usize = 12_000;
    const PINS_A_RUN: usize = 6_000;
    let (world, store) = TestWorld::with_store(6).await;
    let fill = async {
        world.context.store.mark_waiting(testdata::connected_account().key, START).await.expect("marked");
        for number in 0..PINS {
            let request = testdata::request(&format!("waits-{number}"));
            let accepted_at = START.plus_ms(number as i64);
            let pin = pin_of(request, accepted_at, Placement::Backlog(WaitReason::AccountPacing));
            world.context.store.put_pin(&pin).await.expect("written");
        }
    };
    world.faults.spare(fill).await;
    world.system.advance_ms(16 * MINUTE_MS);
    world.context.rollups.set_rolled_up(START.minute() - 1).await.expect("set");
    world.context.store.set_watermark(START.minute() + 12).await.expect("set");
    world.faults.take_ms(1);
    let known = || store.peek_rollups(testdata::workspace()).0.len();
    let mut runs = 0;
    while known() < PINS || store.peek_rolled_up() < Some(START.minute() + 9) {
        let (before, ends_at_ms) = (known(), world.context.system.monotonic_ms() + 10 * SECOND_MS + 1);
        let run = world.faults.mortal(roll_up(&world.context, ends_at_ms)).await;
        let new = known() - before;
        assert!(new <= PINS_A_RUN, "a run without time rolled up {new} pins");
        runs += 1;
        assert!(runs <= 8, "after {runs} runs {} of {PINS} pins are in the rollup: {run:?}", known());
    }
    assert!(runs > 2, "{runs} runs");
    let sums: u32 = store
        .peek_rollups(testdata::workspace())
        .1
        .values()
        .flat_map(|of| of.0.values())
        .flat_map(|of| of.created)
        .sum();
    assert_eq!(sums as usize, PINS, "each is counted once");
}

/// Deaths, errors and repeated calls between the workspaces of a group, in runs that stop in its middle.
#[tokio::test]
async fn a_death_in_the_middle_of_a_group_neither_loses_nor_counts_twice() {
    let run = async |world: &TestWorld| {
        // Time for some of the workspaces.
        let ends_at_ms = world.context.system.monotonic_ms() + 10 * SECOND_MS + 100;
        let _ = world.faults.mortal(roll_up(&world.context, ends_at_ms)).await;
    };
    for call in ["rollups.set_begun_group", "rollups.begun_group", "rollups.set_rolled_up", "rollups.save_rollup_page"]
    {
        for fault in FAULTS_AND_REPEATS {
            for nth in [1, 2] {
                let (world, store, ids) = many_waiting(100).await;
                world.faults.take_ms(1);
                world.faults.plan(call, nth, fault);
                for _ in 0..20 {
                    run(&world).await;
                    counted(&store, &ids);
                }
                let what = format!("{fault:?} at call {nth} of {call}");
                assert_eq!(counted(&store, &ids), ids.len(), "{what}");
                assert_eq!(store.peek_rolled_up(), Some(START.minute() + 9), "{what}");
            }
        }
    }
}

#[tokio::test]
async fn two_runs_at_once_that_stop_in_the_middle_of_a_group_lose_nothing() {
    for nth in 1..20 {
        let (world, store, ids) = many_waiting(100).await;
        world.faults.take_ms(1);
        (0..4).for_each(|more| world.faults.plan_any(nth + 7 * more, Fault::Yield));
        for _ in 0..12 {
            let ends_at_ms = world.context.system.monotonic_ms() + 10 * SECOND_MS + 100;
            let (first, second) =
                tokio::join!(roll_up(&world.context, ends_at_ms), roll_up(&world.context, ends_at_ms));
            let _ = (first, second);
        }
        assert_eq!(counted(&store, &ids), ids.len(), "they take turns at call {nth}");
    }
}
