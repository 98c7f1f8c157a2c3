//! Canceling a schedule: while it waits, or after its release while its pin hasn't begun. Never out of `publishing`.
//!
//! Of a released one the pin is ended, which is what counts: from then on it shows as canceled, and its own row only repeats it.

use super::accept_pins::AcceptError;
use super::release_schedules::{accept_pin_of, fail};
use super::schedules::{ROUNDS_MAX, ScheduleError, ScheduleView, forget_due, must_find, view};
use crate::domain::attempt::{Attempt, Status, Upstream};
use crate::domain::backlog::BacklogRow;
use crate::domain::clock_row::ClockRow;
use crate::domain::failure::Failure;
use crate::domain::ids::ScheduleKey;
use crate::domain::pin::Pin;
use crate::domain::schedule::{Schedule, ScheduleStatus, Stage};
use crate::ports::{PortResult, ScheduleSaved, World};

/// # Errors
/// When it has run, is running or was canceled, or a port is unavailable.
pub async fn cancel(world: &World, key: ScheduleKey) -> Result<ScheduleView, ScheduleError> {
    for _ in 0..ROUNDS_MAX {
        let schedule = must_find(world, key).await?;
        let is_open = match schedule.stage {
            Stage::Canceled | Stage::Failed(_) => return Err(ScheduleError::WrongStatus(schedule.status(None))),
            Stage::Scheduled => true,
            Stage::Released => end_released(world, &schedule).await?,
        };
        if !is_open {
            continue;
        }
        let Ok(next) = schedule.canceled(world.system.now(), world.nonce()) else { continue };
        if world.schedules.save_schedule(&next).await? == ScheduleSaved::Yes {
            forget_due(world, &next).await;
            tracing::info!(workspace_id = %key.workspace, schedule_id = %key.schedule, "a schedule was canceled");
            return Ok(view(world, next).await?);
        }
    }
    Err(ScheduleError::contended())
}

/// Ends the pin of a released schedule; `false` if it is to be looked at anew.
async fn end_released(world: &World, schedule: &Schedule) -> Result<bool, ScheduleError> {
    let Some((pin, attempt)) = world.store.pins(&[schedule.pin_key()]).await?.pop().flatten() else {
        // Whoever releases it may be about to accept its pin: then it must be there to be ended.
        return match accept_pin_of(world, schedule).await {
            Ok(()) | Err(AcceptError::KeyOfDeleted { .. }) => Ok(false),
            Err(AcceptError::Port(error)) => Err(error.into()),
            Err(AcceptError::KeyReused { .. }) => {
                fail(world, schedule, Failure::KeyTaken, world.system.now()).await?;
                Ok(false)
            }
            Err(AcceptError::AccountNotFound | AcceptError::AccountDisconnected) => {
                fail(world, schedule, Failure::AccountDisconnected, world.system.now()).await?;
                Ok(false)
            }
        };
    };
    match schedule.status(Some(&attempt)) {
        ScheduleStatus::Queued | ScheduleStatus::Deferred => Ok(end(world, &pin, &attempt).await?),
        ScheduleStatus::Canceled => Ok(true),
        status => Err(ScheduleError::WrongStatus(status)),
    }
}

/// Answers whether the pin is ended; if not, something has happened to it meanwhile.
async fn end(world: &World, pin: &Pin, attempt: &Attempt) -> PortResult<bool> {
    let (now, nothing) = (world.system.now(), Upstream::default());
    let Ok(next) = attempt.failed(now, Failure::ScheduleCanceled, &nothing, pin, world.nonce()) else {
        return Ok(false);
    };
    if attempt.status == Status::Deferred {
        // It may wait in the backlog, where no row of the clock names it: the tally reads of its end by this one.
        let row = ClockRow::new(vec![pin.key], now, 0, world.system.nonce());
        world.store.put_clock(&row).await?;
    }
    // Hidden, so that nobody who retries what has failed brings it back.
    if !world.store.save_pin(&Pin { hidden_at: Some(now), ..pin.clone() }, &next).await? {
        return Ok(false);
    }
    if attempt.status == Status::Deferred {
        // Left there, it would cost a token.
        world.store.delete_backlog(pin.account_key(), &[BacklogRow::of(pin, attempt.generation)]).await?;
    }
    Ok(true)
}
