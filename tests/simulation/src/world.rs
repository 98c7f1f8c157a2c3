//! One simulated world: clients, functions, queues and Pinterest, from the first request until everything is finished.

mod clients;
mod webhooks;

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{self, Poll, Waker};

use aws_lambda_events::sqs::{SqsEvent, SqsMessage};
use axum::Router;
use http::StatusCode;
use pinbridge_dispatcher::ScheduledEvent;
use pinbridge_shared::adapters::{announce, recent_outcomes};
use pinbridge_shared::config::Settings;
use pinbridge_shared::context::{Context, Destinations};
use pinbridge_shared::domain::account::credentials::TokenLife;
use pinbridge_shared::domain::account::{Account, PUBLISHING_SCOPES};
use pinbridge_shared::domain::credit::Limits;
use pinbridge_shared::domain::message::PublishMessage;
use pinbridge_shared::domain::pacing::bucket::Link;
use pinbridge_shared::domain::reconcile::duplicate_check::DuplicateCheck;
use pinbridge_shared::domain::repeated_write::Trail;
use pinbridge_shared::domain::time::{MINUTE_MS, Moment, SECOND_MS};
use pinbridge_shared::flows::pins::read_pins;
use pinbridge_shared::flows::tenants::projects;
use pinbridge_shared::ports::{
    Accounts, ActivityLog, BoardChecks, Credits, Imports, OAuth, OAuthStates, Pacing, PinIndex, Pinterest, Purge,
    Queue, QueueName, Rollups, Schedules, Secrets, Store, System, TaskTokens, Tenants, WebhookSender, Webhooks,
};
use pinbridge_shared::testing::fake_analytics::FakeAnalytics;
use pinbridge_shared::testing::fake_boards::FakeBoards;
use pinbridge_shared::testing::fake_oauth::FakeOAuth;
use pinbridge_shared::testing::fake_pacers::FakePacers;
use pinbridge_shared::testing::fake_people::{FakePasswords, FakeSessionKeys};
use pinbridge_shared::testing::fake_queue::{Delivery, FakeQueue};
use pinbridge_shared::testing::fake_receipt_keys::FakeReceiptKeys;
use pinbridge_shared::testing::fake_secrets::FakeSecrets;
use pinbridge_shared::testing::fake_store::FakeStore;
use pinbridge_shared::testing::gate::Gate;

use crate::endpoint::Endpoint;
use crate::faults::Faults;
use crate::gate::SimGate;
use crate::invariants::{Invariant, Lacking};
use crate::kernel::{Action, Kernel, Kind, Machine, Pid, Step};
use crate::oracle::{Oracle, Outcome};
use crate::plan::{BOARDS_MAX, Plan};
use crate::provider::{CountedBoards, Provider, Watched};
use crate::receivers::Receivers;
use crate::reports;
use crate::rollups;
use crate::system::{ProcessClock, TrueClock};
use clients::CLIENT_TRIES_MAX;

/// 2026-01-01T00:00:00Z.
pub const START: i64 = 1_767_225_600_000;
/// As in template.yaml.
const PUBLISHER_TIMEOUT_MS: i64 = 25 * SECOND_MS;
const RECONCILER_TIMEOUT_MS: i64 = 45 * SECOND_MS;
const DEAD_LETTERS_TIMEOUT_MS: i64 = 30 * SECOND_MS;
const DISPATCHER_TIMEOUT_MS: i64 = 55 * SECOND_MS;
const NOTIFIER_TIMEOUT_MS: i64 = 45 * SECOND_MS;
const NOTIFIERS_MAX: usize = 10;
/// Once the faults have ended, everything must be finished within this time. A spam block alone pauses for four hours.
const FINISHED_WITHIN_MS: i64 = 12 * 60 * MINUTE_MS;
/// A world that takes more steps than this is in an endless loop.
const STEPS_MAX: usize = 500_000;
const STEPS_PER_PIN_MAX: usize = 2_000;
/// How often somebody looks at the dashboard.
const MINUTES_PER_DASHBOARD: i64 = 4;
/// Samples of a row of recent outcomes: few, so that most worlds have some rows, and some pins that are in none.
const RECENT_PER_ROW: usize = 2;
/// How likely a client reads its pin.
const READS: f64 = 0.1;
/// How likely a failed pin is retried, per minute.
const RETRIES: f64 = 0.2;
/// How likely a client edits its pin, and how likely it deletes it.
const EDITS: f64 = 0.1;
const DELETES: f64 = 0.05;
/// A row that can't be lost yet is tried again after this time.
const LOST_SOON_MS: i64 = 5 * SECOND_MS;
/// A process that stood still may record a 429 this long after it.
const LOST_AFTER_PAUSE_MS: i64 = 15 * MINUTE_MS;
/// Instead of a day, so that the check runs before the world ends.
const DUPLICATE_CHECK_AFTER_MS: i64 = 5 * MINUTE_MS;

