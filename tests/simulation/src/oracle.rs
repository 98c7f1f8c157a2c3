//! Checks the invariants of a world against the table, the queues and the simulated Pinterest, which records which
//! request created which Pin.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use http::StatusCode;
use pinbridge_shared::domain::deadlines::SEND_WITHIN_MS;
use pinbridge_shared::domain::ids::{AccountKey, PinKey};
use pinbridge_shared::domain::message::PublishMessage;
use pinbridge_shared::domain::pin::attempt::{Attempt, Status};
use pinbridge_shared::domain::pin::failure::Failure;
use pinbridge_shared::domain::pin::history::EventKind;
use pinbridge_shared::domain::pin::idempotency;
use pinbridge_shared::domain::pin::{Pin, PinRequest, WaitReason};
use pinbridge_shared::domain::time::{MINUTE_MS, Moment};
use pinbridge_shared::flows::pins::read_pins::PinView;
use pinbridge_shared::flows::stats::dashboard::Summary;
use pinbridge_shared::testing::fake_queue::FakeQueue;
use pinbridge_shared::testing::fake_secrets::FakeSecrets;
use pinbridge_shared::testing::fake_store::FakeStore;

use crate::digest::{self, Digest};
use crate::faults::Faults;
use crate::gate::{Coverage, SimGate};
use crate::kernel::{Kernel, Pid};
use crate::plan::Plan;
use crate::provider::{ImageRefusals, Post, Provider, WRITES_PER_WINDOW, Witness, most_in_a_window};
use crate::refusals;
use crate::reports;
use crate::rollups;
use crate::schedule_oracle::ScheduleOracle;

/// A pin without an owner must get one again within this time.
const OWNERLESS_MAX_MS: i64 = 5 * MINUTE_MS;
/// A bucket that a bad clock has written must be emptied within this time if pins wait for it: the dispatcher's next
/// tick does it, and may be late, missed or dead.
const BECALMED_MAX_MS: i64 = 10 * MINUTE_MS;
/// A recovery marker counts as an owner if it is read within this many minutes.
const OWNER_WITHIN_MINUTES: i64 = 6;
const SHOWN_MAX: usize = 8;
/// Once the faults are over, a pin that came too late is ended within this time: the rescuer's minute, a run of it that
/// was missed, and a delivery.
const ENDED_WITHIN_MS: i64 = 5 * MINUTE_MS;
/// A pin's image may be refused this often: at the first attempt and those that follow, and a few whose process lost
/// its fence.
const IMAGE_REFUSALS_MAX: u32 = 6 + 2;

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
    ownerless: BTreeMap<PinKey, i64>,
    /// Accounts whose pins wait for a bucket of a bad clock, and since when.
    becalmed: BTreeMap<AccountKey, i64>,
    /// Pins whose deletion was answered.
    deleted: Arc<Mutex<BTreeSet<PinKey>>>,
    /// Answers 429 that rows have: the account, when the attempt was announced, and the pin.
    limited: Limited,
    images: Arc<Mutex<ImageRefusals>>,
}

/// A process may stand still for this long between an answer and the record of it.
const STANDS_STILL_MS: i64 = 15 * MINUTE_MS;

type Limited = Arc<Mutex<Vec<(AccountKey, Moment, String)>>>;

