//! Ends the tasks of Step Functions that wait for a pin or an import.

use crate::context::Context;
use crate::domain::event::{EventId, payload};
use crate::domain::task::{Awaited, TaskAnswer, TaskTokenId, end_of};
use crate::domain::webhook::delivery::{Delivery, DeliveryId};
use crate::domain::webhook::destination::Destination;
use crate::domain::webhook::endpoint::EndpointKey;
use crate::domain::webhook::verdict::Verdict;
use crate::ports::PortResult;
use crate::telemetry::{self, Metric};

/// The error of a task that was over before, or whose token is none. It may have been ended by an earlier try of the
/// same delivery, whose worker died before it wrote that.
pub const TASK_GONE: &str = "task_gone_or_ended_before";
/// The error of a try that Step Functions did not answer as it should.
pub const UNAVAILABLE: &str = "state_machine_unavailable";

/// What came of a try: the verdict, and the error if it has one of its own.
type Ended = (Verdict, Option<&'static str>);

/// The deliveries of an event to the endpoint: one, or one for each task that waits for what the event `ends`.
///
/// # Errors
/// When the table is unavailable.
pub(super) async fn deliveries_of(
    context: &Context,
    endpoint: EndpointKey,
    event: EventId,
    ends: Option<Awaited>,
) -> PortResult<Vec<DeliveryId>> {
    if Destination::of(endpoint.endpoint) != Some(Destination::TaskTokens) {
        return Ok(vec![DeliveryId::of(endpoint, event)]);
    }
    let Some(awaited) = ends else { return Ok(Vec::new()) };
    let tokens = context.task_tokens.task_tokens(awaited).await?;
    Ok(tokens.iter().map(|token| token.delivery(endpoint, event)).collect())
}

/// Ends the task once; `None`: no tasks are ended here any more.
///
/// # Errors
/// When the token can't be read or deleted. In the latter case, the task has ended.
pub(super) async fn end_task(context: &Context, delivery: &Delivery, body: &str) -> PortResult<Option<Ended>> {
    let Some(tasks) = context.destinations.tasks() else { return Ok(None) };
    let gone = Some((Verdict::Abort, Some(TASK_GONE)));
    let Some((awaited, id)) = token_of(context, delivery, body).await? else { return Ok(gone) };
    let Some(token) = context.task_tokens.task_token(awaited, &id).await? else { return Ok(gone) };
    let ended = match tasks.end_task(&token, &end_of(delivery.event, body)).await {
        Ok(TaskAnswer::Ended) => Some((Verdict::Delivered, None)),
        Ok(TaskAnswer::Gone) => gone,
        Err(error) => {
            telemetry::count(Metric::EventNotPut, 1, Some(UNAVAILABLE), context.system.now());
            tracing::warn!(
                workspace_id = %awaited.workspace(), pin_id = awaited.pin().map(display),
                import_id = awaited.import().map(display), %error, "task not ended"
            );
            return Ok(Some((Verdict::Retry { error: UNAVAILABLE, retry_after_ms: None }, None)));
        }
    };
    context.task_tokens.delete_task_token(awaited, &id).await?;
    Ok(ended)
}

/// The token that the delivery is for, if its task still waits.
async fn token_of(context: &Context, delivery: &Delivery, body: &str) -> PortResult<Option<(Awaited, TaskTokenId)>> {
    let endpoint = delivery.key.endpoint;
    let over = match delivery.pin() {
        Some((pin, sequence)) => Some((Awaited::Pin(pin), EventId::of_pin(pin, sequence))),
        None => Awaited::import_of(endpoint.workspace, delivery.event, body).zip(payload::id_of(body)),
    };
    let Some((awaited, event)) = over else { return Ok(None) };
    let waiting = context.task_tokens.task_tokens(awaited).await?;
    let id = waiting.into_iter().find(|id| id.delivery(endpoint, event) == delivery.key.id);
    Ok(id.map(|id| (awaited, id)))
}
