//! Refusals of a token: one forced refresh, then a hold with its reason; what speaks of one board fails one pin.

use futures_util::future::join_all;
use pinbridge_shared::config::PUBLISHER_TIMEOUT_MS;
use pinbridge_shared::domain::account::PUBLISHING_SCOPES;
use pinbridge_shared::domain::account::credentials::{FORCED_AGAIN_AFTER_MS, STRAY_REFUSAL_RETRY_MS};
use pinbridge_shared::domain::account::health::Health;
use pinbridge_shared::domain::ids::{AccountKey, BoardKey, PinKey};
use pinbridge_shared::domain::pacing::bucket::Bucket;
use pinbridge_shared::domain::pin::attempt::Status;
use pinbridge_shared::domain::pin::failure::Failure;
use pinbridge_shared::domain::pin::retry::HOLD_PAUSE_MS;
use pinbridge_shared::domain::pin::{PinRequest, WaitReason};
use pinbridge_shared::domain::testdata;
use pinbridge_shared::domain::time::{HOUR_MS, MINUTE_MS, SECOND_MS};
use pinbridge_shared::flows::accounts::connect::connect_account;
use pinbridge_shared::flows::accounts::refresh_tokens::{Renewal, Why, renew};
use pinbridge_shared::flows::accounts::with_token::CallError;
use pinbridge_shared::flows::boards::board_access::{Obstacle, board_access};
use pinbridge_shared::flows::boards::{boards, sections};
use pinbridge_shared::testing::TestWorld;
use pinbridge_shared::testing::fake_boards::refused;
use pinbridge_shared::testing::fake_oauth::GrantAnswer;
use pinbridge_shared::testing::fake_pinterest::Answer;
use pinbridge_shared::testing::faults::Fault;

use crate::support::sweep::sweep;

const USER: &str = "549755885175";

/// A world with an account that was connected by a person: it has a refresh token.
async fn connected() -> (TestWorld, AccountKey) {
    let world = TestWorld::new(12).await;
    let tokens = world.oauth.grant(USER, &PUBLISHING_SCOPES.join(","));
    let account = connect_account(&world.context, testdata::workspace(), &tokens).await.expect("connected");
    world.pinterest.add_stranger(&testdata::request("any").board_id, "Somebody's soup");
    (world, account.key)
}

/// The account of every test world, which has no refresh token.
async fn bare() -> (TestWorld, AccountKey) {
    (TestWorld::new(13).await, testdata::connected_account().key)
}

async fn pins(world: &TestWorld, key: AccountKey, count: usize) -> Vec<PinKey> {
    let mut pins = Vec::new();
    for index in 0..count {
        let name = format!("crane-{index}");
        let request = PinRequest { account: key.account, title: name.clone(), ..testdata::request(&name) };
        pins.push(world.accept_request(request).await);
    }
    pins
}

async fn bucket(world: &TestWorld, key: AccountKey) -> Bucket {
    world.faults.spare(world.context.store.bucket(key)).await.expect("read")
}

async fn health(world: &TestWorld, key: AccountKey) -> Health {
    let account = world.context.store.account(key).await.expect("read").expect("there");
    Health::of(&account, &bucket(world, key).await, world.now())
}

fn held() -> Health {
    Health::OnHold { failure: Some(Failure::TokenRevoked) }
}

#[tokio::test]
async fn a_refusal_that_outlives_its_refresh_holds_the_account_and_rotates_no_more() {
    for count in [1, 3, 20] {
        let (world, key) = connected().await;
        world.pinterest.refuse(Some(Failure::TokenRevoked));
        let pins = pins(&world, key, count).await;
        world.run_for_ms(MINUTE_MS).await;
        assert_eq!(world.oauth.asked().len(), 1, "{count} pins: one refresh");
        assert!(world.pinterest.calls().len() <= 2 * count, "{}", world.pinterest.calls().len());
        assert_eq!(health(&world, key).await, held());
        world.run_for_ms(FORCED_AGAIN_AFTER_MS - 5 * MINUTE_MS).await;
        assert_eq!(world.oauth.asked().len(), 1, "{count} pins: still one");
        // One call in a quarter of an hour tries the account.
        assert!(world.pinterest.calls().len() <= 2 * count + 13, "{}", world.pinterest.calls().len());
        for pin in &pins {
            let attempt = world.attempt(*pin).await;
            assert_eq!(attempt.status, Status::Deferred, "nothing fails: {attempt:?}");
        }
        world.pinterest.refuse(None);
        world.run_until_finished(&pins, world.now().plus_ms(HOUR_MS)).await;
        for pin in &pins {
            assert_eq!(world.attempt(*pin).await.status, Status::Published);
        }
        assert_eq!(world.pinterest.pins().len(), count);
    }
}

