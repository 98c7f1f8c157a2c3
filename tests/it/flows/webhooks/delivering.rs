//! What is sent when nothing fails, and what it costs.

use pinbridge_shared::domain::event::EventType;
use pinbridge_shared::domain::ids::{PinId, PinKey};
use pinbridge_shared::domain::message::NotifyMessage;
use pinbridge_shared::domain::pin::edit::Edit;
use pinbridge_shared::domain::pin::failure::Failure;
use pinbridge_shared::domain::time::{MINUTE_MS, SECOND_MS};
use pinbridge_shared::domain::webhook::delivery::{Delivery, State};
use pinbridge_shared::flows::pins::edit_pin::edit_pin;
use pinbridge_shared::flows::webhooks::deliveries::redeliver;
use pinbridge_shared::testing::TestWorld;
use pinbridge_shared::testing::fake_pinterest::Answer;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{OTHER_URL, URL, bodies, delivery_id, ended, health, listening, publish, run_notifier, subscribe, waiting};

#[tokio::test]
async fn an_event_is_delivered_at_once_with_one_write() {
    let world = TestWorld::new(1).await;
    let endpoint = subscribe(&world, 1, URL, &EventType::defaults()).await;
    let pin = publish(&world, 0..1).await[0];
    world.faults.take_calls();
    run_notifier(&world, world.now()).await;

    let sent = world.webhook_sender.sent();
    assert_eq!(sent.len(), 1, "{sent:?}");
    let body: Value = serde_json::from_str(&sent[0].request.body).expect("JSON");
    assert_eq!((&body["event"], &body["pin_id"]), (&json!("pin.published"), &json!(pin.pin)));
    let sequence = u32::try_from(body["sequence"].as_u64().expect("a number")).expect("small");
    let id = delivery_id(endpoint, pin, sequence);
    assert_eq!(sent[0].header("X-PinBridge-Event"), Some("pin.published"));
    assert_eq!(sent[0].header("X-PinBridge-Delivery-ID"), Some(id.0.to_string().as_str()));

    let ended = ended(&world, endpoint).await;
    assert_eq!(ended.len(), 1);
    assert_eq!((ended[0].key.id, ended[0].state, ended[0].tries), (id, State::Delivered, 1));
    assert_eq!(ended[0].created_at, ended[0].updated_at, "written once");
    assert_eq!(waiting(&world, endpoint).await, []);
    let writes = ["webhooks.put_delivery", "webhooks.save_endpoint_health", "store.put_marker", "queue.send_notify"];
    let made: Vec<_> = world.faults.take_calls().into_iter().filter(|call| writes.contains(call)).collect();
    assert_eq!(made, ["webhooks.put_delivery"]);
    assert_eq!(health(&world, endpoint).await.rev, 0);
}

#[tokio::test]
async fn each_endpoint_gets_what_it_subscribed_to() {
    let world = TestWorld::new(1).await;
    subscribe(&world, 1, URL, &[EventType::PinAccepted, EventType::PinPublished]).await;
    subscribe(&world, 2, OTHER_URL, &[EventType::PinFailed]).await;
    publish(&world, 0..1).await;
    run_notifier(&world, world.now()).await;
    let sent = world.webhook_sender.sent();
    let events: Vec<_> = sent.iter().filter_map(|one| one.header("X-PinBridge-Event")).collect();
    assert_eq!(events, ["pin.accepted", "pin.published"]);
    assert_eq!(world.webhook_sender.sent_to(OTHER_URL), []);
}

#[tokio::test]
async fn a_workspace_without_endpoints_costs_no_write_and_no_message() {
    let world = TestWorld::new(1).await;
    world.faults.take_calls();
    publish(&world, 0..10).await;
    let calls = world.faults.take_calls();
    let of_webhooks: Vec<_> =
        calls.iter().filter(|call| call.starts_with("webhooks.") || **call == "queue.send_notify").collect();
    assert_eq!(of_webhooks, [&"webhooks.endpoints"], "one read for all of them");
}

