//! Dead letters: a pin that nobody else owns fails and says so, and nothing that may have been created is failed.

use pinbridge_shared::domain::deadlines::Deadlines;
use pinbridge_shared::domain::ids::PinKey;
use pinbridge_shared::domain::message::PublishMessage;
use pinbridge_shared::domain::pin::attempt::Status;
use pinbridge_shared::domain::pin::failure::Failure;
use pinbridge_shared::domain::pin::history::EventKind;
use pinbridge_shared::domain::testdata;
use pinbridge_shared::domain::time::{MINUTE_MS, SECOND_MS};
use pinbridge_shared::ports::QueueName;
use pinbridge_shared::testing::fake_pinterest::Answer;
use pinbridge_shared::testing::faults::Fault;
use pinbridge_shared::testing::{START, TestWorld};

use crate::support::sweep::{FAULTS_AND_REPEATS, sweep};

/// The message of a pin, as text.
fn message(key: PinKey, generation: u32) -> String {
    let message = PublishMessage::new(key, testdata::account(), generation, None);
    serde_json::to_string(&message).expect("plain data")
}

fn die(world: &TestWorld, body: &str) {
    world.queue.insert(QueueName::DeadLetters, body, world.now());
}

/// A world with one accepted pin whose only message has become a dead letter.
async fn with_dead_letter() -> (TestWorld, PinKey) {
    let world = TestWorld::new(1).await;
    let key = world.accept("key").await;
    assert_eq!(world.queue.lose_all(), 1);
    die(&world, &message(key, 0));
    (world, key)
}

#[tokio::test]
async fn a_waiting_pin_fails_with_a_remedy_and_its_message_moves_to_the_redrive_queue() {
    let (world, key) = with_dead_letter().await;
    assert!(world.run_dead_letters_once().await);
    let attempt = world.attempt(key).await;
    assert_eq!((attempt.status, attempt.failure), (Status::Failed, Some(Failure::DeadLettered)));
    assert!(attempt.finished_at.is_some() && attempt.expires_at.is_some());
    assert_eq!(world.queue.redrive_messages(), [message(key, 0)]);
    assert_eq!(world.queue.dead(), [""; 0], "acknowledged");
    world.run_for_ms(30 * MINUTE_MS).await;
    assert_eq!(world.pinterest.calls().len(), 0, "nothing brings it back but a person");
}

#[tokio::test]
async fn twenty_deliveries_end_there_by_themselves() {
    let world = TestWorld::new(1).await;
    let key = world.accept("key").await;
    // No publisher gets as far as a decision.
    for _ in 0..1_000 {
        world.faults.plan("store.account", 1, Fault::FailBefore);
    }
    world.run_until_finished(&[key], START.plus_ms(24 * 60 * MINUTE_MS)).await;
    let attempt = world.attempt(key).await;
    assert_eq!(attempt.failure, Some(Failure::DeadLettered));
    // It never began, and says how often it was tried.
    let last: Vec<(EventKind, Option<&str>)> =
        attempt.history.iter().map(|event| (event.kind, event.note.as_deref())).collect();
    let expected =
        [(EventKind::Undeliverable, Some("20 deliveries did nothing")), (EventKind::Failed, Some("dead_lettered"))];
    assert_eq!(last, expected);
    assert_eq!(world.queue.redrive_messages().len(), 1);
}

#[tokio::test]
async fn an_unreadable_message_moves_to_the_redrive_queue_unchanged() {
    for body in ["garbage ✂", r#"{"v":99,"p":"x"}"#] {
        let world = TestWorld::new(1).await;
        die(&world, body);
        assert!(world.run_dead_letters_once().await);
        assert_eq!((world.queue.redrive_messages(), world.queue.dead()), (vec![body.to_owned()], Vec::new()));
    }
}

#[tokio::test]
async fn messages_that_nothing_depends_on_are_dropped() {
    let world = TestWorld::new(1).await;
    let finished = world.accept("finished").await;
    world.run_publisher_once().await;
    world.pinterest.answer_next([Answer::Refused(Failure::RateLimited, Some(30 * SECOND_MS))]);
    let waiting = world.accept("waiting").await;
    world.run_publisher_once().await;
    let before = world.attempt(waiting).await;
    assert_eq!((before.status, before.generation), (Status::Deferred, 1), "in the backlog");
    let gone = PinKey { pin: testdata::pin().key.pin, ..finished };
    for body in [message(gone, 0), message(finished, 0), message(waiting, 0), message(waiting, 1)] {
        die(&world, &body);
        assert!(world.run_dead_letters_once().await);
        assert_eq!(world.queue.dead(), [""; 0], "{body}");
    }
    assert_eq!(world.queue.redrive_messages(), [""; 0]);
    assert_eq!(world.attempt(waiting).await, before);
}

#[tokio::test]
async fn a_call_under_way_is_left_alone_until_quiesced_and_then_reconciled() {
    for commit in [Answer::LOST_WITH_COMMIT, Answer::LOST_WITHOUT_COMMIT] {
        let world = TestWorld::new(1).await;
        world.pinterest.add_stranger(&testdata::request("any").board_id, "Somebody's soup");
        world.pinterest.answer_next([commit]);
        let key = world.accept("key").await;
        world.run_publisher_once().await;
        world.queue.lose_all();
        die(&world, &message(key, 0));
        world.run_until(START.plus_ms(Deadlines::default().quiesce_ms - 1)).await;
        assert_eq!((world.attempt(key).await.status, world.queue.dead().len()), (Status::Publishing, 1), "kept");
        world.run_until_finished(&[key], START.plus_ms(5 * MINUTE_MS)).await;
        assert_eq!(world.attempt(key).await.status, Status::Published);
        assert_eq!((world.pinterest.pins().len(), world.queue.redrive_messages().len()), (1, 0));
    }
}

#[tokio::test]
async fn a_fault_at_any_call_fails_the_pin_once_and_loses_no_dead_letter() {
    sweep(&FAULTS_AND_REPEATS, 3, async |nth, fault| {
        let (world, key) = with_dead_letter().await;
        world.faults.plan_any(nth, fault);
        // Its recovery marker would bring the pin back: this is about the letter.
        while world.run_dead_letters_once().await || world.queue.next_due(QueueName::DeadLetters).is_some() {
            let due = world.queue.next_due(QueueName::DeadLetters).unwrap_or(world.now());
            world.system.advance_to(due);
        }
        assert_eq!(world.attempt(key).await.failure, Some(Failure::DeadLettered), "{fault:?} at call {nth}");
        let redrive = world.queue.redrive_messages();
        assert!((1..=2).contains(&redrive.len()), "{fault:?} at call {nth}: {redrive:?}");
        !world.faults.heal()
    })
    .await;
}
