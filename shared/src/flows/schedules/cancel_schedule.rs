//! Cancels a schedule: while it waits, or after its release while its pin hasn't begun. Never out of `publishing`.
//!
//! Canceling a released schedule ends its pin, which is what counts: from then on the schedule shows as canceled, and
//! its own row only repeats it.

use super::release_schedules::make_pin;
use super::{ROUNDS_MAX, ScheduleError, ScheduleView, forget_due, must_find, view};
use crate::context::Context;
use crate::domain::ids::ScheduleKey;
use crate::domain::pin::Pin;
use crate::domain::pin::attempt::{Attempt, Status, Upstream};
use crate::domain::pin::failure::Failure;
use crate::domain::pin::origin::Actor;
use crate::domain::recovery::RecoveryMarker;
use crate::domain::schedule::{Schedule, ScheduleStatus, Stage};
use crate::flows::pacing::join_backlog;
use crate::ports::OptimisticWrites;
use crate::ports::{PortResult, Write};

/// `by` cancels it; `None`: the system does.
///
/// # Errors
/// When the schedule has run, is running or was canceled, or a port is unavailable.
pub async fn cancel(context: &Context, key: ScheduleKey, by: Option<Actor>) -> Result<ScheduleView, ScheduleError> {
    let mut writes = OptimisticWrites::of("schedule", ROUNDS_MAX);
    loop {
        writes.begin()?;
        let schedule = must_find(context, key).await?;
        let is_open = match schedule.stage {
            Stage::Canceled | Stage::Failed(_) => {
                return Err(ScheduleError::WrongStatus(schedule.status(None, context.system.now())));
            }
            Stage::Scheduled => true,
            Stage::Released => end_released(context, &schedule).await?,
        };
        if !is_open {
            continue;
        }
        let Ok(next) = schedule.canceled(context.system.now(), context.nonce()) else { continue };
        let next = Schedule { canceled_by: by, ..next };
        if context.schedules.save_schedule(&next).await? == Write::Done {
            forget_due(context, &next).await;
            tracing::info!(workspace_id = %key.workspace, schedule_id = %key.schedule, "schedule canceled");
            return Ok(view(context, next).await?);
        }
    }
}

/// Ends the pin of a released schedule; `false` if the schedule is to be read again.
async fn end_released(context: &Context, schedule: &Schedule) -> Result<bool, ScheduleError> {
    let Some((pin, attempt)) = context.store.pins(&[schedule.pin_key()]).await?.pop().flatten() else {
        // A worker that releases it may be about to accept its pin: the pin must exist to be ended.
        make_pin(context, schedule).await?;
        return Ok(false);
    };
    match schedule.status(Some(&attempt), context.system.now()) {
        ScheduleStatus::Scheduled | ScheduleStatus::Queued | ScheduleStatus::Deferred => {
            Ok(end(context, &pin, &attempt).await?)
        }
        ScheduleStatus::Canceled => Ok(true),
        status => Err(ScheduleError::WrongStatus(status)),
    }
}

/// Ends the pin. Returns whether it is ended; if not, it has changed meanwhile.
async fn end(context: &Context, pin: &Pin, attempt: &Attempt) -> PortResult<bool> {
    let (now, nothing) = (context.system.now(), Upstream::default());
    let Ok(next) = attempt.failed(now, Failure::ScheduleCanceled, &nothing, pin, context.nonce()) else {
        return Ok(false);
    };
    if attempt.status == Status::Deferred {
        // It may wait in the backlog, where no marker names it: the rollup learns of its end by this one.
        let row = RecoveryMarker::new(vec![pin.key], now, 0, context.system.nonce());
        context.store.put_marker(&row).await?;
    }
    // Hidden, so that a retry of failed pins doesn't bring it back.
    if !context.store.save_pin(&Pin { hidden_at: Some(now), ..pin.clone() }, &next).await?.is_done() {
        return Ok(false);
    }
    join_backlog::leave(context, pin, attempt).await?;
    Ok(true)
}
