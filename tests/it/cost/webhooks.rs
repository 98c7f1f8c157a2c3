//! What the table charges for webhook deliveries: one write unit for one that succeeds at once.

use std::sync::Arc;

use pinbridge_local::aws::LocalAws;
use pinbridge_local::resources;
use pinbridge_shared::adapters::dynamodb::DynamoStore;
use pinbridge_shared::adapters::system::RealSystem;
use pinbridge_shared::adapters::webhook_store::WebhookStore;
use pinbridge_shared::domain::event::{EventId, EventType};
use pinbridge_shared::domain::ids::{EndpointId, PinId};
use pinbridge_shared::domain::testdata;
use pinbridge_shared::domain::time::Moment;
use pinbridge_shared::domain::webhook::delivery::{
    ANSWER_KEPT, Delivery, DeliveryId, DeliveryKey, LastTry, Source, State,
};
use pinbridge_shared::domain::webhook::endpoint::EndpointKey;
use pinbridge_shared::ports::{Listed, Webhooks};
use uuid::Uuid;

use crate::support::embedded_aws;
use crate::support::meter::{self, Ledger};

const AT: Moment = Moment(1_795_394_096_000);
const WAITS: State = State::Waiting { next_at: Some(AT) };

struct Metered {
    webhooks: WebhookStore,
    ledger: Arc<Ledger>,
    _aws: LocalAws,
}

async fn metered() -> Metered {
    let aws = embedded_aws::start().await;
    let client = embedded_aws::dynamodb(&aws);
    resources::create_table(&client).await.expect("the table is created");
    let (client, ledger) = meter::metered(&client);
    let table = Arc::new(DynamoStore::new(client, resources::TABLE));
    Metered { webhooks: WebhookStore::with_held_key(table, Arc::new(RealSystem::default())), ledger, _aws: aws }
}

impl Metered {
    /// The write units of one write.
    async fn written(&self, delivery: &Delivery) -> f64 {
        let before = self.ledger.write_units();
        self.webhooks.put_delivery(delivery).await.expect("written");
        let written = self.ledger.write_units() - before;
        println!("{} after {} tries: {written} write units", delivery.state.name(), delivery.tries);
        written
    }
}

fn endpoint() -> EndpointKey {
    EndpointKey { workspace: testdata::workspace(), endpoint: EndpointId(Uuid::new_v4()) }
}

/// A delivery with everything in it that can be; the answer of the last try has as many bytes.
fn delivery(endpoint: EndpointKey, state: State, answer: usize) -> Delivery {
    let last = LastTry {
        at: AT,
        status: Some(503),
        error: Some("answer_too_long".into()),
        answer: (answer > 0).then(|| "a".repeat(answer)),
        latency_ms: 15_000,
    };
    let event = EventId::derived(endpoint.workspace, &["event"]);
    Delivery {
        key: DeliveryKey { endpoint, event_at: AT, id: DeliveryId::of(endpoint, event) },
        event: EventType::PinOutcomeResolved,
        source: Source::Pin { pin: PinId(Uuid::new_v4()), sequence: 100 },
        state,
        tries: 1,
        last: Some(last),
        body_sha256: Some("0f".repeat(32)),
        is_replayed: false,
        created_at: AT,
        updated_at: AT,
        expires_at: AT.plus_ms(1_000_000),
    }
}

#[tokio::test]
async fn a_delivery_that_succeeds_at_once_costs_one_write_unit_and_no_read() {
    let metered = metered().await;
    let delivered = delivery(endpoint(), State::Delivered, ANSWER_KEPT);
    let read = metered.ledger.read_units();
    assert_eq!(metered.written(&delivered).await, 1.0);
    assert_eq!(metered.ledger.read_units(), read);
}

#[tokio::test]
async fn a_delivery_that_waits_costs_at_most_three_write_units_a_try_and_four_at_its_end() {
    let metered = metered().await;
    let waiting = delivery(endpoint(), WAITS, ANSWER_KEPT);
    assert!(metered.written(&waiting).await <= 3.0);
    let again = Delivery { tries: 2, updated_at: AT.plus_ms(5_000), ..waiting.clone() };
    assert!(metered.written(&again).await <= 3.0);
    // The waiting row goes, too: that costs what its size is.
    let delivered = Delivery {
        tries: 3,
        state: State::Delivered,
        updated_at: AT.plus_ms(60_000),
        ..delivery(waiting.key.endpoint, WAITS, 0)
    };
    assert!(metered.written(&delivered).await <= 4.0);
    let left = metered.webhooks.deliveries(waiting.key.endpoint, Listed::Waiting, None, 10).await.expect("read");
    assert_eq!(left, []);
}

#[tokio::test]
async fn what_a_waiting_row_left_behind_costs_is_paid_once() {
    let metered = metered().await;
    let waiting = delivery(endpoint(), WAITS, 0);
    // It ends in the very millisecond in which it began to wait.
    let delivered = Delivery { state: State::Delivered, tries: 2, ..waiting.clone() };
    assert_eq!(metered.written(&waiting).await, 1.0);
    assert_eq!(metered.written(&delivered).await, 1.0);
    let list = async || {
        let before = metered.ledger.write_units();
        let endpoint = waiting.key.endpoint;
        let found = metered.webhooks.deliveries(endpoint, Listed::Waiting, None, 10).await.expect("read");
        assert_eq!(found, []);
        metered.ledger.write_units() - before
    };
    assert_eq!(list().await, 1.0, "the first reader removes it");
    assert_eq!(list().await, 0.0);
}