/// The answers to clients: the wish and the status, or `None` if the answer was lost.
type Answers = Arc<std::sync::Mutex<Vec<(usize, Option<StatusCode>)>>>;

pub struct SimWorld {
    plan: Arc<Plan>,
    kernel: Arc<Kernel>,
    machine: Machine,
    gate: Arc<SimGate>,
    provider: Arc<Provider>,
    endpoint: Arc<Endpoint>,
    receivers: Arc<Receivers>,
    queue: Arc<FakeQueue>,
    store: Arc<FakeStore>,
    /// The context of the harness's own calls, at true time.
    template: Context,
    /// The context of every process.
    of_processes: Context,
    /// The API of every process: building its routes takes longer than most requests.
    api: Router,
    api_key: String,
    oracle: Oracle,
    tries: Vec<u32>,
    answers: Answers,
    /// Processes that returned, and whether they were ever frozen.
    ended: Arc<std::sync::Mutex<Vec<(Pid, bool)>>>,
    polls: BTreeMap<QueueName, i64>,
    /// Accounts that a user will connect again.
    to_be_connected: BTreeSet<usize>,
    /// Webhooks that a client will enable again.
    to_be_enabled: BTreeSet<usize>,
    /// The times to which each schedule was to be moved.
    times: BTreeMap<usize, Vec<i64>>,
    ticks: u64,
    is_healed: bool,
    finished_at: Option<i64>,
}

/// Runs the world to its end.
pub fn run(plan: Plan) -> Outcome {
    SimWorld::new(plan).run()
}

