//! Webhooks: events reach whoever subscribed, at least once and under one id, whatever dies, is lost or comes twice.

mod accounts;
mod delivering;
mod destinations;
mod dropped;
mod endpoints;
mod failing;
mod import_tasks;
mod imports;
mod isolation;
mod pace;
mod recovery;
mod refused;
mod schedules;
mod tasks;

use pinbridge_shared::domain::event::{EventId, EventType};
use pinbridge_shared::domain::ids::{EndpointId, PinKey};
use pinbridge_shared::domain::secret::Secret;
use pinbridge_shared::domain::testdata;
use pinbridge_shared::domain::time::{DAY_MS, MINUTE_MS, Moment};
use pinbridge_shared::domain::webhook::delivery::{Delivery, DeliveryId};
use pinbridge_shared::domain::webhook::endpoint::{Endpoint, EndpointKey, Secrets};
use pinbridge_shared::domain::webhook::health::Health;
use pinbridge_shared::ports::{Listed, QueueName};
use pinbridge_shared::testing::{START, TestWorld};
use serde_json::Value;
use uuid::Uuid;

use super::accept_numbered;

const URL: &str = "https://receiver.example/hook";
const OTHER_URL: &str = "https://other.example/hook";
/// Since when the endpoints exist.
const SUBSCRIBED_AT: Moment = Moment(START.0 - 6 * DAY_MS);
const LISTED_MAX: usize = 1_000;

/// Subscribes an endpoint; a smaller number is an older one.
async fn subscribe(world: &TestWorld, number: u128, url: &str, events: &[EventType]) -> EndpointKey {
    let key = EndpointKey { workspace: testdata::workspace(), endpoint: EndpointId(Uuid::from_u128(number)) };
    let mut events = events.to_vec();
    events.sort();
    let endpoint = Endpoint {
        key,
        rev: 1,
        nonce: format!("endpoint {number}"),
        url: url.to_owned(),
        events,
        disabled: None,
        disablings: Vec::new(),
        previous_secret_until: None,
        created_at: SUBSCRIBED_AT,
        updated_at: SUBSCRIBED_AT,
    };
    let secrets = Secrets { current: Secret::new(format!("secret of endpoint {number}")), previous: None };
    let saved = world.faults.spare(world.context.webhooks.save_endpoint(&endpoint, Some(&secrets))).await;
    assert!(saved.expect("saved").is_done());
    key
}

async fn deliveries(world: &TestWorld, key: EndpointKey, listed: Listed) -> Vec<Delivery> {
    let read = world.context.webhooks.deliveries(key, listed, None, LISTED_MAX);
    world.faults.spare(read).await.expect("read")
}

async fn waiting(world: &TestWorld, key: EndpointKey) -> Vec<Delivery> {
    deliveries(world, key, Listed::Waiting).await
}

async fn ended(world: &TestWorld, key: EndpointKey) -> Vec<Delivery> {
    deliveries(world, key, Listed::Ended).await
}

async fn health(world: &TestWorld, key: EndpointKey) -> Health {
    world.faults.spare(world.context.webhooks.endpoint_health(key)).await.expect("read")
}

async fn endpoint(world: &TestWorld, key: EndpointKey) -> Endpoint {
    world.faults.spare(world.context.webhooks.endpoint(key)).await.expect("read").expect("there")
}

/// Publishes that many pins, and leaves their events to the notifier.
async fn publish(world: &TestWorld, indices: std::ops::Range<usize>) -> Vec<PinKey> {
    let keys = accept_numbered(world, indices).await;
    while world.queue.next_due(QueueName::Publish).is_some_and(|due| due <= world.now()) {
        world.run_publisher_once().await;
    }
    keys
}

/// Lets the notifier work, without any other function, until nothing is due before `end`.
async fn run_notifier(world: &TestWorld, end: Moment) {
    while let Some(due) = world.queue.next_due(QueueName::Notify).filter(|due| *due <= end) {
        world.system.advance_to(due);
        world.run_notifier_once().await;
    }
}

/// The id of the delivery of the pin's event to the endpoint.
fn delivery_id(endpoint: EndpointKey, pin: PinKey, sequence: u32) -> DeliveryId {
    DeliveryId::of(endpoint, EventId::of_pin(pin, sequence))
}

/// A world whose only endpoint hears these events.
async fn listening(events: &[EventType]) -> (TestWorld, EndpointKey) {
    let world = TestWorld::new(1).await;
    let endpoint = subscribe(&world, 1, URL, events).await;
    // The process has read before that there is none.
    world.run_for_ms(MINUTE_MS).await;
    (world, endpoint)
}

/// The bodies of all requests so far. Their deliveries have the ids of their events.
fn bodies(world: &TestWorld, endpoint: EndpointKey) -> Vec<Value> {
    let sent = world.webhook_sender.sent();
    sent.iter()
        .map(|sent| {
            let body: Value = serde_json::from_str(&sent.request.body).expect("JSON");
            let event = EventId(body["id"].as_str().expect("an id").parse().expect("a UUID"));
            let delivery = DeliveryId::of(endpoint, event).0.to_string();
            assert_eq!(sent.header("X-PinBridge-Delivery-ID"), Some(delivery.as_str()));
            assert_eq!(sent.header("X-PinBridge-Event"), body["event"].as_str());
            body
        })
        .collect()
}

/// The names of the events.
fn names(bodies: &[Value]) -> Vec<&str> {
    bodies.iter().filter_map(|body| body["event"].as_str()).collect()
}

/// The writes and messages of these calls that only events cause.
fn of_events(calls: &[&'static str]) -> Vec<&'static str> {
    let of_events = ["store.put_marker", "queue.send_notify", "webhooks.endpoints"];
    calls.iter().copied().filter(|call| of_events.contains(call)).collect()
}
