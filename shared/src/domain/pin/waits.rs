//! Why a pin isn't published yet, what helps, and what happens next: from its rows and its account's present state.
//!
//! A pin's row keeps why it was deferred. The account changes afterwards: it is paused, held, connected again. Many
//! pins wait for one account, and none of their rows is written for that. So what a pin reports is decided when it is
//! read.
//!
//! The causes in their order: an outcome that isn't known; a hold, which only a person ends and which has no time; of
//! the causes with a time, the one that ends last (of two that end together: Pinterest's pause, the refresh of the
//! tokens, the day's budget, the pin's own time); the account's pace and the pins before this one.

use super::attempt::{Attempt, Status};
use super::blocker::Blocker;
use super::failure::Failure;
use super::history::{Event, EventKind};
use super::retry::holds_account;
use super::timeline::{NextStep, PaceNow, Position};
use super::{Pin, WaitReason};
use crate::domain::account::Account;
use crate::domain::account::health::Health;
use crate::domain::pacing::bucket::Bucket;
use crate::domain::pacing::pace::Pace;
use crate::domain::reconcile::board_scan::Unclear;
use crate::domain::time::Moment;

/// The reason of a pin that is tried again. Its code says what the temporary reason was.
pub const LAST_ATTEMPT_FAILED: &str = "The last attempt failed for a temporary reason.";

/// An account as it is now.
#[derive(Clone, Debug, Default)]
pub struct AccountNow {
    /// `None`: the account is gone, and the next worker fails the pin.
    pub account: Option<Account>,
    pub bucket: Bucket,
    /// When the app's daily budget allows the workspace another create, if not now.
    pub budget_opens_at: Option<Moment>,
}

/// What only a person ends: a lost connection, or a hold of the account that isn't for a token refresh (which
/// [`WaitReason::is_hold`] counts too, and which ends by itself).
#[derive(Clone, Debug, PartialEq, Eq)]
struct Hold {
    failure: Option<Failure>,
    message: String,
}

impl Hold {
    fn action(&self) -> &'static str {
        match self.failure {
            Some(Failure::TrialAccess) => "upgrade_app_access",
            Some(Failure::FeatureRestricted) => "check_app_access",
            _ => "reconnect_account",
        }
    }

    fn blocker(&self) -> Blocker {
        self.failure.map_or(Blocker::Wait(WaitReason::AccountOnHold), Blocker::Failure)
    }
}

impl AccountNow {
    fn is_connected(&self) -> bool {
        self.account.as_ref().is_none_or(Account::is_connected)
    }

    fn hold(&self, now: Moment) -> Option<Hold> {
        let health = self.account.as_ref().map(|account| Health::of(account, &self.bucket, now));
        let held = |failure, health: Health| Some(Hold { failure, message: health.message() });
        match health {
            Some(health @ Health::Disconnected) => held(Some(Failure::AccountDisconnected), health),
            Some(health @ (Health::GivenUp { .. } | Health::Refused { .. })) => {
                held(Some(Failure::TokenRevoked), health)
            }
            // It can't be renewed.
            Some(health @ Health::TokenExpired { retried_at: None }) if !self.bucket.awaits_refresh() => {
                held(Some(Failure::TokenRevoked), health)
            }
            _ if self.bucket.needs_person() => {
                let failure = self.bucket.hold_failure();
                held(failure, Health::OnHold { failure })
            }
            _ => None,
        }
    }
}

/// The settings that decide times.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    pub quiesce_ms: i64,
    /// How long an empty board proves nothing.
    pub empty_after_ms: i64,
    pub pace: Pace,
}

/// Where a deferred pin waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// It was not read.
    Unknown,
    InBacklog(Position),
    /// Not in the backlog: in the queue, for a slot that only its message knows.
    Released,
}

/// What is known about a pin.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    pub pin: &'a Pin,
    pub attempt: &'a Attempt,
    /// `None`: the account's state isn't needed, or was just decided on and is in the row.
    pub account: Option<&'a AccountNow>,
    pub place: Place,
    pub rules: &'a Rules,
    pub now: Moment,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Why {
    pub blocker: Option<Blocker>,
    pub next: NextStep,
}

/// Whether the account's state has a part in what this pin reports.
pub fn depends_on_account(attempt: &Attempt) -> bool {
    match attempt.status {
        Status::Queued | Status::Deferred => true,
        Status::Publishing => attempt.reconcile_at.is_some(),
        Status::Published | Status::Failed => false,
    }
}

