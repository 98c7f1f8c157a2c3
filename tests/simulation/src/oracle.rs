//! What must hold, checked by those who see everything: the table, the queues, and the Pinterest that knows which
//! request made which Pin.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use http::StatusCode;
use pinbridge_shared::domain::deadlines::SEND_WITHIN_MS;
use pinbridge_shared::domain::ids::PinKey;
use pinbridge_shared::domain::message::PublishMessage;
use pinbridge_shared::domain::pin::attempt::{Attempt, Status};
use pinbridge_shared::domain::pin::failure::Failure;
use pinbridge_shared::domain::pin::history::EventKind;
use pinbridge_shared::domain::pin::idempotency;
use pinbridge_shared::domain::pin::{Pin, PinRequest, WaitReason};
use pinbridge_shared::domain::time::{MINUTE_MS, Moment};
use pinbridge_shared::flows::stats::dashboard::Summary;
use pinbridge_shared::testing::fake_queue::FakeQueue;
use pinbridge_shared::testing::fake_store::FakeStore;

use crate::digest::{self, Digest};
use crate::gate::{Coverage, SimGate};
use crate::kernel::{Kernel, Pid};
use crate::plan::Plan;
use crate::provider::{Post, Provider, Witness};
use crate::rollups;
use crate::schedule_oracle::ScheduleOracle;
use crate::weather::Weather;

/// Work that nobody owns must be picked up again within this time.
const OWNERLESS_MAX_MS: i64 = 5 * MINUTE_MS;
/// A clock row counts as an owner if it is read within this many minutes.
const OWNER_WITHIN_MINUTES: i64 = 6;
const SHOWN_MAX: usize = 8;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wrong {
    /// More Pins than requests.
    Duplicate,
    /// Called published, and there is no Pin for it.
    Lost,
    /// Called failed, and there is a Pin of it.
    FalseFailure,
    /// Two pins call the same Pin theirs.
    SharedPin,
    /// Without an owner for too long, or unfinished at the end.
    Stranded,
    /// A call that wasn't announced, or long before.
    Unannounced,
    /// An attempt before its time.
    Early,
    /// An announced call that its living worker neither made nor took back.
    Abandoned,
    /// An attempt by a message of an older generation.
    Resurrected,
    /// More calls of an account than its pace allows.
    Noisy,
    /// A transition that the state machine doesn't have.
    Illegal,
    /// Accepted and not in the table, or the other way round.
    Unaccounted,
    /// The timeline tells another story than Pinterest.
    Untrue,
    /// A call with a content that isn't in force.
    Stale,
    /// An attempt that began after its pin was deleted.
    Undead,
    /// The dashboard tells another story than the pins.
    Miscounted,
}

#[derive(Clone, Debug)]
pub struct Violation {
    pub wrong: Wrong,
    pub text: String,
}

pub type Violations = Arc<Mutex<Vec<Violation>>>;

/// What became of a world.
#[derive(Debug, Default)]
pub struct Outcome {
    pub accepted: u64,
    pub published: u64,
    pub failed: BTreeMap<&'static str, u64>,
    pub adopted: u64,
    /// Twins of different pictures that were given each other's Pin.
    pub mixed: u64,
    /// Pins that came later than the protocol can know, and how many of all were deleted by the late check.
    pub too_late: u64,
    pub removed: u64,
    pub posts: u64,
    pub looks: u64,
    pub calls: u64,
    /// Virtual time, in milliseconds.
    pub took_ms: i64,
    pub coverage: Coverage,
    pub violations: Vec<Violation>,
    pub trace: Vec<String>,
    /// The creates, as they left.
    pub sent: Vec<Post>,
    /// Schedules by what they show at the end.
    pub schedules: BTreeMap<&'static str, u64>,
    /// Everything that happened, see [`Digest`].
    pub digest: Digest,
}

pub struct Oracle {
    plan: Arc<Plan>,
    kernel: Arc<Kernel>,
    store: Arc<FakeStore>,
    gate: Arc<SimGate>,
    violations: Violations,
    /// Clients that were told of an acceptance.
    told: BTreeSet<usize>,
    schedules: ScheduleOracle,
    ownerless: BTreeMap<PinKey, i64>,
    /// Pins whose deletion was answered.
    deleted: Arc<Mutex<BTreeSet<PinKey>>>,
}