/// The pin fails, its event is delivered, and then it gets another board.
#[tokio::test]
async fn a_repeat_says_what_the_first_request_said_also_after_an_edit() {
    let (world, endpoint) = listening(&[EventType::PinFailed]).await;
    world.pinterest.answer_next([Answer::Refused(Failure::ImageBroken, None)]);
    let pin = publish(&world, 0..1).await[0];
    run_notifier(&world, world.now()).await;
    let first = ended(&world, endpoint).await[0].last.as_ref().map(|last| last.at);
    let repeat = async || {
        let id = ended(&world, endpoint).await[0].key.id;
        world.system.advance_ms(SECOND_MS);
        redeliver(&world.context, endpoint, id, None).await.expect("requested");
        run_notifier(&world, world.now().plus_ms(MINUTE_MS)).await;
        let mut ended = ended(&world, endpoint).await;
        assert_eq!((ended.len(), ended[0].state, ended[0].is_replayed), (1, State::Delivered, true));
        ended.remove(0)
    };
    let same = repeat().await;
    assert!(!same.is_changed);
    let edit = Edit { board_id: Some("1000000000000000002".into()), ..Edit::default() };
    edit_pin(&world.context, pin, &edit).await.expect("edited");
    let later = repeat().await;
    assert!(first.is_some() && later.last.as_ref().map(|last| last.at) > first);
    assert_eq!((same.delivered_before, later.delivered_before), (first, first), "a repeat erases no first delivery");
    assert!(!later.is_changed && later.body_sha256 == same.body_sha256);
    let boards: Vec<Value> = bodies(&world, endpoint).into_iter().map(|body| body["board_id"].clone()).collect();
    assert_eq!(boards.len(), 3);
    assert!(boards.iter().all(|board| *board == boards[0] && board != "1000000000000000002"), "{boards:?}");
}

#[tokio::test]
async fn a_redelivery_is_made_also_if_the_clock_of_its_request_is_behind() {
    let (world, endpoint) = listening(&[EventType::PinPublished]).await;
    publish(&world, 0..1).await;
    run_notifier(&world, world.now()).await;
    let delivered = ended(&world, endpoint).await.remove(0);
    let ahead = Delivery { updated_at: world.now().plus_ms(3 * SECOND_MS), ..delivered };
    world.faults.spare(world.context.webhooks.put_delivery(&ahead)).await.expect("written");
    redeliver(&world.context, endpoint, ahead.key.id, None).await.expect("requested");
    assert_eq!(waiting(&world, endpoint).await.len(), 1, "it counts");
    run_notifier(&world, world.now().plus_ms(MINUTE_MS)).await;
    assert_eq!((world.webhook_sender.sent().len(), waiting(&world, endpoint).await.len()), (2, 0));
}

#[tokio::test]
async fn a_message_that_comes_twice_sends_nothing_twice() {
    let world = TestWorld::new(1).await;
    let endpoint = subscribe(&world, 1, URL, &EventType::defaults()).await;
    publish(&world, 0..3).await;
    world.queue.duplicate_all();
    run_notifier(&world, world.now()).await;
    assert_eq!(world.webhook_sender.sent().len(), 3);
    assert_eq!(ended(&world, endpoint).await.len(), 3);
}

#[tokio::test]
async fn an_event_of_a_pin_that_is_gone_is_left() {
    let world = TestWorld::new(1).await;
    let endpoint = subscribe(&world, 1, URL, &EventType::defaults()).await;
    let pin = publish(&world, 0..1).await[0];
    world.queue.lose_all();
    let unknown = PinKey { pin: PinId(Uuid::from_u128(9)), ..pin };
    for (key, sequence) in [(pin, 99), (unknown, 1)] {
        let message = NotifyMessage::of_pin(key, sequence, sequence);
        world.context.queue.send_notify(&message, 0).await.expect("sent");
    }
    run_notifier(&world, world.now()).await;
    assert_eq!(world.queue.notifications(), [], "acknowledged");
    assert_eq!((world.webhook_sender.sent().len(), ended(&world, endpoint).await.len()), (0, 0));
}
