//! From acceptance to the Pin and the ordinary ways to fail, on fakes and a manual clock.

use pinbridge_shared::domain::pin::PinRequest;
use pinbridge_shared::domain::pin::attempt::Status;
use pinbridge_shared::domain::pin::failure::Failure;
use pinbridge_shared::domain::pin::history::EventKind;
use pinbridge_shared::domain::pin::retry::{ATTEMPT_LIMIT, IMAGE_WAITS_MS, RATE_LIMIT_PAUSE_MS};
use pinbridge_shared::domain::testdata;
use pinbridge_shared::domain::time::{MINUTE_MS, SECOND_MS};
use pinbridge_shared::flows::accept::accept_pin::{AcceptError, Acceptance};
use pinbridge_shared::testing::fake_pinterest::Answer;
use pinbridge_shared::testing::faults::Fault;
use pinbridge_shared::testing::{START, TestWorld};

fn is_write(call: &&str) -> bool {
    let reads = ["store.pins", "store.account", "store.bucket", "store.siblings", "store.backlog", "secrets.tokens"];
    !reads.contains(call)
}

#[tokio::test]
async fn an_accepted_pin_is_published() {
    let world = TestWorld::new(1).await;
    let key = world.accept("key").await;
    assert_eq!(world.attempt(key).await.status, Status::Queued);
    assert_eq!(world.run_publisher_once().await, 1, "its message is there at once");
    let attempt = world.attempt(key).await;
    assert_eq!((attempt.status, attempt.attempt), (Status::Published, 1));
    assert_eq!(attempt.pinterest_pin_id.as_deref(), Some(world.pinterest.pins()[0].id.as_str()));
    assert_eq!(world.queue.messages(), [], "acknowledged");
}

#[tokio::test]
async fn a_replay_sends_nothing_and_writes_nothing() {
    let world = TestWorld::new(1).await;
    let key = world.accept("key").await;
    for published in [false, true] {
        if published {
            world.run_publisher_once().await;
        }
        world.faults.take_calls();
        let replay = world.try_accept(testdata::request("key")).await.expect("survives");
        let Ok(Acceptance::Replay(pin, attempt)) = replay else { panic!("{replay:?}") };
        assert_eq!(pin.key, key);
        assert_eq!(attempt.status.is_terminal(), published, "the replay shows the state of the day");
        assert_eq!(world.faults.take_calls().into_iter().find(is_write), None);
    }
    assert_eq!(world.pinterest.calls().len(), 1);
}

#[tokio::test]
async fn a_key_reused_for_another_payload_is_refused() {
    let world = TestWorld::new(1).await;
    let key = world.accept("key").await;
    world.faults.take_calls();
    let other = PinRequest { title: "Something else".into(), ..testdata::request("key") };
    let answer = world.try_accept(other).await.expect("survives");
    assert!(matches!(answer, Err(AcceptError::KeyReused { existing, .. }) if existing == key.pin), "{answer:?}");
    assert_eq!(world.faults.take_calls().into_iter().find(is_write), None);
}

#[tokio::test]
async fn two_requests_under_one_key_at_once_are_one_pin() {
    // With tokens to spare, and into the backlog.
    for others in [0, 140] {
        let world = TestWorld::new(1).await;
        for index in 0..others {
            world.accept(&format!("other-{index}")).await;
        }
        // The first has found the key free and waits before it writes; the second goes all the way.
        world.faults.plan("store.put_pin", 1, Fault::Yield);
        let request = || world.try_accept(testdata::request("key"));
        let (first, second) = futures_util::future::join(request(), request()).await;
        let (first, second) = (first.expect("survives"), second.expect("survives"));
        let (Ok(Acceptance::Replay(replayed, _)), Ok(Acceptance::New(pin, _))) = (first, second) else {
            panic!("one is new and one a replay");
        };
        assert_eq!(replayed, pin);
        world.run_until_finished(&[pin.key], START.plus_ms(10 * MINUTE_MS)).await;
        world.run_for_ms(10 * MINUTE_MS).await;
        assert_eq!(world.pinterest.pins().len(), others + 1);
    }
}

