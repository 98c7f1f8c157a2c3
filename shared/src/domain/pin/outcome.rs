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
            let mut pause = Pause::new(situation.pace, until, reason).because(failure);
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
        TokenRenewal::Exhausted | TokenRenewal::Pending if may_be_a_slip => {
            let at = situation.now.plus_ms(STRAY_REFUSAL_RETRY_MS);
            return retry_at(situation, at, Failure::TokenExpired, upstream);
        }
        // The renewal that succeeds ends the hold.
        TokenRenewal::Pending | TokenRenewal::RefusedToo => (Failure::TokenExpired, WaitReason::TokenRefresh),
        TokenRenewal::Exhausted if is_refused_alone(situation) => return fail(Failure::Unrecognised, upstream),
        TokenRenewal::Exhausted | TokenRenewal::NeedsReconnect => (Failure::TokenRevoked, WaitReason::AccountOnHold),
    };
    // As long as every hold: whatever ends it early counts on that.
    let until = situation.now.plus_ms(HOLD_PAUSE_MS);
    let pause = Pause::new(situation.pace, until, reason).because(failure);
    pause_and_defer(pause, reason, until, failure, upstream)
}

/// Whether the refusal is not the first one in a row: the pin's call before was refused for its token too, or the
/// account is on hold and this call was to show whether it works again.
fn was_refused_before(situation: &Situation<'_>) -> bool {
    let is_repeated = matches!(situation.attempt.failure, Some(Failure::TokenExpired | Failure::TokenRevoked));
    is_repeated || situation.bucket.is_on_hold()
}

/// Whether Pinterest refuses this pin and not its account: it has brought holds before, other pins were published since
/// then and so ended the last one, and the connection is still the same. Otherwise a pin that Pinterest refuses in
/// words that we take for the account's would hold the account again and again.
fn is_refused_alone(situation: &Situation<'_>) -> bool {
    let Some(account) = situation.account.filter(|_| !situation.bucket.is_on_hold()) else { return false };
    let was_held_for_it = |event: &&Event| {
        let is_of_account = event.note.as_deref().and_then(Failure::parse).is_some_and(retry::holds_account);
        event.kind == EventKind::Deferred && is_of_account && event.at > account.updated_at
    };
    situation.attempt.history.iter().filter(was_held_for_it).count() >= HOLDS_MAX
}

