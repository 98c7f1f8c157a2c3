//! Events whose entries the pin's history has dropped, or whose pin's request has changed, when their receiver gets
//! them: they say what they said at their time.

use std::collections::BTreeMap;

use pinbridge_shared::domain::event::EventType;
use pinbridge_shared::domain::event::pin_events::{self, PinEvent};
use pinbridge_shared::domain::event::told::{EventCopy, Told};
use pinbridge_shared::domain::message::NotifyMessage;
use pinbridge_shared::domain::pin::WaitReason;
use pinbridge_shared::domain::pin::attempt::Status;
use pinbridge_shared::domain::pin::edit::Edit;
use pinbridge_shared::domain::pin::failure::Failure;
use pinbridge_shared::domain::pin::history::{Event, EventKind};
use pinbridge_shared::domain::time::{DAY_MS, MINUTE_MS, SECOND_MS};
use pinbridge_shared::domain::webhook::delivery::State;
use pinbridge_shared::flows::pins::retry_pin::retry_pin_with;
use pinbridge_shared::testing::fake_pinterest::Answer;
use pinbridge_shared::testing::fake_webhook_sender::answered;
use pinbridge_shared::testing::{START, TestWorld};
use serde_json::{Value, json};

use super::{OTHER_URL, URL, ended, run_notifier, subscribe, waiting};

const ALL: [EventType; 4] =
    [EventType::PinAccepted, EventType::PinRetrying, EventType::PinPublished, EventType::PinFailed];
/// An acceptance, five retries, and the end.
const EVENTS: usize = 7;

/// The bodies of the requests to the URL, by the event's number. Each try of an event has the same one.
fn bodies_at(world: &TestWorld, url: &str) -> BTreeMap<u64, String> {
    let mut bodies = BTreeMap::new();
    for sent in world.webhook_sender.sent_to(url) {
        let body: Value = serde_json::from_str(&sent.request.body).expect("JSON");
        let number = body["sequence"].as_u64().expect("a number");
        let first = bodies.entry(number).or_insert_with(|| sent.request.body.clone());
        assert_eq!(*first, sent.request.body, "the same event");
    }
    bodies
}

#[tokio::test]
async fn a_receiver_that_is_down_hears_each_event_that_the_history_has_dropped_meanwhile() {
    let world = TestWorld::new(7).await;
    let down = subscribe(&world, 1, URL, &ALL).await;
    subscribe(&world, 2, OTHER_URL, &ALL).await;
    world.webhook_sender.answer(URL, answered(500));
    world.pinterest.answer_next(std::iter::repeat_n(Answer::Refused(Failure::PinterestBusy, None), 20));
    let key = world.accept("key").await;
    world.run_until_finished(&[key], START.plus_ms(30 * MINUTE_MS)).await;
    run_notifier(&world, world.now().plus_ms(MINUTE_MS)).await;
    let (pin, attempt) = world.pin(key).await;
    assert_eq!(attempt.failure, Some(Failure::AttemptsExhausted));
    let shown = pin_events::of(&pin, &attempt).len();
    assert!(shown < EVENTS, "the rows still show {shown} events");
    assert_eq!(waiting(&world, down).await.len(), EVENTS);

    world.webhook_sender.answer(URL, answered(200));
    run_notifier(&world, START.plus_ms(DAY_MS)).await;
    assert_eq!(waiting(&world, down).await, []);
    let states: Vec<State> = ended(&world, down).await.iter().map(|one| one.state).collect();
    assert_eq!(states, [State::Delivered; EVENTS]);
    let (late, at_once) = (bodies_at(&world, URL), bodies_at(&world, OTHER_URL));
    assert_eq!(at_once.len(), EVENTS);
    assert_eq!(late, at_once, "each says what it said to the receiver that answered");
}

