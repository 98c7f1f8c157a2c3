//! Handles a dead-letter message: a publish message that was delivered too often, which means a bug or an outage.
//!
//! A pin without another owner fails, visibly and with a remedy, and its message moves to the redrive queue, where an
//! operator can redrive it. A call that may have created a Pin is never failed here: its outcome is reconciled like any
//! other.

use crate::context::Context;
use crate::domain::message::{Delivered, Disposition, PublishMessage, Subject};
use crate::domain::pacing::backlog::BacklogRow;
use crate::domain::pin::Pin;
use crate::domain::pin::attempt::{Attempt, Status};
use crate::domain::pin::failure::Failure;
use crate::flows::activity;
use crate::flows::reconcile::register_unresolved;
use crate::ports::{OptimisticWrites, PortResult, Write};
use crate::telemetry::{self, Metric};

/// A write that loses its race is decided again this often; then the message is redelivered.
const SAVE_ATTEMPTS: usize = 4;

/// A dead-letter message that can be read, with its own text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    pub message: PublishMessage,
    pub body: String,
}

impl Delivered for DeadLetter {
    fn subject(&self) -> Subject {
        self.message.subject()
    }
}

/// What to do with a dead-letter message.
enum Verdict {
    /// No pin depends on it; the word says why.
    Drop(&'static str),
    /// The pin's call may still commit.
    KeepUntilQuiesced,
    Reconcile,
    Fail,
    /// The pin was failed before, but its message wasn't moved to the redrive queue.
    MoveToRedrive,
}

/// # Errors
/// When a port is unavailable; the message is redelivered.
pub async fn dead_letter(context: &Context, message: &DeadLetter) -> PortResult<Disposition> {
    let mut writes = OptimisticWrites::of("pin", SAVE_ATTEMPTS);
    while writes.has_round() {
        let read = context.store.pins(&[message.message.key()]).await?;
        let Some((pin, attempt)) = read.into_iter().flatten().next() else {
            return Ok(done(context, message, "gone"));
        };
        match verdict(context, &message.message, &pin, &attempt).await? {
            Verdict::Drop(why) => return Ok(done(context, message, why)),
            Verdict::KeepUntilQuiesced => {
                let until = attempt.quiesced_at(context.settings.deadlines.quiesce_ms);
                return Ok(Disposition::Keep { until });
            }
            Verdict::Reconcile => {
                register_unresolved::register(context, &pin).await?;
                return Ok(done(context, message, "publishing"));
            }
            Verdict::MoveToRedrive => return move_to_redrive(context, message).await,
            Verdict::Fail => {
                if fail(context, &pin, &attempt).await? {
                    return move_to_redrive(context, message).await;
                }
            }
        }
    }
    Ok(Disposition::Keep { until: context.system.now() })
}

async fn verdict(context: &Context, message: &PublishMessage, pin: &Pin, attempt: &Attempt) -> PortResult<Verdict> {
    let is_older = message.generation < attempt.generation;
    Ok(match attempt.status {
        Status::Failed if attempt.failure == Some(Failure::DeadLettered) && !is_older => Verdict::MoveToRedrive,
        Status::Published | Status::Failed => Verdict::Drop("finished"),
        // Whatever the generation: only reconciliation decides on a call under way.
        Status::Publishing if context.system.now() < attempt.quiesced_at(context.settings.deadlines.quiesce_ms) => {
            Verdict::KeepUntilQuiesced
        }
        Status::Publishing => Verdict::Reconcile,
        _ if is_older => Verdict::Drop("superseded"),
        Status::Deferred
            if context.store.in_backlog(pin.account_key(), &BacklogRow::of(pin, attempt.generation)).await? =>
        {
            Verdict::Drop("in_backlog")
        }
        Status::Queued | Status::Deferred => Verdict::Fail,
    })
}

/// Fails the pin. Returns whether the pin was still as it was read.
async fn fail(context: &Context, pin: &Pin, attempt: &Attempt) -> PortResult<bool> {
    let now = context.system.now();
    let failed = attempt.dead_lettered(now, context.settings.deliveries_max, pin, context.nonce());
    let Ok(failed) = failed else { return Ok(false) };
    if context.store.save_attempt(pin, &failed).await? != Write::Done {
        return Ok(false);
    }
    let code = Failure::DeadLettered.code();
    telemetry::count(Metric::PinFailed, 1, Some(code), now);
    tracing::error!(
        workspace_id = %pin.key.workspace, account_id = %pin.request.account, pin_id = %pin.key.pin,
        attempt = failed.attempt, error_code = code, deliveries = context.settings.deliveries_max,
        "pin failed: message dead-lettered"
    );
    activity::audit_failure(context, pin, &failed).await;
    Ok(true)
}

async fn move_to_redrive(context: &Context, message: &DeadLetter) -> PortResult<Disposition> {
    context.queue.move_to_redrive(&message.body).await?;
    Ok(done(context, message, Failure::DeadLettered.code()))
}

fn done(context: &Context, message: &DeadLetter, reason: &'static str) -> Disposition {
    telemetry::count(Metric::DeadLetter, 1, Some(reason), context.system.now());
    tracing::warn!(
        workspace_id = %message.message.workspace, pin_id = %message.message.pin,
        generation = message.message.generation, reason,
        "dead-letter message disposed of"
    );
    Disposition::Done
}
