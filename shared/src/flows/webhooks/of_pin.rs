//! The deliveries of a pin's events, for its timeline.

use crate::context::Context;
use crate::domain::event::{EventId, pin_events};
use crate::domain::pin::Pin;
use crate::domain::pin::attempt::Attempt;
use crate::domain::webhook::delivery::{Delivery, DeliveryId, DeliveryKey};
use crate::ports::PortResult;

/// The most deliveries of a pin that are read: those of the newest events. A pin's rows show fewer than twenty events,
/// and a workspace has at most ten endpoints.
const DELIVERIES_MAX: usize = 200;

/// The deliveries to the workspace's endpoints that have a row, the oldest event first. Without endpoints, nothing else
/// is read than that there are none.
///
/// # Errors
/// When the table is unavailable.
pub async fn deliveries_of_pin(context: &Context, pin: &Pin, attempt: &Attempt) -> PortResult<Vec<Delivery>> {
    let endpoints = context.webhooks.endpoints(pin.key.workspace).await?;
    let mut keys: Vec<DeliveryKey> = Vec::new();
    for event in pin_events::of(pin, attempt) {
        let id = EventId::of_pin(pin.key, event.sequence);
        let hearing = endpoints.iter().filter(|endpoint| endpoint.hears(event.event, event.at));
        keys.extend(hearing.map(|endpoint| DeliveryKey {
            endpoint: endpoint.key,
            event_at: event.at,
            id: DeliveryId::of(endpoint.key, id),
        }));
    }
    let newest = &keys[keys.len().saturating_sub(DELIVERIES_MAX)..];
    if newest.is_empty() {
        return Ok(Vec::new());
    }
    Ok(context.webhooks.deliveries_of(newest).await?.into_iter().flatten().collect())
}