#[tokio::test]
async fn the_first_pin_is_held_with_the_reason() {
    let (world, key) = connected().await;
    world.pinterest.refuse(Some(Failure::TokenRevoked));
    let pins = pins(&world, key, 1).await;
    world.run_for_ms(10 * SECOND_MS).await;
    let attempt = world.attempt(pins[0]).await;
    assert_eq!((attempt.wait, attempt.failure), (Some(WaitReason::AccountOnHold), Some(Failure::TokenRevoked)));
    let bucket = bucket(&world, key).await;
    assert!(bucket.is_on_hold() && bucket.pause_failure() == Some(Failure::TokenRevoked), "{bucket:?}");
    assert_eq!(world.pinterest.calls().len(), 2, "with the old token, and with the new one");
}

/// As many publishers as a burst has, all refused with the same token at the same moment, and with the next one.
#[tokio::test]
async fn forty_publishers_refresh_once() {
    for yields in 1..8 {
        let (world, key) = connected().await;
        let ends_at_ms = world.context.system.monotonic_ms() + 2 * PUBLISHER_TIMEOUT_MS;
        for (round, fault) in [Fault::Yield, Fault::Yield].into_iter().enumerate() {
            world.faults.plan_any(yields, fault);
            let used = world.secrets.look(key).current.expect("there are tokens").tokens.access;
            let all = join_all((0..40).map(|_| renew(&world.context, key, Why::Refused(&used), ends_at_ms))).await;
            for renewal in all.into_iter().map(|renewal| renewal.expect("answered")) {
                let is_expected = match round {
                    0 => matches!(renewal, Renewal::Renewed(_) | Renewal::RetryAt(_)),
                    _ => renewal == Renewal::Exhausted,
                };
                assert!(is_expected, "round {round}: {renewal:?}");
            }
            assert_eq!(world.oauth.asked().len(), 1, "{yields}, round {round}");
        }
    }
}

/// The record is written with the announcement: a death between that and the result doesn't lose it.
#[tokio::test]
async fn a_fault_during_the_forced_refresh_brings_no_second_rotation() {
    let faults = [Fault::DieBefore, Fault::DieAfter, Fault::FailBefore, Fault::FailAfter, Fault::Repeated];
    sweep(&faults, 12, async |nth, fault| {
        let (world, key) = connected().await;
        // By then the bucket has tokens.
        world.system.advance_ms(MINUTE_MS);
        let pin = pins(&world, key, 1).await;
        world.pinterest.refuse(Some(Failure::TokenRevoked));
        let first = world.secrets.look(key).current.expect("there are tokens").version;
        world.faults.plan_any(nth, fault);
        world.run_publisher_once().await;
        let went_off = !world.faults.heal();
        // An hour of tries, minute by minute: the tokens change once at most.
        let mut versions = vec![first];
        for _ in 0..60 {
            world.run_for_ms(MINUTE_MS).await;
            let version = world.secrets.look(key).current.expect("there are tokens").version;
            if versions.last() != Some(&version) {
                versions.push(version);
            }
        }
        assert!(versions.len() <= 2, "{fault:?} at call {nth}: {versions:?}");
        assert!(!world.attempt(pin[0]).await.status.is_terminal(), "{fault:?} at call {nth}");
        went_off
    })
    .await;
}

#[tokio::test]
async fn hours_later_the_refresh_is_tried_again() {
    let (world, key) = connected().await;
    world.pinterest.refuse(Some(Failure::TokenRevoked));
    pins(&world, key, 2).await;
    world.run_for_ms(FORCED_AGAIN_AFTER_MS + 40 * MINUTE_MS).await;
    assert_eq!(world.oauth.asked().len(), 2);
    world.run_for_ms(FORCED_AGAIN_AFTER_MS).await;
    assert_eq!(world.oauth.asked().len(), 3, "once in that time");
}

