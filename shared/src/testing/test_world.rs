//! A whole system on fakes, which tests step.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::join_all;

use super::fake_analytics::FakeAnalytics;
use super::fake_boards::FakeBoards;
use super::fake_event_bus::FakeEventBus;
use super::fake_mailer::FakeMailer;
use super::fake_oauth::FakeOAuth;
use super::fake_pacers::FakePacers;
use super::fake_people::{FakePasswords, FakeSessionKeys};
use super::fake_pinterest::FakePinterest;
use super::fake_queue::{Delivery, FakeQueue};
use super::fake_receipt_keys::FakeReceiptKeys;
use super::fake_secrets::FakeSecrets;
use super::fake_store::FakeStore;
use super::fake_tasks::FakeTasks;
use super::fake_webhook_sender::FakeWebhookSender;
use super::faults::Faults;
use super::manual_system::ManualSystem;
use crate::adapters::{announce, recent_outcomes, sandbox};
use crate::config::{PUBLISHER_TIMEOUT_MS, Settings};
use crate::context::{Context, Destinations};
use crate::domain::ids::PinKey;
use crate::domain::message::{Disposition, ImportMessage, NotifyMessage, PublishMessage, ReconcileMessage};
use crate::domain::pacing::pace::Pace;
use crate::domain::pin::attempt::Attempt;
use crate::domain::pin::{Pin, PinRequest};
use crate::domain::stats::rollup::recent::SAMPLES_PER_ROW;
use crate::domain::testdata;
use crate::domain::time::{MINUTE_MS, Moment};
use crate::domain::webhook::destination::Destination;
use crate::flows::accept::accept_pin::{AcceptError, Acceptance, accept_pin};
use crate::flows::dead_letters::fail_pin::{DeadLetter, dead_letter};
use crate::flows::dispatch::rescue::Mode;
use crate::flows::dispatch::{Report, dispatch};
use crate::flows::imports::import_rows::work_on_import;
use crate::flows::imports::rescue_imports::import_dead_letter;
use crate::flows::publish::publish_pin::publish_pin;
use crate::flows::reconcile::reconcile_board::reconcile_board;
use crate::flows::webhooks::notify::work_on_notification;
use crate::ports::{
    ActivityLog, BoardChecks, Credits, Imports, MAX_DELAY_MS, OAuthStates, PinIndex, PortError, PortResult, Purge,
    Queue, QueueName, Rollups, Schedules, Secrets, SimulatedAccounts, Store, System, TaskTokens, Tenants, Tokens,
    WebhookSender, Webhooks,
};

/// 2026-01-01T00:00:00Z: the start of a minute, so that the distance to the next tick is known.
pub const START: Moment = Moment(1_767_225_600_000);
/// The most messages in one batch of the publisher.
const BATCH: usize = 10;
/// The timeout of the dispatcher's invocation.
const DISPATCHER_TIMEOUT_MS: i64 = 55_000;
/// The timeout of the reconciler's invocation.
const RECONCILER_TIMEOUT_MS: i64 = 45_000;
/// The timeout of the importer's invocation.
const IMPORTER_TIMEOUT_MS: i64 = 45_000;
/// The timeout of the notifier's invocation.
const NOTIFIER_TIMEOUT_MS: i64 = 45_000;
/// More steps than this at one moment mean an endless loop.
const STEPS_AT_ONE_MOMENT_MAX: u32 = 1_000;

/// Every port of the one table.
pub trait Table:
    Store
    + Tenants
    + OAuthStates
    + BoardChecks
    + ActivityLog
    + Imports
    + PinIndex
    + Purge
    + Schedules
    + SimulatedAccounts
    + Rollups
    + Credits
    + 'static
{
}

impl<
    T: Store
        + Tenants
        + OAuthStates
        + BoardChecks
        + ActivityLog
        + Imports
        + PinIndex
        + Purge
        + Schedules
        + SimulatedAccounts
        + Rollups
        + Credits
        + 'static,
> Table for T
{
}