impl SimWorld {
    fn new(mut plan: Plan) -> Self {
        // Its lists show what an exact comparison would make of them.
        plan.faults.rewritten_is_foreign = plan.lacking == Some(Invariant::Equivalence);
        let plan = Arc::new(plan);
        let kernel = Kernel::new(START, plan.seed, plan.is_traced);
        let gate = SimGate::new(Arc::clone(&kernel), plan.faults.clone(), plan.crashes.clone(), plan.target);
        if plan.subscribers.is_empty() {
            // The rescuer reads that there are no webhooks.
            gate.pass_unseen("webhooks.endpoints");
            // The timeline reads the name of the key, which was read to let the client in.
            gate.count_once("tenants.api_key");
        }
        let clock: Arc<dyn System> = Arc::new(TrueClock(Arc::clone(&kernel)));
        let store = Arc::new(FakeStore::new(gate.clone() as Arc<dyn Gate>));
        let queue = Arc::new(FakeQueue::new(clock.clone(), gate.clone() as Arc<dyn Gate>));
        queue.set_max_receives(plan.max_receives);
        let secrets = Arc::new(FakeSecrets::new(gate.clone() as Arc<dyn Gate>));
        let mut settings = Settings {
            pace: plan.pace,
            daily_budget: plan.daily_budget.into(),
            duplicate_check: plan.duplicate_check,
            duplicate_check_after_ms: DUPLICATE_CHECK_AFTER_MS,
            // The limits of callers are no part of the protocol; tests/it/flows/limits.rs has their instances.
            limits: Limits { caller: None, source: None },
            ..Settings::default()
        };
        if let Some(quiesce_ms) = plan.quiesce_ms {
            settings.deadlines.quiesce_ms = quiesce_ms;
        }
        if let Some(invariant) = plan.lacking {
            Lacking::Publishing(invariant).weaken(&mut settings);
            // The duplicate check would delete Pins that it takes for nobody's.
            if invariant == Invariant::Ownership {
                settings.duplicate_check = DuplicateCheck::Off;
            }
        }
        let oracle = Oracle::new(Arc::clone(&plan), Arc::clone(&kernel), Arc::clone(&store), Arc::clone(&gate));
        oracle.watch_tokens(&secrets);
        let timeout_ms = settings.deadlines.client_timeout_ms;
        let endpoint = Endpoint::new(kernel.clone(), gate.clone(), plan.grants.clone());
        let provider = Provider::new(
            kernel.clone(),
            gate.clone(),
            endpoint.clone(),
            plan.faults.clone(),
            timeout_ms,
            Watched { witness: oracle.witness(), images: oracle.images(), token_refusals: oracle.token_refusals() },
            {
                let plan = Arc::clone(&plan);
                Box::new(move |account| plan.account(account).account.to_string())
            },
        );
        let receivers =
            Arc::new(Receivers::new(kernel.clone(), gate.clone(), store.clone(), oracle.events(), &plan.subscribers));
        let oauth = Arc::new(FakeOAuth::new(clock.clone(), gate.clone() as Arc<dyn Gate>));
        // This fake has no tokens, so it refuses none.
        let boards = FakeBoards::new(gate.clone() as Arc<dyn Gate>, oauth.clone());
        for account in 0..plan.accounts {
            (0..BOARDS_MAX).for_each(|board| boards.insert(&plan.board_id(account, board)));
        }
        let template = Context {
            store: store.clone() as Arc<dyn Store>,
            tenants: store.clone() as Arc<dyn Tenants>,
            passwords: Arc::new(FakePasswords::default()),
            session_keys: Arc::new(FakeSessionKeys::new(gate.clone() as Arc<dyn Gate>)),
            receipt_keys: Arc::new(FakeReceiptKeys::new(gate.clone() as Arc<dyn Gate>)),
            mailer: None,
            pacers: Arc::new(FakePacers::new(gate.clone() as Arc<dyn Gate>)),
            oauth_states: store.clone() as Arc<dyn OAuthStates>,
            board_checks: store.clone() as Arc<dyn BoardChecks>,
            imports: store.clone() as Arc<dyn Imports>,
            activity: store.clone() as Arc<dyn ActivityLog>,
            schedules: store.clone() as Arc<dyn Schedules>,
            rollups: store.clone() as Arc<dyn Rollups>,
            purge: store.clone() as Arc<dyn Purge>,
            pin_index: store.clone() as Arc<dyn PinIndex>,
            credits: store.clone() as Arc<dyn Credits>,
            webhooks: store.clone() as Arc<dyn Webhooks>,
            webhook_sender: receivers.clone() as Arc<dyn WebhookSender>,
            destinations: Destinations::default(),
            task_tokens: store.clone() as Arc<dyn TaskTokens>,
            lanes: Arc::default(),
            purses: Arc::default(),
            queue: queue.clone() as Arc<dyn Queue>,
            secrets: secrets as Arc<dyn Secrets>,
            pinterest: provider.clone() as Arc<dyn Pinterest>,
            boards: Arc::new(CountedBoards { provider: Arc::clone(&provider), inner: boards }),
            analytics: Arc::new(FakeAnalytics::new(gate.clone() as Arc<dyn Gate>, oauth)),
            oauth: endpoint.clone() as Arc<dyn OAuth>,
            system: clock,
            settings,
        };
        let of_processes = Context { system: Arc::new(ProcessClock(Arc::clone(&kernel))), ..template.clone() };
        let of_processes = match plan.lacking {
            Some(invariant) => Lacking::Publishing(invariant).noting(of_processes, &kernel),
            None => of_processes,
        };
        let of_processes = recent_outcomes::around(of_processes, RECENT_PER_ROW);
        // Without webhooks, all that it does is to read that there are none.
        let of_processes = if plan.subscribers.is_empty() { of_processes } else { announce::around(of_processes) };
        let api = pinbridge_api::router(match plan.lacking {
            Some(invariant) => Lacking::Publishing(invariant).around(Kind::Api, of_processes.clone()),
            None => of_processes.clone(),
        });
        let machine = Machine::new(Arc::clone(&kernel));
        let tries = vec![0; plan.wishes.len()];
        let mut world = Self {
            plan,
            kernel,
            machine,
            gate,
            provider,
            endpoint,
            receivers,
            queue,
            store,
            template,
            of_processes,
            api,
            api_key: String::new(),
            oracle,
            tries,
            answers: Arc::default(),
            ended: Arc::default(),
            polls: BTreeMap::new(),
            to_be_connected: BTreeSet::new(),
            to_be_enabled: BTreeSet::new(),
            times: BTreeMap::new(),
            ticks: 0,
            is_healed: false,
            finished_at: None,
        };
        world.set_up();
        world
    }

