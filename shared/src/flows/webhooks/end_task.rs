//! Ends a task of Step Functions that waits for a pin.

use crate::context::Context;
use crate::domain::event::EventId;
use crate::domain::ids::PinKey;
use crate::domain::task::{TaskAnswer, TaskTokenId, end_of};
use crate::domain::webhook::delivery::Delivery;
use crate::domain::webhook::verdict::Verdict;
use crate::ports::PortResult;
use crate::telemetry::{self, Metric};

/// The error of a task that was over before, or whose token is none.
pub const TASK_GONE: &str = "task_gone";
/// The error of a try that Step Functions did not answer as it should.
pub const UNAVAILABLE: &str = "state_machine_unavailable";

/// What came of a try: the verdict, and the error if it has one of its own.
type Ended = (Verdict, Option<&'static str>);

/// Ends the task once; `None`: no tasks are ended here any more.
///
/// # Errors
/// When the token can't be read or deleted. In the latter case, the task has ended.
pub(super) async fn end_task(context: &Context, delivery: &Delivery, body: &str) -> PortResult<Option<Ended>> {
    let Some(tasks) = context.destinations.tasks() else { return Ok(None) };
    let gone = Some((Verdict::Abort, Some(TASK_GONE)));
    let Some((pin, id)) = token_of(context, delivery).await? else { return Ok(gone) };
    let Some(token) = context.task_tokens.task_token(pin, &id).await? else { return Ok(gone) };
    let ended = match tasks.end_task(&token, &end_of(delivery.event, body)).await {
        Ok(TaskAnswer::Ended) => Some((Verdict::Delivered, None)),
        Ok(TaskAnswer::Gone) => gone,
        Err(error) => {
            telemetry::count(Metric::EventNotPut, 1, Some(UNAVAILABLE), context.system.now());
            tracing::warn!(workspace_id = %pin.workspace, pin_id = %pin.pin, %error, "task not ended");
            return Ok(Some((Verdict::Retry { error: UNAVAILABLE, retry_after_ms: None }, None)));
        }
    };
    context.task_tokens.delete_task_token(pin, &id).await?;
    Ok(ended)
}

/// The token that the delivery is for, if its task still waits.
async fn token_of(context: &Context, delivery: &Delivery) -> PortResult<Option<(PinKey, TaskTokenId)>> {
    let Some((pin, sequence)) = delivery.pin() else { return Ok(None) };
    let (endpoint, event) = (delivery.key.endpoint, EventId::of_pin(pin, sequence));
    let waiting = context.task_tokens.task_tokens(pin).await?;
    let id = waiting.into_iter().find(|id| id.delivery(endpoint, event) == delivery.key.id);
    Ok(id.map(|id| (pin, id)))
}
