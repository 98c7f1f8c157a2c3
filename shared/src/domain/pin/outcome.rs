//! The outcome of a worker's step: what to write and what to do with the message, decided from what happened.
//!
//! Nothing here has an effect. [`commit`](crate::flows::publish::commit) writes an [`Outcome`].

use super::attempt::{Attempt, IllegalTransition, Upstream};
use super::decide::{Situation, Step};
use super::failure::Failure;
use super::history::{Event, EventKind, KEEP_WITHIN_MS};
use super::lateness::LateCause;
use super::retry::{self, Failed, HOLD_PAUSE_MS, Remedy};
use super::{Pin, WaitReason};
use crate::domain::account::credentials::STRAY_REFUSAL_RETRY_MS;
use crate::domain::message::Disposition;
use crate::domain::metric::Metric;
use crate::domain::pacing::bucket::{Bucket, Pause};
use crate::domain::pacing::pace::Pace;
use crate::domain::time::{Moment, SECOND_MS};

/// The HTTP status by which Pinterest asks to slow down.
pub const TOO_MANY_REQUESTS: u16 = 429;
/// How soon a call that was refused with a stale access token is repeated with the new one.
const FRESH_TOKEN_RETRY_MS: i64 = SECOND_MS;

/// A pin whose own refusals have held its account this often fails with the next one, if the account publishes others.
const HOLDS_MAX: usize = 2;

/// What happened when a worker acted on its [`Step`].
#[derive(Clone, Debug, PartialEq)]
pub enum Happened {
    /// Nothing: the step needs no act.
    Decided(Step),
    /// A slot came, a token was taken, or another worker announced its attempt first.
    Changed,
    /// No token is free soon enough.
    NoTokenSoon,
    /// The account has no tokens.
    NoCredentials,
    /// The app's daily budget is spent.
    BudgetSpent { until: Moment },
    /// The budget's row was contended: nothing is known about the budget.
    BudgetContended { until: Moment },
    /// The attempt was announced, and its call was not made: it would have been too late.
    NotSent,
    /// Pinterest created the Pin.
    Created { pinterest_pin_id: String, upstream: Upstream, nothing_left_for_ms: Option<i64> },
    /// Pinterest refused: no Pin was created.
    Refused(Refused),
    /// No usable answer came: a Pin may have been created. What the answer asks of the account holds all the same.
    Unanswered { upstream: Upstream, limit: Option<Limit> },
}

/// What an answer asks of the whole account, whatever it says about its pin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// [`Failure::RateLimited`] or [`Failure::SpamBlock`].
    pub failure: Failure,
    /// Pinterest's hint, in milliseconds from now.
    pub retry_after_ms: Option<i64>,
}

/// A refused create call.
#[derive(Clone, Debug, PartialEq)]
pub struct Refused {
    pub failure: Failure,
    pub upstream: Upstream,
    /// Pinterest's hint, in milliseconds from now.
    pub retry_after_ms: Option<i64>,
    /// A uniform draw from `[0, 1)`.
    pub jitter: f64,
    /// How the renewal of the access token went, if that was refused.
    pub renewal: Option<TokenRenewal>,
}

/// How the renewal of a refused access token went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenRenewal {
    Renewed,
    /// It is under way, or is tried again later.
    Pending,
    /// Pinterest refused the refresh token too, and is asked once more later.
    RefusedToo,
    /// There is nothing to renew it with, or it is the token that a renewal has just brought.
    Exhausted,
    /// A person has to connect the account again.
    NeedsReconnect,
}

/// The outcome of a step.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "one outcome a message, moved once: a box would gain nothing")]
pub enum Outcome {
    /// Something has changed since the rows were read: read again and decide again.
    ReadAgain,
    /// Nothing is written.
    Dispose(Disposition),
    /// The outcome of a call is unknown and its quiesce period is over: reconciliation takes the pin over.
    Reconcile,
    Change(Change),
}

/// A change of the pin's state, with what is written before and after it. The fields are in the order of the writes.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Comes first, so that no other message of the account starts a call meanwhile.
    pub pause: Option<Pause>,
    /// The pause that Pinterest asked for, where `pause` is a hold: the hold is the account's, this one the user's.
    pub limit: Option<Pause>,
    pub transition: Transition,
    pub follow_up: Option<FollowUp>,
    /// What the call showed about the account. It counts also when the pin's state can't be written.
    pub success: Option<Success>,
    /// What is done with the message once the state is written. If another worker wrote first, the rows are read again.
    pub disposition: Disposition,
}

