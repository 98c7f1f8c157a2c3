//! Pacing: bursts, the backlog, pauses.

use pinbridge_shared::domain::pacing::backlog::BacklogRow;
use pinbridge_shared::domain::pacing::pace::TOKEN_VALID_AT_LEAST_MS;
use pinbridge_shared::domain::pin::attempt::Status;
use pinbridge_shared::domain::pin::failure::Failure;
use pinbridge_shared::domain::pin::{PinRequest, Placement, Priority, WaitReason};
use pinbridge_shared::domain::testdata;
use pinbridge_shared::domain::time::{MINUTE_MS, Moment, SECOND_MS};
use pinbridge_shared::testing::fake_pinterest::Answer;
use pinbridge_shared::testing::faults::Fault;
use pinbridge_shared::testing::{START, TestWorld};

use super::{accept_numbered, numbered};

/// A request of its own content.
fn call_times(world: &TestWorld) -> Vec<Moment> {
    world.pinterest.calls().iter().map(|call| call.at).collect()
}

/// The rate oracle, independent of the bucket: in any window of w seconds at most 50 + w calls.
fn assert_paced(times: &[Moment]) {
    for (index, from) in times.iter().enumerate() {
        for (other, to) in times.iter().enumerate().skip(index) {
            let (calls, window_ms) = ((other - index + 1) as i64, to.since_ms(*from));
            assert!(
                calls * SECOND_MS <= 50 * SECOND_MS + window_ms,
                "{calls} calls within {window_ms} ms from {from:?}"
            );
        }
    }
}

#[tokio::test]
async fn two_hundred_at_once_go_out_as_fast_as_the_pace_allows() {
    // At the start of a minute, within it, and off the whole second.
    for offset_ms in [0, 17_300, 59_999] {
        let world = TestWorld::new(1).await;
        world.system.advance_ms(offset_ms);
        let start = world.now();
        let keys = accept_numbered(&world, 0..200).await;
        let (mut now, mut slots, mut backlog) = (0, Vec::new(), 0);
        for key in &keys {
            match world.pin(*key).await.0.placement {
                Placement::Now => now += 1,
                Placement::Due(_) => panic!("nothing is scheduled"),
                Placement::Slot(slot) => slots.push(slot.since_ms(start)),
                Placement::Backlog(reason) => {
                    assert_eq!(reason, WaitReason::AccountPacing);
                    backlog += 1;
                }
            }
        }
        assert_eq!((now, backlog), (50, 62));
        let slots_from = |count| (1..=count).map(|n| n * SECOND_MS + TOKEN_VALID_AT_LEAST_MS).collect::<Vec<_>>();
        assert_eq!(slots, slots_from(88));

        world.run_until_finished(&keys, start.plus_ms(152 * SECOND_MS)).await;
        let times = call_times(&world);
        assert_eq!(times.len(), 200, "each once");
        assert_paced(&times);
        assert!(times[..50].iter().all(|at| *at == start), "fifty at once");
        let rest: Vec<i64> = times[50..].iter().map(|at| at.since_ms(start)).collect();
        assert_eq!(rest, slots_from(150), "then one a second, gapless");
    }
}

#[tokio::test]
async fn a_trickle_is_never_delayed() {
    let world = TestWorld::new(1).await;
    for index in 0..120 {
        let key = world.accept_request(numbered(index)).await;
        world.run_publisher_once().await;
        assert_eq!(world.attempt(key).await.status, Status::Published, "pin {index}");
        world.run_for_ms(1_001).await;
    }
    assert_paced(&call_times(&world));
}

#[tokio::test]
async fn the_backlog_goes_by_priority_and_then_by_age() {
    let world = TestWorld::new(1).await;
    accept_numbered(&world, 0..138).await;
    let mut waiting = Vec::new();
    for (index, priority) in
        [(200, Priority::Bulk), (201, Priority::Normal), (202, Priority::Urgent), (203, Priority::Normal)]
    {
        world.system.advance_ms(1);
        waiting.push(world.accept_request(PinRequest { priority, ..numbered(index) }).await);
    }
    world.run_until_finished(&waiting, START.plus_ms(4 * MINUTE_MS)).await;
    let titles: Vec<String> = world.pinterest.calls()[138..].iter().map(|call| call.request.title.clone()).collect();
    assert_eq!(titles, [202, 201, 203, 200].map(|index| format!("Crane number {index}")));
}

#[tokio::test]
async fn nobody_overtakes_the_backlog_and_it_empties_for_good() {
    let world = TestWorld::new(1).await;
    let mut keys = accept_numbered(&world, 0..139).await;
    world.run_for_ms(30 * SECOND_MS).await;
    let late = world.accept_request(numbered(500)).await;
    assert!(matches!(world.pin(late).await.0.placement, Placement::Backlog(_)), "behind the one who waits");
    keys.push(late);
    world.run_until_finished(&keys, START.plus_ms(5 * MINUTE_MS)).await;
    world.run_for_ms(3 * MINUTE_MS).await;
    let after = world.accept_request(numbered(501)).await;
    assert_eq!(world.pin(after).await.0.placement, Placement::Now, "the mark is gone");
    assert_paced(&call_times(&world));
}

