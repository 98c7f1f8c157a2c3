//! Retrying failed pins: once more, never twice, and nothing stranded on the way.

use futures_util::future::join_all;
use pinbridge_shared::domain::account::Account;
use pinbridge_shared::domain::account::credentials::STRAY_REFUSAL_RETRY_MS;
use pinbridge_shared::domain::ids::PinKey;
use pinbridge_shared::domain::pin::attempt::{Attempt, Status};
use pinbridge_shared::domain::pin::failure::Failure;
use pinbridge_shared::domain::pin::retry::HOLD_PAUSE_MS;
use pinbridge_shared::domain::pin::{LIFETIME_MS, WaitReason};
use pinbridge_shared::domain::recovery::{MARKER_SHARDS, Purpose};
use pinbridge_shared::domain::testdata;
use pinbridge_shared::domain::time::{HOUR_MS, MINUTE_MS, SECOND_MS};
use pinbridge_shared::flows::pins::delete_pin::delete_pin;
use pinbridge_shared::flows::pins::retry_pin::{RetryError, retry_pin};
use pinbridge_shared::ports::QueueName;
use pinbridge_shared::testing::fake_pinterest::Answer;
use pinbridge_shared::testing::faults::{DEATHS, Fault};
use pinbridge_shared::testing::{START, TestWorld};

use crate::support::sweep::{FAULTS_AND_REPEATS, sweep};

/// A world with a pin that Pinterest has refused.
async fn with_failed() -> (TestWorld, PinKey) {
    let world = TestWorld::new(3).await;
    world.pinterest.add_stranger(&testdata::request("any").board_id, "Somebody's soup");
    world.pinterest.answer_next([Answer::Refused(Failure::ImageBroken, None)]);
    let key = world.accept("key").await;
    world.run_publisher_once().await;
    assert_eq!(world.attempt(key).await.status, Status::Failed);
    // Nobody retries within the millisecond of the call; its token would look like the first attempt's.
    world.system.advance_ms(SECOND_MS);
    (world, key)
}

async fn retried(world: &TestWorld, key: PinKey) -> Attempt {
    retry_pin(&world.context, key, false).await.expect("retried").1
}

#[tokio::test]
async fn a_failed_pin_is_published_by_a_retry() {
    let (world, key) = with_failed().await;
    let failed = world.attempt(key).await;
    let answer = retried(&world, key).await;
    assert_eq!(answer, world.attempt(key).await, "the answer is what was written");
    assert_eq!((answer.status, answer.generation), (Status::Queued, failed.generation + 1));
    assert_eq!((answer.attempts_spent(), answer.expires_at), (0, None));
    assert_eq!(world.run_publisher_once().await, 1, "its message is there at once");
    let attempt = world.attempt(key).await;
    assert_eq!((attempt.status, attempt.attempt, attempt.attempts_spent()), (Status::Published, 2, 1));
    assert_eq!(world.pinterest.pins().len(), 1);
}

/// How long machines stand still here: the rescuer reads the markers of minutes in the meantime.
const STANDSTILLS: [Fault; 2] = [Fault::Asleep(8 * MINUTE_MS), Fault::Slow(8 * MINUTE_MS)];

/// Whether the rescuer, which has worked all along, will still come to a marker of the pin.
async fn is_owned(world: &TestWorld, key: PinKey) -> bool {
    let minute = world.now().minute();
    let places = (minute..minute + 5).flat_map(|minute| (0..MARKER_SHARDS).map(move |shard| (minute, shard)));
    let rows = join_all(places.map(|(minute, shard)| world.context.store.markers(minute, shard))).await;
    let mut rows = rows.into_iter().flat_map(|rows| rows.expect("read"));
    rows.any(|row| row.purpose == Purpose::Rescue && row.pins.contains(&key))
}

#[tokio::test]
async fn a_retry_that_stands_still_leaves_its_pin_failed_or_owned() {
    for standstill in STANDSTILLS {
        let (world, key) = with_failed().await;
        world.faults.plan("store.put_marker", 1, standstill);
        let answer = retry_pin(&world.context, key, false).await;
        assert!(matches!(answer, Err(RetryError::Port(_))), "{standstill:?}: {answer:?}");
        assert_eq!(world.attempt(key).await.status, Status::Failed, "{standstill:?}");

        let (world, key) = with_failed().await;
        world.faults.plan("store.save_attempt", 1, standstill);
        retried(&world, key).await;
        assert!(is_owned(&world, key).await, "{standstill:?}: the first marker has been read");
    }
}

#[tokio::test]
async fn an_acceptance_that_stands_still_while_it_writes_leaves_its_pin_owned() {
    for standstill in STANDSTILLS {
        let world = TestWorld::new(3).await;
        world.faults.plan("store.put_pin", 1, standstill);
        let key = world.accept("key").await;
        assert!(is_owned(&world, key).await, "{standstill:?}: the first marker has been read");
    }
}