/// Why the pin isn't published at `facts.now`, and its next step.
pub fn why(facts: &Facts<'_>) -> Why {
    match facts.attempt.status {
        Status::Published => of(None, step("none", None, "The pin is published; nothing is left to do.")),
        Status::Failed => of_failed(facts.attempt),
        Status::Publishing => of_call(facts),
        Status::Queued | Status::Deferred => until_its_end(facts, of_waiting(facts)),
    }
}

/// A failed pin stays as it is until somebody retries it.
fn of_failed(attempt: &Attempt) -> Why {
    let blocker = attempt.failure.map(Blocker::Failure);
    let helps = match blocker {
        _ if attempt.is_superseded => "Its schedule continues with another pin, and this one can't be retried.",
        Some(blocker) => blocker.remedy(attempt.status),
        None => "Nothing happens until it is retried.",
    };
    of(blocker, step("none", None, format!("The pin failed. {helps}")))
}

/// A pin that has not started before its `publish_before` fails.
fn until_its_end(facts: &Facts<'_>, why: Why) -> Why {
    let Some(before) = facts.pin.request.publish_before else { return why };
    if before <= facts.now {
        let reason = "Its publish_before has passed: it fails within two minutes and is not published.";
        return of(Some(Blocker::Failure(Failure::TooLate)), step("give_up", None, reason));
    }
    let Why { blocker, next } = why;
    let reason = format!("{} It fails with too_late if it has not started before {}.", next.reason, before.rfc3339());
    let comes_too_late = next.at.is_some_and(|at| at >= before);
    let (action, at) = if comes_too_late { ("give_up", Some(before)) } else { (next.action, next.at) };
    of(blocker, NextStep { action, at, reason, ..next })
}

fn of(blocker: Option<Blocker>, next: NextStep) -> Why {
    Why { blocker, next }
}

fn step(action: &'static str, at: Option<Moment>, reason: impl Into<String>) -> NextStep {
    NextStep { action, at, reason: reason.into(), position: None, pace: None }
}

/// Why the outcome of the latest call is unknown, as the beginning of a sentence.
fn unknown_outcome(attempt: &Attempt) -> &'static str {
    let is_of_call = |event: &&Event| event.kind == EventKind::AnswerUnknown && event.attempt == attempt.attempt;
    match attempt.history.iter().rev().find(is_of_call).map(|event| event.status) {
        Some(Some(_)) => "Pinterest's answer left open whether the Pin was created",
        Some(None) => "No answer came from Pinterest",
        // The worker stopped before it recorded an answer, or the event was dropped to keep the row small.
        None => "It is not known whether the Pin was created",
    }
}

/// A call was announced: it is open, or its outcome is unknown.
fn of_call(facts: &Facts<'_>) -> Why {
    let attempt = facts.attempt;
    let Some(at) = attempt.reconcile_at else {
        let reason = "A call to Pinterest is open; without an outcome by then, the board is read.";
        return of(None, step("record_outcome", Some(attempt.quiesced_at(facts.rules.quiesce_ms)), reason));
    };
    let blocker = Some(Blocker::Failure(attempt.failure.unwrap_or(Failure::OutcomeUnknown)));
    if let Some(hold) = unreadable(facts) {
        let reason = format!("{}, and the board can't be read: {}", unknown_outcome(attempt), hold.message);
        let blocker = Blocker::Unreadable(hold.failure.unwrap_or(Failure::TokenRevoked));
        return of(Some(blocker), step(hold.action(), None, reason));
    }
    let started_at = attempt.started_at.unwrap_or(attempt.updated_at);
    let believed_at = started_at.plus_ms(facts.rules.empty_after_ms);
    let unknown = unknown_outcome(attempt);
    let reason = match last_note(attempt) {
        Some(note) if note == Unclear::EmptyList.name() && believed_at > facts.now => format!(
            "{unknown}, and the board shows no Pins at all, which proves nothing before {}: until then the board is \
             read again, and the pin is not sent.",
            believed_at.rfc3339()
        ),
        Some(note) if note == WaitReason::DailyBudget.code() => {
            format!("{unknown}; the board is read when the app's requests of the day allow it.")
        }
        note => match note.and_then(Failure::parse) {
            Some(failure) => format!(
                "{unknown}, and Pinterest did not show the board ({}): {} It is read again before the pin is sent \
                 again.",
                failure.code(),
                failure.what_happened()
            ),
            None => format!("{unknown}; the board is read before the pin is sent again."),
        },
    };
    of(blocker, step("look_up", Some(at), reason))
}

