//! One simulated world of token custody: months of its accounts' lives, from event to event.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use pinbridge_refresher::ScheduledEvent;
use pinbridge_shared::config::Settings;
use pinbridge_shared::context::{Context, Destinations};
use pinbridge_shared::domain::ids::{AccountKey, WorkspaceId};
use pinbridge_shared::domain::pacing::bucket::Pause;
use pinbridge_shared::domain::pin::attempt::Upstream;
use pinbridge_shared::domain::pin::failure::Failure;
use pinbridge_shared::domain::pin::retry::HOLD_PAUSE_MS;
use pinbridge_shared::domain::pin::{PinRequest, WaitReason};
use pinbridge_shared::domain::secret::Secret;
use pinbridge_shared::domain::time::{DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS};
use pinbridge_shared::flows::accounts::connect::connect_account;
use pinbridge_shared::flows::accounts::disconnect::disconnect;
use pinbridge_shared::flows::accounts::refresh_tokens::{Renewal, after_refusal};
use pinbridge_shared::flows::pacing::pause_account::pause;
use pinbridge_shared::ports::{
    ActivityLog, BoardChecks, BoardPage, Creation, Credits, Imports, OAuth, OAuthStates, PinIndex, Pinterest,
    PinterestUser, Purge, Queue, ReadFailure, Schedules, Secrets, Store, System, TaskTokens, Tenants, WebhookSender,
    Webhooks,
};
use pinbridge_shared::testing::fake_analytics::FakeAnalytics;
use pinbridge_shared::testing::fake_boards::FakeBoards;
use pinbridge_shared::testing::fake_oauth::FakeOAuth;
use pinbridge_shared::testing::fake_pacers::FakePacers;
use pinbridge_shared::testing::fake_people::{FakePasswords, FakeSessionKeys};
use pinbridge_shared::testing::fake_queue::FakeQueue;
use pinbridge_shared::testing::fake_receipt_keys::FakeReceiptKeys;
use pinbridge_shared::testing::fake_secrets::FakeSecrets;
use pinbridge_shared::testing::fake_store::FakeStore;
use pinbridge_shared::testing::fake_webhook_sender::FakeWebhookSender;
use pinbridge_shared::testing::gate::Gate;

use super::oracle::{Ends, Oracle, Violation};
use super::plan::{Happening, Plan};
use crate::endpoint::{Counts, Endpoint};
use crate::gate::{Coverage, SimGate};
use crate::invariants::Lacking;
use crate::kernel::{Action, Kernel, Kind, Machine, Pid, Step};
use crate::system::{ProcessClock, TrueClock};
use crate::world::START;

/// As in template.yaml.
const EVERY_MS: i64 = 5 * MINUTE_MS;
const REFRESHER_TIMEOUT_MS: i64 = 240 * SECOND_MS;
const PUBLISHER_TIMEOUT_MS: i64 = 25 * SECOND_MS;
const PERSON_TIMEOUT_MS: i64 = 30 * SECOND_MS;
/// Once the faults have ended, every account with a valid grant is refreshed within this time. A refused refresh token
/// is tried again every six hours.
pub const REFRESHED_WITHIN_MS: i64 = 8 * HOUR_MS;
/// An account whose grant was revoked is given up within this time after its access token was refused, despite all
/// faults. Spells of the endpoint last up to four hours, and one may follow another.
pub const GIVEN_UP_WITHIN_MS: i64 = 12 * HOUR_MS;
/// How long a function may use a token from its cache.
const CACHED_MS: i64 = 5 * MINUTE_MS;
/// Users who reconnect do so within this time; and the share of users who do.
const RETURNS_WITHIN_MS: i64 = 5 * DAY_MS;
const RETURNS: f64 = 0.7;
/// A use that failed is repeated after this time.
const AGAIN_MS: std::ops::Range<i64> = MINUTE_MS..15 * MINUTE_MS;
/// Once the faults have ended, every account is used within this time.
const USED_WITHIN_MS: i64 = HOUR_MS;
const STEPS_MAX: usize = 20_000_000;

/// The result of a world.
#[derive(Debug, Default)]
pub struct Outcome {
    pub accounts: usize,
    pub violations: Vec<Violation>,
    pub ends: Ends,
    pub counts: Counts,
    pub processes: u64,
    /// Processes that crashed, timed out or were frozen.
    pub faulted: u64,
    pub on_demand: u64,
    pub connected: u64,
    pub disconnected: u64,
    pub calls: u64,
    pub coverage: Coverage,
    pub trace: Vec<String>,
}