pub struct TestWorld {
    /// The context that the flows are given.
    pub context: Context,
    pub queue: Arc<FakeQueue>,
    pub secrets: Arc<FakeSecrets>,
    pub pinterest: Arc<FakePinterest>,
    pub oauth: Arc<FakeOAuth>,
    pub boards: Arc<FakeBoards>,
    pub analytics: Arc<FakeAnalytics>,
    pub passwords: Arc<FakePasswords>,
    pub mailer: Arc<FakeMailer>,
    pub webhook_sender: Arc<FakeWebhookSender>,
    /// In use in a world that was made with it.
    pub event_bus: Arc<FakeEventBus>,
    /// The same.
    pub tasks: Arc<FakeTasks>,
    pub system: Arc<ManualSystem>,
    pub faults: Arc<Faults>,
    progress: Mutex<Progress>,
}

/// The ports whose rows have sealed texts.
struct Sealed {
    webhooks: Arc<dyn Webhooks>,
    task_tokens: Arc<dyn TaskTokens>,
}

impl Sealed {
    fn of(store: &Arc<FakeStore>) -> Self {
        Self { webhooks: store.clone(), task_tokens: store.clone() }
    }
}

struct Progress {
    /// The minute of the last tick.
    ticked: i64,
    now: Moment,
    steps_at_now: u32,
}

impl TestWorld {
    /// A world on fakes with the account of [`testdata`] connected.
    pub async fn new(seed: u64) -> Self {
        Self::with_store(seed).await.0
    }

    /// The same, with its store for inspection.
    pub async fn with_store(seed: u64) -> (Self, Arc<FakeStore>) {
        let (system, faults) = parts(seed);
        let store = Arc::new(FakeStore::new(faults.clone()));
        (Self::assemble(Arc::clone(&store), Sealed::of(&store), None, system, faults).await, store)
    }

    /// The same with `event_bus` or `tasks` as that destination of the stack.
    pub async fn with_destination(seed: u64, destination: Destination) -> (Self, Arc<FakeStore>) {
        let (system, faults) = parts(seed);
        let store = Arc::new(FakeStore::new(faults.clone()));
        (Self::assemble(Arc::clone(&store), Sealed::of(&store), Some(destination), system, faults).await, store)
    }

    /// The same on a table of the caller's. What has sealed texts is in memory: webhooks, and tokens of tasks.
    pub async fn on<T: Table>(table: Arc<T>, seed: u64) -> Self {
        let (system, faults) = parts(seed);
        let sealed = Sealed::of(&Arc::new(FakeStore::new(faults.clone())));
        Self::assemble(table, sealed, None, system, faults).await
    }

    /// The same with webhooks of the caller's, made with the world's clock.
    pub async fn with_webhooks<T: Table>(
        table: Arc<T>,
        webhooks: impl FnOnce(Arc<dyn System>) -> Arc<dyn Webhooks>,
        seed: u64,
    ) -> Self {
        let (system, faults) = parts(seed);
        let in_memory = Sealed::of(&Arc::new(FakeStore::new(faults.clone())));
        let sealed = Sealed { webhooks: webhooks(system.clone()), ..in_memory };
        Self::assemble(table, sealed, None, system, faults).await
    }