#[tokio::test]
async fn a_refresh_that_fails_for_now_stays_the_forced_one() {
    let (world, key) = connected().await;
    world.pinterest.refuse(Some(Failure::TokenRevoked));
    world.oauth.answer_next([GrantAnswer::NotNow, GrantAnswer::LostWithoutCommit]);
    pins(&world, key, 3).await;
    world.run_for_ms(2 * HOUR_MS).await;
    assert_eq!(world.oauth.asked().len(), 3, "two that brought nothing, and the one that did");
    assert_eq!(health(&world, key).await.name(), "on_hold");
}

#[tokio::test]
async fn a_person_who_reconnects_starts_anew() {
    let (world, key) = connected().await;
    world.pinterest.refuse(Some(Failure::TokenRevoked));
    let pins = pins(&world, key, 3).await;
    world.run_for_ms(5 * MINUTE_MS).await;
    let tokens = world.oauth.grant(USER, &PUBLISHING_SCOPES.join(","));
    connect_account(&world.context, testdata::workspace(), &tokens).await.expect("connected");
    assert_eq!(health(&world, key).await, Health::Healthy);
    assert_eq!(bucket(&world, key).await.pause_failure(), None);
    world.run_for_ms(3 * MINUTE_MS).await;
    assert_eq!(world.oauth.asked().len(), 2, "the new grant's token has a refresh of its own");
    assert_eq!(health(&world, key).await, held());
    world.pinterest.refuse(None);
    world.run_until_finished(&pins, world.now().plus_ms(HOUR_MS)).await;
}

#[tokio::test]
async fn five_refused_board_lists_are_one_refresh_and_one_hold() {
    let (world, key) = connected().await;
    world.boards.fail_next(vec![refused(Failure::TokenRevoked); 30]);
    for number in 0..5 {
        assert!(matches!(boards(&world.context, key).await, Err(CallError::TokenRevoked)), "list {number}");
        assert_eq!(world.oauth.asked().len(), 1, "list {number}");
        assert_eq!(health(&world, key).await, held(), "list {number}");
    }
    // Publishing works, so the call that tries the account ends the hold. The readers don't bring it back.
    let pins = pins(&world, key, 2).await;
    world.run_until_finished(&pins, world.now().plus_ms(20 * MINUTE_MS)).await;
    assert!(matches!(boards(&world.context, key).await, Err(CallError::CallRefused)), "nothing is held for it");
    assert_eq!((health(&world, key).await, world.oauth.asked().len()), (Health::Healthy, 1));
}

#[tokio::test]
async fn a_look_that_is_refused_after_the_refresh_waits_and_holds_the_account() {
    let (world, key) = connected().await;
    world.pinterest.answer_next([Answer::LOST_WITH_COMMIT]);
    // By then the bucket has tokens.
    world.system.advance_ms(MINUTE_MS);
    let pin = pins(&world, key, 1).await;
    world.run_publisher_once().await;
    world.pinterest.refuse(Some(Failure::TokenRevoked));
    world.run_for_ms(4 * MINUTE_MS).await;
    assert_eq!(world.oauth.asked().len(), 1);
    assert_eq!(health(&world, key).await, held());
    world.run_for_ms(2 * HOUR_MS).await;
    assert_eq!(world.oauth.asked().len(), 1);
    assert!(world.pinterest.list_reads().len() <= 2 + 9, "one in a quarter of an hour");
    let attempt = world.attempt(pin[0]).await;
    assert_eq!(attempt.status, Status::Publishing);
    let look = attempt.history.last().expect("an event");
    assert_eq!((look.note.as_deref(), look.status), (Some("token_revoked"), Some(403)), "{look:?}");
    world.pinterest.refuse(None);
    world.run_until_finished(&pin, world.now().plus_ms(HOUR_MS)).await;
    assert_eq!((world.attempt(pin[0]).await.status, world.pinterest.pins().len()), (Status::Published, 1));
}

#[tokio::test]
async fn a_single_refusal_without_a_refresh_token_costs_seconds_and_a_second_one_holds() {
    for refusals in [1, 2] {
        let (world, key) = bare().await;
        world.pinterest.answer_next(vec![Answer::Refused(Failure::TokenRevoked, None); refusals]);
        let pins = pins(&world, key, 1).await;
        world.run_for_ms(STRAY_REFUSAL_RETRY_MS + SECOND_MS).await;
        let attempt = world.attempt(pins[0]).await;
        if refusals == 1 {
            assert_eq!((attempt.status, health(&world, key).await), (Status::Published, Health::Healthy));
            continue;
        }
        assert_eq!((attempt.status, attempt.failure), (Status::Deferred, Some(Failure::TokenRevoked)));
        assert_eq!(health(&world, key).await, held());
        assert_eq!(bucket(&world, key).await.paused_until(), Some(attempt.not_before.expect("a time")));
        world.run_until_finished(&pins, world.now().plus_ms(HOLD_PAUSE_MS + 2 * MINUTE_MS)).await;
    }
}

