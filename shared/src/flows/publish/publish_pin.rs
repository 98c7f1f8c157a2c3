//! Publishing one pin: what the publisher does with a message.
//!
//! Read, decide ([`decide::next`]), write ahead, call, record. Every way out is a [`Disposition`].

use futures_util::future::try_join3;

use super::settle;
use crate::context::Context;
use crate::domain::account::Account;
use crate::domain::deadlines::SEND_WITHIN_MS;
use crate::domain::ids::AccountKey;
use crate::domain::invariants::Rule;
use crate::domain::message::{Disposition, PublishMessage};
use crate::domain::pacing::backlog::BacklogRow;
use crate::domain::pacing::bucket::{ACCEPT_HORIZON_MS, Bucket, Pause, Take};
use crate::domain::pacing::budget::Request;
use crate::domain::pin::attempt::{Attempt, Upstream};
use crate::domain::pin::decide::{self, Situation, Step};
use crate::domain::pin::failure::Failure;
use crate::domain::pin::retry::HOLD_PAUSE_MS;
use crate::domain::pin::{Pin, WaitReason};
use crate::domain::time::Moment;
use crate::flows::pacing::join_backlog;
use crate::flows::pacing::spend_budget::{self, Granted};
use crate::flows::reconcile::register_unresolved;
use crate::ports::{PortResult, Saved, Taken};
use crate::telemetry::{self, Metric};

/// Steps that lead to another step within one delivery: a token taken, a slot waited for, a lost race read anew.
const STEPS_MAX: usize = 6;

/// A message being worked on, with what was read for it.
pub struct Job {
    pub message: PublishMessage,
    pub pin: Pin,
    pub attempt: Attempt,
    pub account: Option<Account>,
    pub bucket: Bucket,
    /// When the invocation ends, on the monotonic clock.
    pub ends_at_ms: i64,
}

impl Job {
    pub fn account_key(&self) -> AccountKey {
        self.pin.account_key()
    }

    /// Reads everything a decision needs; `None` when the pin has expired.
    async fn read(context: &Context, message: PublishMessage, ends_at_ms: i64) -> PortResult<Option<Self>> {
        let account_key = AccountKey { workspace: message.workspace, account: message.account };
        let key = message.key();
        let pins = context.store.pins(std::slice::from_ref(&key));
        let (pins, account, bucket) =
            try_join3(pins, context.store.account(account_key), context.store.bucket(account_key)).await?;
        let mut found = pins.into_iter().flatten().next();
        if let Some((_, attempt)) = found.as_ref().filter(|(_, attempt)| attempt.attempt > 0) {
            // A pin that is deleted while an attempt of it is under way is only hidden. Its row is read after the attempt's, so
            // that whoever sees that attempt over sees whether the pin was deleted meanwhile.
            let attempt = attempt.clone();
            let again = context.store.pins(std::slice::from_ref(&key)).await?.into_iter().flatten().next();
            // Of another edit, the attempt is of another revision too, and the write-ahead is refused.
            found = again.map(|(pin, _)| (pin, attempt));
        }
        Ok(found.map(|(pin, attempt)| Self { message, pin, attempt, account, bucket, ends_at_ms }))
    }

    fn next_step(&self, context: &Context) -> Step {
        decide::next(&Situation {
            message: &self.message,
            pin: &self.pin,
            attempt: &self.attempt,
            account: self.account.as_ref(),
            bucket: &self.bucket,
            now: context.system.now(),
            remaining_ms: self.ends_at_ms - context.system.monotonic_ms(),
            deadlines: &context.settings.deadlines,
            rules: context.rules,
        })
    }
}

/// Works on one message until it is disposed of.
///
/// # Errors
/// When a port is unavailable. The message is then left to its visibility timeout: it stays the pin's owner.
pub async fn publish_pin(context: &Context, message: PublishMessage, ends_at_ms: i64) -> PortResult<Disposition> {
    let Some(mut job) = Job::read(context, message.clone(), ends_at_ms).await? else {
        tracing::info!(pin_id = %message.pin, "a message for a pin that has expired");
        return Ok(Disposition::Done);
    };
    for _ in 0..STEPS_MAX {
        match work(context, &mut job).await? {
            Some(disposition) => return Ok(disposition),
            // Something moved: decide again from what is there now.
            None => match Job::read(context, job.message.clone(), ends_at_ms).await? {
                Some(read) => job = read,
                None => return Ok(Disposition::Done),
            },
        }
    }
    Ok(Disposition::Keep { until: context.system.now() })
}

/// One step; `None` asks for another reading.
async fn work(context: &Context, job: &mut Job) -> PortResult<Option<Disposition>> {
    match job.next_step(context) {
        Step::Acknowledge => Ok(Some(Disposition::Done)),
        Step::Keep { until } => Ok(Some(Disposition::Keep { until })),
        Step::ComeBack { at } => Ok(Some(Disposition::Resend { message: job.message.clone(), at })),
        Step::Reconcile => hand_to_reconciler(context, job).await,
        Step::GiveUp(failure) => settle::give_up(context, job, failure, &Upstream::default()).await,
        Step::JoinBacklog { reason, until } => to_backlog(context, job, reason, until, None).await,
        Step::Hold(failure) => hold(context, job, failure).await,
        Step::WaitFor { slot } => {
            context.system.sleep_ms(slot.since_ms(context.system.now())).await;
            Ok(None)
        }
        Step::TakeToken => take_token(context, job).await,
        Step::Publish => call(context, job).await,
    }
}

