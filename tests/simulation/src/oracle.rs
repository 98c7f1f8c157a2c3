//! Checks the invariants of a world against the table, the queues and the simulated Pinterest, which records which
//! request created which Pin.

mod at_end;
mod rows;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use http::StatusCode;
use pinbridge_shared::domain::deadlines::SEND_WITHIN_MS;
use pinbridge_shared::domain::ids::{AccountKey, PinKey};
use pinbridge_shared::domain::message::PublishMessage;
use pinbridge_shared::domain::pin::PinRequest;
use pinbridge_shared::domain::pin::attempt::{Attempt, Status};
use pinbridge_shared::domain::pin::idempotency;
use pinbridge_shared::domain::time::{MINUTE_MS, Moment};
use pinbridge_shared::flows::pins::read_pins::PinView;
use pinbridge_shared::flows::stats::dashboard::Summary;
use pinbridge_shared::testing::fake_queue::FakeQueue;
use pinbridge_shared::testing::fake_secrets::FakeSecrets;
use pinbridge_shared::testing::fake_store::FakeStore;

use crate::digest::Digest;
use crate::events::{EventCounts, Events};
use crate::gate::{Coverage, SimGate};
use crate::holds::{self, Holds, TokenRefusals};
use crate::kernel::{Kernel, Pid};
use crate::plan::Plan;
use crate::provider::{ImageRefusals, Post, Witness};
use crate::refusals;
use crate::reports;
use crate::rollups;
use crate::schedule_oracle::ScheduleOracle;
use rows::{heard_429, watch, watch_images};

/// A pin without an owner must get one again within this time.
const OWNERLESS_MAX_MS: i64 = 5 * MINUTE_MS;
/// A bucket that a bad clock has written must be emptied within this time if pins wait for it: the dispatcher's next
/// tick does it, and may be late or missed. It is counted from the end of the faults: a dispatcher that dies again and
/// again may not come to the backlog.
const BECALMED_MAX_MS: i64 = 10 * MINUTE_MS;
/// A recovery marker counts as an owner if it is read within this many minutes.
const OWNER_WITHIN_MINUTES: i64 = 6;
const SHOWN_MAX: usize = 8;
/// A pin that came too late is ended within this time: the rescuer's minute, a run of it that was missed, and a
/// delivery.
const ENDED_WITHIN_MS: i64 = 5 * MINUTE_MS;
/// Once the faults are over, the rescuer goes through the minutes that it has missed, before it comes to the present.
const CATCHES_UP_WITHIN_MS: i64 = 5 * MINUTE_MS;
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wrong {
    /// There are more Pins than published requests.
    Duplicate,
    /// The pin is published, and there is no Pin for it.
    Lost,
    /// The pin is failed, and there is a Pin for it.
    FalseFailure,
    /// Two pins have the same Pin.
    SharedPin,
    /// The pin had no owner for too long, or is unfinished at the end.
    Stranded,
    /// A call was not announced, or was announced too long before.
    Unannounced,
    /// An attempt began before its time.
    Early,
    /// The worker neither made nor withdrew an announced call, although it did not die.
    Abandoned,
    /// A message of an older generation began an attempt.
    StaleGeneration,
    /// An account made more calls than its pace allows.
    Noisy,
    /// More writes of a Pinterest user arrive in a minute than Pinterest lets pass: a 429 that we made ourselves.
    Throttled,
    /// The state machine does not have this transition.
    Illegal,
    /// A client got an acceptance of a request that is not in the table, or a conflict with one.
    Unaccounted,
    /// A row or an answer contradicts what happened.
    Untrue,
    /// A call had other content than the pin had at that time.
    Stale,
    /// An attempt began after its pin was deleted.
    AfterDeletion,
    /// The rollups or the dashboard contradict the pins.
    Miscounted,
    /// Tokens that a refusal had refreshed were refreshed for a refusal again.
    Rotated,
    /// A pin was sent over and over, or dead-lettered, while the tokens of its account were refused.
    Hammered,
    /// An account is held, and its row doesn't say what for.
    Unexplained,
    /// A 429 was recorded, and its account was not paused.
    Heedless,
    /// A pin whose image can't be fetched was tried without end.
    Endless,
    /// A client was told that its request failed for good (500), where repeating it works.
    Misled,
    /// An attempt began after the pin's `publish_before`, or a pin that came too late was not ended.
    TooLate,
    /// A waiting pin reports another reason, remedy or time than it waits for.
    Misreported,
    /// A schedule was retried with another pin, although its own could be published again.
    Replaced,
    /// Pins wait for a bucket that a bad clock has written.
    Becalmed,
    /// An account is held for a token that Pinterest has refused only once, or not at all.
    Hasty,
    /// An account's other pins are sent while one of its pins tries its refused access token again.
    Unheld,
    /// One pin that Pinterest refuses holds its account again and again, or keeps others from trying it.
    Convoy,
    /// A webhook has not got an event that it hears, and nothing will send it.
    Unheard,
    /// A webhook got an event that no row records, or that it doesn't hear.
    Invented,
    /// A repeat of an event has another id than the event, or two events have the same id.
    Renamed,
    /// The numbers of a pin's events have a gap.
    Gap,
    /// A webhook that answers got an event late, beside others that don't.
    HeldUp,
}

