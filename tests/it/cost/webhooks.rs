//! What the table charges for webhooks: nothing more for a pin without them, at most two write units for an event that
//! is delivered at once, and at most three for each retry. Two things cost more: a long answer to the last try, of
//! which two kilobytes are kept, and a webhook that is disabled.

use std::sync::Arc;

use pinbridge_local::aws::LocalAws;
use pinbridge_local::resources;
use pinbridge_shared::adapters::dynamodb::DynamoStore;
use pinbridge_shared::adapters::recent_outcomes;
use pinbridge_shared::adapters::system::RealSystem;
use pinbridge_shared::adapters::webhook_store::WebhookStore;
use pinbridge_shared::context::Context;
use pinbridge_shared::domain::event::told::Told;
use pinbridge_shared::domain::event::{EventId, EventType};
use pinbridge_shared::domain::ids::{EndpointId, PinId};
use pinbridge_shared::domain::message::NotifyMessage;
use pinbridge_shared::domain::pin::history::{Event, EventKind, NOTE_MAX};
use pinbridge_shared::domain::secret::Secret;
use pinbridge_shared::domain::stats::rollup::recent::SAMPLES_PER_ROW;
use pinbridge_shared::domain::testdata;
use pinbridge_shared::domain::time::{DAY_MS, HOUR_MS, Moment};
use pinbridge_shared::domain::webhook::delivery::{
    ANSWER_KEPT, ANSWER_KEPT_WAITING, Delivery, DeliveryId, DeliveryKey, LastTry, MARK_OF_FIRST, Source, State,
};
use pinbridge_shared::domain::webhook::endpoint::{DisabledBy, Endpoint, EndpointKey, Secrets};
use pinbridge_shared::domain::webhook::schedule::TRIES_MAX;
use pinbridge_shared::domain::webhook::sending::SendOutcome;
use pinbridge_shared::domain::webhook::slowness::SLOW_AFTER_MS;
use pinbridge_shared::ports::{Listed, QueueName, Store, System, Webhooks};
use pinbridge_shared::testing::TestWorld;
use pinbridge_shared::testing::fake_webhook_sender::answered;
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
    let entry = Event {
        status: Some(503),
        provider_code: Some(9_999),
        request_id: Some("1234567890123456789".into()),
        next_at: Some(AT.plus_ms(HOUR_MS)),
        note: Some("n".repeat(NOTE_MAX)),
        ..Event::new(EventKind::RetryPlanned, AT, 6)
    };
    let told = Told {
        entry: Some(entry),
        account: testdata::account(),
        board_id: "123456789012345678".into(),
        pinterest_pin_id: None,
    };
    let event = EventId::derived(endpoint.workspace, &["event"]);
    Delivery {
        key: DeliveryKey { endpoint, event_at: AT, id: DeliveryId::of(endpoint, event) },
        event: EventType::PinOutcomeResolved,
        source: Source::Pin { pin: PinId(Uuid::new_v4()), sequence: 100, told: Some(Box::new(told)) },
        state,
        tries: 1,
        last: Some(last),
        body_sha256: Some("0f".repeat(32)),
        is_replayed: false,
        delivered_before: None,
        is_changed: true,
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
async fn a_delivery_that_waits_costs_one_write_unit_a_try_and_two_at_its_end() {
    let metered = metered().await;
    let waiting = delivery(endpoint(), WAITS, ANSWER_KEPT_WAITING);
    assert_eq!(metered.written(&waiting).await, 1.0);
    let again = Delivery { tries: 2, updated_at: AT.plus_ms(5_000), ..waiting.clone() };
    assert_eq!(metered.written(&again).await, 1.0);
    // The waiting row goes, too.
    let ended = Delivery { tries: 3, updated_at: AT.plus_ms(60_000), ..waiting.clone() };
    let delivered = Delivery { state: State::Delivered, ..ended };
    assert_eq!(metered.written(&delivered).await, 2.0);
    let left = metered.webhooks.deliveries(waiting.key.endpoint, Listed::Waiting, None, 10).await.expect("read");
    assert_eq!(left, []);
}

#[tokio::test]
async fn a_repeat_costs_no_more_because_its_row_keeps_the_first_delivery() {
    let metered = metered().await;
    let plain = Delivery { is_replayed: true, ..delivery(endpoint(), WAITS, ANSWER_KEPT_WAITING) };
    let shorter = delivery(endpoint(), WAITS, ANSWER_KEPT_WAITING - MARK_OF_FIRST);
    let delivered = Delivery { is_replayed: true, delivered_before: Some(AT), ..shorter };
    let (of_plain, of_delivered) = (metered.written(&plain).await, metered.written(&delivered).await);
    assert!(of_delivered <= of_plain, "{of_delivered} write units, and {of_plain} without it");
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

/// What an event may cost, in write units: one that is delivered at once, and each retry.
const AT_ONCE_MAX: f64 = 2.0;
const RETRY_MAX: f64 = 3.0;
/// The try after which a delivery has failed, if its answer is so long that [`ANSWER_KEPT`] bytes of it are kept.
const LONG_LAST_TRY_MAX: f64 = 5.0;
/// A try that disables its webhook, once for each time that a webhook is disabled.
const DISABLING_MAX: f64 = 6.0;
const PINS: usize = 20;
const URL: &str = "https://receiver.example/hook";

/// The whole system on the real table, with webhooks.
struct MeteredWorld {
    world: TestWorld,
    table: Arc<DynamoStore>,
    ledger: Arc<Ledger>,
    _aws: LocalAws,
}

async fn metered_world() -> MeteredWorld {
    let aws = embedded_aws::start().await;
    let client = embedded_aws::dynamodb(&aws);
    resources::create_table(&client).await.expect("the table is created");
    let (client, ledger) = meter::metered(&client);
    let table = Arc::new(DynamoStore::new(client, resources::TABLE));
    let of_webhooks = Arc::clone(&table);
    let webhooks =
        |system: Arc<dyn System>| Arc::new(WebhookStore::with_held_key(of_webhooks, system)) as Arc<dyn Webhooks>;
    let world = TestWorld::with_webhooks(Arc::clone(&table), webhooks, 1).await;
    MeteredWorld { world, table, ledger, _aws: aws }
}

impl MeteredWorld {
    /// The write and read units of some work.
    async fn spent(&self, work: impl Future<Output = ()>) -> (f64, f64) {
        let (written, read) = (self.ledger.write_units(), self.ledger.read_units());
        work.await;
        (self.ledger.write_units() - written, self.ledger.read_units() - read)
    }

    /// The system of before there were events: nothing looks for webhooks when a pin is written.
    fn announce_nothing(&mut self) {
        let bare = Context { store: Arc::clone(&self.table) as Arc<dyn Store>, ..self.world.context.clone() };
        self.world.context = recent_outcomes::around(bare, SAMPLES_PER_ROW);
    }

    async fn subscribe(&self) -> EndpointKey {
        let now = self.world.now();
        let endpoint = Endpoint {
            key: endpoint(),
            rev: 1,
            nonce: "endpoint".into(),
            url: URL.into(),
            events: EventType::defaults(),
            disabled: None,
            disablings: Vec::new(),
            previous_secret_until: None,
            created_at: now,
            updated_at: now,
        };
        let secrets = Secrets { current: Secret::new("a secret of the receiver"), previous: None };
        let saved = self.world.context.webhooks.save_endpoint(&endpoint, Some(&secrets)).await;
        assert!(saved.expect("saved").is_done());
        endpoint.key
    }

    /// Announces an event that no pin's row records.
    async fn announce(&self, number: u128) {
        let (id, event) = (EventId(Uuid::from_u128(number)), EventType::PinPublished);
        let message = NotifyMessage::stored(testdata::workspace(), id, event, self.world.now(), "{}".into(), None);
        self.world.context.queue.send_notify(&message, 0).await.expect("sent");
    }

    /// From now on, the receiver answers so.
    fn answer(&self, status: u16, answer_bytes: usize) {
        let mut outcome = answered(status);
        if let SendOutcome::Answered { body, .. } = &mut outcome {
            *body = "a".repeat(answer_bytes);
        }
        self.world.webhook_sender.answer(URL, outcome);
    }

    /// Accepts and publishes these pins; their events are left to the notifier.
    async fn publish(&self, pins: std::ops::Range<usize>) {
        for index in pins {
            let mut request = testdata::request(&format!("order-{index:06}"));
            request.title.replace_range(..6, &format!("{index:06}"));
            self.world.accept_request(request).await;
        }
        while self.world.run_publisher_once().await > 0 {}
    }

    /// Has the notifier do what is due now.
    async fn notify(&self) {
        while self.world.queue.next_due(QueueName::Notify).is_some_and(|due| due <= self.world.now()) {
            self.world.run_notifier_once().await;
        }
    }

    /// The same, at the time of the next turn.
    async fn take_next_turn(&self) {
        let due = self.world.queue.next_due(QueueName::Notify).expect("a turn is planned");
        self.world.system.advance_to(due);
        self.notify().await;
    }

    /// Has the notifier work until it has made another request. A turn that is far off comes by several messages.
    async fn try_again(&self) {
        let before = self.world.webhook_sender.sent().len();
        while self.world.webhook_sender.sent().len() == before {
            self.take_next_turn().await;
        }
    }

    async fn disabled(&self, key: EndpointKey) -> Option<DisabledBy> {
        self.world.context.webhooks.endpoint(key).await.expect("read").expect("there").disabled
    }
}

fn print(rows: &[(&str, usize, (f64, f64))]) {
    println!("\n{:<34} {:>6} {:>14} {:>12}", "", "events", "written/event", "read/event");
    for (what, events, (written, read)) in rows {
        println!("{what:<34} {events:>6} {:>14.3} {:>12.3}", written / *events as f64, read / *events as f64);
    }
}

#[tokio::test]
async fn a_pin_without_webhooks_costs_the_write_units_that_it_cost_before_there_were_any() {
    let mut before = metered_world().await;
    before.announce_nothing();
    let (written_before, read_before) = before.spent(before.publish(0..PINS)).await;
    let now = metered_world().await;
    let (written, read) = now.spent(now.publish(0..PINS)).await;
    assert!(written_before > 5.0 * PINS as f64, "{written_before} write units are too few to be true");
    assert_eq!(written, written_before);
    // One look for all of them.
    assert!(read - read_before <= 1.0, "{} read units more", read - read_before);

    // Nor does a pin cost more because a webhook hears of it: its events cost, below.
    let heard = metered_world().await;
    heard.subscribe().await;
    let (written, _) = heard.spent(heard.publish(0..PINS)).await;
    assert_eq!(written, written_before);
}

#[tokio::test]
async fn an_event_costs_at_most_two_write_units_and_each_retry_at_most_three() {
    let metered = metered_world().await;
    metered.subscribe().await;
    metered.publish(0..PINS).await;
    let at_once = metered.spent(metered.notify()).await;
    assert_eq!(metered.world.webhook_sender.sent().len(), PINS);

    metered.answer(503, ANSWER_KEPT);
    metered.publish(PINS..PINS + 1).await;
    let first = metered.spent(metered.notify()).await;
    let second = metered.spent(metered.take_next_turn()).await;
    let third = metered.spent(metered.take_next_turn()).await;
    metered.world.webhook_sender.answer(URL, answered(204));
    let last = metered.spent(metered.take_next_turn()).await;
    assert_eq!(metered.world.webhook_sender.sent().len(), PINS + 4, "each of them one request");

    print(&[
        ("delivered at once", PINS, at_once),
        ("the first try fails", 1, first),
        ("the second try fails", 1, second),
        ("the third try fails", 1, third),
        ("the fourth try succeeds", 1, last),
    ]);
    let per_event = at_once.0 / PINS as f64;
    assert!((1.0..=AT_ONCE_MAX).contains(&per_event), "{per_event} write units an event");
    for (written, _) in [first, second, third, last] {
        assert!((1.0..=RETRY_MAX).contains(&written), "{written} write units a try");
    }
}

#[tokio::test]
async fn a_slow_answer_costs_a_write_unit_and_an_event_of_a_slow_webhook_three_before_its_turn() {
    let metered = metered_world().await;
    metered.subscribe().await;
    metered.world.webhook_sender.take_ms(URL, SLOW_AFTER_MS + 1);
    metered.announce(1).await;
    let at_once = metered.spent(metered.notify()).await;
    metered.announce(2).await;
    let waits = metered.spent(metered.notify()).await;
    assert_eq!(metered.world.webhook_sender.sent().len(), 1);
    let later = metered.spent(metered.try_again()).await;
    print(&[("slow, at once", 1, at_once), ("waits", 1, waits), ("slow, by its turn", 1, later)]);
    assert!((1.0..=AT_ONCE_MAX).contains(&at_once.0), "{} write units at once", at_once.0);
    for (written, _) in [waits, later] {
        assert!((1.0..=RETRY_MAX).contains(&written), "{written} write units");
    }
}

#[tokio::test]
async fn the_last_try_of_a_delivery_costs_as_much_as_a_retry_and_more_only_for_a_long_answer() {
    for (answer_bytes, last_try_max) in [(ANSWER_KEPT_WAITING, RETRY_MAX), (ANSWER_KEPT, LONG_LAST_TRY_MAX)] {
        let metered = metered_world().await;
        let endpoint = metered.subscribe().await;
        metered.answer(503, answer_bytes);
        metered.announce(1).await;
        let mut tries = vec![metered.spent(metered.notify()).await];
        for _ in 1..TRIES_MAX {
            tries.push(metered.spent(metered.try_again()).await);
        }
        let ended = metered.world.context.webhooks.deliveries(endpoint, Listed::Ended, None, 9).await.expect("read");
        assert_eq!(ended.iter().map(|one| (one.state, one.tries)).collect::<Vec<_>>(), [(State::Failed, TRIES_MAX)]);
        assert_eq!(metered.world.queue.next_due(QueueName::Notify), None, "nothing is left to do");

        println!("\nan answer of {answer_bytes} bytes");
        print(&tries.iter().map(|spent| ("a try", 1, *spent)).collect::<Vec<_>>());
        let (last, others) = tries.split_last().expect("tries");
        assert!((1.0..=last_try_max).contains(&last.0), "{} write units for the last try", last.0);
        for (written, _) in others {
            assert!((1.0..=RETRY_MAX).contains(written), "{written} write units a try");
        }
    }
}

#[tokio::test]
async fn a_webhook_is_disabled_for_at_most_six_write_units() {
    let at_once = metered_world().await;
    let key = at_once.subscribe().await;
    at_once.answer(410, 0);
    at_once.announce(1).await;
    let by_first_answer = at_once.spent(at_once.notify()).await;
    assert_eq!(at_once.disabled(key).await, Some(DisabledBy::Receiver));

    let later = metered_world().await;
    let key = later.subscribe().await;
    later.answer(503, 0);
    later.announce(1).await;
    later.notify().await;
    later.answer(410, 0);
    let by_retry = later.spent(later.try_again()).await;
    assert_eq!(later.disabled(key).await, Some(DisabledBy::Receiver));

    let failing = metered_world().await;
    let key = failing.subscribe().await;
    failing.answer(503, 0);
    failing.announce(1).await;
    failing.notify().await;
    for _ in 1..TRIES_MAX {
        failing.try_again().await;
    }
    failing.world.system.advance_ms(3 * DAY_MS);
    failing.announce(2).await;
    // It is sent at once: a single delivery has failed before.
    let by_failures = failing.spent(failing.notify()).await;
    assert_eq!(failing.disabled(key).await, Some(DisabledBy::Failures));

    print(&[
        ("410 to the first try", 1, by_first_answer),
        ("410 to a retry", 1, by_retry),
        ("five days of failures", 1, by_failures),
    ]);
    for (written, _) in [by_first_answer, by_retry, by_failures] {
        // More than a retry: it is written, too, that the webhook is disabled.
        assert!((RETRY_MAX..=DISABLING_MAX).contains(&written), "{written} write units");
    }
}