/// The rollup had done with the minute of the first marker, and counted the deleted pin as waiting.
#[tokio::test]
async fn a_deletion_that_stands_still_leaves_a_marker_that_is_read_after_it() {
    for standstill in STANDSTILLS {
        let world = TestWorld::new(3).await;
        let mut keys = Vec::new();
        for index in 0..140 {
            keys.push(world.accept(&format!("key-{index}")).await);
        }
        let last = keys[139];
        assert_eq!(world.attempt(last).await.status, Status::Deferred, "it waits in the backlog");
        world.faults.plan("store.put_marker", 1, standstill);
        delete_pin(&world.context, last).await.expect("deleted");
        assert!(is_owned(&world, last).await, "{standstill:?}: the first marker has been read");
    }
}

#[tokio::test]
async fn only_a_failed_pin_is_retried_and_only_once() {
    let (world, key) = with_failed().await;
    let other = world.accept("other").await;
    let refused = |answer| match answer {
        Err(RetryError::NotFailed(status)) => status,
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(retry_pin(&world.context, other, true).await), Status::Queued);
    retried(&world, key).await;
    assert_eq!(refused(retry_pin(&world.context, key, true).await), Status::Queued);
    world.run_publisher_once().await;
    assert_eq!(refused(retry_pin(&world.context, key, true).await), Status::Published);
    let unknown = PinKey { pin: testdata::pin().key.pin, ..key };
    assert!(matches!(retry_pin(&world.context, unknown, true).await, Err(RetryError::NotFound)));
}

#[tokio::test]
async fn of_two_retries_at_once_one_counts() {
    let (world, key) = with_failed().await;
    world.faults.plan("store.save_attempt", 1, Fault::Yield);
    let (first, second) =
        futures_util::future::join(retry_pin(&world.context, key, false), retry_pin(&world.context, key, false)).await;
    assert!(matches!((first, second), (Err(RetryError::NotFailed(Status::Queued)), Ok(_))));
    world.run_for_ms(30 * MINUTE_MS).await;
    assert_eq!(world.pinterest.pins().len(), 1);
}

#[tokio::test]
async fn a_message_of_before_the_retry_is_void() {
    let (world, key) = with_failed().await;
    let stale = pinbridge_shared::domain::message::PublishMessage::new(key, testdata::account(), 0, None);
    retried(&world, key).await;
    world.queue.lose_all();
    let text = serde_json::to_string(&stale).expect("plain data");
    world.queue.insert(QueueName::Publish, text, world.now());
    world.run_publisher_once().await;
    assert_eq!((world.attempt(key).await.status, world.queue.messages().len()), (Status::Queued, 0));
    world.run_until_finished(&[key], START.plus_ms(4 * MINUTE_MS)).await;
    assert_eq!(world.attempt(key).await.status, Status::Published, "its recovery marker brought it back");
}

#[tokio::test]
async fn what_may_exist_already_is_retried_only_by_somebody_who_says_so() {
    let world = TestWorld::new(3).await;
    world.pinterest.answer_next([Answer::LOST_WITH_COMMIT]);
    world.pinterest.fail_lists(std::iter::repeat_n(Failure::PinterestUnreachable, 100_000));
    let key = world.accept("key").await;
    world.run_until_finished(&[key], START.plus_ms(73 * HOUR_MS)).await;
    let before = world.attempt(key).await;
    assert_eq!(before.failure, Some(Failure::OutcomeUnverifiable));
    assert!(matches!(retry_pin(&world.context, key, false).await, Err(RetryError::MayDuplicate)));
    assert_eq!(world.attempt(key).await, before, "nothing was written");
    retry_pin(&world.context, key, true).await.expect("retried");
    world.run_until_finished(&[key], world.now().plus_ms(5 * MINUTE_MS)).await;
    assert_eq!((world.attempt(key).await.status, world.pinterest.pins().len()), (Status::Published, 2));
}

#[tokio::test]
async fn a_board_that_went_while_the_outcome_was_open_leaves_it_unresolved() {
    let world = TestWorld::new(3).await;
    world.pinterest.answer_next([Answer::LOST_WITH_COMMIT]);
    world.pinterest.remove_board(&testdata::request("any").board_id);
    let key = world.accept("key").await;
    world.run_until_finished(&[key], START.plus_ms(5 * MINUTE_MS)).await;
    assert_eq!(world.attempt(key).await.failure, Some(Failure::BoardNotFound));
    assert!(matches!(retry_pin(&world.context, key, false).await, Err(RetryError::MayDuplicate)));
}

#[tokio::test]
async fn a_pin_that_can_never_be_published_is_refused_at_once() {
    let (world, key) = with_failed().await;
    let known = testdata::connected_account();
    let account = Account { revoked_at: Some(START), ..known.next(START, "revoked".into()) };
    assert!(world.context.store.save_account(&account).await.expect("written").is_done());
    assert!(matches!(retry_pin(&world.context, key, false).await, Err(RetryError::AccountDisconnected)));
    world.system.advance_ms(LIFETIME_MS + 1);
    assert!(matches!(retry_pin(&world.context, key, true).await, Err(RetryError::Overdue)));
}

