//! Puts an event to a destination of the stack.

use crate::context::Context;
use crate::domain::event::bus_event::BusEvent;
use crate::domain::event::{EventId, payload};
use crate::domain::ids::{PinId, PinKey};
use crate::domain::webhook::delivery::{Delivery, Source};
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
    let bus = context.destinations.get(destination)?;
    let workspace = delivery.key.endpoint.workspace;
    let event = BusEvent {
        id: event_id(delivery),
        event: delivery.event,
        workspace,
        pin: pin_of(delivery),
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

fn pin_of(delivery: &Delivery) -> Option<PinId> {
    match delivery.source {
        Source::Pin { pin, .. } => Some(pin),
        Source::Stored { .. } => None,
    }
}

fn event_id(delivery: &Delivery) -> EventId {
    match &delivery.source {
        Source::Pin { pin, sequence } => {
            EventId::of_pin(PinKey { workspace: delivery.key.endpoint.workspace, pin: *pin }, *sequence)
        }
        // Every body has one.
        Source::Stored { payload } => payload::id_of(payload).unwrap_or(EventId(delivery.key.id.0)),
    }
}