/// The pin's next state, as a transition of [`Attempt`]. It takes place at the moment of its write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transition {
    Publish { pinterest_pin_id: String, upstream: Upstream },
    Unknown { reconcile_at: Moment, upstream: Upstream },
    Retry { at: Moment, failure: Failure, upstream: Upstream },
    Defer { reason: WaitReason, until: Option<Moment>, cause: Option<(Failure, Upstream)> },
    Fail { failure: Failure, upstream: Upstream, late_cause: Option<LateCause> },
    NotSent,
}

/// What is done after the pin's state is written. Publishing doesn't depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FollowUp {
    PlanDuplicateCheck,
    AuditFailure,
}

/// A create call that succeeded, as far as its account is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Success {
    /// Nothing is left of Pinterest's rate limit for so many milliseconds.
    pub nothing_left_for_ms: Option<i64>,
}

/// What a success changes in the account's bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BucketChange {
    Pause(Pause),
    /// The account may publish: its hold is over, if it is still the one that was `seen`.
    LiftHold {
        seen: Moment,
    },
}

/// Decides what follows from what happened.
pub fn of(situation: &Situation<'_>, happened: Happened) -> Outcome {
    match happened {
        Happened::Decided(step) => of_step(situation, step),
        Happened::Changed => Outcome::ReadAgain,
        Happened::NoTokenSoon => defer(WaitReason::AccountPacing, None),
        Happened::NoCredentials => hold(situation, Failure::AccountDisconnected),
        Happened::BudgetSpent { until } => defer(WaitReason::DailyBudget, Some(until)),
        Happened::BudgetContended { until } => Outcome::Dispose(Disposition::Keep { until }),
        Happened::NotSent => change(Transition::NotSent, Disposition::Keep { until: situation.now }),
        Happened::Created { pinterest_pin_id, upstream, nothing_left_for_ms } => Outcome::Change(Change {
            follow_up: Some(FollowUp::PlanDuplicateCheck),
            success: Some(Success { nothing_left_for_ms }),
            ..Change::new(Transition::Publish { pinterest_pin_id, upstream }, Disposition::Done)
        }),
        Happened::Refused(refused) => of_refusal(situation, refused),
        Happened::Unanswered { upstream, limit } => {
            let pause = limit.map(|limit| limit.pause(situation, limit.failure == Failure::RateLimited));
            paused(pause, unknown(situation, upstream))
        }
    }
}

fn of_step(situation: &Situation<'_>, step: Step) -> Outcome {
    match step {
        Step::Acknowledge => Outcome::Dispose(Disposition::Done),
        Step::Keep { until } => Outcome::Dispose(Disposition::Keep { until }),
        Step::ComeBack { at } => Outcome::Dispose(Disposition::Resend { message: situation.message.clone(), at }),
        Step::Reconcile => Outcome::Reconcile,
        Step::GiveUp(Failure::TooLate) => {
            failed(Failure::TooLate, Upstream::default(), Some(situation.lateness().of_no_start()))
        }
        Step::GiveUp(failure) => fail(failure, Upstream::default()),
        Step::JoinBacklog { reason, until } => defer(reason, until),
        Step::Hold(failure) => hold(situation, failure),
        // These steps are acts: they are never decided only.
        Step::WaitFor { .. } | Step::TakeToken | Step::Publish => Outcome::ReadAgain,
    }
}

