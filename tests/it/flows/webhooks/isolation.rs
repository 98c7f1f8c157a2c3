//! Endpoints that take long, beside one that answers at once, while as many notifiers work as there may be.

use std::collections::BTreeSet;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use futures_util::future::{join_all, select};
use pinbridge_shared::context::Context;
use pinbridge_shared::domain::event::EventType;
use pinbridge_shared::domain::message::{Disposition, NotifyMessage};
use pinbridge_shared::domain::time::{MINUTE_MS, Moment, SECOND_MS};
use pinbridge_shared::domain::webhook::sending::{WebhookAnswer, WebhookRequest};
use pinbridge_shared::flows::webhooks::notify::work_on_notification;
use pinbridge_shared::ports::{QueueName, System, WebhookSender};
use pinbridge_shared::testing::TestWorld;
use pinbridge_shared::testing::fake_webhook_sender::answered;
use pinbridge_shared::testing::manual_system::ManualSystem;

use super::{OTHER_URL, publish, subscribe};

/// As in template.yaml.
const NOTIFIERS: usize = 10;
const NOTIFIER_TIMEOUT_MS: i64 = 45 * SECOND_MS;
const POLLS_EVERY_MS: i64 = 100;
/// More than there are notifiers.
const SLOW_ONES: usize = 12;
const TAKES_MS: i64 = 13 * SECOND_MS;
/// The endpoint that answers gets an event within this time.
const SOON_MS: i64 = 5 * SECOND_MS;
/// So often everyone is asked to go on before the clock moves: enough for whoever waits for another one's lock.
const ROUNDS: usize = 20;

/// A clock for several sleepers: it moves to the first of their times when nobody has anything to do before.
struct SharedClock {
    inner: Arc<ManualSystem>,
    sleepers: Mutex<Sleepers>,
}

#[derive(Default)]
struct Sleepers {
    count: u64,
    until: BTreeSet<(Moment, u64)>,
}

/// One who sleeps. Whoever stops to wait is forgotten.
struct Sleeper<'a> {
    clock: &'a SharedClock,
    place: (Moment, u64),
}

impl Drop for Sleeper<'_> {
    fn drop(&mut self) {
        self.clock.sleepers().until.remove(&self.place);
    }
}

impl SharedClock {
    fn sleepers(&self) -> MutexGuard<'_, Sleepers> {
        self.sleepers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sleeper(&self, ms: i64) -> Sleeper<'_> {
        let mut sleepers = self.sleepers();
        sleepers.count += 1;
        let place = (self.inner.now().plus_ms(ms), sleepers.count);
        sleepers.until.insert(place);
        Sleeper { clock: self, place }
    }

    /// Lets time pass for ever.
    async fn run(&self) {
        loop {
            for _ in 0..ROUNDS {
                tokio::task::yield_now().await;
            }
            let first = self.sleepers().until.first().map(|(until, _)| *until);
            if let Some(until) = first {
                self.inner.advance_to(until);
            }
        }
    }
}

#[async_trait]
impl System for SharedClock {
    fn now(&self) -> Moment {
        self.inner.now()
    }

    fn monotonic_ms(&self) -> i64 {
        self.inner.monotonic_ms()
    }

    fn jitter(&self) -> f64 {
        self.inner.jitter()
    }

    fn nonce(&self) -> String {
        self.inner.nonce()
    }

    fn random(&self) -> [u8; 32] {
        self.inner.random()
    }

    async fn sleep_ms(&self, ms: i64) {
        let sleeper = self.sleeper(ms);
        while self.inner.now() < sleeper.place.0 {
            tokio::task::yield_now().await;
        }
    }
}

/// Receivers that all take the events: that of [`OTHER_URL`] at once, the others after long.
struct Receivers {
    clock: Arc<SharedClock>,
    /// When the one that answers at once got its requests.
    heard: Mutex<Vec<Moment>>,
}

impl Receivers {
    fn heard(&self) -> MutexGuard<'_, Vec<Moment>> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl WebhookSender for Receivers {
    async fn send(&self, request: &WebhookRequest) -> WebhookAnswer {
        let began = self.clock.now();
        if request.url == OTHER_URL {
            self.heard().push(began);
        } else {
            self.clock.sleep_ms(TAKES_MS).await;
        }
        WebhookAnswer { outcome: answered(200), latency_ms: self.clock.now().since_ms(began) }
    }
}

/// One notifier, which takes one message after another until `end`.
async fn notifier(world: &TestWorld, context: &Context, end: Moment) {
    let context = Context { lanes: Arc::default(), ..context.clone() };
    while world.now() < end {
        let Some(delivery) = world.queue.deliver_due(QueueName::Notify, world.now(), 1).pop() else {
            context.system.sleep_ms(POLLS_EVERY_MS).await;
            continue;
        };
        let message = NotifyMessage::parse(&delivery.body).expect("a notify message");
        let ends_at_ms = context.system.monotonic_ms() + NOTIFIER_TIMEOUT_MS;
        let done = work_on_notification(&context, message, ends_at_ms).await.expect("every port works");
        assert_eq!(done, Disposition::Done);
        world.queue.delete(&delivery.receipt);
    }
}

#[tokio::test]
async fn more_slow_endpoints_than_notifiers_do_not_delay_the_one_that_answers() {
    let world = TestWorld::new(1).await;
    for number in 1..=SLOW_ONES {
        let url = format!("https://slow-{number}.example/hook");
        subscribe(&world, number as u128, &url, &EventType::defaults()).await;
    }
    subscribe(&world, 100, OTHER_URL, &EventType::defaults()).await;
    let clock = Arc::new(SharedClock { inner: Arc::clone(&world.system), sleepers: Mutex::default() });
    let receivers = Arc::new(Receivers { clock: Arc::clone(&clock), heard: Mutex::default() });
    let context = Context {
        system: Arc::clone(&clock) as Arc<dyn System>,
        webhook_sender: Arc::clone(&receivers) as Arc<dyn WebhookSender>,
        ..world.context.clone()
    };

    // By the first pin it is known who is slow.
    for pins in [0..1, 1..21, 21..41] {
        let (published, count) = (world.now(), pins.len());
        publish(&world, pins).await;
        let end = world.now().plus_ms(MINUTE_MS);
        let notifiers = join_all((0..NOTIFIERS).map(|_| notifier(&world, &context, end)));
        select(pin!(notifiers), pin!(clock.run())).await;

        let heard: Vec<i64> = receivers.heard().drain(..).map(|at| at.since_ms(published)).collect();
        assert_eq!(heard.len(), count);
        assert!(heard.iter().all(|after_ms| *after_ms <= SOON_MS), "{heard:?}");
    }
}