    fn set_up(&mut self) {
        let created = projects::create_workspace(&self.template, self.plan.workspace(), "simulated", [7; 32]);
        self.api_key = at_once(created).expect("a key");
        for index in 0..self.plan.accounts {
            let account = Account {
                key: self.plan.account(index),
                pinterest_user_id: index.to_string(),
                username: None,
                display_name: None,
                scopes: PUBLISHING_SCOPES.join(","),
                created_at: Moment(START),
                updated_at: Moment(START),
                revoked_at: None,
                life: TokenLife::default(),
                rev: 1,
                nonce: "set-up".into(),
                trail: Trail::default(),
            };
            at_once(self.store.save_account(&account)).expect("stored");
            self.connect(index);
            self.link(index);
        }
        for (index, wish) in self.plan.wishes.iter().enumerate() {
            self.kernel.schedule(START + wish.at_ms, Action::Request(index));
        }
        for (number, subscriber) in self.plan.subscribers.iter().enumerate() {
            if subscriber.since_ms < 0 {
                self.subscribe(number);
            } else {
                self.kernel.schedule(START + subscriber.since_ms, Action::Subscribe(number));
            }
        }
        for (account, at_ms) in &self.plan.own_writes {
            self.kernel.schedule(START + at_ms, Action::OwnWrite(*account));
        }
        for (account, at_ms) in &self.plan.lost_rows {
            self.kernel.schedule(START + at_ms, Action::LoseRow(*account));
        }
        for (index, bad) in self.plan.bad_clocks.iter().enumerate() {
            self.kernel.schedule(START + bad.at_ms, Action::BadClock(index));
        }
        self.kernel.schedule(START + MINUTE_MS, Action::Tick);
        self.kernel.schedule(START + MINUTE_MS, Action::Check);
        self.kernel.schedule(START + self.plan.heals_after_ms, Action::Heal);
    }

    /// Lets the accounts of a user share its tokens, as their connection does.
    fn link(&self, account: usize) {
        if self.plan.accounts_per_user == 1 || self.plan.lacking == Some(Invariant::SharedPace) {
            return;
        }
        let user = self.plan.user(account).to_string();
        let pacer = at_once(self.template.pacers.pacer(&user)).expect("named");
        let link = Link { pacer, now: Moment(START), configured: self.plan.pace };
        at_once(self.store.link(self.plan.account(account), &link)).expect("linked");
    }

    /// Somebody deletes the pacing row of the account's user. They do so while no slot is given out ahead, and no pause
    /// was asked for lately: nothing else than the row knows of those.
    fn lose_row(&mut self, account: usize) {
        let (key, now) = (self.plan.account(account), Moment(self.kernel.now()));
        let bucket = self.store.peek_bucket(key);
        let was_paused = bucket.pause.as_ref().is_some_and(|pause| pause.until.plus_ms(LOST_AFTER_PAUSE_MS) > now);
        if was_paused || bucket.next_slot(&self.plan.pace, now) > now {
            if !self.is_healed {
                self.kernel.schedule(now.0 + LOST_SOON_MS, Action::LoseRow(account));
            }
            return;
        }
        self.kernel.note(|| format!("the pacing row of {account} is lost"));
        self.store.lose_pacer(key);
        if self.plan.lacking == Some(Invariant::EmptyRow) {
            // The row that the next one finds is a full bucket.
            self.store.set_tat(key, Moment(0));
        }
    }

    /// Gives the account new tokens that Pinterest accepts.
    fn connect(&mut self, account: usize) {
        self.to_be_connected.remove(&account);
        let can_refresh = self.plan.has_refresh_token(account);
        let tokens =
            if can_refresh { self.endpoint.grant(account) } else { self.endpoint.grant_without_refresh(account) };
        let key = self.plan.account(account);
        at_once(self.template.secrets.store_tokens(key, &self.template.version(), &tokens)).expect("stored");
        let (now, jitter) = (self.template.system.now(), self.template.system.jitter());
        let life = TokenLife::issued(now, tokens.access_expires_at, tokens.refresh_expires_at, can_refresh, jitter);
        let row = at_once(self.store.account(key)).expect("read").expect("there");
        let connected = Account { life, ..row.next(now, self.template.nonce()) };
        assert!(at_once(self.store.save_account(&connected)).expect("stored").is_done(), "no concurrent write");
    }