#[derive(Clone, Debug)]
pub struct Violation {
    pub wrong: Wrong,
    pub text: String,
}

pub type Violations = Arc<Mutex<Vec<Violation>>>;

/// The result of a world.
#[derive(Debug, Default)]
pub struct Outcome {
    pub accepted: u64,
    pub published: u64,
    pub failed: BTreeMap<&'static str, u64>,
    pub adopted: u64,
    /// Pins that were given the Pin of a twin with another picture.
    pub mixed: u64,
    /// Pins that were committed later than `Tq` allows for, and Pins that the duplicate check deleted.
    pub too_late: u64,
    pub removed: u64,
    pub posts: u64,
    pub list_pages: u64,
    pub calls: u64,
    /// Virtual time, in milliseconds.
    pub took_ms: i64,
    pub coverage: Coverage,
    pub violations: Vec<Violation>,
    pub trace: Vec<String>,
    /// The creates, in the order in which they were sent. Only for calm worlds.
    pub sent: Vec<Post>,
    /// Schedules by their status at the end.
    pub schedules: BTreeMap<&'static str, u64>,
    pub events: EventCounts,
    /// The digest of everything that happened; see [`Digest`].
    pub digest: Digest,
}

pub struct Oracle {
    plan: Arc<Plan>,
    kernel: Arc<Kernel>,
    store: Arc<FakeStore>,
    gate: Arc<SimGate>,
    violations: Violations,
    /// Requests whose acceptance reached their client.
    acknowledged: BTreeSet<usize>,
    schedules: ScheduleOracle,
    events: Arc<Events>,
    ownerless: BTreeMap<PinKey, i64>,
    /// Accounts whose pins wait for a bucket of a bad clock, and since when.
    becalmed: BTreeMap<AccountKey, i64>,
    /// Pins whose deletion was answered.
    deleted: Arc<Mutex<BTreeSet<PinKey>>>,
    /// Answers 429 that rows have: the account, when the attempt was announced, and the pin.
    limited: Limited,
    images: Arc<Mutex<ImageRefusals>>,
    holds: Arc<Mutex<Holds>>,
    token_refusals: TokenRefusals,
}

type Limited = Arc<Mutex<Vec<(AccountKey, Moment, String)>>>;

pub fn content(request: &PinRequest) -> String {
    let PinRequest { account, board_id, title, description, link_url, image_url, .. } = request;
    format!("{account}|{board_id}|{title}|{description:?}|{link_url:?}|{image_url}")
}

/// The content without the picture, which lists don't show.
pub fn text_of(request: &PinRequest) -> String {
    without_picture(&content(request))
}

fn without_picture(content: &str) -> String {
    content.rsplit_once('|').map_or(content, |(text, _)| text).to_owned()
}

pub fn report(violations: &Violations, wrong: Wrong, text: String) {
    violations.lock().unwrap_or_else(PoisonError::into_inner).push(Violation { wrong, text });
}

