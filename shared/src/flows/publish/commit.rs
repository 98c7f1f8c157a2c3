//! Writes the outcome of a step, in an order in which the pin always has an owner.
//!
//! The pause comes first, then the next owner (a backlog row, or a row of the board's unresolved pins), then the pin's
//! state, and last what publishing doesn't depend on. The caller disposes of the message after all of it.

use super::pin_reading::Reading;
use super::store_said::store_said;
use crate::context::Context;
use crate::domain::message::Disposition;
use crate::domain::pacing::backlog::BacklogRow;
use crate::domain::pin::attempt::{Attempt, Status};
use crate::domain::pin::failure::Failure;
use crate::domain::pin::lateness::LateCause;
use crate::domain::pin::outcome::{BucketChange, Change, FollowUp, Outcome, Success, Transition};
use crate::domain::pin::said::Said;
use crate::domain::time::Moment;
use crate::flows::activity;
use crate::flows::pacing::join_backlog;
use crate::flows::pacing::pause_account::pause;
use crate::flows::reconcile::{plan_duplicate_check, register_unresolved};
use crate::ports::{PortResult, Write};
use crate::telemetry::{self, Metric};

/// The outcome of a call is worth several tries to write: an unrecorded one costs a quiesce period and a
/// reconciliation.
const RECORD_TRIES_MAX: usize = 3;
const RECORD_PAUSE_MS: i64 = 200;

/// What committing an outcome leaves to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Commit {
    /// The message's disposition; nothing else is left to do.
    Done(Disposition),
    /// The rows have changed since they were read: decide again from the current ones.
    ReadAgain,
}

/// Writes `outcome`, which was decided from `reading`.
///
/// # Errors
/// When a port is unavailable. The message is then left to its visibility timeout: it stays the pin's owner.
pub async fn commit(context: &Context, reading: &Reading, outcome: Outcome) -> PortResult<Commit> {
    match outcome {
        Outcome::ReadAgain => Ok(Commit::ReadAgain),
        Outcome::Dispose(disposition) => {
            report_kept(reading, &disposition);
            Ok(Commit::Done(disposition))
        }
        Outcome::Reconcile => {
            register_unresolved::register(context, &reading.pin).await?;
            Ok(Commit::Done(Disposition::Done))
        }
        Outcome::Change(change) => write(context, reading, change).await,
    }
}

async fn write(context: &Context, reading: &Reading, change: Change) -> PortResult<Commit> {
    let Change { pause: planned, limit, transition, follow_up, success, disposition } = change;
    for planned in planned.into_iter().chain(limit) {
        pause(context, reading.account_key(), planned).await?;
    }
    let committed = write_state(context, reading, &transition, follow_up, disposition).await;
    if let Some(success) = success {
        record_success(context, reading, success).await;
    }
    committed
}

/// Writes the pin's next state, if its row is still as it was read.
async fn write_state(
    context: &Context,
    reading: &Reading,
    transition: &Transition,
    follow_up: Option<FollowUp>,
    disposition: Disposition,
) -> PortResult<Commit> {
    let now = context.system.now();
    let Ok(next) = transition.apply(&reading.attempt, &reading.pin, now, context.nonce()) else {
        return Ok(Commit::ReadAgain);
    };
    let next = next.answered_in(reading.latency_ms);
    let saved = if transition.joins_backlog() {
        // The backlog row is the pin's next owner.
        let row = BacklogRow::of(&reading.pin, next.generation);
        join_backlog::join(context, reading.account_key(), &row, &reading.bucket).await?;
        context.store.save_attempt(&reading.pin, &next).await?
    } else {
        record(context, reading, &next).await?
    };
    match (saved, transition) {
        (Write::Done, _) => {
            report(reading, transition, &next, now);
            keep_words(context, reading, transition, &next).await;
            if matches!(transition, Transition::Fail { .. })
                && let Err(error) = join_backlog::leave(context, &reading.pin, &reading.attempt).await
            {
                tracing::warn!(
                    workspace_id = %reading.pin.key.workspace, pin_id = %reading.pin.key.pin, %error,
                    "backlog row of a failed pin not deleted"
                );
            }
            match follow_up {
                Some(FollowUp::PlanDuplicateCheck) => plan_duplicate_check::plan(context, reading.pin.key, &next).await,
                Some(FollowUp::AuditFailure) => activity::audit_failure(context, &reading.pin, &next).await,
                None => {}
            }
            Ok(Commit::Done(disposition))
        }
        (Write::Conflict(current), Transition::Publish { pinterest_pin_id, .. }) => {
            keep_orphan(context, reading, pinterest_pin_id, current.map(|current| *current)).await
        }
        (Write::Conflict(_), _) => Ok(Commit::ReadAgain),
    }
}

/// Writes the attempt row, trying several times.
async fn record(context: &Context, reading: &Reading, next: &Attempt) -> PortResult<Write<Option<Box<Attempt>>>> {
    let mut tries = 1;
    loop {
        match context.store.save_attempt(&reading.pin, next).await {
            Err(error) if tries >= RECORD_TRIES_MAX => return Err(error),
            Err(error) => {
                tracing::warn!(
                    workspace_id = %reading.pin.key.workspace, pin_id = %reading.pin.key.pin, %error,
                    "outcome not written; retrying"
                );
                tries += 1;
                context.system.sleep_ms(RECORD_PAUSE_MS).await;
            }
            answer => return answer,
        }
    }
}