/// Reports how a process ended when it is dropped, so that crashes are reported too.
struct End {
    pid: Pid,
    kernel: Arc<Kernel>,
    ended: Arc<Mutex<Vec<Ended>>>,
    whose: Whose,
    through: Option<Through>,
    is_over: bool,
}

/// The reason why a process runs.
#[derive(Clone, Copy)]
enum Whose {
    Schedule,
    /// A user connects or disconnects this account.
    Person(usize),
    /// A publisher or a reader uses this account.
    User(usize),
}

#[derive(Clone, Copy)]
enum Through {
    Connected(usize),
    Disconnected,
    Used,
}

struct Ended {
    pid: Pid,
    is_faultless: bool,
    whose: Whose,
    through: Option<Through>,
}

impl End {
    fn over(&mut self, through: Option<Through>) {
        (self.through, self.is_over) = (through, true);
    }
}

impl Drop for End {
    fn drop(&mut self) {
        let was_frozen = self.kernel.of(self.pid).is_none_or(|process| process.frozen_until > 0);
        let (pid, whose, through) = (self.pid, self.whose, self.through);
        let ended = Ended { pid, is_faultless: self.is_over && !was_frozen, whose, through };
        self.ended.lock().unwrap_or_else(PoisonError::into_inner).push(ended);
    }
}

struct RefreshWorld {
    plan: Plan,
    kernel: Arc<Kernel>,
    machine: Machine,
    gate: Arc<SimGate>,
    endpoint: Arc<Endpoint>,
    store: Arc<FakeStore>,
    reader: Arc<Reader>,
    template: Context,
    oracle: Oracle,
    ended: Arc<Mutex<Vec<Ended>>>,
    /// The next planned run of the refresher.
    tick_at: Option<i64>,
    /// Whether a process has run since the ticks were planned.
    is_stirred: bool,
    users: BTreeMap<AccountKey, usize>,
    /// What a user wants: to connect the account, or to disconnect it.
    wishes: BTreeMap<usize, bool>,
    busy: BTreeSet<usize>,
    /// Accounts for which tokens were issued and that were not checked since.
    issued: BTreeSet<usize>,
    is_healed: bool,
    on_demand: Arc<std::sync::atomic::AtomicU64>,
    outcome: Outcome,
}

fn workspace() -> WorkspaceId {
    WorkspaceId(uuid::Uuid::from_u128(0xA000 << 64 | 1))
}

fn key(account: usize) -> AccountKey {
    AccountKey::of_pinterest_user(workspace(), &account.to_string())
}

/// Runs the world to its end.
pub fn run(plan: Plan) -> Outcome {
    RefreshWorld::new(plan).run()
}