/// Until the token is tried again, no other pin of the batch is sent.
#[tokio::test]
async fn a_batch_whose_token_is_refused_costs_its_first_calls_and_one_more() {
    for (is_bare, count) in [(true, 3), (true, 30), (true, 100), (false, 100)] {
        let (world, key) = if is_bare { bare().await } else { connected().await };
        world.pinterest.refuse(Some(Failure::TokenRevoked));
        world.oauth.answer_next(vec![GrantAnswer::NotNow; 100]);
        let pins = pins(&world, key, count).await;
        world.run_for_ms(10 * MINUTE_MS).await;
        // (Here one pin is worked on at a time. Of those that are under way together each one is refused once.)
        let calls = world.pinterest.calls().len();
        assert!(calls <= 3, "{count} pins, {is_bare}: {calls} calls");
        assert!(!health(&world, key).await.publishes());
        world.pinterest.refuse(None);
        world.run_until_finished(&pins, world.now().plus_ms(HOUR_MS)).await;
        assert_eq!(world.pinterest.pins().len(), count);
    }
}

/// One that is refused by a slip of Pinterest's costs the others a minute.
#[tokio::test]
async fn a_batch_of_which_one_pin_meets_a_slip_is_published() {
    let (world, key) = bare().await;
    world.pinterest.answer("crane-3", [Answer::Refused(Failure::TokenRevoked, None)]);
    let pins = pins(&world, key, 30).await;
    world.run_for_ms(3 * MINUTE_MS).await;
    for pin in &pins {
        assert_eq!(world.attempt(*pin).await.status, Status::Published);
    }
    assert_eq!((world.pinterest.calls().len(), health(&world, key).await), (31, Health::Healthy));
}

#[tokio::test]
async fn a_stray_refusal_beside_a_refresh_that_fails_costs_seconds() {
    use GrantAnswer::{AppRefused, LostWithoutCommit, NotNow};
    for answer in [NotNow, LostWithoutCommit, AppRefused] {
        let (world, key) = connected().await;
        world.pinterest.answer_next([Answer::Refused(Failure::TokenRevoked, None)]);
        world.oauth.answer_next([answer]);
        let pin = pins(&world, key, 1).await[0];
        world.run_for_ms(STRAY_REFUSAL_RETRY_MS + 10 * SECOND_MS).await;
        assert_eq!(world.attempt(pin).await.status, Status::Published, "{answer:?}");
        assert_eq!(health(&world, key).await, Health::Healthy, "{answer:?}");
    }
}

#[tokio::test]
async fn a_refused_app_is_asked_once_however_many_pins_are_refused() {
    for count in [1, 4, 20] {
        let (world, key) = connected().await;
        world.pinterest.refuse(Some(Failure::TokenRevoked));
        world.oauth.answer_next(vec![GrantAnswer::AppRefused; 100]);
        pins(&world, key, count).await;
        world.run_for_ms(MINUTE_MS).await;
        assert_eq!(world.oauth.asked().len(), 1, "{count} pins");
        assert!(world.pinterest.calls().len() <= 2 * count, "{}", world.pinterest.calls().len());
        let health = health(&world, key).await;
        assert_eq!(health.name(), "token_expired");
        assert!(health.message().contains("refused the access token before its end"), "{}", health.message());
    }
}

/// In words that we take for the account's. The pin is the oldest of the backlog, so it would be tried each time.
#[tokio::test]
async fn a_pin_that_is_refused_alone_fails_and_doesnt_hold_its_account_for_ever() {
    for failure in [Failure::TokenRevoked, Failure::ScopeMissing, Failure::TrialAccess, Failure::FeatureRestricted] {
        for is_bare in [false, true] {
            let (world, key) = if is_bare { bare().await } else { connected().await };
            world.pinterest.answer("crane-0", vec![Answer::Refused(failure, None); 1_000]);
            let mut all = pins(&world, key, 1).await;
            world.run_for_ms(MINUTE_MS).await;
            assert!(bucket(&world, key).await.is_on_hold(), "{failure:?}");
            all.extend(pins(&world, key, 6).await.into_iter().skip(1));
            world.run_for_ms(2 * HOUR_MS).await;
            for (index, pin) in all.iter().enumerate() {
                let attempt = world.attempt(*pin).await;
                let expected =
                    if index == 0 { (Status::Failed, Some(Failure::Unrecognised)) } else { (Status::Published, None) };
                assert_eq!((attempt.status, attempt.failure), expected, "{failure:?}, pin {index}: {attempt:?}");
            }
            assert_eq!(health(&world, key).await, Health::Healthy, "{failure:?}");
        }
    }
}