fn of_refusal(situation: &Situation<'_>, refused: Refused) -> Outcome {
    let Refused { failure, upstream, retry_after_ms, jitter, renewal } = refused;
    let now = situation.now;
    // Any 429 pauses, also where its words are about the pin. They aren't about the rate then: it stays.
    let limit = Limit { failure: Failure::RateLimited, retry_after_ms };
    let pause = (upstream.status == Some(TOO_MANY_REQUESTS)).then(|| limit.pause(situation, false));
    if let Some(renewal) = renewal {
        return paused(pause, of_refused_token(situation, renewal, upstream));
    }
    let image_tries = situation.attempt.image_tries;
    let attempts_spent = situation.attempt.attempts_spent();
    match retry::remedy(&Failed { failure, attempts_spent, image_tries, retry_after_ms, now, jitter }) {
        Remedy::RetryAt(at) => paused(pause, retry_at(situation, at, failure, upstream)),
        Remedy::PauseAccount { on_hold: true, .. } if is_refused_alone(situation) => {
            paused(pause, fail(Failure::Unrecognised, upstream))
        }
        Remedy::PauseAccount { until, on_hold } => {
            let reason = if on_hold { WaitReason::AccountOnHold } else { WaitReason::AccountPaused };
            let limit = pause.filter(|_| on_hold);
            let mut pause = pause_of(situation, reason, until, failure);
            if failure == Failure::RateLimited {
                pause = pause.slowing(situation.bucket, now);
            }
            paused(limit, pause_and_defer(pause, reason, until, failure, upstream))
        }
        Remedy::Reconcile => paused(pause, unknown(situation, upstream)),
        Remedy::Fail(verdict) => paused(pause, fail(verdict, upstream)),
    }
}

/// The same outcome, which also pauses the account, unless it does so anyway.
fn paused(pause: Option<Pause>, outcome: Outcome) -> Outcome {
    match outcome {
        Outcome::Change(change) if change.pause.as_ref().is_some_and(|planned| planned.reason.is_hold()) => {
            Outcome::Change(Change { limit: pause, ..change })
        }
        Outcome::Change(change) => Outcome::Change(Change { pause: change.pause.or(pause), ..change }),
        other => other,
    }
}

/// Pinterest refused the access token: the pin continues with a new one, or waits for it, or for a person.
fn of_refused_token(situation: &Situation<'_>, renewal: TokenRenewal, upstream: Upstream) -> Outcome {
    // A single refusal may be, unless the renewal that failed was due in any case.
    let has_expired = situation.account.is_some_and(|account| account.life.has_expired(situation.now));
    let is_due = renewal == TokenRenewal::Pending && has_expired;
    let may_be_a_slip = !is_due && !was_refused_before(situation);
    let (failure, reason) = match renewal {
        TokenRenewal::Renewed => {
            let at = situation.now.plus_ms(FRESH_TOKEN_RETRY_MS);
            return retry_at(situation, at, Failure::TokenExpired, upstream);
        }
        // A renewal that failed leaves the token as good as it was.
        TokenRenewal::Exhausted | TokenRenewal::Pending if may_be_a_slip => return of_slip(situation, upstream),
        // The renewal that succeeds ends the hold.
        TokenRenewal::Pending | TokenRenewal::RefusedToo => (Failure::TokenExpired, WaitReason::TokenRefresh),
        TokenRenewal::Exhausted if is_refused_alone(situation) => return fail(Failure::Unrecognised, upstream),
        TokenRenewal::Exhausted | TokenRenewal::NeedsReconnect => (Failure::TokenRevoked, WaitReason::AccountOnHold),
    };
    // As long as every hold: whatever ends it early counts on that.
    let until = situation.now.plus_ms(HOLD_PAUSE_MS);
    let pause = pause_of(situation, reason, until, failure);
    pause_and_defer(pause, reason, until, failure, upstream)
}

/// A refusal of the access token that may be a slip of Pinterest's. The pin tries the token once more soon, and the
/// account's other pins wait for that: of a batch, each pin would be refused once.
fn of_slip(situation: &Situation<'_>, upstream: Upstream) -> Outcome {
    let failure = Failure::TokenExpired;
    // Another call was refused while this one was under way, and tries the token.
    if let Some(hold) = situation.bucket.hold.as_ref().filter(|hold| hold.until > situation.now) {
        let (reason, until) = (situation.bucket.wait_reason(), Some(hold.until));
        return change(Transition::Defer { reason, until, cause: Some((failure, upstream)) }, Disposition::Done);
    }
    let at = situation.now.plus_ms(STRAY_REFUSAL_RETRY_MS);
    let pause = pause_of(situation, WaitReason::TokenRefresh, at, failure);
    paused(Some(pause), retry_at(situation, at, failure, upstream))
}