    fn run(mut self) -> Outcome {
        let end = START + self.plan.stops_after_ms.unwrap_or(self.plan.heals_after_ms + FINISHED_WITHIN_MS);
        let steps_max = STEPS_MAX + STEPS_PER_PIN_MAX * self.plan.wishes.len();
        for _ in 0..steps_max {
            match self.machine.step(end) {
                Step::Idle => break,
                Step::Ran => {}
                Step::Act(action) => self.act(action),
            }
            self.process_answers();
            self.plan_polls();
            if self.finished_at.is_some_and(|at| self.kernel.now() > at + self.plan.aftermath_ms) {
                break;
            }
        }
        if self.finished_at.is_some() && self.plan.aftermath_ms >= rollups::ROLLED_UP_AFTER_MS {
            self.check_dashboard();
        }
        self.close_webhooks();
        let coverage = self.gate.coverage();
        self.oracle.close(&self.provider, self.finished_at.is_some(), coverage, self.gate.calls())
    }

    /// The dashboard's metrics are those of the pins, at any time and after any crash.
    fn check_dashboard(&self) {
        let (first, now) = (Moment(START), Moment(self.kernel.now()));
        let answer = at_once(rollups::dashboard_summary(&self.template, self.plan.workspace(), first, now));
        self.oracle.check_dashboard(&answer.expect("the harness's own calls don't fail"));
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Request(wish) => self.request(wish),
            Action::AskAgain(wish) => self.ask_again(wish),
            Action::Read(wish) => self.read(wish),
            Action::Retry(wish) => self.retry(wish),
            Action::Edit(wish) => self.edit(wish),
            Action::Delete(wish) => self.delete(wish),
            Action::OwnWrite(account) => self.own_write(account),
            Action::BadClock(index) => {
                let bad = self.plan.bad_clocks[index];
                let tat = Moment(self.kernel.now() + bad.ahead_ms);
                self.kernel.note(|| format!("a bad clock writes the bucket of {}: {tat:?}", bad.account));
                self.store.set_tat(self.plan.account(bad.account), tat);
            }
            Action::LoseRow(account) => self.lose_row(account),
            Action::Change(wish) => self.change(wish),
            Action::RetrySchedule(wish) => self.retry_schedule(wish),
            Action::Subscribe(number) => self.subscribe(number),
            Action::Enable(number) => self.enable(number),
            Action::Tick => self.tick(),
            Action::Poll(queue) => self.poll(queue),
            Action::TimeOut(pid) => self.time_out(pid),
            Action::Reconnect(account) => self.connect(account),
            Action::Check => self.check(),
            Action::Heal => self.heal(),
            Action::Issue(number) => self.endpoint.issue(number),
            Action::Custody(_) => {}
        }
    }

    fn time_out(&mut self, pid: Pid) {
        if self.kernel.of(pid).is_some() {
            self.oracle.events().timed_out(pid);
        }
        self.machine.time_out(pid);
    }

    /// What a process of that kind is given. Each is an instance of its own.
    fn context(&self, kind: Kind) -> Context {
        let context = Context { lanes: Arc::default(), ..self.of_processes.clone() };
        match self.plan.lacking {
            Some(invariant) => Lacking::Publishing(invariant).around(kind, context),
            None => context,
        }
    }

    /// Makes a process of that kind.
    fn fork(&mut self, kind: Kind, timeout_ms: i64) -> Pid {
        let limit = self.plan.faults.skew_ms;
        let skew_ms = self.kernel.draw(|rng| rng.i64(-limit..=limit));
        let pid = self.machine.fork(kind, skew_ms);
        self.kernel.schedule(self.kernel.now() + timeout_ms, Action::TimeOut(pid));
        pid
    }

    fn process_answers(&mut self) {
        for (pid, was_frozen) in
            std::mem::take(&mut *self.ended.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
        {
            self.oracle.ended(pid, was_frozen);
        }
        let answers = std::mem::take(&mut *self.answers.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
        for (wish, status) in answers {
            if let Some(status) = status {
                self.oracle.check_status(&self.plan.wishes[wish].key, status);
            }
            let is_final = status.is_some_and(|status| status.is_success() || status == StatusCode::CONFLICT);
            // The request took so long that run_at or publish_before has passed.
            let has_time = self.plan.schedule(wish).is_some() || self.plan.wishes[wish].publish_before_ms.is_some();
            if status == Some(StatusCode::UNPROCESSABLE_ENTITY) && has_time {
                self.tries[wish] = u32::MAX;
            }
            if is_final {
                self.oracle.answered(wish, status == Some(StatusCode::CONFLICT));
                self.tries[wish] = u32::MAX;
                if self.plan.schedule(wish).is_some() && self.kernel.chance(self.faults().capricious) {
                    let at = self.kernel.now() + self.kernel.draw(|rng| rng.i64(0..300_000));
                    self.kernel.schedule(at, Action::Change(wish));
                }
                if self.kernel.chance(READS) {
                    let at = self.kernel.now() + self.kernel.draw(|rng| rng.i64(0..200_000));
                    self.kernel.schedule(at, Action::Read(wish));
                }
                self.plan_changes(wish);
                if self.kernel.chance(self.faults().impatient) {
                    let at = self.kernel.now() + self.kernel.draw(|rng| rng.i64(0..400_000));
                    self.kernel.schedule(at, Action::Request(wish));
                    self.tries[wish] = 0;
                }
            }
        }
    }

    /// Plans edits and deletions: at once, while the pin may just be published, or within the next minutes.
    fn plan_changes(&mut self, wish: usize) {
        if self.plan.faults == Faults::calm() {
            return;
        }
        let now = self.kernel.now();
        let soon = |rng: &mut fastrand::Rng| if rng.bool() { rng.i64(0..4_000) } else { rng.i64(0..300_000) };
        if self.kernel.chance(EDITS) {
            let at = now + self.kernel.draw(soon);
            self.kernel.schedule(at, Action::Edit(wish));
        }
        if self.kernel.chance(DELETES) {
            let at = now + self.kernel.draw(soon);
            self.kernel.schedule(at, Action::Delete(wish));
        }
    }

    fn faults(&self) -> Faults {
        if self.is_healed { self.plan.faults.healed() } else { self.plan.faults.clone() }
    }

    fn tick(&mut self) {
        let now = self.kernel.now();
        self.kernel
            .schedule((now / MINUTE_MS + 1) * MINUTE_MS + self.kernel.draw(|rng| rng.i64(0..1_500)), Action::Tick);
        let faults = self.faults();
        if self.kernel.chance(faults.tick_missed) {
            return;
        }
        let runs = if self.kernel.chance(faults.tick_doubled) { 2 } else { 1 };
        for _ in 0..runs {
            let (pid, context) = (self.fork(Kind::Dispatcher, DISPATCHER_TIMEOUT_MS), self.context(Kind::Dispatcher));
            if self.plan.dispatcher_dies {
                self.plan_death(pid);
            }
            self.machine.start(pid, async move {
                let deadline = context.system.now().plus_ms(DISPATCHER_TIMEOUT_MS);
                let _ = pinbridge_dispatcher::handle(&context, ScheduledEvent::default(), deadline).await;
            });
        }
    }

    /// Plans a crash for a run of the dispatcher. Of three runs in a row, the last one survives.
    fn plan_death(&mut self, pid: Pid) {
        self.ticks += 1;
        let dies = match self.ticks % 3 {
            1 => true,
            2 => self.kernel.draw(fastrand::Rng::bool),
            _ => false,
        };
        if dies {
            // Half of them early in the run, because every run makes at least some calls.
            let calls = self.kernel.draw(|rng| if rng.bool() { rng.u32(0..100) } else { rng.u32(0..2_000) });
            self.kernel.change(pid, |process| process.dies_after_calls = Some(calls));
        }
    }

    /// Plans a poll of each queue shortly after its next message is due.
    fn plan_polls(&mut self) {
        for queue in [QueueName::Publish, QueueName::Reconcile, QueueName::DeadLetters, QueueName::Notify] {
            let Some(due) = self.queue.next_due(queue) else { continue };
            let at = due.0.max(self.kernel.now());
            if self.polls.get(&queue).is_none_or(|planned| *planned > at + 100) {
                let at = at + self.kernel.draw(|rng| rng.i64(1..100));
                self.polls.insert(queue, at);
                self.kernel.schedule(at, Action::Poll(queue));
            }
        }
    }

    fn poll(&mut self, queue: QueueName) {
        let now = self.kernel.now();
        // A later poll may have been replaced by an earlier one.
        if self.polls.get(&queue) != Some(&now) {
            return;
        }
        self.polls.remove(&queue);
        let faults = self.faults();
        let is_busy = self.is_busy(queue);
        if is_busy || self.kernel.chance(faults.late_batch) {
            let at = now + if is_busy { 100 } else { self.kernel.draw(|rng| rng.i64(500..40_000)) };
            self.polls.insert(queue, at);
            self.kernel.schedule(at, Action::Poll(queue));
            return;
        }
        // As many batches as there are workers.
        while !self.is_busy(queue) && self.deliver(queue, now) {}
    }

    /// Whether as many workers are at work as there may be.
    fn is_busy(&self, queue: QueueName) -> bool {
        match queue {
            QueueName::Notify => self.machine.count_of(Kind::Notifier) >= NOTIFIERS_MAX,
            _ => self.machine.count_of(Kind::Publisher) >= self.plan.publishers,
        }
    }

    /// Delivers a batch of due messages to a worker; returns whether there were any.
    fn deliver(&mut self, queue: QueueName, now: i64) -> bool {
        let faults = self.faults();
        let size = self.kernel.draw(|rng| if rng.bool() { 10 } else { rng.usize(1..=10) });
        let mut batch = self.queue.deliver_due(queue, Moment(now), size);
        self.kernel.draw(|rng| rng.shuffle(&mut batch));
        for delivery in &batch {
            if self.kernel.chance(faults.duplicate) {
                let at = Moment(now + self.kernel.draw(|rng| rng.i64(0..300_000)));
                self.queue.insert(queue, delivery.body.clone(), at);
            }
        }
        let is_any = !batch.is_empty();
        if is_any {
            self.invoke(queue, batch);
        }
        is_any
    }

    fn invoke(&mut self, queue: QueueName, batch: Vec<Delivery>) {
        let (kind, timeout_ms) = match queue {
            QueueName::Publish => (Kind::Publisher, PUBLISHER_TIMEOUT_MS),
            QueueName::Reconcile => (Kind::Reconciler, RECONCILER_TIMEOUT_MS),
            QueueName::DeadLetters => (Kind::DeadLetters, DEAD_LETTERS_TIMEOUT_MS),
            QueueName::Notify => (Kind::Notifier, NOTIFIER_TIMEOUT_MS),
            // There are no imports in a world, and these queues are not polled.
            QueueName::Import | QueueName::ImportDeadLetters | QueueName::NotifyDeadLetters => return,
        };
        let (pid, context) = (self.fork(kind, timeout_ms), self.context(kind));
        let mut event = SqsEvent::default();
        event.records =
            batch.iter().map(|delivery| record(delivery, self.body(queue, delivery, context.system.now()))).collect();
        let (kernel, gate, fakes) = (self.kernel.clone(), self.gate.clone(), self.queue.clone());
        let unacknowledged = self.faults().unacknowledged;
        let ended = Arc::clone(&self.ended);
        for message in batch.iter().filter_map(|delivery| PublishMessage::parse(&delivery.body).ok()) {
            self.gate.carry(pid, message.key(), message.generation);
        }
        self.machine.start(pid, async move {
            let deadline = context.system.now().plus_ms(timeout_ms);
            let response = match kind {
                Kind::Publisher => pinbridge_publisher::handle(&context, event, deadline).await,
                Kind::Reconciler => pinbridge_reconciler::handle(&context, event, deadline).await,
                Kind::Notifier => pinbridge_notifier::handle(&context, event, deadline).await,
                _ => pinbridge_dead_letters::handle(&context, event, deadline).await,
            };
            if kernel.of(pid).is_some_and(|process| process.is_dying) {
                gate.die().await;
            }
            let was_frozen = kernel.of(pid).is_some_and(|process| process.frozen_until > 0);
            ended.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push((pid, was_frozen));
            let left: Vec<&str> =
                response.batch_item_failures.iter().map(|left| left.item_identifier.as_str()).collect();
            for delivery in batch.iter().filter(|delivery| !left.contains(&delivery.receipt.as_str())) {
                if !kernel.chance(unacknowledged) {
                    fakes.delete(&delivery.receipt);
                }
            }
        });
    }

    /// The body of the delivery as a worker receives it whose clock shows `now`.
    fn body(&self, queue: QueueName, delivery: &Delivery, now: Moment) -> String {
        let parsed = PublishMessage::parse(&delivery.body).ok().filter(|_| queue == QueueName::Publish);
        let (Some(invariant), Some(message)) = (self.plan.lacking, parsed) else { return delivery.body.clone() };
        let generation = self.store.peek(message.key()).map_or(0, |(_, attempt)| attempt.generation);
        let message = Lacking::Publishing(invariant).message(message, generation, now);
        serde_json::to_string(&message).expect("plain data")
    }

    fn check(&mut self) {
        let now = self.kernel.now();
        self.kernel.schedule(now + MINUTE_MS, Action::Check);
        let mut disconnected: Vec<usize> = self.provider.take_revoked();
        disconnected.extend((0..self.plan.accounts).filter(|account| self.is_given_up(*account)));
        for account in disconnected {
            if self.to_be_connected.insert(account) {
                let at = now + self.kernel.draw(|rng| rng.i64(1..8)) * MINUTE_MS;
                self.kernel.schedule(at, Action::Reconnect(account));
            }
        }
        self.check_webhooks();
        let open = self.oracle.check(&self.queue);
        self.check_reports();
        if Moment(now).minute() % MINUTES_PER_DASHBOARD == 0 {
            self.check_dashboard();
        }
        if !self.is_healed {
            for wish in self.oracle.failed() {
                if self.kernel.chance(RETRIES) {
                    let at = now + self.kernel.draw(|rng| rng.i64(0..60_000));
                    self.kernel.schedule(at, Action::Retry(wish));
                }
            }
            for wish in self.oracle.schedules().failed() {
                if self.kernel.chance(RETRIES) {
                    let at = now + self.kernel.draw(|rng| rng.i64(0..60_000));
                    self.kernel.schedule(at, Action::RetrySchedule(wish));
                }
            }
        }
        let is_finished = self.is_healed && open == 0 && self.tries.iter().all(|tries| *tries == u32::MAX);
        match self.finished_at {
            None if is_finished => self.finished_at = Some(now),
            Some(_) if !is_finished => self.finished_at = None,
            _ => {}
        }
    }

    /// Reads some of the unfinished pins, as a client would if reading took no time.
    fn check_reports(&self) {
        let open = reports::sample(&self.store, self.kernel.now());
        if open.is_empty() {
            return;
        }
        let reader = match self.plan.lacking {
            Some(invariant) => Lacking::Publishing(invariant).reader(self.template.clone()),
            None => self.template.clone(),
        };
        let views = at_once(read_pins::views(&reader, open)).expect("the harness's own calls don't fail");
        self.oracle.check_reports(&views);
    }

    fn is_given_up(&self, account: usize) -> bool {
        self.store.peek_account(self.plan.account(account)).is_some_and(|row| !row.is_connected())
    }

    fn heal(&mut self) {
        self.is_healed = true;
        self.kernel.note(|| "healed".into());
        let faults = self.plan.faults.healed();
        self.gate.set_faults(faults.clone());
        self.provider.set_faults(faults);
        self.provider.take_revoked();
        self.endpoint.set_faults(self.plan.grants.healed());
        self.receivers.heal();
        for account in 0..self.plan.accounts {
            self.connect(account);
        }
        for wish in 0..self.tries.len() {
            // Clients that gave up start again.
            if self.tries[wish] != u32::MAX && self.tries[wish] >= CLIENT_TRIES_MAX {
                self.tries[wish] = 0;
                self.kernel.schedule(self.kernel.now() + 1, Action::Request(wish));
            }
        }
    }
}

fn record(delivery: &Delivery, body: String) -> SqsMessage {
    let mut record = SqsMessage::default();
    record.message_id = Some(delivery.receipt.clone());
    record.receipt_handle = Some(delivery.receipt.clone());
    record.body = Some(body);
    record.attributes.insert("ApproximateReceiveCount".into(), delivery.receives.to_string());
    record
}

/// Runs the harness's own calls to the fakes, which take no time.
fn at_once<T>(work: impl Future<Output = T>) -> T {
    match pin!(work).poll(&mut task::Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("the harness's own calls take no time"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_world_replays_byte_for_byte() {
        for number in [0, 3, 7] {
            let plan = || Plan { is_traced: true, ..Plan::drawn(1, number) };
            let (first, second) = (run(plan()).trace, run(plan()).trace);
            assert!(first.len() > 1_000, "the trace of world {number} has only {} lines", first.len());
            assert!(first == second, "world {number} differs");
        }
    }

    #[test]
    fn some_worlds_have_webhooks_and_some_of_these_must_deliver_in_time() {
        let plans: Vec<Plan> = (0..40).map(|number| Plan::drawn(1, number)).collect();
        let subscribed = plans.iter().filter(|plan| !plan.subscribers.is_empty());
        let (in_time, others): (Vec<&Plan>, Vec<&Plan>) = subscribed.partition(|plan| plan.is_in_time());
        assert!(in_time.len() >= 2 && others.len() >= 4, "{} and {}", in_time.len(), others.len());
    }

    #[test]
    fn another_seed_gives_another_world() {
        let of = |seed| run(Plan { is_traced: true, ..Plan::drawn(seed, 0) }).trace;
        assert!(of(1) != of(2));
    }
}