/// Pins with the same content, including the picture. They can't be told apart, so it doesn't matter which Pin belongs
/// to which.
#[derive(Default)]
struct Group {
    pins: BTreeSet<String>,
    /// How many of them were committed later than `Tq` allows for.
    too_late: usize,
    /// Pins of twins with another picture that were committed too late and are recorded as theirs.
    borrowed: usize,
    posts: usize,
    published: usize,
    failed: usize,
    /// Left for an operator to decide.
    open: usize,
    members: Vec<String>,
}

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
        let deleted: Arc<Mutex<BTreeSet<PinKey>>> = Arc::default();
        let deleted_pins = Arc::clone(&deleted);
        store.watch(Box::new(move |pin, before, after| {
            tracing.note(|| format!("{} {}", pin.request.idempotency_key, story(after)));
            watch(&found, pin, before, after);
            watch_images(&found, &refusals, pin, after);
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
            ownerless: BTreeMap::new(),
            becalmed: BTreeMap::new(),
            deleted,
            limited,
            images,
        }
    }

    /// the count of refused images, to which Pinterest and the table contribute.
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
        let healed_at = crate::world::START + self.plan.heals_after_ms;
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
        let (pace, skew_ms) = (self.plan.pace, self.plan.faults.skew_ms);
        self.store.each_bucket(|account, bucket| {
            let is_awake = !bucket.is_paused(Moment(now)) && !bucket.is_on_hold() && bucket.waiting_at.is_some();
            if is_awake && bucket.is_of_bad_clock(&pace, Moment(now), skew_ms) {
                let since = self.becalmed.get(&account).copied().unwrap_or(now);
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

    /// Checks the dashboard's figures of the whole time, as they were read just now.
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

    /// Checks the world at its end, and returns its outcome.
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
        let texts = self.texts_by_pin(provider);
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
            // A failed pin may have a Pin with the content that was last sent.
            let is_failed = attempt.status == Status::Failed;
            let sent = last_sent.get(key).filter(|_| is_failed).map(|sent| (*sent).clone());
            let group = groups.entry(sent.unwrap_or_else(|| content(&pin.request))).or_default();
            group.members.push(format!("{key} {}", story(attempt)));
            match attempt.status {
                Status::Published => {
                    outcome.published += 1;
                    group.published += 1;
                    let id = attempt.pinterest_pin_id.clone().unwrap_or_default();
                    if texts.get(&id).is_some_and(|of| *of == text_of(&pin.request)) {
                        let is_anothers = !group.pins.contains(&id);
                        outcome.mixed += u64::from(is_anothers);
                        group.borrowed += usize::from(is_anothers && late.contains(&id));
                    } else {
                        wrong(
                            Wrong::Lost,
                            format!("{key} is published as {id}, which isn't its Pin: {}", story(attempt)),
                        );
                    }
                    if let Some(other) = claimed.insert(id.clone(), key.clone()) {
                        wrong(Wrong::SharedPin, format!("{id} is claimed by {other} and {key}: {}", story(attempt)));
                    }
                }
                Status::Failed => {
                    refusals::check_failed(pin, attempt, &self.violations);
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
        for wish in &self.acknowledged {
            if store.peek(self.plan.pin(*wish)).is_none() {
                wrong(Wrong::Unaccounted, format!("request {wish} was accepted and is not in the table"));
            }
        }
        self.schedules.close(&mut outcome);
        if !is_finished {
            wrong(Wrong::Stranded, "the world did not finish".into());
        } else if self.plan.aftermath_ms >= rollups::ROLLED_UP_AFTER_MS {
            for text in rollups::rollup_errors(&store, self.plan.workspace()) {
                wrong(Wrong::Miscounted, text);
            }
        }
        self.check_pace(&posts);
        refusals::check_posts(&posts, &self.violations);
        self.check_windows(provider);
        outcome.violations = std::mem::take(&mut *self.violations.lock().unwrap_or_else(PoisonError::into_inner));
        outcome.violations.sort_by_key(|violation| violation.wrong);
        outcome.list_pages = outcome
            .coverage
            .iter()
            .filter(|((_, call), _)| *call == "pinterest.board_pins")
            .map(|(_, count)| count.reached)
            .sum();
        outcome.trace = self.kernel.take_trace();
        if self.plan.faults == Faults::calm() {
            outcome.sent = posts;
        }
        outcome
    }

    /// The Pins on Pinterest and the creates that were sent, by content.
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

    /// Each Pin's content without the picture, by the Pin's id.
    fn texts_by_pin(&self, provider: &Provider) -> BTreeMap<String, String> {
        provider.pins().into_iter().map(|(_, made)| (made.id, without_picture(&made.content))).collect()
    }

    /// The Pinterest user of each account.
    fn users(&self) -> BTreeMap<String, usize> {
        let user = |index| (self.plan.account(index).account.to_string(), self.plan.user(index));
        (0..self.plan.accounts).map(user).collect()
    }

    /// Checks that in any window of w seconds the accounts of a user send at most capacity + rate · w creates, by the
    /// time at which they were sent. Clock skew adds slack, because pacing can't prevent its effect.
    fn check_pace(&mut self, posts: &[Post]) {
        let pace = self.plan.pace;
        let slack_ms = 4 * self.plan.faults.skew_ms;
        let (users, mut by_user) = (self.users(), BTreeMap::<usize, Vec<i64>>::new());
        posts.iter().for_each(|post| by_user.entry(users[&post.account]).or_default().push(post.at));
        for (user, mut times) in by_user {
            times.sort_unstable();
            // The n-th call after any other comes no earlier than n + 1 - capacity intervals after it.
            let mut highest = i64::MIN;
            for (number, at) in times.iter().enumerate() {
                highest = highest.max(at - number as i64 * pace.interval_ms);
                let over_ms = highest - (at - (number as i64 + 1) * pace.interval_ms) - pace.burst_ms();
                if over_ms > slack_ms {
                    let text = format!("user {user}: call {number} is {over_ms} ms ahead of its pace");
                    report(&self.violations, Wrong::Noisy, text);
                    break;
                }
            }
        }
    }

    /// Checks that no window of a minute has more arrivals of a user than Pinterest lets pass, refused ones
    /// included. It knows nothing of the pace, but for the clocks that differ, which pacing can't prevent.
    fn check_windows(&mut self, provider: &Provider) {
        let slack = (4 * self.plan.faults.skew_ms / self.plan.pace.interval_ms) as usize;
        let (users, mut by_user) = (self.users(), BTreeMap::<usize, Vec<i64>>::new());
        for (account, arrivals) in provider.arrivals() {
            by_user.entry(users[&account]).or_default().extend(arrivals);
        }
        for (user, arrivals) in by_user {
            let most = most_in_a_window(arrivals);
            if most > WRITES_PER_WINDOW + slack {
                let text = format!("user {user}: {most} writes arrive within a minute");
                report(&self.violations, Wrong::Throttled, text);
            }
        }
    }
}

/// The 429 that this write records: when the attempt was announced that it answered; or, of a reading, the moment
/// before which it wasn't made.
fn heard_429(before: &Attempt, after: &Attempt) -> Option<Moment> {
    let is_answer = before.status == Status::Publishing && after.rev == before.rev + 1;
    let last = after.history.last().filter(|_| is_answer)?;
    let is_of_reading =
        last.kind == EventKind::ReconcileInconclusive && last.note.as_deref() == Some(Failure::RateLimited.code());
    if is_of_reading {
        return Some(last.at.plus_ms(-STANDS_STILL_MS));
    }
    before.started_at.filter(|_| last.status == Some(429))
}

/// Counts the refusals of a pin's image from one retry or edit by its client to the next.
fn watch_images(violations: &Violations, refusals: &Mutex<ImageRefusals>, pin: &Pin, after: &Attempt) {
    let owner = &pin.request.idempotency_key;
    let mut refusals = refusals.lock().unwrap_or_else(PoisonError::into_inner);
    match after.history.last().map(|event| event.kind) {
        Some(EventKind::AttemptStarted) => refusals.begins(owner),
        Some(EventKind::Retried | EventKind::Edited) => refusals.reset(owner),
        Some(EventKind::AnswerUnknown) if refusals.is_pending(owner) => {
            refusals.begins(owner);
            let text = format!("{owner} is unknown, and was refused for its image: {}", story(after));
            report(violations, Wrong::Untrue, text);
        }
        Some(_) if refusals.answered(owner) > IMAGE_REFUSALS_MAX => {
            report(violations, Wrong::Endless, format!("{owner} is tried on and on for its image: {}", story(after)));
        }
        _ => {}
    }
}

fn records_duplicate_check(attempt: &Attempt) -> bool {
    let last = attempt.history.last().map(|event| event.kind);
    matches!(last, Some(EventKind::DuplicateFound | EventKind::DuplicateRemoved))
}

/// Whether the last event is an edit or a deletion, which is never allowed while the pin is being published.
fn records_owner_change(before: &Attempt, after: &Attempt) -> bool {
    match after.history.last().map(|event| event.kind) {
        Some(EventKind::Edited) => {
            after.edit == before.edit + 1 && matches!(before.status, Status::Queued | Status::Deferred | Status::Failed)
        }
        Some(EventKind::Deleted) => before.status.is_terminal(),
        _ => false,
    }
}

/// Checks every write of an attempt row.
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
        || (before.status == after.status && records_owner_change(before, after))
        || (before.status == S::Published && after.status == S::Published && records_duplicate_check(after));
    let is_ahead = after.rev == before.rev + 1
        && after.attempt >= before.attempt
        && after.generation >= before.generation
        && after.attempt_base >= before.attempt_base;
    if !is_legal || !is_ahead {
        report(violations, Wrong::Illegal, format!("{key}: {:?} -> {:?}", before.status, after.status));
    }
    let begins = after.attempt > before.attempt;
    // A hold ends when a refresh succeeds or a user connects the account. The pins that waited for it are then sent at
    // once.
    if begins && pin.not_before().is_some_and(|due| after.started_at.is_none_or(|started| started < due)) {
        report(violations, Wrong::Early, format!("{key} began at {:?}, before its time", after.started_at));
    }
    let was_held = before.wait.is_some_and(WaitReason::is_hold);
    if begins && !was_held && before.not_before.is_some_and(|at| after.started_at.is_none_or(|started| started < at)) {
        let text = format!("{key} began at {:?}, before {:?}", after.started_at, before.not_before);
        report(violations, Wrong::Early, text);
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
