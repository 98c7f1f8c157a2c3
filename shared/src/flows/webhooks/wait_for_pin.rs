//! Has a task of Step Functions wait for the end of a pin.
//!
//! The token is stored before the pin is accepted, so that no end comes before it. It is deleted when the task was
//! ended (`end_task.rs`).

use thiserror::Error;

use crate::context::Context;
use crate::domain::event::pin_events;
use crate::domain::ids::PinKey;
use crate::domain::message::NotifyMessage;
use crate::domain::pin::Pin;
use crate::domain::pin::attempt::Attempt;
use crate::domain::secret::Secret;
use crate::domain::task::{TASKS_PER_PIN_MAX, TOKEN_KEPT_MS, TaskTokenId, end_event};
use crate::ports::{PortError, PortResult};

/// Why a task can't wait for a pin.
#[derive(Debug, Error)]
pub enum WaitError {
    /// No state machine is named to the deployment.
    #[error("no state machine's tasks are ended here")]
    NotConfigured,
    #[error("as many tasks wait for the pin as may")]
    TooMany,
    #[error(transparent)]
    Port(#[from] PortError),
}

/// Stores the token of a task that waits for the pin, which may not exist yet.
///
/// # Errors
/// When no task may wait, or a port is unavailable.
pub async fn wait_for_pin(context: &Context, pin: PinKey, token: &Secret) -> Result<TaskTokenId, WaitError> {
    if context.destinations.tasks().is_none() {
        return Err(WaitError::NotConfigured);
    }
    let (id, known) = (TaskTokenId::of(token), context.task_tokens.task_tokens(pin).await?);
    if known.len() >= TASKS_PER_PIN_MAX && !known.contains(&id) {
        return Err(WaitError::TooMany);
    }
    let expires_at = context.system.now().plus_ms(TOKEN_KEPT_MS);
    context.task_tokens.put_task_token(pin, token, expires_at).await?;
    Ok(id)
}

/// Forgets a token whose pin was not accepted. If that fails, the token expires.
pub async fn withdraw(context: &Context, pin: PinKey, id: &TaskTokenId) {
    if let Err(error) = context.task_tokens.delete_task_token(pin, id).await {
        tracing::warn!(workspace_id = %pin.workspace, pin_id = %pin.pin, %error, "task token not deleted");
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
