//! The dashboard's metrics are those of the pins, or say that they aren't complete: during a burst and after it,
//! whatever dies.

use std::collections::BTreeMap;
use std::sync::Arc;

use pinbridge_shared::domain::account::Account;
use pinbridge_shared::domain::ids::{AccountId, AccountKey, PinKey};
use pinbridge_shared::domain::pacing::bucket::Pause;
use pinbridge_shared::domain::pacing::pace::Pace;
use pinbridge_shared::domain::pin::attempt::Status;
use pinbridge_shared::domain::pin::failure::Failure;
use pinbridge_shared::domain::pin::{PinRequest, Placement, WaitReason};
use pinbridge_shared::domain::stats::metrics::{Scope, Totals, Waiting};
use pinbridge_shared::domain::stats::period::{Period, Zone};
use pinbridge_shared::domain::stats::rollup::recent::SAMPLES_PER_ROW;
use pinbridge_shared::domain::stats::rollup::{End, Sample};
use pinbridge_shared::domain::testdata;
use pinbridge_shared::domain::time::{DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS};
use pinbridge_shared::flows::pacing::rate_meter;
use pinbridge_shared::flows::pins::delete_pin::delete_pin;
use pinbridge_shared::flows::pins::retry_pin::retry_pin;
use pinbridge_shared::flows::stats::dashboard::{self, LIVE_MAX, ONE_BY_ONE_MAX, Summary};
use pinbridge_shared::ports::Tokens;
use pinbridge_shared::testing::fake_pinterest::Answer;
use pinbridge_shared::testing::fake_store::FakeStore;
use pinbridge_shared::testing::faults::Fault;
use pinbridge_shared::testing::{START, TestWorld};
use uuid::Uuid;

fn account(index: usize) -> AccountKey {
    let account = if index == 0 { testdata::account() } else { AccountId(Uuid::from_u128(0x500 + index as u128)) };
    AccountKey { workspace: testdata::workspace(), account }
}

/// One with so many connected accounts.
async fn with_accounts(accounts: usize, pace: Pace) -> (TestWorld, Arc<FakeStore>) {
    let (mut world, store) = TestWorld::with_store(11).await;
    world.context.settings.pace = pace;
    for index in 1..accounts {
        let row = Account { key: account(index), ..testdata::connected_account() };
        assert!(world.context.store.save_account(&row).await.expect("stored").is_done());
        let tokens = Tokens::bare("token-1", None);
        let stored = world.context.secrets.store_tokens(row.key, &world.context.version(), &tokens).await;
        stored.expect("stored");
    }
    (world, store)
}

fn title(index: usize) -> String {
    format!("Crane {index}")
}

/// Pins of all accounts in turns; every fiftieth is refused.
async fn burst(world: &TestWorld, accounts: usize, indices: std::ops::Range<usize>) -> Vec<PinKey> {
    let mut keys = Vec::with_capacity(indices.len());
    for index in indices {
        let request = PinRequest {
            account: account(index % accounts).account,
            title: title(index),
            ..testdata::request(&format!("key-{index}"))
        };
        if index.is_multiple_of(50) {
            world.pinterest.answer(&title(index), [Answer::Refused(Failure::ImageBroken, None)]);
        }
        keys.push(world.accept_request(request).await);
    }
    keys
}

async fn summary(world: &TestWorld, scope: Scope) -> Summary {
    let (start, end) = (START.plus_ms(-DAY_MS), world.now().plus_ms(HOUR_MS));
    let period = Period::new(Zone::utc(), Some(start), Some(end), world.now()).expect("a period");
    let read = dashboard::summary(&world.context, testdata::workspace(), &period, scope);
    world.faults.spare(read).await.expect("read")
}

/// The metrics as the pins' own rows have them.
fn truth(store: &FakeStore, only: Option<AccountId>) -> (Totals, BTreeMap<AccountId, u64>) {
    let (mut totals, mut by_account) = (Totals::default(), BTreeMap::new());
    store.each_pin(|pin, attempt| {
        if only.is_some_and(|only| only != pin.request.account) {
            return;
        }
        totals.submitted += 1;
        match Sample::of(pin, attempt).end {
            End::Published(_) => {
                totals.published += 1;
                *by_account.entry(pin.request.account).or_default() += 1;
            }
            End::Failed(_) => totals.failed += 1,
            End::Deleted => {}
            End::Open => match attempt.status {
                Status::Queued => totals.waiting.queued += 1,
                Status::Deferred => totals.waiting.deferred += 1,
                _ => totals.waiting.publishing += 1,
            },
        }
    });
    (totals, by_account)
}