impl RefreshWorld {
    fn new(plan: Plan) -> Self {
        let kernel = Kernel::new(START, plan.seed, plan.is_traced);
        let gate = SimGate::new(kernel.clone(), plan.faults.clone(), plan.crashes.clone(), plan.target);
        let clock: Arc<dyn System> = Arc::new(TrueClock(Arc::clone(&kernel)));
        let passed = || gate.clone() as Arc<dyn Gate>;
        let store = Arc::new(FakeStore::new(passed()));
        let secrets = Arc::new(FakeSecrets::new(passed()));
        let endpoint = Endpoint::new(kernel.clone(), gate.clone(), plan.grants.clone());
        let users: BTreeMap<AccountKey, usize> = (0..plan.accounts).map(|account| (key(account), account)).collect();
        let oracle = Oracle::watch(&kernel, &endpoint, &secrets, &store, users.clone());
        let reader = Arc::new(Reader {
            kernel: kernel.clone(),
            gate: gate.clone(),
            endpoint: endpoint.clone(),
            oracle: oracle.clone(),
            error: Mutex::new(plan.faults.list_error),
        });
        let mut settings = Settings::default();
        if let Some(invariant) = plan.lacking {
            Lacking::Custody(invariant).weaken(&mut settings);
        }
        let template = Context {
            store: store.clone() as Arc<dyn Store>,
            tenants: store.clone() as Arc<dyn Tenants>,
            oauth_states: store.clone() as Arc<dyn OAuthStates>,
            board_checks: store.clone() as Arc<dyn BoardChecks>,
            imports: store.clone() as Arc<dyn Imports>,
            activity: store.clone() as Arc<dyn ActivityLog>,
            schedules: store.clone() as Arc<dyn Schedules>,
            rollups: store.clone() as Arc<dyn pinbridge_shared::ports::Rollups>,
            boards: Arc::new(FakeBoards::new(passed(), Arc::new(FakeOAuth::new(clock.clone(), passed())))),
            analytics: Arc::new(FakeAnalytics::new(passed(), Arc::new(FakeOAuth::new(clock.clone(), passed())))),
            queue: Arc::new(FakeQueue::new(clock.clone(), passed())) as Arc<dyn Queue>,
            secrets: secrets as Arc<dyn Secrets>,
            pinterest: reader.clone() as Arc<dyn Pinterest>,
            oauth: endpoint.clone() as Arc<dyn OAuth>,
            webhooks: store.clone() as Arc<dyn Webhooks>,
            webhook_sender: Arc::new(FakeWebhookSender::new(clock.clone(), passed())) as Arc<dyn WebhookSender>,
            destinations: Destinations::default(),
            task_tokens: store.clone() as Arc<dyn TaskTokens>,
            lanes: Arc::default(),
            system: clock,
            settings,
            purge: store.clone() as Arc<dyn Purge>,
            pin_index: store.clone() as Arc<dyn PinIndex>,
            credits: store.clone() as Arc<dyn Credits>,
            purses: Arc::default(),
            passwords: Arc::new(FakePasswords::default()),
            session_keys: Arc::new(FakeSessionKeys::new(passed())),
            receipt_keys: Arc::new(FakeReceiptKeys::new(passed())),
            mailer: None,
            pacers: Arc::new(FakePacers::new(gate.clone() as Arc<dyn Gate>)),
        };
        for (at_ms, happening) in &plan.happenings {
            kernel.schedule(START + at_ms, Action::Custody(*happening));
        }
        kernel.schedule(START + plan.heals_after_ms, Action::Heal);
        Self {
            machine: Machine::new(Arc::clone(&kernel)),
            plan,
            kernel,
            gate,
            endpoint,
            store,
            reader,
            template,
            oracle,
            ended: Arc::default(),
            tick_at: None,
            is_stirred: false,
            users,
            wishes: BTreeMap::new(),
            busy: BTreeSet::new(),
            issued: BTreeSet::new(),
            is_healed: false,
            on_demand: Arc::default(),
            outcome: Outcome::default(),
        }
    }