/// The account can't publish until a person acts.
fn hold(situation: &Situation<'_>, failure: Failure) -> Outcome {
    let (reason, until) = (WaitReason::AccountOnHold, situation.now.plus_ms(HOLD_PAUSE_MS));
    let pause = Pause::new(situation.pace, until, reason).because(failure);
    pause_and_defer(pause, reason, until, failure, Upstream::default())
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
mod tests {
    use super::*;
    use crate::domain::account::Account;
    use crate::domain::deadlines::Deadlines;
    use crate::domain::message::PublishMessage;
    use crate::domain::pacing::bucket::{Hold, Paused};
    use crate::domain::pin::attempt::Status;
    use crate::domain::pin::history::EventKind;
    use crate::domain::testdata;

    const NOW: Moment = Moment(5_000_000);

    /// A pin whose call was announced a second ago.
    struct Context {
        message: PublishMessage,
        pin: Pin,
        attempt: Attempt,
        account: Account,
        bucket: Bucket,
        pace: Pace,
    }

    impl Context {
        fn new() -> Self {
            let pin = testdata::pin();
            let queued = Attempt::untouched(&pin);
            Self {
                message: PublishMessage::new(pin.key, pin.request.account, 0, None),
                attempt: queued.begin(NOW.plus_ms(-1_000), "begun".into()).expect("begins"),
                pin,
                account: testdata::connected_account(),
                bucket: Bucket::default(),
                pace: Pace::new(50, 1.0),
            }
        }

        fn of(&self, happened: Happened) -> Outcome {
            let situation = Situation {
                message: &self.message,
                pin: &self.pin,
                attempt: &self.attempt,
                account: Some(&self.account),
                bucket: &self.bucket,
                now: NOW,
                remaining_ms: 10_000,
                deadlines: &Deadlines::default(),
                pace: &self.pace,
            };
            of(&situation, happened)
        }

        fn change(&self, happened: Happened) -> Change {
            match self.of(happened) {
                Outcome::Change(change) => change,
                other => panic!("a change, not {other:?}"),
            }
        }

        fn next(&self, change: &Change) -> Attempt {
            change.transition.apply(&self.attempt, &self.pin, NOW, "next".into()).expect("is a transition")
        }

        fn paused_for_ms(&self, change: &Change) -> Option<(i64, String)> {
            change.pause.as_ref().map(|pause| (pause.until.since_ms(NOW), pause.reason.code().to_owned()))
        }
    }

    fn refused(failure: Failure) -> Refused {
        Refused { failure, upstream: upstream(), retry_after_ms: None, jitter: 0.5, renewal: None }
    }

    fn refused_token(renewal: TokenRenewal) -> Happened {
        Happened::Refused(Refused { renewal: Some(renewal), ..refused(Failure::TokenRevoked) })
    }

    fn upstream() -> Upstream {
        let (request_id, message) = (Some("r".into()), Some("said".into()));
        Upstream { status: Some(500), code: Some(7), request_id, message, transport_error: None }
    }

    fn unanswered(status: Option<u16>, limit: Option<Limit>) -> Happened {
        Happened::Unanswered { upstream: Upstream { status, ..upstream() }, limit }
    }

    fn created(nothing_left_for_ms: Option<i64>) -> Happened {
        Happened::Created { pinterest_pin_id: "1".into(), upstream: upstream(), nothing_left_for_ms }
    }

    #[test]
    fn a_step_without_an_act_writes_nothing_but_what_it_says() {
        let context = Context::new();
        let (message, later) = (context.message.clone(), NOW.plus_ms(9));
        for (step, disposition) in [
            (Step::Acknowledge, Disposition::Done),
            (Step::Keep { until: later }, Disposition::Keep { until: later }),
            (Step::ComeBack { at: later }, Disposition::Resend { message, at: later }),
        ] {
            assert_eq!(context.of(Happened::Decided(step)), Outcome::Dispose(disposition));
        }
        assert_eq!(context.of(Happened::Decided(Step::Reconcile)), Outcome::Reconcile);
    }

    #[test]
    fn an_act_that_changes_the_rows_is_followed_by_another_reading() {
        assert_eq!(Context::new().of(Happened::Changed), Outcome::ReadAgain);
    }

    #[test]
    fn a_created_pin_is_published_and_checked_later() {
        let context = Context::new();
        let change = context.change(created(None));
        let next = context.next(&change);
        assert_eq!((next.status, next.pinterest_pin_id.as_deref()), (Status::Published, Some("1")));
        assert_eq!(change.pause, None);
        assert_eq!(change.follow_up, Some(FollowUp::PlanDuplicateCheck));
        assert_eq!(change.success, Some(Success { nothing_left_for_ms: None }));
        assert_eq!(change.disposition, Disposition::Done);
        assert_eq!(change.transition.metric(), Some((Metric::PinPublished, None)));
    }

    #[test]
    fn an_unanswered_call_keeps_its_message_until_it_cannot_take_effect() {
        let context = Context::new();
        let quiesced_at = NOW.plus_ms(119_000);
        for happened in [unanswered(Some(500), None), Happened::Refused(refused(Failure::OutcomeUnknown))] {
            let change = context.change(happened);
            assert_eq!(change.pause, None);
            let next = context.next(&change);
            assert_eq!((next.status, next.reconcile_at), (Status::Publishing, Some(quiesced_at)));
            assert_eq!(next.failure, Some(Failure::OutcomeUnknown));
            assert_eq!(change.disposition, Disposition::Keep { until: quiesced_at });
            assert_eq!(change.transition.metric(), Some((Metric::OutcomeUnknown, None)));
        }
    }

    #[test]
    fn a_near_retry_keeps_its_message_and_a_far_one_gets_a_copy() {
        let mut context = Context::new();
        let near = context.change(Happened::Refused(refused(Failure::PinterestBusy)));
        let next = context.next(&near);
        let at = next.not_before.expect("a time");
        assert!(at > NOW && at.since_ms(NOW) <= KEEP_WITHIN_MS);
        assert_eq!((next.status, next.attempts_spent()), (Status::Queued, 1));
        assert_eq!(near.disposition, Disposition::Keep { until: at });
        assert_eq!(near.transition.metric(), Some((Metric::AttemptRetried, Some("pinterest_busy"))));
        context.attempt.attempt = 5;
        let far = context.change(Happened::Refused(Refused { jitter: 0.99, ..refused(Failure::PinterestBusy) }));
        let at = context.next(&far).not_before.expect("a time");
        assert!(at.since_ms(NOW) > KEEP_WITHIN_MS);
        assert_eq!(far.disposition, Disposition::Resend { message: context.message.clone(), at });
    }

    #[test]
    fn a_failure_that_does_not_pass_is_final_and_audited() {
        let mut context = Context::new();
        let change = context.change(Happened::Refused(refused(Failure::ImageBroken)));
        let next = context.next(&change);
        assert_eq!((next.status, next.failure), (Status::Failed, Some(Failure::ImageBroken)));
        assert_eq!((change.follow_up, change.disposition), (Some(FollowUp::AuditFailure), Disposition::Done));
        assert_eq!(change.transition.metric(), Some((Metric::PinFailed, Some("image_broken"))));
        context.attempt.attempt = retry::ATTEMPT_LIMIT;
        let exhausted = context.change(Happened::Refused(refused(Failure::PinterestBusy)));
        assert_eq!(context.next(&exhausted).failure, Some(Failure::AttemptsExhausted));
        let given_up = context.change(Happened::Decided(Step::GiveUp(Failure::PinDeleted)));
        assert_eq!(context.next(&given_up).failure, Some(Failure::PinDeleted));
        assert_eq!((given_up.follow_up, given_up.disposition), (Some(FollowUp::AuditFailure), Disposition::Done));
    }

    #[test]
    fn a_rate_limit_pauses_and_slows_the_account_and_spends_no_attempt() {
        let context = Context::new();
        let change = context.change(Happened::Refused(refused(Failure::RateLimited)));
        let expected = (retry::RATE_LIMIT_PAUSE_MS, "account_paused".to_owned());
        assert_eq!(context.paused_for_ms(&change), Some(expected));
        assert!(change.pause.as_ref().is_some_and(|pause| pause.slow_until.is_some()));
        let next = context.next(&change);
        assert_eq!((next.status, next.wait), (Status::Deferred, Some(WaitReason::AccountPaused)));
        assert_eq!((next.attempts_spent(), next.failure), (0, Some(Failure::RateLimited)));
        assert_eq!(next.not_before, Some(NOW.plus_ms(retry::RATE_LIMIT_PAUSE_MS)));
        assert!(change.transition.joins_backlog());
        assert_eq!(change.disposition, Disposition::Done);
        let spam = context.change(Happened::Refused(refused(Failure::SpamBlock)));
        assert!(spam.pause.is_some_and(|pause| pause.slow_until.is_none()), "only a rate limit slows");
    }

    #[test]
    fn a_429_pauses_the_account_whatever_its_verdict_on_the_pin() {
        let context = Context::new();
        let limited = |retry_after_ms| Some(Limit { failure: Failure::RateLimited, retry_after_ms });
        for (hint, pause_ms) in [
            (None, retry::RATE_LIMIT_PAUSE_MS),
            (Some(7_000), 7_000),
            (Some(0), retry::RATE_LIMIT_PAUSE_LEAST_MS),
            (Some(i64::MAX), retry::RATE_LIMIT_PAUSE_MS),
        ] {
            let change = context.change(unanswered(Some(429), limited(hint)));
            assert_eq!(context.paused_for_ms(&change), Some((pause_ms, "account_paused".to_owned())));
            assert!(change.pause.as_ref().is_some_and(|pause| pause.slow_until.is_some()), "and is slower then");
            let next = context.next(&change);
            assert_eq!((next.status, next.failure), (Status::Publishing, Some(Failure::OutcomeUnknown)));
        }
        let block = Limit { failure: Failure::SpamBlock, retry_after_ms: None };
        let change = context.change(unanswered(Some(503), Some(block)));
        assert_eq!(context.paused_for_ms(&change).map(|(ms, _)| ms), Some(retry::SPAM_PAUSE_MS));
        for (failure, status) in [
            (Failure::LinkBlocked, Status::Failed),
            (Failure::InvalidUrl, Status::Failed),
            (Failure::ImageUnreachable, Status::Queued),
            (Failure::PinterestBusy, Status::Queued),
        ] {
            let at = |status| Refused { upstream: Upstream { status, ..upstream() }, ..refused(failure) };
            let change = context.change(Happened::Refused(at(Some(429))));
            assert_eq!(context.next(&change).status, status, "{failure:?}");
            assert_eq!(context.paused_for_ms(&change).map(|(ms, _)| ms), Some(retry::RATE_LIMIT_PAUSE_MS));
            assert_eq!(context.change(Happened::Refused(at(Some(400)))).pause, None, "{failure:?}");
        }
    }

    #[test]
    fn an_image_that_cannot_be_fetched_is_tried_again_and_takes_nothing_of_other_failures() {
        let mut context = Context::new();
        let fails = || Happened::Refused(refused(Failure::ImageUnreachable));
        for tries in 1..=retry::IMAGE_WAITS_MS.len() as u32 {
            let change = context.change(fails());
            assert_eq!((change.pause.clone(), change.transition.joins_backlog()), (None, false), "only the pin waits");
            assert!(matches!(change.disposition, Disposition::Resend { .. }));
            let next = context.next(&change);
            assert_eq!((next.status, next.failure), (Status::Queued, Some(Failure::ImageUnreachable)));
            assert_eq!(next.image_tries, tries);
            context.attempt = next.begin(NOW, "again".into()).expect("begins");
        }
        assert_eq!((context.attempt.attempts_made(), context.attempt.attempts_spent()), (6, 1));
        let busy = context.next(&context.change(Happened::Refused(refused(Failure::PinterestBusy))));
        assert_eq!(busy.status, Status::Queued, "six attempts, and the first one for this reason");
        let last = context.change(fails());
        let next = context.next(&last);
        assert_eq!((next.status, next.failure), (Status::Failed, Some(Failure::ImageUnreachable)));
        assert_eq!(last.transition.metric(), Some((Metric::PinFailed, Some("image_unreachable"))));
        let retried = next.retried(NOW, None, "r".into()).expect("retries");
        assert_eq!(retried.image_tries, 0);
    }

    #[test]
    fn what_needs_a_person_holds_the_account() {
        let context = Context::new();
        let token = Refused { renewal: Some(TokenRenewal::NeedsReconnect), ..refused(Failure::TokenRevoked) };
        for (happened, failure) in [
            (Happened::Decided(Step::Hold(Failure::TokenRevoked)), Failure::TokenRevoked),
            (Happened::Decided(Step::Hold(Failure::AccountDisconnected)), Failure::AccountDisconnected),
            (Happened::NoCredentials, Failure::AccountDisconnected),
            (Happened::Refused(token), Failure::TokenRevoked),
            (Happened::Refused(refused(Failure::ScopeMissing)), Failure::ScopeMissing),
            (Happened::Refused(refused(Failure::TrialAccess)), Failure::TrialAccess),
            (Happened::Refused(refused(Failure::FeatureRestricted)), Failure::FeatureRestricted),
        ] {
            let change = context.change(happened);
            assert_eq!(change.pause.as_ref().and_then(|pause| pause.failure), Some(failure), "the hold keeps it");
            assert_eq!(context.paused_for_ms(&change), Some((HOLD_PAUSE_MS, "account_on_hold".to_owned())));
            let next = context.next(&change);
            assert_eq!((next.wait, next.failure), (Some(WaitReason::AccountOnHold), Some(failure)));
            assert_eq!(next.not_before, Some(NOW.plus_ms(HOLD_PAUSE_MS)));
            assert_eq!(change.disposition, Disposition::Done);
        }
    }

    #[test]
    fn a_stale_access_token_costs_a_second_or_a_wait_for_its_renewal() {
        let context = Context::new();
        let renewed = context.change(refused_token(TokenRenewal::Renewed));
        let at = NOW.plus_ms(FRESH_TOKEN_RETRY_MS);
        assert_eq!((renewed.pause.clone(), renewed.disposition.clone()), (None, Disposition::Keep { until: at }));
        assert_eq!(context.next(&renewed).failure, Some(Failure::TokenExpired));
        let refused_too = context.change(refused_token(TokenRenewal::RefusedToo));
        assert_eq!(context.paused_for_ms(&refused_too), Some((HOLD_PAUSE_MS, "token_refresh".to_owned())));
        let next = context.next(&refused_too);
        assert_eq!((next.wait, next.failure), (Some(WaitReason::TokenRefresh), Some(Failure::TokenExpired)));
    }

    #[test]
    fn a_refusal_beside_a_renewal_that_failed_is_tried_once_more_unless_the_token_has_expired() {
        let mut context = Context::new();
        let refusal = || refused_token(TokenRenewal::Pending);
        let waits = Some((HOLD_PAUSE_MS, "token_refresh".to_owned()));
        let stray = context.change(refusal());
        let at = NOW.plus_ms(STRAY_REFUSAL_RETRY_MS);
        assert_eq!((stray.pause.clone(), stray.disposition.clone()), (None, Disposition::Keep { until: at }));
        let begun = context.next(&stray).begin(at, "begun".into()).expect("begins");
        let fresh = std::mem::replace(&mut context.attempt, begun);
        assert_eq!(context.paused_for_ms(&context.change(refusal())), waits, "the pin's second refusal");
        context.attempt = fresh;
        context.account.life.access_expires_at = Some(NOW);
        assert_eq!(context.paused_for_ms(&context.change(refusal())), waits, "it has expired");
    }

    #[test]
    fn a_single_refusal_without_a_way_to_renew_is_tried_once_more_and_a_second_one_holds() {
        let mut context = Context::new();
        let refusal = || refused_token(TokenRenewal::Exhausted);
        let stray = context.change(refusal());
        let at = NOW.plus_ms(STRAY_REFUSAL_RETRY_MS);
        assert_eq!((stray.pause.clone(), stray.disposition.clone()), (None, Disposition::Keep { until: at }));
        let next = context.next(&stray);
        assert_eq!((next.status, next.not_before), (Status::Queued, Some(at)));
        let held = Some((HOLD_PAUSE_MS, "account_on_hold".to_owned()));
        let begun = next.begin(at, "begun".into()).expect("begins");
        let fresh = std::mem::replace(&mut context.attempt, begun);
        let second = context.change(refusal());
        assert_eq!(context.paused_for_ms(&second), held, "the pin's second refusal");
        assert_eq!(context.next(&second).failure, Some(Failure::TokenRevoked));
        context.attempt = fresh;
        context.bucket.hold = Some(Hold { until: NOW, failure: None, awaits_refresh: false });
        assert_eq!(context.paused_for_ms(&context.change(refusal())), held, "the call that tried a held account");
    }

    #[test]
    fn refused_with_the_old_token_and_with_the_new_one_holds() {
        let mut context = Context::new();
        let renewed = context.change(refused_token(TokenRenewal::Renewed));
        context.attempt = context.next(&renewed).begin(NOW, "begun".into()).expect("begins");
        let again = context.change(refused_token(TokenRenewal::Exhausted));
        assert_eq!(context.paused_for_ms(&again), Some((HOLD_PAUSE_MS, "account_on_hold".to_owned())));
        let next = context.next(&again);
        assert_eq!((next.status, next.failure), (Status::Deferred, Some(Failure::TokenRevoked)));
        assert_eq!(next.attempts_spent(), 1, "the call with the new token spends nothing");
    }

    #[test]
    fn a_pin_without_a_token_or_a_budget_waits_in_the_backlog() {
        let until = NOW.plus_ms(3_600_000);
        let join = Step::JoinBacklog { reason: WaitReason::AccountPaused, until: Some(until) };
        let mut context = Context::new();
        context.attempt = Attempt::untouched(&context.pin);
        for (happened, reason, until) in [
            (Happened::NoTokenSoon, WaitReason::AccountPacing, None),
            (Happened::BudgetSpent { until }, WaitReason::DailyBudget, Some(until)),
            (Happened::Decided(join), WaitReason::AccountPaused, Some(until)),
        ] {
            let change = context.change(happened);
            let next = context.next(&change);
            assert_eq!((next.status, next.wait, next.not_before), (Status::Deferred, Some(reason), until));
            assert_eq!((next.generation, next.failure), (1, None), "messages under way are void");
            assert!(change.transition.joins_backlog() && change.pause.is_none());
            assert_eq!(change.disposition, Disposition::Done);
            assert_eq!(change.transition.metric(), Some((Metric::PinDeferred, Some(reason.code()))));
        }
        let contended = context.of(Happened::BudgetContended { until });
        assert_eq!(contended, Outcome::Dispose(Disposition::Keep { until }));
    }

    #[test]
    fn a_call_that_was_not_sent_costs_nothing() {
        let context = Context::new();
        let change = context.change(Happened::NotSent);
        let next = context.next(&change);
        assert_eq!((next.status, next.attempts_spent()), (Status::Queued, 0));
        assert_eq!(next.history.last().map(|event| event.kind), Some(EventKind::NotSent));
        assert_eq!((change.disposition, change.transition.metric()), (Disposition::Keep { until: NOW }, None));
    }

    #[test]
    fn a_state_that_changed_meanwhile_refuses_the_transition() {
        let context = Context::new();
        let change = context.change(created(None));
        let queued = Attempt::untouched(&context.pin);
        assert!(change.transition.apply(&queued, &context.pin, NOW, "next".into()).is_err());
    }

    #[test]
    fn a_success_pauses_an_account_with_nothing_left_and_otherwise_ends_its_hold() {
        let pace = Pace::new(50, 1.0);
        let changes = |bucket: &Bucket, ms| Success { nothing_left_for_ms: ms }.bucket_changes(bucket, &pace, NOW);
        let open = Bucket::default();
        assert_eq!(changes(&open, None), []);
        assert_eq!(changes(&open, Some(3_000)), [], "near");
        let pause = Pause::new(&pace, NOW.plus_ms(60_000), WaitReason::AccountPaused);
        assert_eq!(changes(&open, Some(60_000)), [BucketChange::Pause(pause.clone())]);
        let seen = NOW.plus_ms(-1);
        let hold = Some(Hold { until: seen, failure: None, awaits_refresh: false });
        let held = Bucket { hold, ..Bucket::default() };
        assert_eq!(changes(&held, None), [BucketChange::LiftHold { seen }]);
        assert_eq!(changes(&held, Some(60_000)), [BucketChange::Pause(pause), BucketChange::LiftHold { seen }]);
        let paused = Bucket { pause: Some(Paused { until: seen, failure: None }), ..Bucket::default() };
        assert_eq!(changes(&paused, None), []);
    }
}
