//! The stack's destinations: every event gets there, whatever fails on the way.

use pinbridge_shared::domain::event::EventType;
use pinbridge_shared::domain::event::bus_event::BusEvent;
use pinbridge_shared::domain::testdata;
use pinbridge_shared::domain::time::{DAY_MS, MINUTE_MS};
use pinbridge_shared::domain::webhook::delivery::{Delivery, Source, State};
use pinbridge_shared::domain::webhook::destination::Destination;
use pinbridge_shared::domain::webhook::endpoint::EndpointKey;
use pinbridge_shared::domain::webhook::schedule::TRIES_MAX;
use pinbridge_shared::ports::QueueName;
use pinbridge_shared::testing::fake_event_bus::Mood;
use pinbridge_shared::testing::faults::{DEATHS, Fault};
use pinbridge_shared::testing::{START, TestWorld};
use serde_json::{Value, json};

use super::super::accept_numbered;
use super::{URL, ended, health, publish, run_notifier, subscribe, waiting};

async fn world(destination: Destination) -> (TestWorld, EndpointKey) {
    let (world, _) = TestWorld::with_destination(1, destination).await;
    // That the account was connected is an event too.
    run_notifier(&world, world.now()).await;
    (world, destination.endpoint(testdata::workspace()).key)
}

/// What the bus has taken of pins.
fn taken(world: &TestWorld) -> Vec<BusEvent> {
    world.event_bus.taken().into_iter().filter(|event| event.pin.is_some()).collect()
}

/// The deliveries of pins' events.
fn of_pins(deliveries: Vec<Delivery>) -> Vec<Delivery> {
    deliveries.into_iter().filter(|one| matches!(one.source, Source::Pin { .. })).collect()
}

fn events(taken: &[BusEvent]) -> Vec<&'static str> {
    taken.iter().map(|event| event.event.name()).collect()
}

#[tokio::test]
async fn every_event_gets_to_each_kind_of_destination_with_one_write() {
    for destination in [Destination::EventBus, Destination::EventQueue] {
        let (world, key) = world(destination).await;
        let pin = publish(&world, 0..1).await[0];
        world.faults.take_calls();
        run_notifier(&world, world.now()).await;

        let taken = taken(&world);
        assert_eq!(events(&taken), ["pin.accepted", "pin.published"], "{destination:?}");
        let body: Value = serde_json::from_str(&taken[1].body).expect("JSON");
        assert_eq!((&body["event"], &body["workspace_id"]), (&json!("pin.published"), &json!(pin.workspace)));
        assert_eq!(body["id"], json!(taken[1].id.to_string()));
        assert_eq!((taken[1].workspace, taken[1].pin), (pin.workspace, Some(pin.pin)));

        let ended = of_pins(ended(&world, key).await);
        assert!(ended.iter().all(|one| one.state == State::Delivered && one.created_at == one.updated_at));
        assert_eq!((ended.len(), of_pins(waiting(&world, key).await).len()), (2, 0));
        let writes = ["webhooks.save_endpoint_health", "store.put_marker", "queue.send_notify"];
        let made = world.faults.take_calls();
        assert!(!made.iter().any(|call| writes.contains(call)), "{made:?}");
        assert_eq!(made.iter().filter(|call| **call == "webhooks.put_delivery").count(), 2);
        assert!(world.webhook_sender.sent().is_empty(), "no request to anybody");
    }
}