/// Why the last reading of the board showed nothing.
fn last_note(attempt: &Attempt) -> Option<&str> {
    let last = attempt.history.last().filter(|event| event.kind == EventKind::ReconcileInconclusive)?;
    last.note.as_deref()
}

/// The hold by which the pin's board can't be read.
fn unreadable(facts: &Facts<'_>) -> Option<Hold> {
    let account = facts.account?;
    let hold = account.hold(facts.now)?;
    let was_refused =
        last_note(facts.attempt) == Some(Failure::TokenRevoked.code()) && hold.failure == Some(Failure::TokenRevoked);
    (!account.is_connected() || was_refused).then_some(hold)
}

/// A cause that ends by itself.
struct Cause {
    until: Moment,
    blocker: Blocker,
    reason: String,
}

fn of_waiting(facts: &Facts<'_>) -> Why {
    let Facts { attempt, account, place, now, .. } = *facts;
    let position = match place {
        Place::InBacklog(position) => Some(position),
        Place::Unknown | Place::Released => None,
    };
    if let Some(hold) = account.and_then(|account| account.hold(now)) {
        let next = NextStep { position, ..step(hold.action(), None, hold.message.clone()) };
        return of(Some(hold.blocker()), next);
    }
    let causes: Vec<Cause> = causes(facts).into_iter().flatten().filter(|cause| cause.until > now).collect();
    let ends_at = causes.iter().map(|cause| cause.until).max();
    // The last of those that end together is the most important one.
    let cause = causes.into_iter().max_by_key(|cause| cause.until);
    let is_retry = attempt.status == Status::Queued && attempt.attempts_made() > 0;
    let action = if is_retry { "retry" } else { "publish" };
    let at = match attempt.status {
        Status::Queued => ends_at.or(attempt.not_before).or(Some(attempt.updated_at)),
        _ => starts_at(facts, ends_at.max(not_before(facts))),
    };
    let (blocker, reason) = match cause {
        Some(cause) => (Some(cause.blocker), cause.reason),
        None => in_turn(facts, is_retry),
    };
    let pace = account.map(|account| pace_now(&account.bucket, &facts.rules.pace, now));
    of(blocker, NextStep { position, pace, ..step(action, at, reason) })
}

/// When a deferred pin starts that starts at `ends_at` at the earliest.
fn starts_at(facts: &Facts<'_>, ends_at: Option<Moment>) -> Option<Moment> {
    match (facts.place, facts.account) {
        (Place::InBacklog(position), _) => ends_at.max(Some(position.estimated_start)),
        // The last slot that was given out bounds its own. A slot that has passed is its message's, which is late.
        (Place::Released, Some(account)) if ends_at.is_none_or(|at| at <= facts.now) => {
            Some(account.bucket.last_slot(&facts.rules.pace).max(facts.now))
        }
        _ => ends_at,
    }
}

/// The time before which a worker doesn't start the pin, by its row. A hold that was ended early isn't waited for.
fn not_before(facts: &Facts<'_>) -> Option<Moment> {
    let is_over =
        |account: &AccountNow| facts.attempt.wait.is_some_and(WaitReason::is_hold) && !account.bucket.is_on_hold();
    facts.attempt.not_before.filter(|_| !facts.account.is_some_and(is_over))
}

/// The causes with an end, the least important first.
fn causes(facts: &Facts<'_>) -> [Option<Cause>; 5] {
    let wait =
        |until, reason: WaitReason| Cause { until, blocker: Blocker::Wait(reason), reason: reason.message().into() };
    let account = facts.account;
    let refresh = account.filter(|account| account.bucket.awaits_refresh());
    [
        own(facts),
        facts.pin.not_before().map(|at| wait(at, WaitReason::Scheduled)),
        account.and_then(|account| account.budget_opens_at).map(|at| wait(at, WaitReason::DailyBudget)),
        refresh.map(|account| wait(account.bucket.opens_at(facts.now), WaitReason::TokenRefresh)),
        account.and_then(|account| account.bucket.pause_of_pinterest(facts.now)).map(paused),
    ]
}