/// Whether the refusal is not the first one in a row: the pin's call before was refused for its token too, or the
/// account is on hold and this call was to show whether it works again.
fn was_refused_before(situation: &Situation<'_>) -> bool {
    let is_of_token = |failure| matches!(failure, Some(Failure::TokenExpired | Failure::TokenRevoked));
    // A pin that waited for its turn in between keeps no failure, but its history. A look's refusal isn't a call's: the
    // looks and creates of an account fail by themselves, and the look may have been answered since.
    let mut history = situation.attempt.history.iter().rev();
    let is_of_call = |event: &&Event| event.status.is_some() && event.kind != EventKind::ReconcileInconclusive;
    let last_answer = history.find(is_of_call).and_then(|event| event.note.as_deref());
    is_of_token(situation.attempt.failure)
        || is_of_token(last_answer.and_then(Failure::parse))
        || situation.bucket.hold.as_ref().is_some_and(|hold| hold.until <= situation.now)
}

/// Whether Pinterest refuses this pin and not its account: it has brought holds before, another pin was published since
/// then and so ended the last one, and the connection is still the same. Otherwise a pin that Pinterest refuses in
/// words that we take for the account's would hold the account again and again.
fn is_refused_alone(situation: &Situation<'_>) -> bool {
    let Some(account) = situation.account else { return false };
    let was_held_for_it = |event: &&Event| {
        let is_of_account = event.note.as_deref().and_then(Failure::parse).is_some_and(retry::holds_account);
        event.kind == EventKind::Deferred && is_of_account && event.at > account.updated_at
    };
    let holds: Vec<Moment> = situation.attempt.history.iter().filter(was_held_for_it).map(|event| event.at).collect();
    // The account may be on hold again, for another pin.
    let is_over = |hold: &Moment| situation.bucket.held_until.is_some_and(|lifted| lifted > *hold);
    holds.len() >= HOLDS_MAX && holds.last().is_some_and(is_over)
}

/// The account can't publish until a person acts.
fn hold(situation: &Situation<'_>, failure: Failure) -> Outcome {
    let (reason, until) = (WaitReason::AccountOnHold, situation.now.plus_ms(HOLD_PAUSE_MS));
    let pause = pause_of(situation, reason, until, failure);
    pause_and_defer(pause, reason, until, failure, Upstream::default())
}

/// The pause, or the hold, that the refusal of this pin's call brings to its account.
fn pause_of(situation: &Situation<'_>, reason: WaitReason, until: Moment, failure: Failure) -> Pause {
    Pause::new(situation.pace, until, reason).because(failure).by(situation.pin.key.pin)
}

fn pause_and_defer(pause: Pause, reason: WaitReason, until: Moment, failure: Failure, upstream: Upstream) -> Outcome {
    let transition = Transition::Defer { reason, until: Some(until), cause: Some((failure, upstream)) };
    Outcome::Change(Change { pause: Some(pause), ..Change::new(transition, Disposition::Done) })
}

fn defer(reason: WaitReason, until: Option<Moment>) -> Outcome {
    change(Transition::Defer { reason, until, cause: None }, Disposition::Done)
}

fn fail(failure: Failure, upstream: Upstream) -> Outcome {
    failed(failure, upstream, None)
}

fn failed(failure: Failure, upstream: Upstream, late_cause: Option<LateCause>) -> Outcome {
    let change = Change::new(Transition::Fail { failure, upstream, late_cause }, Disposition::Done);
    Outcome::Change(Change { follow_up: Some(FollowUp::AuditFailure), ..change })
}

fn retry_at(situation: &Situation<'_>, at: Moment, failure: Failure, upstream: Upstream) -> Outcome {
    let disposition = if at.since_ms(situation.now) <= KEEP_WITHIN_MS {
        Disposition::Keep { until: at }
    } else {
        Disposition::Resend { message: situation.message.clone(), at }
    };
    change(Transition::Retry { at, failure, upstream }, disposition)
}

/// The message stays the pin's owner until the call can't take effect any more.
fn unknown(situation: &Situation<'_>, upstream: Upstream) -> Outcome {
    let reconcile_at = situation.attempt.quiesced_at(situation.deadlines.quiesce_ms);
    change(Transition::Unknown { reconcile_at, upstream }, Disposition::Keep { until: reconcile_at })
}