async fn assert_true(world: &TestWorld, store: &FakeStore, what: &str) {
    let answer = summary(world, Scope::Everybody).await;
    let (totals, by_account) = truth(store, None);
    assert!(answer.is_exact() && !answer.is_rounded, "{what}: {totals:?}");
    assert_eq!(answer.metrics.now, totals, "{what}");
    assert_eq!(answer.metrics.published_by_account, by_account, "{what}");
    assert_eq!(answer.metrics.queue, totals.waiting, "{what}");
    for of in [testdata::account(), account(3).account] {
        let answer = summary(world, Scope::Only(vec![of])).await;
        assert_eq!(answer.metrics.now, truth(store, Some(of)).0, "{what}, of {of}");
    }
}

#[tokio::test]
async fn a_burst_of_ten_thousand_pins_is_counted_exactly_all_along() {
    const PINS: usize = 10_000;
    let (world, store) = with_accounts(12, Pace::new(400, 20.0)).await;
    let keys = burst(&world, 12, 0..PINS).await;
    assert_true(&world, &store, "accepted").await;
    world.faults.take_calls();
    for _ in 0..6 {
        world.run_for_ms(8 * SECOND_MS).await;
        assert_true(&world, &store, &format!("at {}", world.now().rfc3339())).await;
    }
    world.run_until_finished(&keys, world.now().plus_ms(MINUTE_MS)).await;
    let rows = world.faults.take_calls().into_iter().filter(|call| *call == "rollups.put_recent").count();
    assert!(rows <= PINS / SAMPLES_PER_ROW, "{rows} rows for {PINS} pins");
    world.run_for_ms(MINUTE_MS).await;
    let answer = summary(&world, Scope::Everybody).await;
    assert_eq!((answer.metrics.now.published, answer.metrics.now.failed), (9_800, 200), "a minute later");
    assert_eq!((answer.metrics.queue, answer.is_exact()), (Waiting::default(), true));
    let mut read = 0;
    for minute in 0..25 {
        world.faults.take_calls();
        world.run_for_ms(MINUTE_MS).await;
        assert_true(&world, &store, &format!("{minute} minutes later, as it is rolled up")).await;
        read += summary(&world, Scope::Everybody).await.metrics.now.published;
    }
    assert_eq!(read, 25 * 9_800);
}

/// 3,581 pins of twelve accounts, most of them in the backlog, while workers die, answers are lost and rows of recent
/// outcomes are not written.
#[tokio::test]
async fn a_burst_is_counted_exactly_whatever_dies_between_the_outcome_and_its_count() {
    const PINS: usize = 3_581;
    let (world, store) = with_accounts(12, Pace::new(50, 1.0)).await;
    let faults = [
        ("store.save_attempt", Fault::DieAfter),
        ("store.save_attempt", Fault::Repeated),
        ("rollups.put_recent", Fault::DieBefore),
        ("rollups.put_recent", Fault::DieAfter),
        ("rollups.put_recent", Fault::FailBefore),
        ("rollups.put_recent", Fault::FailAfter),
        ("rollups.put_recent", Fault::Repeated),
        ("rollups.save_rollup_page", Fault::DieAfter),
        ("rollups.set_rolled_up", Fault::DieBefore),
    ];
    burst(&world, 12, 0..PINS).await;
    assert!(PINS > ONE_BY_ONE_MAX && truth(&store, None).0.waiting.total() == PINS as u64);
    assert_true(&world, &store, "accepted").await;
    let mut before = Totals::default();
    for step in 0..40 {
        for (index, (call, fault)) in faults.iter().enumerate() {
            world.faults.plan(call, 1 + (step * 7 + index * 11) % 40, *fault);
        }
        world.run_for_ms(10 * SECOND_MS).await;
        world.faults.heal();
        assert_true(&world, &store, &format!("after {} s", 10 * (step + 1))).await;
        let now = truth(&store, None).0;
        // The last ones wait for their boards to be read: the workers that called for them have died.
        let is_done = now.waiting.queued + now.waiting.deferred == 0;
        assert!(now.published > before.published || is_done, "it goes on: {now:?}");
        before = now;
    }
    assert!(before.failed > 60 && before.published > 3_000, "{before:?}");
}

#[tokio::test]
async fn more_pins_than_can_be_read_are_no_rate_and_no_exact_figure() {
    let (world, store) = TestWorld::with_store(3).await;
    let keys = burst(&world, 1, 0..6).await;
    world.run_for_ms(5 * SECOND_MS).await;
    for index in 0..LIVE_MAX + 40 {
        let request = PinRequest { title: title(index), ..testdata::request(&format!("more-{index}")) };
        let pin = testdata::pin_of(request, world.now(), Placement::Now);
        world.context.store.put_pin(&pin).await.expect("written");
    }
    let (answer, totals) = (summary(&world, Scope::Everybody).await, truth(&store, None).0);
    assert!(!answer.is_exact() && answer.is_at_least && answer.is_waiting_estimated);
    assert_eq!(answer.metrics.now.submitted, totals.submitted, "every pin is counted once");
    assert_eq!(answer.metrics.now.total(), totals.total());
    assert!(answer.metrics.now.published <= totals.published && answer.metrics.now.failed <= totals.failed);
    assert_eq!(keys.len() as u64, totals.published + totals.failed);
}

