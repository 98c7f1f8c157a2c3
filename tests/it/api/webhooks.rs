//! Webhooks over the API: who may have which, what is in their delivery log, and what is sent again.

mod deliveries;
mod endpoints;
mod replay;
mod replays;

use pinbridge_shared::domain::event::{EventId, EventType};
use pinbridge_shared::domain::message::{NotifyMessage, NotifyWork};
use pinbridge_shared::domain::testdata;
use pinbridge_shared::domain::time::{DAY_MS, Moment};
use pinbridge_shared::domain::webhook::delivery::{Delivery, DeliveryId, DeliveryKey, LastTry, Source, State};
use pinbridge_shared::domain::webhook::endpoint::{DisabledBy, Endpoint, EndpointKey};
use pinbridge_shared::ports::QueueName;
use serde_json::{Value, json};

use crate::support::api::{Api, As};

const PATH: &str = "/v1/webhooks";
const URL: &str = "https://example.com/hooks/pinbridge";
const SECRET: &str = "a secret of 31 chars, or nearly";
/// The id of nothing.
const NOBODYS: &str = "7d11ee90-a944-54ed-a55c-7f2e8a5ca0b6";
/// More messages than any test sends.
const MESSAGES_MAX: usize = 1_000;

/// A webhook of the API's workspace with these events.
async fn created(api: &Api, events: &[&str]) -> EndpointKey {
    let body = json!({"url": URL, "secret": SECRET, "events": events});
    let (status, made) = api.call("POST", PATH, As::Key(&api.key), body).await;
    assert_eq!(status, 201, "{made}");
    EndpointKey {
        workspace: testdata::workspace(),
        endpoint: made["id"].as_str().expect("an id").parse().expect("one"),
    }
}

fn path_of(key: EndpointKey) -> String {
    format!("{PATH}/{}", key.endpoint)
}

/// The webhook as it is stored.
async fn stored(api: &Api, key: EndpointKey) -> Endpoint {
    api.world.context.webhooks.endpoint(key).await.expect("read").expect("there")
}

/// Disables it as a worker does.
async fn disable(api: &Api, key: EndpointKey, by: DisabledBy) {
    let endpoint = stored(api, key).await;
    let next = Endpoint { rev: endpoint.rev + 1, nonce: "disabled".into(), disabled: Some(by), ..endpoint };
    assert!(api.world.context.webhooks.save_endpoint(&next, None).await.expect("saved").is_done());
}

/// What the notifier is asked for now.
fn asked(api: &Api) -> Vec<NotifyWork> {
    let due = api.world.queue.deliver_due(QueueName::Notify, api.world.now(), MESSAGES_MAX);
    let read = due.into_iter().map(|delivery| {
        api.world.queue.delete(&delivery.receipt);
        serde_json::from_str::<NotifyMessage>(&delivery.body).expect("a message").work
    });
    read.collect()
}

/// Whether the notifier is asked for a turn of the webhook now.
fn has_turn(api: &Api, key: EndpointKey) -> bool {
    let now = api.world.now();
    asked(api).into_iter().any(|work| match work {
        NotifyWork::Turn { endpoint, planned_for } => endpoint == key.endpoint && planned_for <= now,
        NotifyWork::Pin { .. } | NotifyWork::Replay { .. } | NotifyWork::Stored { .. } => false,
    })
}

/// A delivery of an event with that number that is about nothing.
fn delivery(endpoint: EndpointKey, event: EventType, number: i64, event_at: Moment, state: State) -> Delivery {
    let event_id = EventId::derived(endpoint.workspace, &["of a test", &number.to_string()]);
    let payload = json!({"id": event_id.to_string(), "event": event.name(), "number": number}).to_string();
    let has_failed = state == State::Failed;
    Delivery {
        key: DeliveryKey { endpoint, event_at, id: DeliveryId::of(endpoint, event_id) },
        event,
        source: Source::Stored { payload },
        state,
        tries: if has_failed { 11 } else { 1 },
        last: Some(LastTry {
            at: event_at.plus_ms(20),
            status: Some(if has_failed { 503 } else { 204 }),
            error: has_failed.then(|| "http_status".into()),
            answer: has_failed.then(|| "busy".into()),
            latency_ms: 12,
        }),
        body_sha256: Some("ab".repeat(32)),
        is_replayed: false,
        delivered_before: None,
        is_changed: false,
        created_at: event_at.plus_ms(10),
        updated_at: event_at.plus_ms(40),
        expires_at: event_at.plus_ms(30 * DAY_MS),
    }
}

async fn put(api: &Api, delivery: &Delivery) {
    api.world.context.webhooks.put_delivery(delivery).await.expect("written");
}

async fn read(api: &Api, path: &str) -> Value {
    let (status, answer) = api.call("GET", path, As::Key(&api.key), Value::Null).await;
    assert_eq!(status, 200, "{path}: {answer}");
    answer
}
