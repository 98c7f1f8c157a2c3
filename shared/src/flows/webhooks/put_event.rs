//! Puts an event to a destination of the stack.

use crate::context::Context;
use crate::domain::event::bus_event::BusEvent;
use crate::domain::event::{EventId, payload};
use crate::domain::webhook::delivery::Delivery;
use crate::domain::webhook::destination::Destination;
use crate::domain::webhook::verdict::Verdict;
use crate::telemetry::{self, Metric};

/// The error of a try that the destination's service did not answer as it should.
pub const UNAVAILABLE: &str = "destination_unavailable";
/// The error of a try that the destination's service refused.
pub const REFUSED: &str = "destination_refused";

/// Puts the event once; `None`: the destination isn't configured any more.
pub(super) async fn put_event(
    context: &Context,
    destination: Destination,
    delivery: &Delivery,
    body: &str,
) -> Option<Verdict> {
    let bus = context.destinations.bus(destination)?;
    let workspace = delivery.key.endpoint.workspace;
    let event = BusEvent {
        // Every body has one.
        id: payload::id_of(body).unwrap_or(EventId(delivery.key.id.0)),
        event: delivery.event,
        workspace,
        pin: delivery.pin().map(|(key, _)| key.pin),
        at: delivery.key.event_at,
        body: body.to_owned(),
    };
    let error = match bus.put(&[event]).await {
        Ok(refused) if refused.is_empty() => return Some(Verdict::Delivered),
        Ok(_) => REFUSED,
        Err(error) => {
            tracing::warn!(
                workspace_id = %workspace, destination = destination.name(), %error, "destination unavailable"
            );
            UNAVAILABLE
        }
    };
    telemetry::count(Metric::EventNotPut, 1, Some(error), context.system.now());
    Some(Verdict::Retry { error, retry_after_ms: None })
}
