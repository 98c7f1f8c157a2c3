//! Has a task of Step Functions wait for the end of a pin or an import.
//!
//! The token is stored before the pin or the import is accepted, so that no end comes before it. It is deleted when the
//! task was ended (`end_task.rs`).

use thiserror::Error;

use crate::context::Context;
use crate::domain::event::occurrence::{self, Occurrence};
use crate::domain::event::pin_events;
use crate::domain::import::Import;
use crate::domain::message::NotifyMessage;
use crate::domain::pin::Pin;
use crate::domain::pin::attempt::Attempt;
use crate::domain::secret::Secret;
use crate::domain::task::{Awaited, TASKS_MAX, TOKEN_KEPT_MS, TaskTokenId, end_event};
use crate::domain::time::Moment;
use crate::domain::webhook::destination::Destination;
use crate::ports::{PortError, PortResult};

/// Why a task can't wait.
#[derive(Debug, Error)]
pub enum WaitError {
    /// No state machine is named to the deployment.
    #[error("no state machine's tasks are ended here")]
    NotConfigured,
    #[error("as many tasks wait for it as may")]
    TooMany,
    #[error(transparent)]
    Port(#[from] PortError),
}

/// A task that waits, as a request has asked for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitingTask {
    pub id: TaskTokenId,
    /// No earlier request has stored its token.
    pub is_new: bool,
}

/// Stores the token of a task that waits for the pin or the import, which may not exist yet.
///
/// # Errors
/// When no task may wait, or a port is unavailable.
pub async fn wait_for_end(context: &Context, awaited: Awaited, token: &Secret) -> Result<WaitingTask, WaitError> {
    if context.destinations.tasks().is_none() {
        return Err(WaitError::NotConfigured);
    }
    let (id, known) = (TaskTokenId::of(token), context.task_tokens.task_tokens(awaited).await?);
    let is_new = !known.contains(&id);
    if known.len() >= TASKS_MAX && is_new {
        return Err(WaitError::TooMany);
    }
    let expires_at = context.system.now().plus_ms(TOKEN_KEPT_MS);
    context.task_tokens.put_task_token(awaited, token, expires_at).await?;
    Ok(WaitingTask { id, is_new })
}

/// Forgets the token of a request that was not accepted, unless an earlier request has stored it. If that fails, the
/// token expires.
pub async fn withdraw(context: &Context, awaited: Awaited, task: &WaitingTask) {
    if !task.is_new {
        return;
    }
    if let Err(error) = context.task_tokens.delete_task_token(awaited, &task.id).await {
        tracing::warn!(
            workspace_id = %awaited.workspace(), pin_id = awaited.pin().map(display),
            import_id = awaited.import().map(display), %error, "task token not deleted"
        );
    }
}

/// Ends the tasks of a pin that was over before its newest token came.
///
/// # Errors
/// When the queue is unavailable.
pub async fn end_if_over(context: &Context, pin: &Pin, attempt: &Attempt) -> PortResult<()> {
    let events = pin_events::of(pin, attempt);
    let Some(end) = end_event(attempt, &events) else { return Ok(()) };
    context.queue.send_notify(&NotifyMessage::of_pin(pin.key, end.sequence, end.sequence), 0).await
}

/// The event that the import is over, if it is.
pub(super) fn end_of_import(import: &Import, now: Moment) -> Option<Occurrence> {
    match (&import.finished, &import.stopped) {
        (Some(totals), _) => Some(occurrence::of_import(import.key, totals, now)),
        (None, Some(stop)) => Some(occurrence::of_import_stop(import.key, stop)),
        (None, None) => None,
    }
}

/// Ends the tasks of an import that was over before its newest token came. The event is for tasks only: webhooks have
/// it, and a delivery that has expired would be made again.
///
/// # Errors
/// When the queue is unavailable.
pub async fn end_if_finished(context: &Context, import: &Import) -> PortResult<()> {
    let Some(end) = end_of_import(import, context.system.now()) else { return Ok(()) };
    let tasks = Destination::TaskTokens.endpoint_id();
    let message = NotifyMessage::stored(end.workspace, end.id, end.event, end.at, end.payload, Some(tasks));
    context.queue.send_notify(&message, 0).await
}