/// The account is on hold for the others when one of them tries it.
#[tokio::test]
async fn several_pins_that_are_refused_alone_dont_protect_each_other() {
    const REFUSED: usize = 3;
    for failure in [Failure::ScopeMissing, Failure::TrialAccess, Failure::FeatureRestricted] {
        let (world, key) = connected().await;
        for number in 0..REFUSED {
            world.pinterest.answer(&format!("crane-{number}"), vec![Answer::Refused(failure, None); 1_000]);
        }
        let mut count = REFUSED;
        let mut all = pins(&world, key, count).await;
        // Somebody publishes a pin every twenty minutes.
        for _ in 0..12 {
            world.run_for_ms(20 * MINUTE_MS).await;
            count += 1;
            all.extend(pins(&world, key, count).await.into_iter().skip(count - 1));
        }
        world.run_for_ms(HOUR_MS).await;
        for (index, pin) in all.iter().enumerate() {
            let attempt = world.attempt(*pin).await;
            let expected = if index < REFUSED { Status::Failed } else { Status::Published };
            assert_eq!(attempt.status, expected, "{failure:?}, pin {index}: {attempt:?}");
            assert!(attempt.attempts_made() <= 4, "{failure:?}, pin {index}: {attempt:?}");
        }
    }
}

/// Also when the dispatcher misses some of its minutes.
#[tokio::test]
async fn two_waiting_pins_try_a_held_account_in_turns() {
    for missed in [1, 2, 3, 5] {
        let (world, key) = bare().await;
        world.pinterest.refuse(Some(Failure::TokenRevoked));
        pins(&world, key, 2).await;
        world.run_for_ms(MINUTE_MS).await;
        let before = world.pinterest.calls().len();
        for _ in 0..8 {
            world.system.advance_ms(HOLD_PAUSE_MS + missed * MINUTE_MS);
            world.run_for_ms(2 * MINUTE_MS).await;
        }
        let calls = world.pinterest.calls();
        let tried: Vec<_> = calls[before..].iter().map(|call| call.request.title.clone()).collect();
        assert!(tried.len() >= 8 && tried.windows(2).all(|two| two[0] != two[1]), "{missed}: {tried:?}");
    }
}

#[tokio::test]
async fn a_single_refusal_of_a_read_is_asked_again() {
    for is_bare in [false, true] {
        let (world, key) = if is_bare { bare().await } else { connected().await };
        for _ in 0..3 {
            world.boards.fail_next([refused(Failure::TokenRevoked)]);
            assert!(boards(&world.context, key).await.is_ok(), "without a refresh token: {is_bare}");
        }
        assert_eq!(health(&world, key).await, Health::Healthy);
        assert!(world.oauth.asked().len() <= 1);
    }
}

/// Pinterest was asked twice for each read, though the account was held for that very token.
#[tokio::test]
async fn a_read_of_an_account_that_is_held_for_its_token_makes_one_call() {
    for is_bare in [false, true] {
        let (world, key) = if is_bare { bare().await } else { connected().await };
        world.pinterest.refuse(Some(Failure::TokenRevoked));
        pins(&world, key, 1).await;
        world.run_for_ms(MINUTE_MS).await;
        assert_eq!(health(&world, key).await, held());
        let refreshes = world.oauth.asked().len();
        let board = BoardKey { account: key, board_id: "1".into() };
        // While the hold's time lasts, and behind it.
        for after_ms in [0, 2 * HOLD_PAUSE_MS] {
            world.system.advance_ms(after_ms);
            let calls = world.boards.tokens().len();
            let one_refusal = || world.boards.fail_next([refused(Failure::TokenRevoked)]);
            one_refusal();
            assert!(matches!(boards(&world.context, key).await, Err(CallError::TokenRevoked)), "boards");
            one_refusal();
            assert!(matches!(sections(&world.context, &board).await, Err(CallError::TokenRevoked)), "sections");
            one_refusal();
            let access = board_access(&world.context, &board, true).await.expect("an answer");
            assert_eq!((access.obstacle, access.asked), (Some(Obstacle::TokenRevoked), true));
            assert_eq!(world.boards.tokens().len() - calls, 3, "one call for each read");
            assert_eq!((health(&world, key).await, world.oauth.asked().len()), (held(), refreshes));
        }
    }
}