/// The outcome is unknown and can be looked for: others do that, for all such pins of the board together.
async fn hand_to_reconciler(context: &Context, job: &mut Job) -> PortResult<Option<Disposition>> {
    if !context.rules.hold(Rule::Reconcile) {
        let next = job.attempt.absent(context.system.now(), context.nonce());
        settle::record(context, job, next).await?;
        return Ok(None);
    }
    register_unresolved::register(context, &job.pin).await?;
    Ok(Some(Disposition::Done))
}

/// Takes the account's next token for this message, now or later; else the pin goes to the backlog with its age.
async fn take_token(context: &Context, job: &mut Job) -> PortResult<Option<Disposition>> {
    let now = context.system.now();
    let pace = &job.bucket.pace(&context.settings.pace, now);
    if job.bucket.next_slot(pace, now) <= now.plus_ms(ACCEPT_HORIZON_MS) {
        let mut take = Take::plan(&job.bucket, pace, now, 1, ACCEPT_HORIZON_MS, context.nonce());
        // A pin that has had its turn before doesn't queue again behind those who haven't.
        take.behind_waiting = true;
        match context.store.take(job.account_key(), &take).await? {
            Taken::Tokens(tokens) => job.message = job.message.clone().with_token(tokens.first().copied()),
            Taken::Refused(bucket) => job.bucket = bucket,
        }
        return Ok(None);
    }
    to_backlog(context, job, WaitReason::AccountPacing, None, None).await
}

/// The write-ahead, the call, the record.
async fn call(context: &Context, job: &mut Job) -> PortResult<Option<Disposition>> {
    let Some(tokens) = context.secrets.tokens(job.account_key(), false).await? else {
        return hold(context, job, Failure::TokenRevoked).await;
    };
    match spend_budget::ask(context, job.pin.request.account, Request::Create(job.pin.key.workspace)).await? {
        Granted::Yes => {}
        Granted::NotBefore(at) => return to_backlog(context, job, WaitReason::DailyBudget, Some(at), None).await,
        Granted::AskAgain(at) => return Ok(Some(Disposition::Keep { until: at })),
    }
    // The clock starts before the write-ahead: what it measures is never shorter than what Tq is counted from.
    let announced_ms = context.system.monotonic_ms();
    let Ok(begun) = job.attempt.begin(context.system.now(), context.nonce()) else {
        return Ok(None);
    };
    if !context.rules.hold(Rule::WriteAhead) {
        job.attempt = Attempt { rev: job.attempt.rev, ..begun };
    } else {
        match context.store.save_attempt(&job.pin, &begun).await? {
            Saved::Lost(_) if context.rules.hold(Rule::Fence) => return Ok(None),
            _ => job.attempt = begun,
        }
    }
    // Either clock: the monotonic one never jumps, the other also counts a machine's sleep.
    let since_start_ms = context.system.now().since_ms(job.attempt.quiesced_at(0));
    let is_late = (context.system.monotonic_ms() - announced_ms).max(since_start_ms) > SEND_WITHIN_MS;
    let is_stale = context.rules.hold(Rule::TokenPerCall)
        && job.message.valid_until.is_some_and(|until| context.system.now() > until);
    let too_late = context.rules.hold(Rule::SendWithin) && (is_late || is_stale);
    let remaining_ms = job.ends_at_ms - context.system.monotonic_ms();
    if too_late || !context.settings.deadlines.leaves_time_for_a_call(remaining_ms) {
        return settle::not_sent(context, job).await;
    }
    let creation = context.pinterest.create_pin(&tokens.access, &job.pin.request).await;
    settle::settle(context, job, creation, &tokens.access).await
}

/// The account can't publish until a person acts: pause it, and wait with the others.
async fn hold(context: &Context, job: &Job, failure: Failure) -> PortResult<Option<Disposition>> {
    let until = context.system.now().plus_ms(HOLD_PAUSE_MS);
    pause(context, job.account_key(), Pause::new(&context.settings.pace, until, WaitReason::AccountOnHold)).await?;
    let nothing = Upstream::default();
    to_backlog(context, job, WaitReason::AccountOnHold, Some(until), Some((failure, &nothing))).await
}

pub async fn pause(context: &Context, account: AccountKey, pause: Pause) -> PortResult<()> {
    context.store.pause(account, &pause).await?;
    telemetry::count(Metric::AccountPaused, 1, Some(&pause.reason), context.system.now());
    tracing::warn!(
        workspace_id = %account.workspace, account_id = %account.account, reason = pause.reason,
        until = pause.until.rfc3339(), slow_until = pause.slow_until.map(Moment::rfc3339), "account paused"
    );
    Ok(())
}

/// Into the backlog under a new generation. The row is written first: it is the next owner.
pub async fn to_backlog(
    context: &Context,
    job: &Job,
    reason: WaitReason,
    until: Option<Moment>,
    cause: Option<(Failure, &Upstream)>,
) -> PortResult<Option<Disposition>> {
    let Ok(next) = job.attempt.deferred(context.system.now(), until, reason, cause, context.nonce()) else {
        return Ok(None);
    };
    let row = BacklogRow::of(&job.pin, next.generation);
    join_backlog::join(context, job.account_key(), &row, &job.bucket).await?;
    match context.store.save_attempt(&job.pin, &next).await? {
        Saved::Yes => {
            telemetry::count(Metric::PinDeferred, 1, Some(reason.code()), context.system.now());
            Ok(Some(Disposition::Done))
        }
        Saved::Lost(_) => Ok(None),
    }
}
