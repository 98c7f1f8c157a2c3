//! Cancels a schedule: while it waits, or after its release while its pin hasn't begun. Never out of `publishing`.
//!
//! Canceling a released schedule ends its pin, which is what counts: from then on the schedule shows as canceled, and
//! its own row only repeats it. The event `schedule.canceled` comes of the row's write, so a recovery marker is filed
//! before the pin is ended: if the process dies in between, the rescuer writes the row.

use super::release_schedules::make_pin;
use super::{ROUNDS_MAX, ScheduleError, ScheduleView, forget_due, must_find, view};
use crate::context::Context;
use crate::domain::event::EventType;
use crate::domain::event::note::{Note, Source};
use crate::domain::ids::{ScheduleKey, WorkspaceId};
use crate::domain::pin::Pin;
use crate::domain::pin::attempt::{Attempt, Status, Upstream};
use crate::domain::pin::failure::Failure;
use crate::domain::pin::origin::Actor;
use crate::domain::recovery::{OWNED_WITHIN_MS, RecoveryMarker};
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
            Stage::Released => end_released(context, &schedule, by).await?,
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

/// Cancels the row of a schedule whose pin was ended by a cancellation, if it isn't canceled yet. Returns whether
/// nothing is left to do; if not, its pin isn't ended, or another writer has changed the row.
///
/// # Errors
/// When a port is unavailable.
pub async fn finish_cancellation(context: &Context, key: ScheduleKey, by: Option<Actor>) -> PortResult<bool> {
    let Some(schedule) = context.schedules.schedules(&[key]).await?.pop().flatten() else { return Ok(true) };
    if schedule.stage != Stage::Released || schedule.removed_at.is_some() {
        return Ok(true);
    }
    let pin = context.store.pins(&[schedule.pin_key()]).await?.pop().flatten();
    let now = context.system.now();
    if schedule.status(pin.as_ref().map(|(_, attempt)| attempt), now) != ScheduleStatus::Canceled {
        return Ok(false);
    }
    let Ok(next) = schedule.canceled(now, context.nonce()) else { return Ok(false) };
    let next = Schedule { canceled_by: by, ..next };
    if context.schedules.save_schedule(&next).await? != Write::Done {
        return Ok(false);
    }
    forget_due(context, &next).await;
    tracing::info!(
        workspace_id = %key.workspace, schedule_id = %key.schedule, "cancellation of a schedule finished"
    );
    Ok(true)
}

/// Ends the pin of a released schedule; `false` if the schedule is to be read again.
async fn end_released(context: &Context, schedule: &Schedule, by: Option<Actor>) -> Result<bool, ScheduleError> {
    let Some((pin, attempt)) = context.store.pins(&[schedule.pin_key()]).await?.pop().flatten() else {
        // A worker that releases it may be about to accept its pin: the pin must exist to be ended.
        make_pin(context, schedule).await?;
        return Ok(false);
    };
    match schedule.status(Some(&attempt), context.system.now()) {
        ScheduleStatus::Scheduled | ScheduleStatus::Queued | ScheduleStatus::Deferred => {
            let needs_marker = is_heard(context, schedule.key.workspace).await;
            let began = context.begin();
            if needs_marker {
                put_marker(context, schedule.key, by).await?;
            }
            let is_ended = end(context, &pin, &attempt).await?;
            if is_ended && needs_marker && context.took_ms(began) > OWNED_WITHIN_MS {
                // The rescuer may have read the marker before the pin was ended.
                put_marker(context, schedule.key, by).await?;
            }
            Ok(is_ended)
        }
        ScheduleStatus::Canceled => Ok(true),
        status => Err(ScheduleError::WrongStatus(status)),
    }
}

/// Whether anybody may hear of the cancellation. If that can't be read, somebody may.
async fn is_heard(context: &Context, workspace: WorkspaceId) -> bool {
    let now = context.system.now();
    match context.subscribers(workspace).await {
        Ok(subscribers) => subscribers.iter().any(|one| one.hears(EventType::ScheduleCanceled, now)),
        Err(error) => {
            tracing::warn!(workspace_id = %workspace, %error, "webhooks not read; a cancellation keeps a marker");
            true
        }
    }
}

/// Files the marker by which the rescuer finishes the cancellation.
async fn put_marker(context: &Context, key: ScheduleKey, by: Option<Actor>) -> PortResult<()> {
    let note = Note { source: Source::Cancellation { schedule: key.schedule, by }, message: None };
    let (now, id) = (context.system.now(), context.nonce());
    context.store.put_marker(&RecoveryMarker::of_event(key.workspace, key.schedule.0, note, now, id)).await
}

/// Ends the pin. Returns whether it is ended; if not, it has changed meanwhile.
async fn end(context: &Context, pin: &Pin, attempt: &Attempt) -> PortResult<bool> {
    let (now, nothing) = (context.system.now(), Upstream::default());
    let Ok(next) = attempt.failed(now, Failure::ScheduleCanceled, &nothing, pin, context.nonce()) else {
        return Ok(false);
    };
    // It may wait in the backlog, where no marker names it: the rollup learns of its end by this one.
    let row = || RecoveryMarker::new(vec![pin.key], context.system.now(), 0, context.system.nonce());
    let needs_marker = attempt.status == Status::Deferred;
    let began = context.begin();
    if needs_marker {
        context.store.put_marker(&row()).await?;
    }
    // Hidden, so that a retry of failed pins doesn't bring it back.
    if !context.store.save_pin(&Pin { hidden_at: Some(now), ..pin.clone() }, &next).await?.is_done() {
        return Ok(false);
    }
    if needs_marker && context.took_ms(began) > OWNED_WITHIN_MS {
        // The marker may have been read before the write.
        context.store.put_marker(&row()).await?;
    }
    join_backlog::leave(context, pin, attempt).await?;
    Ok(true)
}