/// Pins that nobody could tell apart, picture included: whose Pin is whose doesn't matter among them.
#[derive(Default)]
struct Group {
    pins: BTreeSet<String>,
    /// How many of them came later than the protocol can know.
    too_late: usize,
    /// Pins of lookalikes, later than the protocol can know, that are called theirs.
    borrowed: usize,
    posts: usize,
    published: usize,
    failed: usize,
    /// Left to a person.
    open: usize,
    members: Vec<String>,
}

pub fn content(request: &PinRequest) -> String {
    let PinRequest { account, board_id, title, description, link_url, image_url, .. } = request;
    format!("{account}|{board_id}|{title}|{description:?}|{link_url:?}|{image_url}")
}

/// The same without the picture, which no list shows.
pub fn look(request: &PinRequest) -> String {
    without_picture(&content(request))
}

fn without_picture(content: &str) -> String {
    content.rsplit_once('|').map_or(content, |(look, _)| look).to_owned()
}

pub fn report(violations: &Violations, wrong: Wrong, text: String) {
    violations.lock().unwrap_or_else(PoisonError::into_inner).push(Violation { wrong, text });
}

impl Oracle {
    pub fn new(plan: Arc<Plan>, kernel: Arc<Kernel>, store: Arc<FakeStore>, gate: Arc<SimGate>) -> Self {
        let violations = Violations::default();
        let told = Arc::clone(&violations);
        let noted = Arc::clone(&kernel);
        let kept = Arc::clone(&gate);
        let deleted: Arc<Mutex<BTreeSet<PinKey>>> = Arc::default();
        let gone = Arc::clone(&deleted);
        store.watch(Box::new(move |pin, before, after| {
            noted.note(|| format!("{} {}", pin.request.idempotency_key, story(after)));
            watch(&told, pin, before, after);
            if after.attempt == before.attempt {
                return gate.resolve(pin.key);
            }
            gate.announce(pin.key);
            if gone.lock().unwrap_or_else(PoisonError::into_inner).contains(&pin.key) {
                report(&told, Wrong::Undead, format!("{} begins and was deleted", pin.request.idempotency_key));
            }
            if gate.carried(pin.key).is_some_and(|generation| generation < before.generation) {
                let text = format!("{} by a message of an older generation", pin.request.idempotency_key);
                report(&told, Wrong::Resurrected, text);
            }
        }));
        let schedules = ScheduleOracle::new(&plan, Arc::clone(&store), Arc::clone(&violations));
        Self {
            plan,
            kernel,
            store,
            gate: kept,
            violations,
            told: BTreeSet::new(),
            schedules,
            ownerless: BTreeMap::new(),
            deleted,
        }
    }