#[tokio::test]
async fn a_look_of_an_account_that_is_held_for_its_token_is_not_repeated_at_once() {
    let (world, key) = bare().await;
    world.pinterest.answer_next([Answer::LOST_WITH_COMMIT]);
    // By then the bucket has tokens.
    world.system.advance_ms(MINUTE_MS);
    pins(&world, key, 1).await;
    world.run_publisher_once().await;
    world.pinterest.refuse(Some(Failure::TokenRevoked));
    let request = PinRequest { account: key.account, title: "held".into(), ..testdata::request("held") };
    world.accept_request(request).await;
    world.run_for_ms(MINUTE_MS).await;
    assert_eq!((health(&world, key).await, world.pinterest.list_reads().len()), (held(), 0));
    world.run_for_ms(4 * MINUTE_MS).await;
    assert_eq!(world.pinterest.list_reads().len(), 1, "the account is held: the next reading has time");
}

#[tokio::test]
async fn refusals_of_reads_without_a_refresh_token_hold_nothing() {
    let (world, key) = bare().await;
    world.boards.fail_next(vec![refused(Failure::TokenRevoked); 6]);
    for _ in 0..3 {
        assert!(matches!(boards(&world.context, key).await, Err(CallError::CallRefused)));
    }
    assert_eq!(health(&world, key).await, Health::Healthy, "the publisher finds out for itself");
    assert!(boards(&world.context, key).await.is_ok());
    // Other reads hold nothing either, and pins are published meanwhile.
    world.boards.fail_next(vec![refused(Failure::TokenRevoked); 4]);
    let board = BoardKey { account: key, board_id: "1".into() };
    assert!(matches!(sections(&world.context, &board).await, Err(CallError::CallRefused)));
    let access = board_access(&world.context, &board, true).await.expect("an answer");
    assert_eq!(access.obstacle, Some(Obstacle::CallRefused));
    let pins = pins(&world, key, 2).await;
    world.run_until_finished(&pins, world.now().plus_ms(5 * MINUTE_MS)).await;
    assert_eq!(world.attempt(pins[1]).await.status, Status::Published);
}

#[tokio::test]
async fn a_refusal_that_speaks_of_a_board_fails_that_pin_and_not_the_account() {
    use pinbridge_shared::adapters::pinterest::error_codes::of_create;
    use pinbridge_shared::adapters::pinterest::words::Words;
    for (status, code, words) in [
        (401, 7, "You don't have permission to edit that board."),
        (401, 7, "Not authorized to access board or Pin."),
        (403, 7, "Not authorized to access board or Pin."),
        (403, 29, "You are not permitted to access that resource."),
    ] {
        let (world, key) = connected().await;
        let failure = of_create(status, Some(code), &Words::of(words, &[]));
        world.pinterest.answer("crane-1", [Answer::Refused(failure, None)]);
        let pins = pins(&world, key, 3).await;
        world.run_until_finished(&pins, world.now().plus_ms(MINUTE_MS)).await;
        for (index, pin) in pins.iter().enumerate() {
            let attempt = world.attempt(*pin).await;
            let expected = if index == 1 { Some(Failure::BoardAccessDenied) } else { None };
            assert_eq!(attempt.failure, expected, "{words}: {attempt:?}");
        }
        assert_eq!((health(&world, key).await, world.oauth.asked().len()), (Health::Healthy, 0), "{words}");
    }
}

#[tokio::test]
async fn what_no_reconnection_mends_is_held_without_asking_for_one() {
    for failure in [Failure::TrialAccess, Failure::FeatureRestricted] {
        let (world, key) = connected().await;
        world.pinterest.refuse(Some(failure));
        pins(&world, key, 2).await;
        world.run_for_ms(MINUTE_MS).await;
        let health = health(&world, key).await;
        assert_eq!(health, Health::OnHold { failure: Some(failure) });
        assert!(!health.needs_reconnect() && !health.message().contains("econnect"), "{}", health.message());
        assert_eq!(world.oauth.asked().len(), 0);
    }
}
