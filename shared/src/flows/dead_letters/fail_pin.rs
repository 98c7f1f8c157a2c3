//! What becomes of a dead letter: a publish message that was delivered too often, which means a bug or an outage.
//!
//! A pin that nobody else owns fails, visibly and with a remedy; its letter is parked for an operator's redrive. A call
//! that may have created a Pin is never failed here: it is looked for like any other.

use crate::context::Context;
use crate::domain::message::{Disposition, PublishMessage};
use crate::domain::pacing::backlog::BacklogRow;
use crate::domain::pin::Pin;
use crate::domain::pin::attempt::{Attempt, Status, Upstream};
use crate::domain::pin::failure::Failure;
use crate::flows::activity;
use crate::flows::reconcile::register_unresolved;
use crate::ports::{PortResult, Saved};
use crate::telemetry::{self, Metric};

/// A write that loses its race is decided anew this often; then the letter comes back.
const SAVE_ATTEMPTS: usize = 4;

/// A dead letter that can be read, with its own text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    pub message: PublishMessage,
    pub body: String,
}

/// What is done about one.
enum Verdict {
    /// Nothing depends on it; the word says why.
    Drop(&'static str),
    /// Its call may still commit.
    KeepUntilQuiesced,
    Reconcile,
    Fail,
    /// Its pin was failed, and then the letter was not parked.
    Park,
}

/// # Errors
/// When a port is unavailable; the letter comes back.
pub async fn dead_letter(context: &Context, message: &DeadLetter) -> PortResult<Disposition> {
    for _ in 0..SAVE_ATTEMPTS {
        let read = context.store.pins(&[message.message.key()]).await?;
        let Some((pin, attempt)) = read.into_iter().flatten().next() else {
            return Ok(done(context, message, "gone"));
        };
        match verdict(context, &message.message, &pin, &attempt).await? {
            Verdict::Drop(why) => return Ok(done(context, message, why)),
            Verdict::KeepUntilQuiesced => {
                let until = attempt.quiesced_at(context.settings.deadlines.quiesce_ms(context.rules));
                return Ok(Disposition::Keep { until });
            }
            Verdict::Reconcile => {
                register_unresolved::register(context, &pin).await?;
                return Ok(done(context, message, "publishing"));
            }
            Verdict::Park => return park(context, message).await,
            Verdict::Fail => {
                if fail(context, &pin, &attempt).await? {
                    return park(context, message).await;
                }
            }
        }
    }
    Ok(Disposition::Keep { until: context.system.now() })
}

async fn verdict(context: &Context, message: &PublishMessage, pin: &Pin, attempt: &Attempt) -> PortResult<Verdict> {
    let is_older = message.generation < attempt.generation;
    Ok(match attempt.status {
        Status::Failed if attempt.failure == Some(Failure::DeadLettered) && !is_older => Verdict::Park,
        Status::Published | Status::Failed => Verdict::Drop("finished"),
        // Whatever the generation: a call under way is nobody else's to judge.
        Status::Publishing
            if context.system.now() < attempt.quiesced_at(context.settings.deadlines.quiesce_ms(context.rules)) =>
        {
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

/// Answers whether the pin was still as it was read.
async fn fail(context: &Context, pin: &Pin, attempt: &Attempt) -> PortResult<bool> {
    let now = context.system.now();
    let failed = attempt.failed(now, Failure::DeadLettered, &Upstream::default(), pin, context.nonce());
    let Ok(failed) = failed else { return Ok(false) };
    if context.store.save_attempt(pin, &failed).await? != Saved::Yes {
        return Ok(false);
    }
    let code = Failure::DeadLettered.code();
    telemetry::count(Metric::PinFailed, 1, Some(code), now);
    tracing::error!(
        workspace_id = %pin.key.workspace, account_id = %pin.request.account, pin_id = %pin.key.pin,
        attempt = failed.attempt, error_code = code, "failed: its message became a dead letter"
    );
    activity::note_failure(context, pin, &failed).await;
    Ok(true)
}

async fn park(context: &Context, message: &DeadLetter) -> PortResult<Disposition> {
    context.queue.park(&message.body).await?;
    Ok(done(context, message, Failure::DeadLettered.code()))
}

fn done(context: &Context, message: &DeadLetter, what: &'static str) -> Disposition {
    telemetry::count(Metric::DeadLetter, 1, Some(what), context.system.now());
    tracing::warn!(pin_id = %message.message.pin, generation = message.message.generation, what, "a dead letter");
    Disposition::Done
}