#[tokio::test]
async fn an_event_whose_message_was_lost_is_announced_again_before_the_history_drops_it() {
    const LOST: [u32; 2] = [4, 5];
    let world = TestWorld::new(7).await;
    subscribe(&world, 1, URL, &[EventType::PinDeferred]).await;
    let key = world.accept("key").await;
    world.queue.lose_all();
    for number in 2..14 {
        world.system.advance_ms(SECOND_MS);
        let (pin, attempt) = world.pin(key).await;
        let next = attempt.deferred(world.now(), None, WaitReason::AccountPacing, None, number.to_string());
        assert!(world.context.store.save_attempt(&pin, &next.expect("legal")).await.expect("saved").is_done());
        assert_eq!(world.pin(key).await.1.events + 1, number);
        if LOST.contains(&number) {
            world.queue.lose_all();
        }
    }
    let (pin, attempt) = world.pin(key).await;
    assert!(pin_events::of(&pin, &attempt).iter().all(|event| !LOST.contains(&event.sequence)), "they were dropped");
    run_notifier(&world, world.now().plus_ms(MINUTE_MS)).await;
    let heard: Vec<u64> = bodies_at(&world, URL).into_keys().collect();
    // The messages of the first two were lost too; the rows still show these, and the rescuer finds them.
    assert_eq!(heard, (4..14).collect::<Vec<u64>>());
}

#[tokio::test]
async fn an_old_failure_says_the_board_of_its_time_after_a_retry_with_another_board() {
    let world = TestWorld::new(7).await;
    let down = subscribe(&world, 1, URL, &[EventType::PinFailed]).await;
    world.webhook_sender.answer(URL, answered(500));
    world.pinterest.answer_next([Answer::Refused(Failure::ImageBroken, None)]);
    let key = world.accept("key").await;
    world.run_until_finished(&[key], START.plus_ms(30 * MINUTE_MS)).await;
    run_notifier(&world, world.now().plus_ms(MINUTE_MS)).await;
    let board_id = world.pin(key).await.0.request.board_id;
    let edit = Edit { board_id: Some("1000000000000000099".into()), ..Edit::default() };
    retry_pin_with(&world.context, key, false, &edit).await.expect("retried");
    world.run_until_finished(&[key], world.now().plus_ms(30 * MINUTE_MS)).await;
    let (pin, attempt) = world.pin(key).await;
    assert_eq!(attempt.status, Status::Published);
    assert_ne!(pin.request.board_id, board_id);

    world.webhook_sender.answer(URL, answered(200));
    run_notifier(&world, world.now().plus_ms(DAY_MS)).await;
    assert_eq!(ended(&world, down).await.len(), 1);
    let bodies = bodies_at(&world, URL);
    let body: Value = serde_json::from_str(&bodies[&2]).expect("JSON");
    assert_eq!((&body["event"], &body["board_id"]), (&json!("pin.failed"), &json!(board_id)));
}

#[tokio::test]
async fn an_event_whose_message_comes_after_its_entry_was_dropped_is_delivered() {
    let world = TestWorld::new(7).await;
    let endpoint = subscribe(&world, 1, URL, &ALL).await;
    let key = world.accept("key").await;
    world.queue.lose_all();
    let (pin, at) = (world.pin(key).await.0, world.now());
    let entry = Event { note: Some("pinterest_busy".into()), ..Event::new(EventKind::RetryPlanned, at, 3) };
    let told =
        Told { entry: Some(entry.clone()), account: pin.request.account, board_id: "7".into(), pinterest_pin_id: None };
    let event = PinEvent { event: EventType::PinRetrying, sequence: 9, at, entry: Some(entry) };
    let message = NotifyMessage::of_copies(key, 9, 9, vec![EventCopy::of(&event, &told)]);
    world.context.queue.send_notify(&message, 0).await.expect("sent");
    world.webhook_sender.answer_next(URL, [answered(500)]);
    run_notifier(&world, world.now().plus_ms(MINUTE_MS)).await;
    assert_eq!(ended(&world, endpoint).await.len(), 1);
    assert_eq!(world.webhook_sender.sent_to(URL).len(), 2, "it was sent again");
    let body: Value = serde_json::from_str(&bodies_at(&world, URL)[&9]).expect("JSON");
    let said = (&body["event"], &body["error_code"], &body["board_id"], &body["attempt"]);
    assert_eq!(said, (&json!("pin.retrying"), &json!("pinterest_busy"), &json!("7"), &json!(3)));
}