fn change(transition: Transition, disposition: Disposition) -> Outcome {
    Outcome::Change(Change::new(transition, disposition))
}

impl Change {
    fn new(transition: Transition, disposition: Disposition) -> Self {
        Self { pause: None, limit: None, transition, follow_up: None, success: None, disposition }
    }
}

impl Limit {
    /// The account's pause. `slows`: the account is also slower from then on.
    fn pause(&self, situation: &Situation<'_>, slows: bool) -> Pause {
        let until = situation.now.plus_ms(retry::limit_pause_ms(self.failure, self.retry_after_ms));
        let pause = Pause::new(situation.pace, until, WaitReason::AccountPaused).because(self.failure);
        if slows { pause.slowing(situation.bucket, situation.now) } else { pause }
    }
}

impl Transition {
    /// The state that follows `attempt`. `nonce` names the write.
    ///
    /// # Errors
    /// When `attempt` doesn't allow the transition: its row has changed since it was read.
    pub fn apply(
        &self,
        attempt: &Attempt,
        pin: &Pin,
        now: Moment,
        nonce: String,
    ) -> Result<Attempt, IllegalTransition> {
        match self {
            Self::Publish { pinterest_pin_id, upstream } => {
                attempt.published(now, pinterest_pin_id.clone(), upstream, pin, nonce)
            }
            Self::Unknown { reconcile_at, upstream } => attempt.unresolved_outcome(now, *reconcile_at, upstream, nonce),
            Self::Retry { at, failure, upstream } => attempt.retry_at(now, *at, *failure, upstream, nonce),
            Self::Defer { reason, until, cause } => {
                let cause = cause.as_ref().map(|(failure, upstream)| (*failure, upstream));
                attempt.deferred(now, *until, *reason, cause, nonce)
            }
            Self::Fail { failure, upstream, late_cause } => {
                let failed = attempt.failed(now, *failure, upstream, pin, nonce)?;
                Ok(failed.late_because(*late_cause))
            }
            Self::NotSent => attempt.not_sent(now, nonce),
        }
    }

    /// What was said, unless the pin was published.
    pub fn said(&self) -> Option<(Failure, &Upstream)> {
        match self {
            Self::Unknown { upstream, .. } => Some((Failure::OutcomeUnknown, upstream)),
            Self::Retry { failure, upstream, .. } | Self::Fail { failure, upstream, .. } => Some((*failure, upstream)),
            Self::Defer { cause, .. } => cause.as_ref().map(|(failure, upstream)| (*failure, upstream)),
            Self::Publish { .. } | Self::NotSent => None,
        }
    }

    /// Whether the backlog becomes the pin's owner. Otherwise its message stays the owner, or the pin needs none.
    pub fn joins_backlog(&self) -> bool {
        matches!(self, Self::Defer { .. })
    }

    /// What is counted, with its class.
    pub fn metric(&self) -> Option<(Metric, Option<&'static str>)> {
        match self {
            Self::Publish { .. } => Some((Metric::PinPublished, None)),
            Self::Unknown { .. } => Some((Metric::OutcomeUnknown, None)),
            Self::Retry { failure, .. } => Some((Metric::AttemptRetried, Some(failure.code()))),
            Self::Defer { reason, .. } => Some((Metric::PinDeferred, Some(reason.code()))),
            Self::Fail { failure, .. } => Some((Metric::PinFailed, Some(failure.code()))),
            Self::NotSent => None,
        }
    }
}

impl Success {
    /// What it changes in `bucket`, as the call's worker has read it.
    pub fn bucket_changes(&self, bucket: &Bucket, pace: &Pace, now: Moment) -> Vec<BucketChange> {
        let interval_ms = bucket.pace(pace, now).interval_ms;
        let pause_ms = self.nothing_left_for_ms.and_then(|ms| retry::nothing_left_pause_ms(ms, interval_ms));
        let paused = |ms| BucketChange::Pause(Pause::new(pace, now.plus_ms(ms), WaitReason::AccountPaused));
        let lifted = bucket.hold.as_ref().map(|hold| BucketChange::LiftHold { seen: hold.until });
        pause_ms.map(paused).into_iter().chain(lifted).collect()
    }
}

#[cfg(test)]
mod tests;