    async fn assemble<T: Table>(
        table: Arc<T>,
        sealed: Sealed,
        destination: Option<Destination>,
        system: Arc<ManualSystem>,
        faults: Arc<Faults>,
    ) -> Self {
        let queue = Arc::new(FakeQueue::new(system.clone(), faults.clone()));
        let secrets = Arc::new(FakeSecrets::new(faults.clone()));
        let oauth = Arc::new(FakeOAuth::new(system.clone(), faults.clone()));
        let pinterest = FakePinterest::new(system.clone(), faults.clone()).with_oauth(Arc::clone(&oauth));
        let pinterest = Arc::new(pinterest);
        let boards = Arc::new(FakeBoards::new(faults.clone(), Arc::clone(&oauth)));
        boards.insert(&testdata::request("any").board_id);
        let analytics = Arc::new(FakeAnalytics::new(faults.clone(), Arc::clone(&oauth)));
        let passwords = Arc::new(FakePasswords::default());
        let mailer = Arc::new(FakeMailer::new(faults.clone()));
        let webhook_sender = Arc::new(FakeWebhookSender::new(system.clone(), faults.clone()));
        let named = destination.unwrap_or(Destination::EventBus);
        let event_bus = Arc::new(FakeEventBus::new(named, faults.clone()));
        let tasks = Arc::new(FakeTasks::new(faults.clone()));
        let destinations = match destination {
            None => Destinations::default(),
            Some(Destination::TaskTokens) => Destinations::default().with_tasks(tasks.clone()),
            Some(bus) => Destinations::default().with(bus, event_bus.clone()),
        };
        let simulated = Arc::clone(&table) as Arc<dyn SimulatedAccounts>;
        let context = Context {
            store: table.clone(),
            oauth_states: table.clone(),
            board_checks: table.clone(),
            imports: table.clone(),
            activity: table.clone(),
            schedules: table.clone(),
            purge: table.clone(),
            pin_index: table.clone(),
            rollups: table.clone(),
            credits: table.clone(),
            webhooks: sealed.webhooks,
            task_tokens: sealed.task_tokens,
            webhook_sender: Arc::clone(&webhook_sender) as Arc<dyn WebhookSender>,
            destinations,
            lanes: Arc::default(),
            purses: Arc::default(),
            tenants: table,
            passwords: Arc::clone(&passwords) as Arc<dyn crate::ports::Passwords>,
            session_keys: Arc::new(FakeSessionKeys::new(faults.clone())),
            receipt_keys: Arc::new(FakeReceiptKeys::new(faults.clone())),
            pacers: Arc::new(FakePacers::new(faults.clone())),
            queue: Arc::clone(&queue) as Arc<dyn Queue>,
            secrets: Arc::clone(&secrets) as Arc<dyn Secrets>,
            pinterest: Arc::clone(&pinterest) as Arc<dyn crate::ports::Pinterest>,
            oauth: Arc::clone(&oauth) as Arc<dyn crate::ports::OAuth>,
            boards: Arc::clone(&boards) as Arc<dyn crate::ports::Boards>,
            analytics: Arc::clone(&analytics) as Arc<dyn crate::ports::Analytics>,
            mailer: Some(Arc::clone(&mailer) as Arc<dyn crate::ports::Mailer>),
            system: system.clone() as Arc<dyn System>,
            // A pace of its own: tests count with it, whatever a deployment's default is.
            settings: Settings { pace: Pace::new(50, 1.0), ..Settings::default() },
        };
        let context = recent_outcomes::around(sandbox::around(context, simulated), SAMPLES_PER_ROW);
        let context = announce::around(context);
        let progress = Mutex::new(Progress { ticked: START.minute(), now: START, steps_at_now: 0 });
        let this = Self {
            context,
            queue,
            secrets,
            pinterest,
            oauth,
            boards,
            analytics,
            passwords,
            mailer,
            webhook_sender,
            event_bus,
            tasks,
            system,
            faults,
            progress,
        };
        this.connect().await;
        this
    }

    async fn connect(&self) {
        let account = testdata::connected_account();
        let stored = self.faults.spare(self.context.store.save_account(&account)).await;
        stored.expect("the account is stored");
        self.store_token("token-1").await;
    }

    /// Stores this access token for the account.
    pub async fn store_token(&self, token: &str) {
        let tokens = Tokens::bare(token, None);
        let key = testdata::connected_account().key;
        let stored = self.faults.spare(self.context.secrets.store_tokens(key, &self.context.version(), &tokens)).await;
        stored.expect("the token is stored");
    }

    pub fn now(&self) -> Moment {
        self.system.now()
    }

    /// Accepts a request; `None` when a fault killed the process.
    pub async fn try_accept(&self, request: PinRequest) -> Option<Result<Acceptance, AcceptError>> {
        self.faults.mortal(accept_pin(&self.context, testdata::workspace(), request)).await
    }

    /// Accepts an ordinary request under this key, which must succeed.
    pub async fn accept(&self, idempotency_key: &str) -> PinKey {
        self.accept_request(testdata::request(idempotency_key)).await
    }

    pub async fn accept_request(&self, request: PinRequest) -> PinKey {
        match self.try_accept(request).await.expect("survives").expect("accepted") {
            Acceptance::New(pin, _) | Acceptance::Replay(pin, _) => pin.key,
        }
    }

    /// The pin and its attempt row, which must exist.
    pub async fn pin(&self, key: PinKey) -> (Pin, Attempt) {
        self.pins(&[key]).await.pop().expect("the pin exists")
    }

    /// The pins of these keys that exist.
    pub async fn pins(&self, keys: &[PinKey]) -> Vec<(Pin, Attempt)> {
        let read = self.faults.spare(self.context.store.pins(keys)).await;
        read.expect("readable").into_iter().flatten().collect()
    }

    pub async fn attempt(&self, key: PinKey) -> Attempt {
        self.pin(key).await.1
    }

