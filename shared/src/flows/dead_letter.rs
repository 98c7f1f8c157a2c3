//! What becomes of a dead letter: a publish message that was delivered too often, which means a bug or an outage.
//!
//! A pin that nobody else owns fails, visibly and with a remedy; its letter is parked for an operator's redrive. A call
//! that may have created a Pin is never failed here: it is looked for like any other.

use super::activity;
use super::doubt;
use crate::domain::attempt::{Attempt, Status, Upstream};
use crate::domain::backlog::BacklogRow;
use crate::domain::failure::Failure;
use crate::domain::message::{Disposition, PublishMessage};
use crate::domain::pin::Pin;
use crate::ports::{PortResult, Saved, World};
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
    KeepUntilQuiet,
    LookForIt,
    Fail,
    /// Its pin was failed, and then the letter was not parked.
    Park,
}

/// # Errors
/// When a port is unavailable; the letter comes back.
pub async fn dead_letter(world: &World, letter: &DeadLetter) -> PortResult<Disposition> {
    for _ in 0..SAVE_ATTEMPTS {
        let read = world.store.pins(&[letter.message.key()]).await?;
        let Some((pin, attempt)) = read.into_iter().flatten().next() else {
            return Ok(done(world, letter, "gone"));
        };
        match verdict(world, &letter.message, &pin, &attempt).await? {
            Verdict::Drop(why) => return Ok(done(world, letter, why)),
            Verdict::KeepUntilQuiet => {
                let until = attempt.quiet_at(world.settings.deadlines.quiesce_ms(world.rules));
                return Ok(Disposition::Keep { until });
            }
            Verdict::LookForIt => {
                doubt::register(world, &pin).await?;
                return Ok(done(world, letter, "publishing"));
            }
            Verdict::Park => return park(world, letter).await,
            Verdict::Fail => {
                if fail(world, &pin, &attempt).await? {
                    return park(world, letter).await;
                }
            }
        }
    }
    Ok(Disposition::Keep { until: world.system.now() })
}

async fn verdict(world: &World, message: &PublishMessage, pin: &Pin, attempt: &Attempt) -> PortResult<Verdict> {
    let is_older = message.generation < attempt.generation;
    Ok(match attempt.status {
        Status::Failed if attempt.failure == Some(Failure::DeadLettered) && !is_older => Verdict::Park,
        Status::Published | Status::Failed => Verdict::Drop("finished"),
        // Whatever the generation: a call under way is nobody else's to judge.
        Status::Publishing
            if world.system.now() < attempt.quiet_at(world.settings.deadlines.quiesce_ms(world.rules)) =>
        {
            Verdict::KeepUntilQuiet
        }
        Status::Publishing => Verdict::LookForIt,
        _ if is_older => Verdict::Drop("superseded"),
        Status::Deferred
            if world.store.in_backlog(pin.account_key(), &BacklogRow::of(pin, attempt.generation)).await? =>
        {
            Verdict::Drop("in_backlog")
        }
        Status::Queued | Status::Deferred => Verdict::Fail,
    })
}

/// Answers whether the pin was still as it was read.
async fn fail(world: &World, pin: &Pin, attempt: &Attempt) -> PortResult<bool> {
    let now = world.system.now();
    let failed = attempt.failed(now, Failure::DeadLettered, &Upstream::default(), pin, world.nonce());
    let Ok(failed) = failed else { return Ok(false) };
    if world.store.save_attempt(pin, &failed).await? != Saved::Yes {
        return Ok(false);
    }
    let code = Failure::DeadLettered.code();
    telemetry::count(Metric::PinFailed, 1, Some(code), now);
    tracing::error!(
        workspace_id = %pin.key.workspace, account_id = %pin.request.account, pin_id = %pin.key.pin,
        attempt = failed.attempt, error_code = code, "failed: its message became a dead letter"
    );
    activity::note_failure(world, pin, &failed).await;
    Ok(true)
}

async fn park(world: &World, letter: &DeadLetter) -> PortResult<Disposition> {
    world.queue.park(&letter.body).await?;
    Ok(done(world, letter, Failure::DeadLettered.code()))
}

fn done(world: &World, letter: &DeadLetter, what: &'static str) -> Disposition {
    telemetry::count(Metric::DeadLetter, 1, Some(what), world.system.now());
    tracing::warn!(pin_id = %letter.message.pin, generation = letter.message.generation, what, "a dead letter");
    Disposition::Done
}