    fn run(mut self) -> Outcome {
        let end = START + self.plan.heals_after_ms + REFRESHED_WITHIN_MS;
        for _ in 0..STEPS_MAX {
            match self.machine.step(end) {
                Step::Idle => break,
                Step::Ran => {}
                Step::Act(action) => self.act(action),
            }
            self.process_ends();
            if self.machine.is_idle() {
                self.rest();
            }
        }
        for account in 0..self.plan.accounts {
            self.oracle.last(account, key(account), self.store.peek_account(key(account)));
        }
        let (violations, ends) = self.oracle.close();
        Outcome {
            accounts: self.plan.accounts,
            violations,
            ends,
            counts: self.endpoint.counts(),
            on_demand: self.on_demand.load(std::sync::atomic::Ordering::Relaxed),
            calls: self.gate.calls(),
            coverage: self.gate.coverage(),
            trace: self.kernel.take_trace(),
            ..self.outcome
        }
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Issue(number) => self.endpoint.issue(number),
            Action::TimeOut(pid) => self.machine.time_out(pid),
            Action::Heal => self.heal(),
            Action::Custody(Happening::Connect(account)) => self.person(account, true),
            Action::Custody(Happening::Disconnect(account)) => self.person(account, false),
            Action::Custody(Happening::Revoke(account)) => self.endpoint.revoke(account),
            Action::Custody(Happening::ForgetAccess(account)) => self.forget_access(account),
            Action::Custody(Happening::Use(account, at_once)) => (0..at_once).for_each(|_| self.use_account(account)),
            Action::Custody(Happening::Tick) => self.tick(),
            Action::Custody(Happening::Judge(account, grant)) => {
                self.oracle.judge(account, grant, self.store.peek_account(key(account)));
            }
            other => panic!("{other:?} is not an action of this world"),
        }
    }

    fn fork(&mut self, kind: Kind, timeout_ms: i64, whose: Whose) -> (Pid, Context, End) {
        let limit = self.plan.faults.skew_ms;
        let skew_ms = self.kernel.draw(|rng| rng.i64(-limit..=limit));
        let pid = self.machine.fork(kind, skew_ms);
        let system = Arc::new(ProcessClock(Arc::clone(&self.kernel)));
        self.kernel.schedule(self.kernel.now() + timeout_ms, Action::TimeOut(pid));
        self.outcome.processes += 1;
        self.is_stirred = true;
        let (kernel, ended) = (self.kernel.clone(), self.ended.clone());
        let end = End { pid, kernel, ended, whose, through: None, is_over: false };
        let context = Context { system, ..self.template.clone() };
        let context = match self.plan.lacking {
            Some(invariant) => Lacking::Custody(invariant).around(kind, context),
            None => context,
        };
        (pid, context, end)
    }

    /// Starts a process, which reports its end unless it is dying.
    fn start(&mut self, pid: Pid, mut end: End, work: impl Future<Output = Option<Through>> + 'static) {
        let (kernel, gate) = (self.kernel.clone(), self.gate.clone());
        self.machine.start(pid, async move {
            let through = work.await;
            if kernel.of(pid).is_some_and(|process| process.is_dying) {
                gate.die().await;
            }
            end.over(through);
        });
    }

    fn tick(&mut self) {
        // A later tick may have been replaced by an earlier one.
        if self.tick_at != Some(self.kernel.now()) {
            return;
        }
        self.plan_tick(self.kernel.now() + 1);
        self.meet();
        let faults = self.faults();
        if self.kernel.chance(faults.tick_missed) {
            return;
        }
        let runs = if self.kernel.chance(faults.tick_doubled) { self.kernel.draw(|rng| rng.i32(2..=3)) } else { 1 };
        for _ in 0..runs {
            let (pid, context, end) = self.fork(Kind::Refresher, REFRESHER_TIMEOUT_MS, Whose::Schedule);
            self.start(pid, end, async move {
                let deadline = context.system.now().plus_ms(REFRESHER_TIMEOUT_MS);
                let _ = pinbridge_refresher::handle(&context, ScheduledEvent::default(), deadline).await;
                None
            });
        }
    }

    /// Sometimes plans another event for the account that the refresher is working on.
    fn meet(&mut self) {
        let now = self.kernel.now();
        let Some((_, due)) = self.store.first_due().filter(|(at, _)| at.0 <= now) else { return };
        let Some(account) = self.users.get(&due).copied().filter(|_| !self.is_healed) else { return };
        let (roll, later_ms) = self.kernel.draw(|rng| (rng.f64(), rng.i64(0..3_000)));
        let shares = self.plan.meetings;
        let met = [
            (shares, Happening::Connect(account)),
            (shares / 2.0, Happening::Disconnect(account)),
            (shares / 2.0, Happening::Revoke(account)),
            (2.0 * shares, Happening::ForgetAccess(account)),
            (4.0 * shares, Happening::Use(account, 2)),
        ];
        let mut below = 0.0;
        for (share, happening) in met {
            below += share;
            if roll < below {
                self.kernel.schedule(now + later_ms, Action::Custody(happening));
                return;
            }
        }
    }

    /// Plans the first run of the schedule at or after that time.
    fn plan_tick(&mut self, from: i64) {
        let at = (from - START + EVERY_MS - 1).div_euclid(EVERY_MS) * EVERY_MS + START;
        self.tick_at = Some(at);
        self.kernel.schedule(at, Action::Custody(Happening::Tick));
    }

    /// No process runs: checks the accounts and plans the next tick. The next run of the schedule with work is the one
    /// after the first account is due; the runs before it would read an empty index and are skipped.
    fn rest(&mut self) {
        if !self.is_stirred {
            return;
        }
        self.is_stirred = false;
        let now = self.kernel.now();
        let quiet: BTreeSet<usize> =
            self.issued.iter().copied().filter(|account| !self.endpoint.is_asked(*account)).collect();
        self.issued.retain(|account| !quiet.contains(account));
        self.oracle.quiet(quiet, key);
        let due = self.store.first_due().map(|(at, _)| at.0 - self.plan.faults.skew_ms);
        self.tick_at = None;
        if let Some(due) = due {
            self.plan_tick(due.max(now + 1));
        }
    }

    fn process_ends(&mut self) {
        self.issued.extend(self.endpoint.take_issued());
        for account in self.oracle.take_given_up() {
            self.maybe_reconnect(account);
        }
        let ended = std::mem::take(&mut *self.ended.lock().unwrap_or_else(PoisonError::into_inner));
        self.oracle.arrived(2 * self.plan.faults.skew_ms);
        for Ended { pid, is_faultless, whose, through } in ended {
            self.is_stirred = true;
            self.outcome.faulted += u64::from(!is_faultless);
            self.oracle.ended(pid, is_faultless);
            let account = match whose {
                Whose::Schedule => continue,
                Whose::User(account) => {
                    // A use that failed is repeated, as a pin that could not be published is retried.
                    if through.is_none() {
                        let at = self.kernel.now() + self.kernel.draw(|rng| rng.i64(AGAIN_MS));
                        self.kernel.schedule(at, Action::Custody(Happening::Use(account, 1)));
                    }
                    continue;
                }
                Whose::Person(account) => account,
            };
            self.busy.remove(&account);
            match through {
                Some(Through::Connected(grant)) => {
                    self.outcome.connected += 1;
                    self.wishes.remove(&account);
                    self.oracle.resolved(account, Some(grant));
                }
                Some(Through::Disconnected) => {
                    self.outcome.disconnected += 1;
                    self.wishes.remove(&account);
                    self.oracle.resolved(account, None);
                    self.maybe_reconnect(account);
                }
                // It failed: the user tries again later.
                Some(Through::Used) | None => {
                    let at = self.kernel.now() + self.kernel.draw(|rng| rng.i64(MINUTE_MS..10 * MINUTE_MS));
                    let again = self.wishes.get(&account).copied().unwrap_or(true);
                    let happening = if again { Happening::Connect(account) } else { Happening::Disconnect(account) };
                    self.kernel.schedule(at, Action::Custody(happening));
                }
            }
        }
    }

    fn maybe_reconnect(&mut self, account: usize) {
        if !self.is_healed && self.plan.owners_return && self.kernel.chance(RETURNS) {
            let at = self.kernel.now() + self.kernel.draw(|rng| rng.i64(MINUTE_MS..RETURNS_WITHIN_MS));
            self.kernel.schedule(at, Action::Custody(Happening::Connect(account)));
        }
    }

    fn faults(&self) -> crate::faults::Faults {
        if self.is_healed { self.plan.faults.healed() } else { self.plan.faults.clone() }
    }

    /// A user connects or disconnects the account: one at a time, repeated until it succeeds.
    fn person(&mut self, account: usize, connects: bool) {
        let wish = self.wishes.get(&account);
        let is_new_after_faults = self.is_healed && wish.is_none();
        if self.busy.contains(&account) || is_new_after_faults || wish.is_some_and(|wish| *wish != connects) {
            return;
        }
        self.wishes.insert(account, connects);
        self.busy.insert(account);
        self.oracle.begins(account);
        let (pid, context, end) = self.fork(Kind::Person, PERSON_TIMEOUT_MS, Whose::Person(account));
        if !connects {
            return self.start(pid, end, async move {
                disconnect(&context, key(account)).await.is_ok().then_some(Through::Disconnected)
            });
        }
        let tokens = self.endpoint.grant(account);
        let grant = self.endpoint.newest(account).unwrap_or(0);
        self.kernel.note(|| format!("account {account} is connected by grant {grant}"));
        self.start(pid, end, async move {
            let connected = connect_account(&context, workspace(), &tokens).await;
            connected.is_ok().then_some(Through::Connected(grant))
        });
    }

    /// Pinterest invalidates the access token, and several processes use the account at once.
    fn forget_access(&mut self, account: usize) {
        if !self.is_healed {
            self.endpoint.forget_access(account);
            let users = self.kernel.draw(|rng| rng.usize(1..5));
            (0..users).for_each(|_| self.use_account(account));
            if self.kernel.chance(self.plan.meetings) {
                let at = self.kernel.now() + self.kernel.draw(|rng| rng.i64(0..3_000));
                self.kernel.schedule(at, Action::Custody(Happening::Connect(account)));
            }
        }
    }

    /// A publisher or reader calls Pinterest, and has the tokens renewed if they are refused.
    fn use_account(&mut self, account: usize) {
        let cached_ms = self.kernel.draw(|rng| if rng.u8(0..3) == 0 { rng.i64(0..CACHED_MS) } else { rng.i64(0..300) });
        let kind = self.kernel.draw(|rng| if rng.bool() { Kind::Publisher } else { Kind::Reconciler });
        let (pid, context, end) = self.fork(kind, cached_ms + PUBLISHER_TIMEOUT_MS, Whose::User(account));
        let on_demand = Arc::clone(&self.on_demand);
        self.start(pid, end, async move {
            let row = context.store.account(key(account)).await.ok()?;
            let tokens = context.secrets.tokens(key(account), false).await.ok()?;
            let Some(tokens) = tokens.filter(|_| row.is_some_and(|row| row.is_connected())) else {
                return Some(Through::Used);
            };
            context.system.sleep_ms(cached_ms).await;
            let ends_at_ms = context.system.monotonic_ms() + PUBLISHER_TIMEOUT_MS;
            match context.pinterest.user(&tokens.access).await {
                Ok(_) => return Some(Through::Used),
                Err(read) if read.failure != Failure::TokenRevoked => return None,
                Err(_) => {}
            }
            on_demand.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            // As the publisher does.
            let reason = match after_refusal(&context, key(account), &tokens.access, ends_at_ms).await {
                Renewal::Renewed(tokens) => {
                    return context.pinterest.user(&tokens.access).await.is_ok().then_some(Through::Used);
                }
                Renewal::RetryAt(_) | Renewal::RefusedToo(_) => WaitReason::TokenRefresh,
                // A held account is tried again.
                Renewal::Exhausted => return None,
                Renewal::NotDue | Renewal::NeedsReconnect => WaitReason::AccountOnHold,
            };
            let until = context.system.now().plus_ms(HOLD_PAUSE_MS);
            let _ = pause(&context, key(account), Pause::new(&context.settings.pace, until, reason)).await;
            (reason == WaitReason::AccountOnHold).then_some(Through::Used)
        });
    }

    fn heal(&mut self) {
        self.is_healed = true;
        self.kernel.note(|| "healed".into());
        self.gate.set_faults(self.plan.faults.healed());
        if self.plan.meetings > 0.0 {
            for account in 0..self.plan.accounts {
                let at = self.kernel.now() + self.kernel.draw(|rng| rng.i64(0..USED_WITHIN_MS));
                self.kernel.schedule(at, Action::Custody(Happening::Use(account, 1)));
            }
        }
        self.endpoint.set_faults(self.plan.grants.healed());
        *self.reader.error.lock().unwrap_or_else(PoisonError::into_inner) = 0.0;
    }
}