    /// Runs one batch through the publisher; returns how many messages it had.
    pub async fn run_publisher_once(&self) -> usize {
        let batch = self.queue.deliver_due(QueueName::Publish, self.now(), BATCH);
        for delivery in &batch {
            let ends_at_ms = self.system.monotonic_ms() + PUBLISHER_TIMEOUT_MS;
            let work = publish_pin(&self.context, delivery.message(), ends_at_ms);
            // After an error or a death, the message stays and returns after its visibility timeout.
            if let Some(Ok(disposition)) = self.faults.mortal(work).await {
                let _ = self.faults.mortal(self.dispose(QueueName::Publish, delivery, disposition)).await;
            }
        }
        batch.len()
    }

    /// Runs one message of the reconciliation queue through the reconciler; returns whether there was one.
    pub async fn run_reconciler_once(&self) -> bool {
        let Some(delivery) = self.queue.deliver_due(QueueName::Reconcile, self.now(), 1).pop() else {
            return false;
        };
        let reconciliation = ReconcileMessage::parse(&delivery.body).expect("a reconcile message");
        let ends_at_ms = self.system.monotonic_ms() + RECONCILER_TIMEOUT_MS;
        if let Some(Ok(disposition)) =
            self.faults.mortal(reconcile_board(&self.context, reconciliation, ends_at_ms)).await
        {
            let _ = self.faults.mortal(self.dispose(QueueName::Reconcile, &delivery, disposition)).await;
        }
        true
    }

    /// Runs one message of the publish queue's dead-letter queue; returns whether there was one.
    pub async fn run_dead_letters_once(&self) -> bool {
        let Some(delivery) = self.queue.deliver_due(QueueName::DeadLetters, self.now(), 1).pop() else {
            return false;
        };
        let body = delivery.body.clone();
        let Ok(message) = PublishMessage::parse(&body) else {
            if let Some(Ok(())) = self.faults.mortal(self.context.queue.move_to_redrive(&body)).await {
                self.queue.delete(&delivery.receipt);
            }
            return true;
        };
        let message = DeadLetter { message, body };
        if let Some(Ok(disposition)) = self.faults.mortal(dead_letter(&self.context, &message)).await {
            let _ = self.faults.mortal(self.dispose(QueueName::DeadLetters, &delivery, disposition)).await;
        }
        true
    }

    /// Runs one message of the import queue through the importer; returns whether there was one.
    pub async fn run_importer_once(&self) -> bool {
        let Some(delivery) = self.queue.deliver_due(QueueName::Import, self.now(), 1).pop() else {
            return false;
        };
        let message = ImportMessage::parse(&delivery.body).expect("an import message");
        let ends_at_ms = self.system.monotonic_ms() + IMPORTER_TIMEOUT_MS;
        if let Some(Ok(disposition)) = self.faults.mortal(work_on_import(&self.context, message, ends_at_ms)).await {
            let _ = self.faults.mortal(self.dispose(QueueName::Import, &delivery, disposition)).await;
        }
        true
    }

    /// Runs one message of the import queue's dead-letter queue; returns whether there was one.
    pub async fn run_import_dead_letters_once(&self) -> bool {
        let Some(delivery) = self.queue.deliver_due(QueueName::ImportDeadLetters, self.now(), 1).pop() else {
            return false;
        };
        let message = ImportMessage::parse(&delivery.body).expect("an import message");
        if let Some(Ok(disposition)) = self.faults.mortal(import_dead_letter(&self.context, message.key())).await {
            let _ = self.faults.mortal(self.dispose(QueueName::ImportDeadLetters, &delivery, disposition)).await;
        }
        true
    }

    /// Runs one batch through the notifier, its messages at once; returns how many it had. A death ends all of it.
    pub async fn run_notifier_once(&self) -> usize {
        let batch = self.queue.deliver_due(QueueName::Notify, self.now(), BATCH);
        let ends_at_ms = self.system.monotonic_ms() + NOTIFIER_TIMEOUT_MS;
        let work = join_all(batch.iter().map(|delivery| async move {
            let message = NotifyMessage::parse(&delivery.body).expect("a notify message");
            if let Ok(disposition) = work_on_notification(&self.context, message, ends_at_ms).await {
                let _ = self.dispose(QueueName::Notify, delivery, disposition).await;
            }
        }));
        let _ = self.faults.mortal(work).await;
        batch.len()
    }

