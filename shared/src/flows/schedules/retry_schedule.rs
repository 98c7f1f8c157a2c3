//! Retries a failed schedule: its pin is published again, under the same id. Another pin takes its place only where
//! that can't be: no pin was made of the schedule, or it was deleted, or it is older than a pin gets.

use super::release_schedules::release_if_near;
use super::{ROUNDS_MAX, ScheduleError, ScheduleView, read, view};
use crate::context::Context;
use crate::domain::ids::{AccountKey, ScheduleKey};
use crate::domain::pin::Pin;
use crate::domain::pin::attempt::Attempt;
use crate::domain::pin::edit::Edit;
use crate::domain::schedule::{Schedule, ScheduleStatus};
use crate::domain::time::Moment;
use crate::flows::pins::retry_pin::{RetryError, retry_pin_with};
use crate::ports::{OptimisticWrites, PortResult, Write};

/// Retries a schedule: at its time, or at once if that has passed. `accept_duplicate` says that a second Pin is
/// acceptable; `publish_before`, if it is changed, counts from now on.
///
/// # Errors
/// When it hasn't failed, may have created a Pin, comes too late, its account can't publish, or a port is unavailable.
pub async fn retry(
    context: &Context,
    key: ScheduleKey,
    accept_duplicate: bool,
    publish_before: Option<Option<Moment>>,
) -> Result<ScheduleView, ScheduleError> {
    let edit = Edit { publish_before, ..Edit::default() };
    let mut writes = OptimisticWrites::of("schedule", ROUNDS_MAX);
    loop {
        writes.begin()?;
        let before = read(context, key).await?;
        if before.status() != ScheduleStatus::Failed {
            return Err(ScheduleError::WrongStatus(before.status()));
        }
        let quiesce_ms = context.settings.deadlines.quiesce_ms;
        if !accept_duplicate && before.pin.as_ref().is_some_and(|(_, attempt)| attempt.ended_unresolved(quiesce_ms)) {
            return Err(ScheduleError::MayDuplicate);
        }
        // A retry of the pin may have moved it to another account.
        let account = before.pin.as_ref().map_or(before.schedule.request.account, |(pin, _)| pin.request.account);
        let account = AccountKey { workspace: key.workspace, account };
        if !context.store.account(account).await?.is_some_and(|account| account.is_connected()) {
            return Err(ScheduleError::AccountDisconnected);
        }
        let now = context.system.now();
        let wanted = edit.apply(before.request());
        if wanted.is_too_late(now) {
            return Err(ScheduleError::CameTooLate);
        }
        if publish_before.is_some() && wanted.ends_too_soon(before.schedule.run_at.max(now)) {
            return Err(ScheduleError::TooLate);
        }
        let retried = match &before.pin {
            Some((pin, attempt)) if can_be_retried(pin, attempt, now) => {
                in_place(context, &before.schedule, pin, accept_duplicate, &edit).await?
            }
            pin => with_another_pin(context, &before.schedule, pin.as_ref(), &edit, now).await?,
        };
        if let Some(schedule) = retried {
            tracing::info!(
                workspace_id = %key.workspace, schedule_id = %key.schedule, run = schedule.run, "schedule retried"
            );
            return Ok(view(context, schedule).await?);
        }
    }
}

fn can_be_retried(pin: &Pin, attempt: &Attempt, now: Moment) -> bool {
    pin.hidden_at.is_none() && !attempt.is_superseded && !pin.is_overdue(now)
}

/// Publishes the pin again; `None` if it or the schedule has changed meanwhile.
async fn in_place(
    context: &Context,
    schedule: &Schedule,
    pin: &Pin,
    accept_duplicate: bool,
    edit: &Edit,
) -> Result<Option<Schedule>, ScheduleError> {
    // First the schedule's row: a removal that has read it failed loses.
    let Ok(next) = schedule.retried_in_place(context.system.now(), context.nonce()) else { return Ok(None) };
    if context.schedules.save_schedule(&next).await? != Write::Done {
        return Ok(None);
    }
    match retry_pin_with(context, pin.key, accept_duplicate, edit).await {
        Ok(_) => Ok(Some(next)),
        Err(RetryError::MayDuplicate) => Err(ScheduleError::MayDuplicate),
        Err(RetryError::AccountDisconnected | RetryError::AccountNotFound) => Err(ScheduleError::AccountDisconnected),
        Err(RetryError::TooLate) => Err(ScheduleError::CameTooLate),
        Err(RetryError::TooSoon) => Err(ScheduleError::TooLate),
        Err(RetryError::Port(error)) => Err(error.into()),
        Err(RetryError::NotFound | RetryError::NotFailed(_) | RetryError::Superseded | RetryError::Overdue) => Ok(None),
    }
}

/// Lets the schedule run again, with another pin; `None` if it has changed meanwhile.
async fn with_another_pin(
    context: &Context,
    schedule: &Schedule,
    pin: Option<&(Pin, Attempt)>,
    edit: &Edit,
    now: Moment,
) -> PortResult<Option<Schedule>> {
    // Before the other pin is promised: from here on this one can't be retried beside it.
    if let Some((pin, attempt)) = pin.filter(|(pin, attempt)| !attempt.is_superseded && pin.hidden_at.is_none()) {
        let Ok(superseded) = attempt.superseded(now, context.nonce()) else { return Ok(None) };
        if context.store.save_attempt(pin, &superseded).await? != Write::Done {
            return Ok(None);
        }
    }
    let Ok(next) = schedule.retried(now, context.settings.retention_ms, context.nonce()) else { return Ok(None) };
    let next = match pin {
        // An edit of the failed pin is meant for the next one too.
        Some((pin, _)) if pin.edit > 0 => next.with_content(&pin.request),
        _ => next,
    };
    let content = edit.apply(&next.request);
    let next = next.with_content(&content);
    context.schedules.put_release_row(&next.release_row()).await?;
    if context.schedules.save_schedule(&next).await? != Write::Done {
        return Ok(None);
    }
    Ok(Some(release_if_near(context, next).await))
}
