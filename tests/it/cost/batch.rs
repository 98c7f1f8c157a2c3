//! What a batch of a hundred costs through the real adapters: units, writes of the bucket, calls of the queue.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_sdk_dynamodb::config::ConfigBag;
use aws_sdk_dynamodb::config::interceptors::BeforeTransmitInterceptorContextRef;
use aws_sdk_dynamodb::config::{Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;
use pinbridge_local::resources;
use pinbridge_shared::adapters::dynamodb::DynamoStore;
use pinbridge_shared::adapters::sqs::SqsQueue;
use pinbridge_shared::domain::ids::PinKey;
use pinbridge_shared::domain::pin::attempt::Status;
use pinbridge_shared::domain::pin::origin::{Actor, Origin};
use pinbridge_shared::domain::testdata;
use pinbridge_shared::domain::time::SECOND_MS;
use pinbridge_shared::flows::accept::accept_pin::{Acceptance, PublishRequest};
use pinbridge_shared::flows::accept::accept_pins::accept_pins;
use pinbridge_shared::ports::QueueName;
use pinbridge_shared::testing::TestWorld;

use crate::support::{embedded_aws, meter};

/// What a pin of a batch may cost, in write units, from its acceptance to its Pin.
const IN_A_BATCH_MAX: f64 = 5.5;
const PINS: usize = 100;

/// Counts the requests of one kind.
#[derive(Clone, Debug, Default)]
struct Counter {
    operation: &'static str,
    seen: Arc<AtomicUsize>,
}

impl Counter {
    fn of(operation: &'static str) -> Self {
        Self { operation, ..Self::default() }
    }

    fn seen(&self) -> usize {
        self.seen.load(Ordering::Relaxed)
    }
}

impl Intercept for Counter {
    fn name(&self) -> &'static str {
        "counter"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let target = context.request().headers().get("x-amz-target").unwrap_or_default();
        if target.ends_with(&format!(".{}", self.operation)) {
            self.seen.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }
}

fn publish_requests() -> Vec<PublishRequest> {
    let request_to_publish = |index: usize| {
        let mut request = testdata::request(&format!("order-{index:06}"));
        request.title.replace_range(..6, &format!("{index:06}"));
        let origin = Origin::by(Actor::Key(pinbridge_shared::domain::ids::KeyId(uuid::Uuid::from_u128(1))));
        PublishRequest { request, origin, not_before: None }
    };
    (0..PINS).map(request_to_publish).collect()
}

#[tokio::test]
async fn a_batch_of_a_hundred_costs_at_most_five_and_a_half_write_units_a_pin_and_one_of_the_bucket() {
    let aws = embedded_aws::start().await;
    let bucket_writes = Counter::of("UpdateItem");
    let config = embedded_aws::dynamodb(&aws).config().to_builder().interceptor(bucket_writes.clone()).build();
    let client = aws_sdk_dynamodb::Client::from_conf(config);
    resources::create_table(&client).await.expect("the table is created");
    let (client, ledger) = meter::metered(&client);
    let store = DynamoStore::new(client, resources::TABLE);
    let world = TestWorld::on(Arc::new(store), 1).await;
    let (units, updates) = (ledger.write_units(), bucket_writes.seen());

    let accepted = accept_pins(&world.context, testdata::workspace(), publish_requests()).await.expect("accepted");
    let accepting = ledger.write_units() - units;
    assert_eq!(bucket_writes.seen() - updates, 1, "one write of the bucket");
    let keys: Vec<PinKey> = accepted
        .iter()
        .map(|answer| match answer {
            Ok(Acceptance::New(pin, _)) => pin.key,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(keys.len(), PINS);
    while world.queue.next_due(QueueName::Publish).is_some() {
        while world.run_publisher_once().await > 0 {}
        world.system.advance_ms(SECOND_MS);
    }
    let read = world.context.store.pins(&keys).await.expect("readable");
    assert!(read.iter().flatten().all(|(_, attempt)| attempt.status == Status::Published));
    let per_pin = (ledger.write_units() - units) / PINS as f64;
    println!("a batch of {PINS}: {per_pin:.2} write units a pin, {:.2} of them to accept it", accepting / PINS as f64);
    assert!(per_pin <= IN_A_BATCH_MAX, "{per_pin}");
    assert!(per_pin > 5.0, "{per_pin} are too few to be true");
    assert_eq!(ledger.failed_conditions(), 0, "nothing was in anybody's way");
}

#[tokio::test]
async fn a_hundred_pins_are_sent_in_ten_calls() {
    let aws = embedded_aws::start().await;
    let (batches, singles) = (Counter::of("SendMessageBatch"), Counter::of("SendMessage"));
    let config = embedded_aws::sqs(&aws).config().to_builder();
    let client =
        aws_sdk_sqs::Client::from_conf(config.interceptor(batches.clone()).interceptor(singles.clone()).build());
    let urls =
        resources::create_queues(&client, resources::VISIBILITY_TIMEOUT_S).await.expect("the queues are created");
    let mut world = TestWorld::new(1).await;
    world.context.queue = Arc::new(SqsQueue::new(client, urls));
    let accepted = accept_pins(&world.context, testdata::workspace(), publish_requests()).await.expect("accepted");
    assert!(accepted.iter().all(|answer| matches!(answer, Ok(Acceptance::New(..)))));
    assert_eq!((batches.seen(), singles.seen()), (PINS / 10, 0));
}
