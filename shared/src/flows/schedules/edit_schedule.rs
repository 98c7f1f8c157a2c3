//! Edits a schedule. Until its hand-over, minutes before its time, that changes its own row. From then on it changes
//! its pin, as long as the pin has not begun: clients see one schedule that waits, whoever owns it.
//!
//! The time, and the priority among the waiting pins, are settled by the hand-over: the pin's message, its recovery
//! marker and its backlog row are filed under them.

use super::release_schedules::{make_pin, release_if_near};
use super::{
    ROUNDS_MAX, ScheduleError, ScheduleView, WRITE_WITHIN_MS, check_board, check_end, check_time, forget_due, must_find,
};
use crate::context::Context;
use crate::domain::ids::ScheduleKey;
use crate::domain::pin::PinRequest;
use crate::domain::schedule::{Schedule, ScheduleChange, Stage};
use crate::flows::boards::board_preflight::Preflights;
use crate::flows::pins::edit_pin::{EditError, edit_unbegun};
use crate::ports::{OptimisticWrites, PortError, Write};

/// Edits a schedule whose pin has not begun.
///
/// # Errors
/// When its pin has begun or the schedule is over, the change is refused, or a port is unavailable.
pub async fn edit(context: &Context, key: ScheduleKey, change: &ScheduleChange) -> Result<ScheduleView, ScheduleError> {
    let mut writes = OptimisticWrites::of("schedule", ROUNDS_MAX);
    loop {
        writes.begin()?;
        let before = must_find(context, key).await?;
        let edited = match before.stage {
            Stage::Scheduled => edit_waiting(context, before, change).await?,
            Stage::Released => edit_handed_over(context, before, change).await?,
            Stage::Canceled | Stage::Failed(_) => {
                return Err(ScheduleError::NotEditable(before.status(None, context.system.now())));
            }
        };
        if let Some(view) = edited {
            return Ok(view);
        }
    }
}

/// Edits the schedule's own row; `None` if another writer came first.
async fn edit_waiting(
    context: &Context,
    before: Schedule,
    change: &ScheduleChange,
) -> Result<Option<ScheduleView>, ScheduleError> {
    let key = before.key;
    let (request, now) = (change.apply(&before.request), context.system.now());
    let run_at = change.run_at.unwrap_or(before.run_at);
    if run_at != before.run_at {
        check_time(run_at, now)?;
    }
    if run_at != before.run_at || request.publish_before != before.request.publish_before {
        check_end(&request, run_at)?;
    }
    check_new_board(context, key, &before.request, &request).await?;
    let Ok(next) = before.edited(request, run_at, now, context.settings.retention_ms, context.nonce()) else {
        return Ok(None);
    };
    let next = next.changed_by(&before, change.by);
    let is_moved = next.not_before != before.not_before;
    let began = context.begin();
    if is_moved {
        context.schedules.put_release_row(&next.release_row()).await?;
    }
    if context.took_ms(began) > WRITE_WITHIN_MS {
        return Err(PortError::Unavailable { port: "table", reason: "moving the schedule took too long".into() }.into());
    }
    if context.schedules.save_schedule(&next).await? != Write::Done {
        return Ok(None);
    }
    if is_moved {
        forget_due(context, &before).await;
    }
    tracing::info!(workspace_id = %key.workspace, schedule_id = %key.schedule, is_moved, "schedule edited");
    Ok(Some(super::view(context, release_if_near(context, next).await).await?))
}

/// Edits the pin of a schedule that was handed over; `None` if it is to be read again.
async fn edit_handed_over(
    context: &Context,
    schedule: Schedule,
    change: &ScheduleChange,
) -> Result<Option<ScheduleView>, ScheduleError> {
    let key = schedule.key;
    let Some((pin, attempt)) = context.store.pins(&[schedule.pin_key()]).await?.pop().flatten() else {
        // A worker that releases it may be about to accept its pin: the pin must exist to be edited.
        make_pin(context, &schedule).await?;
        return Ok(None);
    };
    let status = schedule.status(Some(&attempt), context.system.now());
    if pin.hidden_at.is_some() || attempt.status.is_terminal() || !attempt.has_never_begun() {
        return Err(ScheduleError::NotEditable(status));
    }
    let is_moved = change.run_at.is_some_and(|at| at != schedule.run_at);
    if is_moved || change.priority.is_some_and(|priority| priority != pin.request.priority) {
        return Err(ScheduleError::TimeSettled);
    }
    let request = change.apply(&pin.request);
    if request.publish_before != pin.request.publish_before {
        check_end(&request, schedule.run_at)?;
    }
    check_new_board(context, key, &pin.request, &request).await?;
    match edit_unbegun(context, pin.key, |request| change.apply(request), change.by).await {
        Ok(edited) => {
            tracing::info!(workspace_id = %key.workspace, schedule_id = %key.schedule, "pin of a schedule edited");
            let read_at = context.system.now();
            Ok(Some(ScheduleView { schedule, pin: Some(edited), blocker: None, read_at }))
        }
        Err(EditError::Port(error)) => Err(error.into()),
        Err(EditError::TooLate) => Err(ScheduleError::TooLate),
        // It has begun, ended or was deleted at this moment.
        Err(_) => Ok(None),
    }
}

async fn check_new_board(
    context: &Context,
    key: ScheduleKey,
    before: &PinRequest,
    after: &PinRequest,
) -> Result<(), ScheduleError> {
    if after.board_id == before.board_id {
        return Ok(());
    }
    let boards = &mut Preflights::default();
    check_board(context, key.workspace, after.account, &after.board_id, boards).await
}