impl Oracle {
    pub fn new(plan: Arc<Plan>, kernel: Arc<Kernel>, store: Arc<FakeStore>, gate: Arc<SimGate>) -> Self {
        let violations = Violations::default();
        let found = Arc::clone(&violations);
        let tracing = Arc::clone(&kernel);
        let own_gate = Arc::clone(&gate);
        let limited = Limited::default();
        let images: Arc<Mutex<ImageRefusals>> = Arc::default();
        let (heard, refusals) = (Arc::clone(&limited), Arc::clone(&images));
        let (holds, token_refusals) = (Arc::<Mutex<Holds>>::default(), TokenRefusals::default());
        let (held, refused) = (Arc::clone(&holds), Arc::clone(&token_refusals));
        let deleted: Arc<Mutex<BTreeSet<PinKey>>> = Arc::default();
        let deleted_pins = Arc::clone(&deleted);
        let events = Arc::new(Events::new(Arc::clone(&plan), Arc::clone(&violations)));
        let subscribed = (!plan.subscribers.is_empty()).then(|| Arc::clone(&events));
        store.watch(Box::new(move |pin, before, after| {
            tracing.note(|| format!("{} {}", pin.request.idempotency_key, story(after)));
            if let Some(events) = &subscribed {
                events.wrote(pin, before, after, tracing.now(), tracing.running());
            }
            watch(&found, pin, before, after);
            watch_images(&found, &refusals, pin, after);
            holds::watch(&held, &refused, pin, after, (tracing.process(), tracing.now()));
            if let Some(started_at) = heard_429(before, after) {
                let owner = pin.request.idempotency_key.clone();
                heard.lock().unwrap_or_else(PoisonError::into_inner).push((pin.account_key(), started_at, owner));
            }
            if after.attempt == before.attempt {
                return gate.resolve(pin.key);
            }
            gate.announce(pin.key);
            if deleted_pins.lock().unwrap_or_else(PoisonError::into_inner).contains(&pin.key) {
                report(
                    &found,
                    Wrong::AfterDeletion,
                    format!("{} begins an attempt although it was deleted", pin.request.idempotency_key),
                );
            }
            if gate.carried(pin.key).is_some_and(|generation| generation < before.generation) {
                let text = format!("{} begins by a message of an older generation", pin.request.idempotency_key);
                report(&found, Wrong::StaleGeneration, text);
            }
        }));
        let schedules = ScheduleOracle::new(&plan, Arc::clone(&store), Arc::clone(&violations));
        Self {
            plan,
            kernel,
            store,
            gate: own_gate,
            violations,
            acknowledged: BTreeSet::new(),
            schedules,
            events,
            ownerless: BTreeMap::new(),
            becalmed: BTreeMap::new(),
            deleted,
            limited,
            images,
            holds,
            token_refusals,
        }
    }

    /// The events, to which the receivers contribute what they receive.
    pub fn events(&self) -> Arc<Events> {
        Arc::clone(&self.events)
    }

    /// The count of refused tokens, which Pinterest keeps.
    pub fn token_refusals(&self) -> TokenRefusals {
        Arc::clone(&self.token_refusals)
    }

    /// The count of refused images, to which Pinterest and the table contribute.
    pub fn images(&self) -> Arc<Mutex<ImageRefusals>> {
        Arc::clone(&self.images)
    }

    /// Checks that the account of every 429 that was recorded was paused, for some time after that call began.
    fn check_limits(&self) {
        let heard = std::mem::take(&mut *self.limited.lock().unwrap_or_else(PoisonError::into_inner));
        for (account, started_at, owner) in heard {
            let since = started_at.plus_ms(-2 * self.plan.faults.skew_ms);
            let until = self.store.peek_bucket(account).paused_until();
            if until.is_none_or(|until| until < since) {
                let text = format!("{owner} was answered 429 after {started_at:?}; the pause is {until:?}");
                report(&self.violations, Wrong::Heedless, text);
            }
        }
    }

    /// Checks that pins which came too late don't wait on.
    fn check_ends(&self, now: i64) {
        let healed_at = crate::world::START + self.plan.heals_after_ms + CATCHES_UP_WITHIN_MS;
        self.store.each_pin(|pin, attempt| {
            let is_waiting = matches!(attempt.status, Status::Queued | Status::Deferred) && pin.hidden_at.is_none();
            let Some(before) = pin.request.publish_before.filter(|_| is_waiting) else { return };
            // A reconciliation may have let it go later than that.
            let since = before.0.max(healed_at).max(attempt.updated_at.0);
            if now - since > ENDED_WITHIN_MS && now - since <= ENDED_WITHIN_MS + MINUTE_MS {
                let text = format!("{} has come too late and waits: {}", pin.request.idempotency_key, story(attempt));
                report(&self.violations, Wrong::TooLate, text);
            }
        });
    }

    /// Checks that no pins wait for long for a bucket that a bad clock has written.
    fn check_buckets(&mut self, now: i64) {
        let mut becalmed = BTreeMap::new();
        let healed_at = crate::world::START + self.plan.heals_after_ms;
        let (pace, skew_ms) = (self.plan.pace, self.plan.faults.skew_ms);
        self.store.each_bucket(|account, bucket| {
            let is_awake = !bucket.is_paused(Moment(now)) && !bucket.is_on_hold() && bucket.waiting_at.is_some();
            if is_awake && bucket.is_of_bad_clock(&pace, Moment(now), skew_ms) {
                let since = self.becalmed.get(&account).copied().unwrap_or(now).max(healed_at.min(now));
                becalmed.insert(account, since);
                if now - since > BECALMED_MAX_MS && now - since <= BECALMED_MAX_MS + MINUTE_MS {
                    let text = format!("pins of {account:?} wait since {since} for {:?}", bucket.tat);
                    report(&self.violations, Wrong::Becalmed, text);
                }
            }
        });
        self.becalmed = becalmed;
    }