fn paused((until, failure): (Moment, Option<Failure>)) -> Cause {
    let blocker = failure.map_or(Blocker::Wait(WaitReason::AccountPaused), Blocker::Failure);
    let said = failure.map_or("Pinterest asked this account to wait.", Failure::message);
    let reason = format!("{said} No pin of it starts before {}; this one starts in its turn.", until.rfc3339());
    Cause { until, blocker, reason }
}

/// The cause in the pin's own row: a retry that was planned, or the time until which it was deferred.
fn own(facts: &Facts<'_>) -> Option<Cause> {
    let attempt = facts.attempt;
    let until = not_before(facts)?;
    let wait = attempt.wait.filter(|_| attempt.status == Status::Deferred);
    match (wait, own_failure(facts)) {
        (None, Some(failure)) => {
            let reason = LAST_ATTEMPT_FAILED.into();
            Some(Cause { until, blocker: Blocker::Failure(failure), reason })
        }
        // The account's present state says what a hold waits for.
        (Some(wait), _) if wait.is_hold() && facts.account.is_some() => None,
        (Some(WaitReason::AccountPacing), _) => {
            let blocker = Blocker::Wait(WaitReason::AccountPacing);
            Some(Cause { until, blocker, reason: "The account's pace sets the time of its start.".into() })
        }
        (Some(wait), failure) => {
            let blocker = failure.map_or(Blocker::Wait(wait), Blocker::Failure);
            Some(Cause { until, blocker, reason: wait.message().into() })
        }
        (None, None) => None,
    }
}

/// The failure in the pin's own row. What held its account says nothing any more: a hold that lasts is reported before.
fn own_failure(facts: &Facts<'_>) -> Option<Failure> {
    let was_held = |failure: &Failure| facts.account.is_some() && holds_account(*failure);
    facts.attempt.failure.filter(|failure| !was_held(failure))
}

/// How many pins of the account's backlog start before the one at `position`. Pins that have a slot are not counted:
/// only their messages have it.
fn before(position: Position) -> String {
    match position.place {
        1 => {
            "It is the next pin in the account's backlog. It starts at the account's pace, after any pins that already \
              have a slot."
                .to_owned()
        }
        2 => "One other pin in the account's backlog, and any pins that already have a slot, start before it, at the \
              account's pace."
            .to_owned(),
        place => {
            let at_least = if position.at_least { "At least " } else { "" };
            format!(
                "{at_least}{} other pins in the account's backlog, and any pins that already have a slot, start before \
                 it, at the account's pace.",
                place - 1
            )
        }
    }
}

/// The account's pace, which a 429 slows for a while.
fn pace_now(bucket: &Bucket, configured: &Pace, now: Moment) -> PaceNow {
    let pace = bucket.pace(configured, now);
    PaceNow { pace, is_slowed: pace.interval_ms > configured.interval_ms }
}

/// Nothing but the account's pace and the pins before this one.
fn in_turn(facts: &Facts<'_>, is_retry: bool) -> (Option<Blocker>, String) {
    let attempt = facts.attempt;
    if attempt.status == Status::Queued {
        let failure = own_failure(facts);
        let reason = if is_retry && failure.is_some() { LAST_ATTEMPT_FAILED } else { "A worker takes it next." };
        return (failure.map(Blocker::Failure), reason.into());
    }
    let bucket = facts.account.map(|account| &account.bucket);
    let slow = bucket.map(|bucket| pace_now(bucket, &facts.rules.pace, facts.now)).filter(|now| now.is_slowed);
    if bucket.is_some_and(Bucket::awaits_refresh) {
        return (Some(Blocker::Wait(WaitReason::TokenRefresh)), WaitReason::TokenRefresh.message().into());
    }
    let blocker = Some(Blocker::Wait(WaitReason::AccountPacing));
    let mut reason = match (facts.place, facts.account) {
        (Place::InBacklog(position), _) => before(position),
        (Place::Released, Some(_)) => {
            "It has left the account's backlog, and starts by this time at the latest.".into()
        }
        _ => WaitReason::AccountPacing.message().to_owned(),
    };
    if let Some(PaceNow { pace, .. }) = slow {
        let pause = pace.interval_ms as f64 / 1_000.0;
        reason += &format!(" Pinterest asked the account to slow down: one pin starts every {pause} s.");
    }
    (blocker, reason)
}

#[cfg(test)]
mod tests;