fn report(reading: &Reading, transition: &Transition, next: &Attempt, now: Moment) {
    if let Some((metric, class)) = transition.metric() {
        telemetry::count(metric, 1, class, now);
    }
    if let Transition::Fail { late_cause: Some(cause), .. } = transition {
        telemetry::count(Metric::PinLate, 1, Some(cause.name()), now);
    }
    let (key, account, attempt) = (reading.pin.key, reading.pin.request.account, next.attempt);
    match transition {
        Transition::Publish { pinterest_pin_id, upstream } => tracing::info!(
            workspace_id = %key.workspace, account_id = %account, pin_id = %key.pin, attempt,
            upstream_request_id = upstream.request_id, pinterest_pin_id, "pin published"
        ),
        Transition::Fail { failure, upstream, late_cause } => tracing::info!(
            workspace_id = %key.workspace, account_id = %account, pin_id = %key.pin, attempt,
            error_code = failure.code(), late_cause = late_cause.map(LateCause::name),
            upstream_status = upstream.status, "pin failed"
        ),
        Transition::Unknown { reconcile_at, upstream } => tracing::warn!(
            workspace_id = %key.workspace, account_id = %account, pin_id = %key.pin, attempt,
            upstream_status = upstream.status, reconcile_at = reconcile_at.rfc3339(), "publish outcome unknown"
        ),
        Transition::Retry { at, failure, upstream } => tracing::info!(
            workspace_id = %key.workspace, account_id = %account, pin_id = %key.pin, attempt,
            error_code = failure.code(), upstream_status = upstream.status, next_at = at.rfc3339(),
            "attempt failed; pin retried later"
        ),
        Transition::Defer { reason, until, cause } => tracing::info!(
            workspace_id = %key.workspace, account_id = %account, pin_id = %key.pin, attempt,
            reason = reason.code(), error_code = cause.as_ref().map(|(failure, _)| failure.code()),
            next_at = until.map(Moment::rfc3339), "pin deferred"
        ),
        Transition::NotSent => tracing::info!(
            workspace_id = %key.workspace, account_id = %account, pin_id = %key.pin, attempt,
            "call not sent; pin retried"
        ),
    }
}

/// A message that waits leaves a line too: its pin's row doesn't change.
fn report_kept(reading: &Reading, disposition: &Disposition) {
    let next_at = match disposition {
        Disposition::Done => return,
        Disposition::Keep { until } => *until,
        Disposition::Resend { at, .. } => *at,
    };
    let (key, account, attempt) = (reading.pin.key, reading.pin.request.account, reading.attempt.attempt);
    tracing::info!(
        workspace_id = %key.workspace, account_id = %account, pin_id = %key.pin, attempt,
        status = reading.attempt.status.name(), next_at = next_at.rfc3339(), "message waits"
    );
}

/// Keeps what was said about the attempt: the whole of it once in the log, and a row. Publishing doesn't depend on it.
async fn keep_words(context: &Context, reading: &Reading, transition: &Transition, next: &Attempt) {
    let Some((failure, upstream)) = transition.said() else { return };
    let Some(said) = Said::about(next, upstream) else { return };
    let said = said.of_call(&reading.pin.request, reading.latency_ms);
    tracing::info!(
        workspace_id = %reading.pin.key.workspace, account_id = %reading.pin.request.account,
        pin_id = %reading.pin.key.pin, attempt = next.attempt, error_code = failure.code(),
        upstream_status = upstream.status, upstream_code = upstream.code, upstream_request_id = upstream.request_id,
        upstream_message = upstream.message, transport_error = upstream.transport_error, "attempt without success"
    );
    // An outage of hours is one cause: it gets no row for each attempt.
    if failure == Failure::PinterestUnreachable && said.message.is_none() {
        return;
    }
    store_said(context, &reading.pin, &said).await;
}

/// The call succeeded after its worker had lost the fence. Unless the same Pin has been adopted meanwhile, its id is
/// stored for a person to see.
async fn keep_orphan(
    context: &Context,
    reading: &Reading,
    pinterest_pin_id: &str,
    current: Option<Attempt>,
) -> PortResult<Commit> {
    let now = context.system.now();
    telemetry::count(Metric::FenceLost, 1, None, now);
    let Some(current) = current else {
        return Ok(Commit::Done(Disposition::Done));
    };
    if current.pinterest_pin_id.as_deref() != Some(pinterest_pin_id) {
        telemetry::count(Metric::OrphanPin, 1, None, now);
        tracing::error!(
            workspace_id = %reading.pin.key.workspace, pin_id = %reading.pin.key.pin, pinterest_pin_id,
            "Pin created after its fence was lost"
        );
        // Never under a newer attempt's call: its fence is this row. The log and the metric have the id in any case.
        if current.status != Status::Publishing {
            let with_orphan = current.with_orphan(now, pinterest_pin_id.to_owned(), context.nonce());
            context.store.save_attempt(&reading.pin, &with_orphan).await?;
        }
    }
    Ok(Commit::ReadAgain)
}

/// Writes what a success showed about its account. The pin's outcome doesn't depend on it.
async fn record_success(context: &Context, reading: &Reading, success: Success) {
    let (account, now) = (reading.account_key(), context.system.now());
    for change in success.bucket_changes(&reading.bucket, &context.settings.pace, now) {
        let result = match change {
            BucketChange::Pause(planned) => pause(context, account, planned).await,
            BucketChange::LiftHold { seen } => context.store.lift_hold(account, seen, now).await.map(|_| ()),
        };
        if let Err(error) = result {
            tracing::warn!(
                workspace_id = %account.workspace, account_id = %account.account, %error,
                "account state after a success not written"
            );
        }
    }
}