#[tokio::test]
async fn what_a_bus_does_not_take_waits_and_is_put_later_once() {
    for mood in [Mood::IsDown, Mood::Refuses] {
        let (world, key) = world(Destination::EventBus).await;
        world.event_bus.become_so(mood);
        publish(&world, 0..3).await;
        run_notifier(&world, world.now()).await;
        assert_eq!((of_pins(waiting(&world, key).await).len(), taken(&world).len()), (6, 0), "{mood:?}");
        let error = of_pins(waiting(&world, key).await).into_iter().find_map(|one| one.last?.error).expect("an error");
        assert_eq!(error, if mood == Mood::IsDown { "destination_unavailable" } else { "destination_refused" });

        world.event_bus.become_so(Mood::Takes);
        run_notifier(&world, START.plus_ms(10 * MINUTE_MS)).await;
        assert_eq!(
            (of_pins(waiting(&world, key).await).len(), of_pins(ended(&world, key).await).len()),
            (0, 6),
            "{mood:?}"
        );
        let mut ids: Vec<_> = taken(&world).into_iter().map(|event| event.id).collect();
        ids.sort();
        ids.dedup();
        assert_eq!((ids.len(), taken(&world).len()), (6, 6), "each once");
    }
}

#[tokio::test]
async fn a_bus_that_is_down_for_days_is_not_disabled_and_loses_nothing() {
    let (world, key) = world(Destination::EventBus).await;
    accept_numbered(&world, 0..1).await;
    run_notifier(&world, world.now()).await;
    world.event_bus.become_so(Mood::IsDown);
    publish(&world, 0..1).await;
    run_notifier(&world, START.plus_ms(9 * DAY_MS)).await;
    let waits = of_pins(waiting(&world, key).await);
    assert_eq!((waits.len(), taken(&world).len()), (1, 1));
    assert!(waits[0].tries > TRIES_MAX, "more tries than a webhook gets: {waits:?}");
    assert!(health(&world, key).await.turn_at.is_some());

    world.event_bus.become_so(Mood::Takes);
    run_notifier(&world, world.now().plus_ms(2 * DAY_MS)).await;
    assert_eq!((taken(&world).len(), of_pins(waiting(&world, key).await).len()), (2, 0));
    assert_eq!(world.queue.next_due(QueueName::Notify), None, "nothing is left to do");
}

#[tokio::test]
async fn a_bus_that_is_down_delays_no_webhook_and_a_webhook_no_bus() {
    let (world, bus) = world(Destination::EventBus).await;
    let webhook = subscribe(&world, 1, URL, &EventType::defaults()).await;
    world.event_bus.become_so(Mood::IsDown);
    publish(&world, 0..2).await;
    run_notifier(&world, world.now()).await;
    assert_eq!((of_pins(ended(&world, webhook).await).len(), of_pins(waiting(&world, bus).await).len()), (2, 4));
}

#[tokio::test]
async fn a_death_or_a_lost_message_is_mended_by_the_rescuer() {
    for fault in DEATHS.into_iter().chain([Fault::FailBefore, Fault::FailAfter]) {
        // The first two messages are those of the acceptances.
        for (call, nth) in [("queue.send_notify", 3), ("event_bus.put", 1), ("webhooks.put_delivery", 1)] {
            let (world, key) = world(Destination::EventBus).await;
            world.faults.plan(call, nth, fault);
            publish(&world, 0..2).await;
            run_notifier(&world, world.now()).await;
            world.run_until(START.plus_ms(30 * MINUTE_MS)).await;
            assert!(!world.faults.heal(), "{call} {fault:?} happened");
            let mut ids: Vec<_> = taken(&world).into_iter().map(|event| event.id).collect();
            ids.sort();
            ids.dedup();
            assert_eq!(ids.len(), 4, "{call} {fault:?}");
            assert_eq!(
                (of_pins(waiting(&world, key).await).len(), of_pins(ended(&world, key).await).len()),
                (0, 4),
                "{call} {fault:?}"
            );
        }
    }
}

#[tokio::test]
async fn without_a_destination_nothing_is_put() {
    let world = TestWorld::new(1).await;
    subscribe(&world, 1, URL, &EventType::defaults()).await;
    publish(&world, 0..1).await;
    run_notifier(&world, world.now()).await;
    assert_eq!((world.event_bus.calls(), world.webhook_sender.sent().len()), (0, 1));
}