    /// Sees every create as it leaves: it must have been announced, a moment ago.
    pub fn witness(&self) -> Witness {
        let (store, violations) = (Arc::clone(&self.store), Arc::clone(&self.violations));
        let gate = Arc::clone(&self.gate);
        let (workspace, skew_ms) = (self.plan.workspace(), 2 * self.plan.weather.skew_ms);
        let is_early = self.schedules.watch_of_calls(skew_ms);
        Box::new(move |request, now| {
            let key = PinKey { workspace, pin: idempotency::pin_id(workspace, &request.idempotency_key) };
            gate.resolve(key);
            is_early(key, now);
            let announced = store.peek(key).filter(|(_, attempt)| attempt.status == Status::Publishing);
            // Nothing changes while a pin is being published: this is what was in force at its write-ahead.
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

    /// Hears of every deletion that was answered.
    pub fn deleted(&self) -> impl Fn(PinKey) + 'static {
        let deleted = Arc::clone(&self.deleted);
        move |key| {
            deleted.lock().unwrap_or_else(PoisonError::into_inner).insert(key);
        }
    }

    /// Hears how reading requests are answered.
    pub fn teller(&self, key: PinKey) -> impl Fn(StatusCode) + 'static {
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

    /// A process has come to its end, alive.
    pub fn ended(&self, pid: Pid, was_frozen: bool) {
        // One that was frozen may have lost its fence meanwhile.
        for pin in self.gate.abandoned(pid).into_iter().filter(|_| !was_frozen) {
            report(&self.violations, Wrong::Abandoned, format!("{:?} was announced and left alone", pin.pin));
        }
    }

    /// A client heard of its request: accepted, or refused because its key stands for something else.
    pub fn heard(&mut self, wish: usize, is_conflict: bool) {
        if self.plan.schedule(wish).is_some() {
            self.schedules.heard(wish, is_conflict);
        } else if !is_conflict {
            self.told.insert(wish);
        } else if self.store.peek(self.plan.pin(wish)).is_none() {
            report(&self.violations, Wrong::Unaccounted, format!("{wish} was refused for a pin that isn't there"));
        }
    }

    /// Looks at every unfinished pin; answers how many there are.
    pub fn check(&mut self, queue: &FakeQueue) -> usize {
        let now = self.kernel.now();
        let mut open = Vec::new();
        self.store.each_pin(|pin, attempt| {
            if !attempt.status.is_terminal() {
                open.push((pin.key, attempt.status));
            }
        });
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

    pub fn schedules(&mut self) -> &mut ScheduleOracle {
        &mut self.schedules
    }

    /// What the dashboard tells at the end, of everything there ever was.
    pub fn told_of_all(&self, answer: &Summary) {
        for text in rollups::misleading(&self.store, answer) {
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
        for (look, _) in queue.reconciliations().into_iter().filter(|(look, _)| look.duplicate_check.is_none()) {
            let pins = unresolved.get(&look.board()).into_iter().flatten();
            owned.extend(pins.map(|pin| PinKey { workspace: look.workspace, pin: *pin }));
        }
        owned
    }

    /// The last judgement.
    pub fn close(mut self, provider: &Provider, is_finished: bool, coverage: Coverage, calls: u64) -> Outcome {
        let mut outcome = Outcome { coverage, calls, digest: self.gate.digest(), ..Outcome::default() };
        outcome.digest.add(&self.kernel.next_draw().to_le_bytes());
        for (board, made) in provider.pins() {
            outcome.digest.add(format!("{board} {} {} {}", made.id, made.owner, made.committed_at).as_bytes());
        }
        outcome.took_ms = self.kernel.now() - crate::world::START;
        let posts = provider.posts();
        outcome.posts = posts.len() as u64;
        let violations = Arc::clone(&self.violations);
        let wrong = |wrong, text: String| report(&violations, wrong, text);
        let mut posts_of: BTreeMap<&String, u32> = BTreeMap::new();
        posts.iter().for_each(|post| *posts_of.entry(&post.owner).or_default() += 1);
        let mut groups = self.groups(provider, &posts);
        let last_sent: BTreeMap<&String, &String> = posts.iter().map(|post| (&post.owner, &post.content)).collect();
        let deleted = provider.deleted();
        outcome.removed = deleted.len() as u64;
        outcome.too_late =
            deleted.iter().chain(provider.pins().iter().map(|(_, made)| made)).filter(|made| made.is_too_late).count()
                as u64;
        let store = Arc::clone(&self.store);
        let mut claimed: BTreeMap<String, String> = BTreeMap::new();
        let twins_of = self.looks_of(provider);
        let late: BTreeSet<String> =
            provider.pins().into_iter().filter(|(_, made)| made.is_too_late).map(|(_, made)| made.id).collect();
        store.each_pin(|pin, attempt| {
            outcome.accepted += 1;
            outcome.digest.add(&digest::of_pin(pin, attempt));
            let key = &pin.request.idempotency_key;
            let posted = posts_of.get(key).copied().unwrap_or(0);
            if posted > attempt.attempt {
                wrong(Wrong::Untrue, format!("{key}: {posted} creates in {} attempts", attempt.attempt));
            }
            if attempt.history.iter().any(|event| event.kind == EventKind::Adopted) {
                outcome.adopted += 1;
            }
            // One that failed may have a Pin of what it was when it was last sent.
            let is_failed = attempt.status == Status::Failed;
            let sent = last_sent.get(key).filter(|_| is_failed).map(|sent| (*sent).clone());
            let group = groups.entry(sent.unwrap_or_else(|| content(&pin.request))).or_default();
            group.members.push(format!("{key} {}", story(attempt)));
            match attempt.status {
                Status::Published => {
                    outcome.published += 1;
                    group.published += 1;
                    let id = attempt.pinterest_pin_id.clone().unwrap_or_default();
                    if twins_of.get(&id).is_some_and(|of| *of == look(&pin.request)) {
                        let is_anothers = !group.pins.contains(&id);
                        outcome.mixed += u64::from(is_anothers);
                        group.borrowed += usize::from(is_anothers && late.contains(&id));
                    } else {
                        wrong(Wrong::Lost, format!("{key} is called {id}, which isn't its Pin: {}", story(attempt)));
                    }
                    if let Some(other) = claimed.insert(id.clone(), key.clone()) {
                        wrong(Wrong::SharedPin, format!("{id} is claimed by {other} and {key}: {}", story(attempt)));
                    }
                }
                Status::Failed => {
                    let failure = attempt.failure.unwrap_or(Failure::Unrecognised);
                    *outcome.failed.entry(failure.code()).or_default() += 1;
                    let may_exist = matches!(failure, Failure::OutcomeAmbiguous | Failure::OutcomeUnverifiable);
                    group.open += usize::from(may_exist);
                    group.failed += usize::from(!may_exist);
                }
                _ => wrong(Wrong::Stranded, format!("{key} is unfinished at the end: {}", story(attempt))),
            }
        });
        for group in groups.values() {
            let Group { published, failed, open, too_late, borrowed, .. } = *group;
            let made = group.pins.len();
            let text = || format!("{made} Pins of {}", group.members.join("; "));
            if made + borrowed < published || group.posts < published {
                wrong(Wrong::Lost, text());
            } else if made > published + open + failed + too_late || (made > published + open + too_late && failed == 0)
            {
                wrong(Wrong::Duplicate, text());
            } else if made > published + open + too_late {
                wrong(Wrong::FalseFailure, text());
            }
        }
        for wish in &self.told {
            if store.peek(self.plan.pin(*wish)).is_none() {
                wrong(Wrong::Unaccounted, format!("request {wish} was accepted and is gone"));
            }
        }
        self.schedules.close(&mut outcome);
        if !is_finished {
            wrong(Wrong::Stranded, "the world didn't come to rest".into());
        } else if self.plan.aftermath_ms >= rollups::ROLLED_UP_AFTER_MS {
            for text in rollups::miscounted(&store, self.plan.workspace()) {
                wrong(Wrong::Miscounted, text);
            }
        }
        self.check_pace(&posts);
        outcome.violations = std::mem::take(&mut *self.violations.lock().unwrap_or_else(PoisonError::into_inner));
        outcome.violations.sort_by_key(|violation| violation.wrong);
        outcome.looks = outcome
            .coverage
            .iter()
            .filter(|((_, call), _)| *call == "pinterest.board_pins")
            .map(|(_, count)| count.reached)
            .sum();
        outcome.trace = self.kernel.take_trace();
        if self.plan.weather == Weather::calm() {
            outcome.sent = posts;
        }
        outcome
    }

    /// What Pinterest made and was asked for, by content.
    fn groups(&self, provider: &Provider, posts: &[Post]) -> BTreeMap<String, Group> {
        let mut groups: BTreeMap<String, Group> = BTreeMap::new();
        for (_, made) in provider.pins() {
            let group = groups.entry(made.content.clone()).or_default();
            group.pins.insert(made.id.clone());
            group.too_late += usize::from(made.is_too_late);
        }
        posts.iter().for_each(|post| groups.entry(post.content.clone()).or_default().posts += 1);
        groups
    }

    /// Each Pin's look.
    fn looks_of(&self, provider: &Provider) -> BTreeMap<String, String> {
        provider.pins().into_iter().map(|(_, made)| (made.id, without_picture(&made.content))).collect()
    }

    /// In any window of w seconds at most capacity + rate · w creates of an account, by the moments at which they left.
    /// What clocks that disagree give away is the skew's, not the pacing's.
    fn check_pace(&mut self, posts: &[Post]) {
        let pace = self.plan.pace;
        let slack_ms = 4 * self.plan.weather.skew_ms;
        let mut by_account: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
        posts.iter().for_each(|post| by_account.entry(&post.account).or_default().push(post.at));
        for (account, mut times) in by_account {
            times.sort_unstable();
            // The n-th call after any other comes no earlier than n + 1 - capacity intervals after it.
            let mut highest = i64::MIN;
            for (number, at) in times.iter().enumerate() {
                highest = highest.max(at - number as i64 * pace.interval_ms);
                let over_ms = highest - (at - (number as i64 + 1) * pace.interval_ms) - pace.burst_ms();
                if over_ms > slack_ms {
                    let text = format!("account {account}: call {number} is {over_ms} ms ahead of its pace");
                    report(&self.violations, Wrong::Noisy, text);
                    break;
                }
            }
        }
    }
}

fn tells_of_duplicate(attempt: &Attempt) -> bool {
    let last = attempt.history.last().map(|event| event.kind);
    matches!(last, Some(EventKind::DuplicateFound | EventKind::DuplicateRemoved))
}

/// Its owner has changed or deleted it: never while it is being published.
fn tells_of_owner(before: &Attempt, after: &Attempt) -> bool {
    match after.history.last().map(|event| event.kind) {
        Some(EventKind::Edited) => {
            after.edit == before.edit + 1 && matches!(before.status, Status::Queued | Status::Deferred | Status::Failed)
        }
        Some(EventKind::Deleted) => before.status.is_terminal(),
        _ => false,
    }
}

/// Sees every write of an attempt row.
fn watch(violations: &Violations, pin: &Pin, before: &Attempt, after: &Attempt) {
    use Status as S;
    let key = &pin.request.idempotency_key;
    let is_legal = matches!(
        (before.status, after.status),
        (S::Queued | S::Deferred, S::Publishing | S::Deferred | S::Failed)
            | (S::Publishing, _)
            | (S::Failed, S::Queued | S::Deferred)
    ) || (before.status == after.status && before.orphan_pin_id != after.orphan_pin_id)
        || (before.status == S::Failed && after.status == S::Failed && !before.is_superseded && after.is_superseded)
        || (before.status == after.status && tells_of_owner(before, after))
        || (before.status == S::Published && after.status == S::Published && tells_of_duplicate(after));
    let is_ahead = after.rev == before.rev + 1
        && after.attempt >= before.attempt
        && after.generation >= before.generation
        && after.attempt_base >= before.attempt_base;
    if !is_legal || !is_ahead {
        report(violations, Wrong::Illegal, format!("{key}: {:?} -> {:?}", before.status, after.status));
    }
    let begins = after.attempt > before.attempt;
    // A hold ends when a refresh succeeds or a person connects the account, and what waited for that goes at once.
    if begins && pin.not_before().is_some_and(|due| after.started_at.is_none_or(|started| started < due)) {
        report(violations, Wrong::Early, format!("{key} began at {:?}, before its time", after.started_at));
    }
    let was_held = before.wait.is_some_and(WaitReason::is_hold);
    if begins && !was_held && before.not_before.is_some_and(|at| after.started_at.is_none_or(|started| started < at)) {
        let text = format!("{key} began at {:?}, before {:?}", after.started_at, before.not_before);
        report(violations, Wrong::Early, text);
    }
}

/// The pin's history in a line.
fn story(attempt: &Attempt) -> String {
    let event = |event: &pinbridge_shared::domain::pin::history::Event| {
        let note = event.note.as_deref().unwrap_or("");
        format!("{}#{}{}{note}", event.kind.name(), event.attempt, if note.is_empty() { "" } else { ":" })
    };
    let events: Vec<String> = attempt.history.iter().rev().take(SHOWN_MAX).rev().map(event).collect();
    let pinterest = attempt.pinterest_pin_id.as_deref().unwrap_or("");
    format!("{:?} {pinterest} {}", attempt.status, events.join(" "))
}