/// Days later, when the hour of its acceptance is counted by its sums.
#[tokio::test]
async fn a_retried_pin_is_not_failed_from_that_moment_on_and_a_worker_that_dies_changes_nothing() {
    let faults = [Fault::DieBefore, Fault::DieAfter, Fault::FailBefore, Fault::FailAfter, Fault::Repeated];
    for fault in faults.map(Some).into_iter().chain([None]) {
        for call in ["store.save_attempt", "rollups.put_recent"] {
            let (world, store) = with_accounts(4, Pace::new(50, 1.0)).await;
            let keys = burst(&world, 1, 0..30).await;
            world.run_until_finished(&keys, START.plus_ms(5 * MINUTE_MS)).await;
            world.run_for_ms(2 * HOUR_MS).await;
            assert_true(&world, &store, "rolled up").await;
            let failed = world.pins(&keys).await.into_iter().find(|(_, attempt)| attempt.status == Status::Failed);
            let failed = failed.expect("one failed").0.key;
            if let Some(fault) = fault {
                world.faults.plan(call, 1, fault);
            }
            let _ = world.faults.mortal(retry_pin(&world.context, failed, false)).await;
            world.faults.heal();
            for minute in 0..20 {
                assert_true(&world, &store, &format!("{fault:?} at {call}, {minute} minutes later")).await;
                world.run_for_ms(MINUTE_MS).await;
            }
        }
    }
}

#[tokio::test]
async fn pins_that_left_their_backlog_while_nothing_was_rolled_up_are_counted_all_along() {
    let (world, store) = with_accounts(1, Pace::new(50, 1.0)).await;
    let pause = Pause::new(&world.context.settings.pace, START.plus_ms(30 * MINUTE_MS), WaitReason::AccountPaused);
    world.context.store.pause(account(0), &pause).await.expect("paused");
    burst(&world, 1, 1..60).await;
    // Neither the dispatcher nor the rollup runs until the pause is over.
    world.run_for_ms(11 * MINUTE_MS).await;
    world.system.advance_ms(40 * MINUTE_MS);
    for minute in 0..40 {
        assert_true(&world, &store, &format!("minute {minute} after the outage")).await;
        world.run_for_ms(MINUTE_MS).await;
    }
}

#[tokio::test]
async fn deleted_and_called_off_pins_are_neither_waiting_nor_failed() {
    let (world, store) = with_accounts(4, Pace::new(5, 0.1)).await;
    let keys = burst(&world, 2, 1..40).await;
    world.run_for_ms(20 * SECOND_MS).await;
    for key in keys.iter().step_by(3) {
        let _ = delete_pin(&world.context, *key).await;
    }
    for _ in 0..25 {
        assert_true(&world, &store, &format!("at {}", world.now().rfc3339())).await;
        world.run_for_ms(MINUTE_MS).await;
    }
}

#[tokio::test]
async fn the_rate_meter_counts_the_pins_with_a_slot_in_the_queue_too() {
    let (world, store) = with_accounts(2, Pace::new(50, 1.0)).await;
    burst(&world, 2, 0..600).await;
    let meter = async |index: usize| rate_meter::read(&world.context, account(index)).await.expect("read");
    let unfinished = |index: usize| truth(&store, Some(account(index).account)).0.waiting;
    for _ in 0..12 {
        for index in [0, 1] {
            let (meter, waiting) = (meter(index).await, unfinished(index));
            assert_eq!(meter.waiting as u64, waiting.queued + waiting.deferred, "account {index}");
            assert!(!meter.waiting_is_at_least);
        }
        world.run_for_ms(35 * SECOND_MS).await;
    }
    assert_eq!(meter(0).await.waiting, 0);
    // One that waits for a retry has begun before, and waits all the same.
    world.pinterest.answer("Crane 700", [Answer::Refused(Failure::PinterestBusy, Some(40 * SECOND_MS))]);
    burst(&world, 2, 700..701).await;
    world.run_for_ms(2 * SECOND_MS).await;
    assert_eq!(meter(0).await.waiting, 1);
}

/// A burst larger than what the meter counts.
#[tokio::test]
async fn the_rate_meter_says_where_it_stops_counting() {
    let (world, _) = with_accounts(1, Pace::new(50, 1.0)).await;
    burst(&world, 1, 1..1_060).await;
    let meter = rate_meter::read(&world.context, account(0)).await.expect("read");
    assert_eq!((meter.waiting, meter.waiting_is_at_least), (1_000, true));
}