/// The part of Pinterest that token custody needs.
struct Reader {
    kernel: Arc<Kernel>,
    gate: Arc<SimGate>,
    endpoint: Arc<Endpoint>,
    oracle: Oracle,
    /// The probability that a call fails.
    error: Mutex<f64>,
}

/// How a read fails that says nothing of its token. A 429 pauses the account.
const READ_FAILURES: [Failure; 2] = [Failure::PinterestUnreachable, Failure::RateLimited];

fn refused(failure: Failure) -> ReadFailure {
    ReadFailure { failure, upstream: Upstream::default(), retry_after_ms: None }
}

#[async_trait]
impl Pinterest for Reader {
    async fn user(&self, token: &Secret) -> Result<PinterestUser, ReadFailure> {
        const CALL: &str = "pinterest.user";
        self.gate.enter_provider(CALL).await;
        self.kernel.sleep(self.kernel.draw(|rng| rng.i64(50..800))).await;
        let is_accepted = self.endpoint.accepts(token);
        if let Some((account, grant)) = self.oracle.arrives(token, is_accepted) {
            let at = self.kernel.now() + GIVEN_UP_WITHIN_MS;
            self.kernel.schedule(at, Action::Custody(Happening::Judge(account, grant)));
        }
        let error = *self.error.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = match self.endpoint.of(token) {
            _ if self.kernel.chance(error) => {
                Err(refused(self.kernel.draw(|rng| rng.choice(READ_FAILURES).expect("some"))))
            }
            Some((_, user)) if is_accepted => {
                Ok(PinterestUser { id: user.to_string(), username: None, business_name: None })
            }
            _ => Err(refused(Failure::TokenRevoked)),
        };
        self.gate.leave_provider(CALL).await;
        answer
    }

    async fn create_pin(&self, _: &Secret, _: &PinRequest) -> Creation {
        Creation::lost(Upstream::default())
    }

    async fn board_pins(&self, _: &Secret, _: &str, _: Option<&str>) -> Result<BoardPage, ReadFailure> {
        Ok(BoardPage::default())
    }

    async fn delete_pin(&self, _: &Secret, _: &str) -> Result<(), ReadFailure> {
        Ok(())
    }
}
