//! The newest pins of a workspace, as the list has them.

use crate::domain::ids::{PinId, PinKey, WorkspaceId};
use crate::domain::listing::{Order, Place, Span, Start};
use crate::domain::pin::Pin;
use crate::domain::time::Moment;
use crate::ports::{PortResult, World};

pub struct Found {
    /// Where each stands; without a row where it has gone since.
    pub pins: Vec<((Moment, PinId), Option<Pin>)>,
    /// Up to where the list was read.
    pub end: Option<(Moment, PinId)>,
    pub is_over: bool,
}

/// The newest pins that were accepted since then, those behind `before` if that is given (a moment alone: those of earlier
/// moments and of that one). About `limit`.
pub async fn newest_pins(
    world: &World,
    workspace: WorkspaceId,
    since: Moment,
    before: Option<(Moment, Option<PinId>)>,
    limit: usize,
) -> PortResult<Found> {
    let span = Span { order: Order::NewestFirst, since: Some(since), ..Span::default() };
    let span = match before {
        None => span,
        Some((at, None)) => Span { until: Some(at.plus_ms(1)), ..span },
        Some((at, Some(pin))) => Span { start: Some(Start::Behind(Place { at, pin })), ..span },
    };
    let stretch = world.pin_index.stretch(workspace, &span, limit).await?;
    let keys: Vec<PinKey> = stretch.entries.iter().map(|entry| PinKey { workspace, pin: entry.place.pin }).collect();
    let rows = world.store.pins(&keys).await?;
    let places = stretch.entries.iter().map(|entry| (entry.place.at, entry.place.pin));
    Ok(Found {
        pins: places
            .zip(rows.into_iter().map(|row| row.map(|(pin, _)| pin).filter(|pin| pin.hidden_at.is_none())))
            .collect(),
        end: stretch.end.map(|place| (place.at, place.pin)),
        is_over: stretch.end.is_none(),
    })
}
