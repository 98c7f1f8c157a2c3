//! Webhooks: events reach whoever subscribed, at least once and under one id, whatever dies, is lost or comes twice.

mod delivering;
mod endpoints;
mod failing;
mod recovery;

use pinbridge_shared::domain::event::{EventId, EventType};
use pinbridge_shared::domain::ids::{EndpointId, PinKey};
use pinbridge_shared::domain::secret::Secret;
use pinbridge_shared::domain::testdata;
use pinbridge_shared::domain::time::{DAY_MS, Moment};
use pinbridge_shared::domain::webhook::delivery::{Delivery, DeliveryId};
use pinbridge_shared::domain::webhook::endpoint::{Endpoint, EndpointKey, Secrets};
use pinbridge_shared::domain::webhook::health::Health;
use pinbridge_shared::ports::{Listed, QueueName};
use pinbridge_shared::testing::{START, TestWorld};
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