const NOT_FETCHED: Answer = Answer::Http(400, r#"{"code":1,"message":"Sorry we could not fetch the image."}"#);

#[tokio::test]
async fn a_429_without_json_pauses_the_account_and_its_pin_stays_unknown() {
    for body in ["<html>Too many requests</html>", "", "{}", r#"{"message":"slow down"}"#] {
        let world = TestWorld::new(1).await;
        world.pinterest.answer_next([Answer::Http(429, body)]);
        let mut keys = vec![world.accept("first").await];
        world.run_publisher_once().await;
        for index in 0..8 {
            keys.push(world.accept(&format!("key-{index}")).await);
        }
        world.run_for_ms(RATE_LIMIT_PAUSE_MS - SECOND_MS).await;
        assert_eq!(world.pinterest.calls().len(), 1, "{body}: nobody calls during the pause");
        let attempt = world.attempt(keys[0]).await;
        assert_eq!((attempt.status, attempt.failure), (Status::Publishing, Some(Failure::OutcomeUnknown)));
        let bucket = world.context.store.bucket(testdata::connected_account().key).await.expect("read");
        assert!(bucket.is_paused(world.now()) && bucket.slow_until.is_some(), "{body}: {bucket:?}");
        world.run_until_finished(&keys, START.plus_ms(30 * MINUTE_MS)).await;
        assert_eq!(world.pinterest.pins().len(), keys.len(), "{body}");
    }
}

/// Such a create may have been carried out: it is looked for before it is sent again.
#[tokio::test]
async fn a_create_that_was_not_completed_is_looked_for_before_it_is_sent_again() {
    for (status, body) in [
        (400, r#"{"code":16,"message":"Request didn't complete in time"}"#),
        (400, r#"{"code":1,"message":"Pin could not be saved"}"#),
        (401, r#"{"code":12,"message":"We could not complete that request."}"#),
        (429, r#"{"code":1,"message":"Your Pin couldn't be published"}"#),
    ] {
        let world = TestWorld::new(1).await;
        // A board that shows nothing is believed to be empty only after hours.
        world.pinterest.add_stranger(&testdata::request("any").board_id, "Somebody's soup");
        world.pinterest.answer_next([Answer::Http(status, body)]);
        let key = world.accept("key").await;
        world.run_publisher_once().await;
        let attempt = world.attempt(key).await;
        let is = (attempt.status, attempt.failure);
        assert_eq!(is, (Status::Publishing, Some(Failure::OutcomeUnknown)), "{status} {body}");
        let bucket = world.context.store.bucket(testdata::connected_account().key).await.expect("read");
        assert_eq!(bucket.is_paused(world.now()), status == 429, "{status} {body}: {bucket:?}");
        world.run_until_finished(&[key], START.plus_ms(30 * MINUTE_MS)).await;
        assert!(!world.pinterest.list_reads().is_empty(), "{status} {body}: the board was read");
        assert_eq!(world.pinterest.pins().len(), 1, "{status} {body}");
    }
}

#[tokio::test]
async fn a_429_about_a_link_fails_its_pin_and_pauses_the_account() {
    let world = TestWorld::new(1).await;
    let blocked = r#"{"code":9,"message":"Sorry! We blocked this link because it may lead to spam."}"#;
    world.pinterest.answer_next([Answer::Http(429, blocked)]);
    let key = world.accept("key").await;
    world.run_publisher_once().await;
    let attempt = world.attempt(key).await;
    assert_eq!((attempt.status, attempt.failure), (Status::Failed, Some(Failure::LinkBlocked)));
    let bucket = world.context.store.bucket(testdata::connected_account().key).await.expect("read");
    assert!(bucket.is_paused(world.now()) && !bucket.is_paused(world.now().plus_ms(RATE_LIMIT_PAUSE_MS)));
}

#[tokio::test]
async fn an_image_that_is_fetched_at_last_is_published_and_keeps_nobody_waiting() {
    let world = TestWorld::new(1).await;
    let slow = PinRequest { title: "Slow".into(), ..testdata::request("slow") };
    world.pinterest.answer("Slow", [NOT_FETCHED, NOT_FETCHED, NOT_FETCHED]);
    let slow = world.accept_request(slow).await;
    world.run_for_ms(SECOND_MS).await;
    let waiting = world.attempt(slow).await;
    assert_eq!((waiting.status, waiting.failure), (Status::Queued, Some(Failure::ImageUnreachable)));
    let account = testdata::connected_account().key;
    let before = world.context.store.bucket(account).await.expect("read");
    world.run_for_ms(MINUTE_MS).await;
    let after = world.context.store.bucket(account).await.expect("read");
    assert_eq!((after.tat, after.paused_until()), (before.tat, None), "waiting takes no token and pauses nothing");
    let mut others = Vec::new();
    for index in 0..30 {
        others.push(world.accept(&format!("key-{index}")).await);
    }
    world.run_until_finished(&others, world.now().plus_ms(MINUTE_MS)).await;
    world.run_until_finished(&[slow], START.plus_ms(30 * MINUTE_MS)).await;
    let attempt = world.attempt(slow).await;
    assert_eq!((attempt.status, attempt.attempt), (Status::Published, 4));
}

#[tokio::test]
async fn an_image_that_is_never_fetched_fails_its_pin_after_about_an_hour() {
    let world = TestWorld::new(1).await;
    let key = world.accept("key").await;
    world.pinterest.answer_next(vec![NOT_FETCHED; 20]);
    world.run_for_ms(45 * MINUTE_MS).await;
    assert_eq!(world.attempt(key).await.status, Status::Queued);
    world.run_until_finished(&[key], START.plus_ms(70 * MINUTE_MS)).await;
    let attempt = world.attempt(key).await;
    assert_eq!((attempt.status, attempt.failure), (Status::Failed, Some(Failure::ImageUnreachable)));
    assert_eq!(world.pinterest.calls().len(), IMAGE_WAITS_MS.len() + 1);
    assert_eq!(world.pinterest.pins(), []);
}

#[tokio::test]
async fn pinterests_words_are_kept_for_each_attempt_and_a_success_has_none() {
    let world = TestWorld::new(1).await;
    let key = world.accept("key").await;
    // An empty list of the board would be believed only hours later.
    world.pinterest.add_stranger(&testdata::request("key").board_id, "old");
    let busy = r#"{"code":409,"message":"Could not get exclusive access to the board"}"#;
    world.pinterest.answer_next([Answer::Http(409, busy), Answer::LOST_WITHOUT_COMMIT, NOT_FETCHED, Answer::Created]);
    world.run_until_finished(&[key], START.plus_ms(30 * MINUTE_MS)).await;
    let (pin, attempt) = world.context.store.pins(&[key]).await.expect("read").remove(0).expect("a pin");
    assert_eq!((attempt.status, attempt.attempt), (Status::Published, 4));
    let said = world.context.store.said(&pin).await.expect("read");
    let shown: Vec<_> =
        said.iter().map(|said| (said.attempt, said.message.as_deref(), said.transport_error.as_deref())).collect();
    let wanted = [
        (1, Some("Could not get exclusive access to the board"), None),
        (2, None, Some("timed out")),
        (3, Some("Sorry we could not fetch the image."), None),
    ];
    assert_eq!(shown, wanted);
}

#[tokio::test]
async fn a_duplicate_delivery_publishes_once() {
    let world = TestWorld::new(1).await;
    let key = world.accept("key").await;
    world.queue.duplicate_all();
    world.queue.duplicate_all();
    world.run_until_finished(&[key], START.plus_ms(MINUTE_MS)).await;
    world.run_for_ms(10 * MINUTE_MS).await;
    assert_eq!(world.pinterest.calls().len(), 1);
    assert_eq!(world.queue.messages(), [], "all four are acknowledged");
}

#[tokio::test]
async fn a_stale_generation_is_acknowledged() {
    let world = TestWorld::new(1).await;
    world.pinterest.answer_next([Answer::Refused(Failure::RateLimited, Some(30 * SECOND_MS))]);
    let key = world.accept("key").await;
    let (stale, _) = world.queue.messages()[0].clone();
    world.run_publisher_once().await;
    let waiting = world.attempt(key).await;
    assert_eq!((waiting.status, waiting.generation), (Status::Deferred, 1));

    world.system.advance_ms(31 * SECOND_MS);
    world.context.queue.send(&[(stale, 0)]).await.expect("sent");
    assert_eq!(world.run_publisher_once().await, 1);
    assert_eq!(world.attempt(key).await, waiting, "it moves nothing");
    assert_eq!((world.pinterest.calls().len(), world.queue.messages().len()), (1, 0), "and goes");
}

#[tokio::test]
async fn a_permanent_refusal_fails_under_its_own_code() {
    for failure in [Failure::BoardNotFound, Failure::ImageTooSmall, Failure::Unrecognised] {
        let world = TestWorld::new(1).await;
        world.pinterest.answer_next([Answer::Refused(failure, None)]);
        let key = world.accept("key").await;
        world.run_publisher_once().await;
        let attempt = world.attempt(key).await;
        assert_eq!((attempt.status, attempt.failure), (Status::Failed, Some(failure)));
        assert!(attempt.expires_at.is_some() && attempt.finished_at == Some(START));
        world.run_for_ms(10 * MINUTE_MS).await;
        assert_eq!(world.pinterest.calls().len(), 1, "it is never sent again");
    }
}

#[tokio::test]
async fn a_busy_board_is_retried_with_growing_waits_until_the_limit() {
    let world = TestWorld::new(7).await;
    world.pinterest.answer_next(std::iter::repeat_n(Answer::Refused(Failure::PinterestBusy, None), 20));
    let key = world.accept("key").await;
    world.run_until_finished(&[key], START.plus_ms(30 * MINUTE_MS)).await;
    let attempt = world.attempt(key).await;
    assert_eq!((attempt.status, attempt.failure), (Status::Failed, Some(Failure::AttemptsExhausted)));
    let calls = world.pinterest.calls();
    assert_eq!(calls.len(), ATTEMPT_LIMIT as usize);
    for (index, pair) in calls.windows(2).enumerate() {
        let wait_ms = pair[1].at.since_ms(pair[0].at);
        // The bound doubles from four seconds; a token and the queue's whole seconds may add a little.
        let bound_ms = (4 * SECOND_MS) << index;
        assert!((SECOND_MS..=bound_ms + 2 * SECOND_MS).contains(&wait_ms), "wait {index}: {wait_ms} ms");
    }
}

#[tokio::test]
async fn a_busy_board_that_recovers_publishes_one_pin() {
    let world = TestWorld::new(7).await;
    world.pinterest.answer_next(std::iter::repeat_n(Answer::Refused(Failure::PinterestBusy, None), 3));
    let key = world.accept("key").await;
    world.run_until_finished(&[key], START.plus_ms(5 * MINUTE_MS)).await;
    let attempt = world.attempt(key).await;
    assert_eq!((attempt.status, attempt.attempt, attempt.failure), (Status::Published, 4, None));
    assert_eq!(world.pinterest.pins().len(), 1);
}

#[tokio::test]
async fn a_queue_that_refuses_at_acceptance_is_recovered_by_the_rescuer() {
    for refuse in [true, false] {
        let world = TestWorld::new(1).await;
        if refuse {
            world.queue.refuse_next(&[0]);
        } else {
            world.faults.plan("queue.send", 1, Fault::FailBefore);
        }
        let key = world.accept("key").await;
        assert_eq!(world.queue.messages(), [], "accepted all the same");
        world.run_until_finished(&[key], START.plus_ms(3 * MINUTE_MS)).await;
        assert_eq!(world.attempt(key).await.status, Status::Published);
        assert_eq!(world.pinterest.calls().len(), 1);
    }
}

#[tokio::test]
async fn a_lost_message_is_brought_back_within_three_minutes() {
    for second in [0, 1, 30, 59] {
        let world = TestWorld::new(1).await;
        world.system.advance_ms(second * SECOND_MS);
        let key = world.accept("key").await;
        assert_eq!(world.queue.lose_all(), 1);
        world.run_until_finished(&[key], world.now().plus_ms(3 * MINUTE_MS)).await;
        assert_eq!(world.attempt(key).await.status, Status::Published);
    }
}

#[tokio::test]
async fn a_slow_write_ahead_sends_nothing_and_costs_nothing() {
    let world = TestWorld::new(1).await;
    let key = world.accept("key").await;
    world.faults.plan("store.save_attempt", 1, Fault::Slow(5_001));
    world.run_until_finished(&[key], START.plus_ms(5 * MINUTE_MS)).await;
    let attempt = world.attempt(key).await;
    assert_eq!((attempt.status, attempt.attempt, attempt.attempts_spent()), (Status::Published, 2, 1));
    assert_eq!(attempt.history[1].kind, EventKind::NotSent);
    assert_eq!(world.pinterest.calls().len(), 1);
}

#[tokio::test]
async fn a_stale_token_is_read_afresh_and_a_revoked_one_holds_the_account() {
    let world = TestWorld::new(1).await;
    world
        .pinterest
        .answer_next([Answer::Refused(Failure::TokenRevoked, None), Answer::Refused(Failure::TokenRevoked, None)]);
    let key = world.accept("key").await;
    world.run_for_ms(MINUTE_MS / 2).await;
    let held = world.attempt(key).await;
    assert_eq!(
        (held.status, held.failure),
        (Status::Deferred, Some(Failure::TokenRevoked)),
        "nothing newer in custody"
    );
    world.run_until_finished(&[key], START.plus_ms(20 * MINUTE_MS)).await;
    assert_eq!(world.attempt(key).await.status, Status::Published, "tried again after the hold");
    assert!(world.pinterest.calls()[2].at >= START.plus_ms(15 * MINUTE_MS));
}