    /// Carries out a disposition as the functions do.
    async fn dispose(&self, queue: QueueName, delivery: &Delivery, disposition: Disposition) -> PortResult<()> {
        match disposition {
            Disposition::Done => self.queue.delete(&delivery.receipt),
            Disposition::Keep { until } => {
                let after_ms = until.since_ms(self.now()).max(0);
                self.context.queue.change_visibility(queue, &delivery.receipt, after_ms).await?;
            }
            Disposition::Resend { message, at } => {
                let delay_ms = at.since_ms(self.now()).clamp(0, MAX_DELAY_MS);
                if self.context.queue.send(&[(message, delay_ms)]).await?.is_empty() {
                    self.queue.delete(&delivery.receipt);
                }
            }
        }
        Ok(())
    }

    /// Runs one tick of the dispatcher; `None` when a fault killed it.
    pub async fn run_dispatcher_once(&self) -> Option<Result<Report, PortError>> {
        let ends_at_ms = self.system.monotonic_ms() + DISPATCHER_TIMEOUT_MS;
        self.faults.mortal(dispatch(&self.context, Mode::Tick, ends_at_ms)).await
    }

    /// Lets time pass until `end`: every message is processed when it is due, and the dispatcher ticks every full
    /// minute.
    pub async fn run_until(&self, end: Moment) {
        while self.step(end).await {}
        self.system.advance_to(end);
    }

    pub async fn run_for_ms(&self, ms: i64) {
        self.run_until(self.now().plus_ms(ms)).await;
    }

    /// Lets time pass until all of these pins are finished. Panics with the unfinished ones at `end`.
    pub async fn run_until_finished(&self, keys: &[PinKey], end: Moment) {
        loop {
            let open: Vec<(Pin, Attempt)> =
                self.pins(keys).await.into_iter().filter(|(_, attempt)| !attempt.status.is_terminal()).collect();
            if open.is_empty() {
                return;
            }
            assert!(self.step(end).await, "{} pins are unfinished at the end, first {:?}", open.len(), open.first());
        }
    }

    /// Runs the next step, if it is due before `end`; returns whether there was one.
    async fn step(&self, end: Moment) -> bool {
        let next_tick = Moment((self.progress().ticked + 1) * MINUTE_MS);
        let never = Moment(i64::MAX);
        let next_message = self.queue.next_due(QueueName::Publish).unwrap_or(never);
        let next_reconciliation = self.queue.next_due(QueueName::Reconcile).unwrap_or(never);
        let next_dead_letter = self.queue.next_due(QueueName::DeadLetters).unwrap_or(never);
        let next_import = self.queue.next_due(QueueName::Import).unwrap_or(never);
        let next_dead_import = self.queue.next_due(QueueName::ImportDeadLetters).unwrap_or(never);
        let next_notification = self.queue.next_due(QueueName::Notify).unwrap_or(never);
        let next = next_tick
            .min(next_message)
            .min(next_reconciliation)
            .min(next_dead_letter)
            .min(next_import)
            .min(next_dead_import)
            .min(next_notification);
        if next > end {
            return false;
        }
        self.system.advance_to(next);
        self.assert_progress();
        if next_tick == next {
            self.progress().ticked = self.now().minute();
            let _ = self.run_dispatcher_once().await;
        } else if next_reconciliation == next {
            self.run_reconciler_once().await;
        } else if next_dead_letter == next {
            self.run_dead_letters_once().await;
        } else if next_import == next {
            self.run_importer_once().await;
        } else if next_dead_import == next {
            self.run_import_dead_letters_once().await;
        } else if next_notification == next {
            self.run_notifier_once().await;
        } else {
            self.run_publisher_once().await;
        }
        true
    }

    fn assert_progress(&self) {
        let now = self.now();
        let mut progress = self.progress();
        progress.steps_at_now = if progress.now == now { progress.steps_at_now + 1 } else { 0 };
        progress.now = now;
        assert!(
            progress.steps_at_now < STEPS_AT_ONE_MOMENT_MAX,
            "an endless loop: {:?}",
            self.queue.messages().first()
        );
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn parts(seed: u64) -> (Arc<ManualSystem>, Arc<Faults>) {
    let system = Arc::new(ManualSystem::new(START, seed));
    let faults = Arc::new(Faults::new(system.clone()));
    (system, faults)
}