#[tokio::test]
async fn an_outage_of_the_publisher_ends_without_a_burst() {
    let world = TestWorld::new(1).await;
    let keys = accept_numbered(&world, 0..180).await;
    // Nobody works for ten minutes, though the dispatcher ticks.
    for _ in 0..10 {
        world.system.advance_ms(MINUTE_MS);
        world.run_dispatcher_once().await.expect("survives").expect("dispatched");
    }
    let end = world.now();
    world.run_until_finished(&keys, end.plus_ms(10 * MINUTE_MS)).await;
    assert_eq!(world.pinterest.pins().len(), 180);
    assert_paced(&call_times(&world));
}

#[tokio::test]
async fn a_token_that_went_stale_during_the_write_ahead_is_not_used() {
    let world = TestWorld::new(1).await;
    world.faults.plan("store.save_attempt", 1, Fault::Slow(TOKEN_VALID_AT_LEAST_MS + 1));
    let key = world.accept("slow").await;
    world.run_until_finished(&[key], START.plus_ms(MINUTE_MS)).await;
    let (calls, attempt) = (world.pinterest.calls(), world.attempt(key).await);
    assert_eq!((calls.len(), attempt.attempt, attempt.attempts_spent()), (1, 2, 1), "{attempt:?}");
    let bucket = world.context.store.bucket(testdata::connected_account().key).await.expect("readable");
    assert!(bucket.tat >= calls[0].at.plus_ms(SECOND_MS), "with a token of its own: {bucket:?}");
}

#[tokio::test]
async fn a_retry_takes_a_token_of_its_own() {
    let world = TestWorld::new(1).await;
    world.pinterest.answer_next(std::iter::repeat_n(Answer::Refused(Failure::PinterestBusy, None), 50));
    let keys = accept_numbered(&world, 0..50).await;
    world.run_until_finished(&keys, START.plus_ms(5 * MINUTE_MS)).await;
    assert_eq!(world.pinterest.calls().len(), 100);
    assert_paced(&call_times(&world));
}

#[tokio::test]
async fn a_rate_limit_pauses_the_account_and_nothing_is_lost() {
    let world = TestWorld::new(1).await;
    let keys = accept_numbered(&world, 0..80).await;
    let until = START.plus_ms(90 * SECOND_MS);
    world.pinterest.answer("Crane number 20", [Answer::Refused(Failure::RateLimited, Some(90 * SECOND_MS))]);
    world.run_until(START.plus_ms(35 * SECOND_MS)).await;
    let sent = call_times(&world).len();
    assert!((21..=30).contains(&sent), "what was in flight with it, and no more: {sent}");
    for key in &keys[30..65] {
        let (pin, attempt) = world.pin(*key).await;
        let row = BacklogRow::of(&pin, attempt.generation);
        assert!(
            world.context.store.in_backlog(pin.account_key(), &row).await.expect("readable"),
            "the backlog owns it"
        );
        assert_eq!((attempt.status, attempt.wait), (Status::Deferred, Some(WaitReason::AccountPaused)), "{attempt:?}");
        assert_eq!((attempt.not_before, attempt.attempts_spent()), (Some(until), 0), "it costs no attempt");
    }
    let during = world.accept_request(numbered(300)).await;
    assert!(matches!(world.pin(during).await.0.placement, Placement::Backlog(WaitReason::AccountPaused)));

    world.run_until_finished(&keys, START.plus_ms(10 * MINUTE_MS)).await;
    world.run_until_finished(&[during], START.plus_ms(10 * MINUTE_MS)).await;
    let times = call_times(&world);
    assert_eq!(world.pinterest.pins().len(), 81, "all published, once each");
    assert!(times[sent..].iter().all(|at| *at >= until), "nothing in the pause");
    for (index, at) in times[sent..].iter().enumerate() {
        let calls = index as i64 + 1;
        assert!(calls * SECOND_MS <= at.since_ms(until), "the account starts again with an empty bucket");
    }
}

#[tokio::test]
async fn another_account_is_not_slowed_by_a_burst() {
    use pinbridge_shared::domain::account::Account;
    use pinbridge_shared::domain::ids::{AccountId, AccountKey};
    use pinbridge_shared::ports::Tokens;
    let world = TestWorld::new(1).await;
    let other = AccountId(uuid::Uuid::from_u128(0xc));
    let key = AccountKey { workspace: testdata::workspace(), account: other };
    let tokens = Tokens::bare("token-2", None);
    world.context.store.save_account(&Account { key, ..testdata::connected_account() }).await.expect("stored");
    world.context.secrets.store_tokens(key, "v", &tokens).await.expect("stored");
    accept_numbered(&world, 0..200).await;
    let pin = world.accept_request(PinRequest { account: other, ..numbered(1_000) }).await;
    assert_eq!(world.pin(pin).await.0.placement, Placement::Now);
    world.run_until_finished(&[pin], START.plus_ms(SECOND_MS)).await;
}

#[tokio::test]
async fn after_a_pause_light_traffic_goes_out_at_once_again() {
    let world = TestWorld::new(4).await;
    world.pinterest.answer_next([Answer::Refused(Failure::RateLimited, Some(20_000))]);
    let first = world.accept("first").await;
    world.run_until_finished(&[first], START.plus_ms(5 * MINUTE_MS)).await;
    for index in 0..8 {
        world.run_for_ms(40 * SECOND_MS).await;
        let request = PinRequest { title: format!("Light {index}"), ..testdata::request(&format!("light-{index}")) };
        let accepted_at = world.now();
        let key = world.accept_request(request).await;
        world.run_until_finished(&[key], accepted_at.plus_ms(SECOND_MS)).await;
    }
}