#[tokio::test]
async fn a_retry_keeps_the_accounts_pace() {
    // Within the horizon it has a slot, beyond it the backlog; a paused account holds it.
    let retried_at = START.plus_ms(SECOND_MS);
    for (others, paused) in [(0, false), (60, false), (140, false), (0, true)] {
        let (world, key) = with_failed().await;
        for index in 0..others {
            world.accept(&format!("other-{index}")).await;
        }
        if paused {
            world.pinterest.answer_next([Answer::Refused(Failure::RateLimited, Some(90 * SECOND_MS))]);
            world.accept("pauses").await;
            world.run_publisher_once().await;
        }
        let answer = retried(&world, key).await;
        match (others, paused) {
            (0, false) => assert_eq!((answer.status, answer.not_before), (Status::Queued, None)),
            (60, false) => assert!(answer.status == Status::Deferred && answer.not_before > Some(retried_at)),
            (_, false) => assert_eq!((answer.status, answer.not_before), (Status::Deferred, None)),
            (_, true) => {
                assert_eq!(answer.wait, Some(WaitReason::AccountPaused));
                assert_eq!(answer.not_before, Some(retried_at.plus_ms(90 * SECOND_MS)));
            }
        }
        world.run_until_finished(&[key], START.plus_ms(15 * MINUTE_MS)).await;
        assert_eq!(world.attempt(key).await.status, Status::Published);
        world.run_for_ms(20 * MINUTE_MS).await;
        assert_eq!(world.pinterest.pins().len(), others + 1 + usize::from(paused), "each once");
    }
}

#[tokio::test]
async fn on_an_account_that_needs_a_person_a_retry_waits_with_the_others() {
    let (world, key) = with_failed().await;
    world.pinterest.answer_next(vec![Answer::Refused(Failure::TokenRevoked, None); 2]);
    world.accept("holds").await;
    world.run_publisher_once().await;
    world.system.advance_ms(STRAY_REFUSAL_RETRY_MS);
    world.run_publisher_once().await;
    // The pause is over, and nothing has shown yet that the connection works again.
    world.system.advance_ms(HOLD_PAUSE_MS + SECOND_MS);
    let answer = retried(&world, key).await;
    assert_eq!((answer.status, answer.wait), (Status::Deferred, Some(WaitReason::AccountOnHold)));
    assert_eq!(answer.not_before, None, "nobody knows until when");
    assert_eq!(world.queue.messages(), [], "the dispatcher tries with one pin at a time");
    world.run_until_finished(&[key], world.now().plus_ms(5 * MINUTE_MS)).await;
    assert_eq!(world.attempt(key).await.status, Status::Published);
}

/// A fault at every port call of a retry, into the queue and into the backlog: the pin stays failed or is published,
/// once, and never waits for nobody.
#[tokio::test]
async fn a_fault_at_any_call_of_a_retry_strands_nothing() {
    for others in [0, 140] {
        sweep(&FAULTS_AND_REPEATS, 6, async |nth, fault| {
            let (world, key) = with_failed().await;
            for index in 0..others {
                world.accept(&format!("other-{index}")).await;
            }
            world.faults.plan_any(nth, fault);
            let answer = world.faults.mortal(retry_pin(&world.context, key, false)).await;
            let went_off = !world.faults.heal();
            let case = format!("{others} others, {fault:?} at call {nth}: {answer:?}");
            if !matches!(answer, Some(Ok(_))) && world.attempt(key).await.status == Status::Failed {
                world.run_for_ms(5 * MINUTE_MS).await;
                assert_eq!(world.attempt(key).await.status, Status::Failed, "nothing half-way: {case}");
                retried(&world, key).await;
            }
            world.run_until_finished(&[key], world.now().plus_ms(10 * MINUTE_MS)).await;
            assert_eq!(world.attempt(key).await.status, Status::Published, "{case}");
            world.run_for_ms(30 * MINUTE_MS).await;
            assert_eq!(world.pinterest.pins().len(), others + 1, "{case}");
            went_off
        })
        .await;
    }
}

/// What happens to a retried pin at any call, its publisher's included.
#[tokio::test]
async fn a_death_at_any_call_after_a_retry_ends_in_one_pin() {
    sweep(&DEATHS, 4, async |nth, fault| {
        let (world, key) = with_failed().await;
        retried(&world, key).await;
        world.faults.plan_any(nth, fault);
        world.run_until_finished(&[key], START.plus_ms(15 * MINUTE_MS)).await;
        let went_off = !world.faults.heal();
        assert_eq!(world.attempt(key).await.status, Status::Published, "{fault:?} at call {nth}");
        world.run_for_ms(30 * MINUTE_MS).await;
        assert_eq!(world.pinterest.pins().len(), 1, "{fault:?} at call {nth}");
        went_off
    })
    .await;
}