    /// Returns a function to call when a client's own write was answered with Pinterest's 429: the account, and when
    /// the client asked.
    pub fn own_write_limited(&self) -> impl Fn(AccountKey, Moment) + 'static {
        let limited = Arc::clone(&self.limited);
        move |account, at| {
            let heard = (account, at, "a client's own write".to_owned());
            limited.lock().unwrap_or_else(PoisonError::into_inner).push(heard);
        }
    }

    /// Checks the status with which a client was answered.
    pub fn check_status(&self, key: &str, status: StatusCode) {
        if status == StatusCode::INTERNAL_SERVER_ERROR {
            report(&self.violations, Wrong::Misled, format!("the request of {key} was answered {status}"));
        }
    }

    /// Checks every create when it is sent: it must have been announced shortly before.
    pub fn witness(&self) -> Witness {
        let (store, violations) = (Arc::clone(&self.store), Arc::clone(&self.violations));
        let gate = Arc::clone(&self.gate);
        let (workspace, skew_ms) = (self.plan.workspace(), 2 * self.plan.faults.skew_ms);
        let is_early = self.schedules.watch_of_calls(skew_ms);
        Box::new(move |request, now| {
            let key = PinKey { workspace, pin: idempotency::pin_id(workspace, &request.idempotency_key) };
            gate.resolve(key);
            is_early(key, now);
            // A worker whose clock is behind, and that sends at the last moment.
            let before = store.peek(key).and_then(|(pin, _)| pin.request.publish_before);
            if before.is_some_and(|before| now > before.0 + SEND_WITHIN_MS + skew_ms) {
                let text = format!("{} is sent after its publish_before", request.idempotency_key);
                report(&violations, Wrong::TooLate, text);
            }
            let announced = store.peek(key).filter(|(_, attempt)| attempt.status == Status::Publishing);
            // A pin's content doesn't change while it is being published: this is its content at the write-ahead.
            if announced.as_ref().is_some_and(|(pin, _)| content(&pin.request) != content(request)) {
                let text = format!("{} is sent as {}", request.idempotency_key, content(request));
                report(&violations, Wrong::Stale, text);
            }
            let age_ms = announced.and_then(|(_, attempt)| attempt.started_at).map(|at| now - at.0);
            if age_ms.is_none_or(|age_ms| age_ms > SEND_WITHIN_MS + skew_ms) {
                let text = format!("{} is sent {age_ms:?} ms after its announcement", request.idempotency_key);
                report(&violations, Wrong::Unannounced, text);
            }
        })
    }

    /// Checks every change of the accounts' tokens.
    pub fn watch_tokens(&self, secrets: &FakeSecrets) {
        refusals::watch(&self.kernel, secrets, &self.violations);
    }

    /// Returns a function to call with every pin whose deletion was answered.
    pub fn deleted(&self) -> impl Fn(PinKey) + 'static {
        let deleted = Arc::clone(&self.deleted);
        move |key| {
            deleted.lock().unwrap_or_else(PoisonError::into_inner).insert(key);
        }
    }

    /// Returns a function that checks the status of a read.
    pub fn response_check(&self, key: PinKey) -> impl Fn(StatusCode) + 'static {
        let violations = Arc::clone(&self.violations);
        let store = Arc::clone(&self.store);
        move |status| {
            let is_gone =
                status == StatusCode::NOT_FOUND && store.peek(key).is_some_and(|(pin, _)| pin.hidden_at.is_some());
            if !is_gone && !status.is_success() && status != StatusCode::SERVICE_UNAVAILABLE {
                report(&violations, Wrong::Untrue, format!("a reader was answered {status}"));
            }
        }
    }

    /// Records that a process returned.
    pub fn ended(&self, pid: Pid, was_frozen: bool) {
        // A process that was frozen may have lost its fence meanwhile.
        for pin in self.gate.abandoned(pid).into_iter().filter(|_| !was_frozen) {
            report(
                &self.violations,
                Wrong::Abandoned,
                format!("the call for {:?} was announced and not made", pin.pin),
            );
        }
    }

    /// A client got an answer: its request was accepted, or refused because its key belongs to another request.
    pub fn answered(&mut self, wish: usize, is_conflict: bool) {
        if self.plan.schedule(wish).is_some() {
            self.schedules.answered(wish, is_conflict);
        } else if !is_conflict {
            self.acknowledged.insert(wish);
        } else if self.store.peek(self.plan.pin(wish)).is_none() {
            report(&self.violations, Wrong::Unaccounted, format!("{wish} was refused for a pin that isn't there"));
        }
    }

    /// Checks every unfinished pin; returns how many there are.
    pub fn check(&mut self, queue: &FakeQueue) -> usize {
        refusals::check_holds(&self.store, &self.violations);
        let now = self.kernel.now();
        let mut open = Vec::new();
        self.store.each_pin(|pin, attempt| {
            if !attempt.status.is_terminal() {
                open.push((pin.key, attempt.status));
            }
        });
        self.check_ends(now);
        self.check_limits();
        self.check_buckets(now);
        let bare: Vec<AccountKey> = (0..self.plan.accounts)
            .filter(|account| !self.plan.has_refresh_token(*account))
            .map(|account| self.plan.account(account))
            .collect();
        let is_bare = |key| bare.contains(&key);
        holds::check(&self.holds, &self.store, 2 * self.plan.faults.skew_ms, is_bare, &self.violations);
        let waiting = self.schedules.check();
        if open.is_empty() {
            self.ownerless.clear();
            return waiting;
        }
        let owned = self.owned(queue, now);
        let mut ownerless = BTreeMap::new();
        for (key, status) in &open {
            if owned.contains(key) {
                continue;
            }
            let since = self.ownerless.get(key).copied().unwrap_or(now);
            if now - since > OWNERLESS_MAX_MS && now - since <= OWNERLESS_MAX_MS + MINUTE_MS {
                let text = format!("{:?} ({status:?}) has had no owner since {since}", key.pin);
                report(&self.violations, Wrong::Stranded, text);
            }
            ownerless.insert(*key, since);
        }
        self.ownerless = ownerless;
        open.len() + waiting
    }

    /// Checks what unfinished pins report, as they were read just now.
    pub fn check_reports(&self, views: &[PinView]) {
        reports::check(views, &self.store, self.kernel.now(), &self.violations);
    }

    pub fn schedules(&mut self) -> &mut ScheduleOracle {
        &mut self.schedules
    }

    /// Checks the dashboard's metrics of the whole time, as they were read just now.
    pub fn check_dashboard(&self, answer: &Summary) {
        for text in rollups::dashboard_errors(&self.store, answer) {
            report(&self.violations, Wrong::Miscounted, text);
        }
    }

    /// The requests whose pins have failed.
    pub fn failed(&self) -> Vec<usize> {
        let mut failed = Vec::new();
        self.store.each_pin(|pin, attempt| {
            let number =
                pin.request.idempotency_key.strip_prefix("key-").and_then(|number| number.parse::<usize>().ok());
            failed.extend(number.filter(|_| attempt.status == Status::Failed));
        });
        failed
    }

    fn owned(&self, queue: &FakeQueue, now: i64) -> BTreeSet<PinKey> {
        let mut owned = self.store.backlog_owned();
        let soon = Moment(now).minute() + OWNER_WITHIN_MINUTES;
        owned.extend(self.store.marker_owned().into_iter().filter(|(_, minute)| *minute <= soon).map(|(key, _)| key));
        owned.extend(queue.messages().iter().map(|(message, _)| message.key()));
        let dead = queue.dead();
        owned.extend(dead.iter().filter_map(|body| PublishMessage::parse(body).ok()).map(|message| message.key()));
        let unresolved = self.store.unresolved_by_board();
        for (message, _) in queue.reconciliations().into_iter().filter(|(it, _)| it.duplicate_check.is_none()) {
            let pins = unresolved.get(&message.board()).into_iter().flatten();
            owned.extend(pins.map(|pin| PinKey { workspace: message.workspace, pin: *pin }));
        }
        owned
    }
}

/// The pin's history on one line.
fn story(attempt: &Attempt) -> String {
    let event = |event: &pinbridge_shared::domain::pin::history::Event| {
        let note = event.note.as_deref().unwrap_or("");
        format!("{}#{}{}{note}", event.kind.name(), event.attempt, if note.is_empty() { "" } else { ":" })
    };
    let events: Vec<String> = attempt.history.iter().rev().take(SHOWN_MAX).rev().map(event).collect();
    let pinterest = attempt.pinterest_pin_id.as_deref().unwrap_or("");
    format!("{:?} {pinterest} {}", attempt.status, events.join(" "))
}
