//! The ends of tasks that waited for an import, for its timeline.

use uuid::Uuid;

use super::wait_for_end::end_of_import;
use crate::context::Context;
use crate::domain::event::payload;
use crate::domain::import::Import;
use crate::domain::task::TASKS_MAX;
use crate::domain::time::Moment;
use crate::domain::webhook::delivery::{Delivery, DeliveryId, DeliveryKey, Source};
use crate::domain::webhook::destination::Destination;
use crate::ports::{Listed, PortResult};

/// Deliveries that are read of those that wait, and of those that ended: the tasks of several imports that are over in
/// the same millisecond.
const READ_MAX: usize = 5 * TASKS_MAX;

/// The deliveries of the import's end to the tasks that waited for it: those that ended, then those that wait. Their
/// tokens are gone with the tasks, so they are found by the time of the event. Without state machines, and before the
/// import is over, nothing is read.
///
/// # Errors
/// When the table is unavailable.
pub async fn tasks_of_import(context: &Context, import: &Import) -> PortResult<Vec<Delivery>> {
    let end = end_of_import(import, context.system.now());
    let Some(end) = end.filter(|_| context.destinations.tasks().is_some()) else { return Ok(Vec::new()) };
    let endpoint = Destination::TaskTokens.endpoint(import.key.workspace).key;
    let key = |event_at: Moment, id: Uuid| DeliveryKey { endpoint, event_at, id: DeliveryId(id) };
    // Those that ended are listed with the newest event first, those that wait with the oldest.
    let (newer, older) = (key(end.at.plus_ms(1), Uuid::nil()), key(end.at.plus_ms(-1), Uuid::max()));
    let mut found = context.webhooks.deliveries(endpoint, Listed::Ended, Some(newer), READ_MAX).await?;
    found.extend(context.webhooks.deliveries(endpoint, Listed::Waiting, Some(older), READ_MAX).await?);
    let is_its = |delivery: &Delivery| match &delivery.source {
        Source::Stored { payload } => payload::id_of(payload) == Some(end.id),
        Source::Pin { .. } => false,
    };
    found.retain(is_its);
    Ok(found)
}
