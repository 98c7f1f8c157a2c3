//! Reads the newest pins of a workspace from the index.

use crate::context::Context;
use crate::domain::ids::{PinId, PinKey, WorkspaceId};
use crate::domain::pin::Pin;
use crate::domain::pin::listing::{Order, Position, Span, Start};
use crate::domain::time::Moment;
use crate::ports::PortResult;

pub struct Found {
    /// The positions, each with its pin, or without one that is gone since.
    pub pins: Vec<((Moment, PinId), Option<Pin>)>,
    /// The position up to which the list was read.
    pub end: Option<(Moment, PinId)>,
    pub is_over: bool,
}

/// Returns about `limit` of the newest pins that were accepted since `since`. With `before`, only those after that
/// position; a moment without an id means the pins of that moment and earlier.
pub async fn newest_pins(
    context: &Context,
    workspace: WorkspaceId,
    since: Moment,
    before: Option<(Moment, Option<PinId>)>,
    limit: usize,
) -> PortResult<Found> {
    let span = Span { order: Order::NewestFirst, since: Some(since), ..Span::default() };
    let span = match before {
        None => span,
        Some((at, None)) => Span { until: Some(at.plus_ms(1)), ..span },
        Some((at, Some(pin))) => Span { start: Some(Start::Behind(Position { at, pin })), ..span },
    };
    let stretch = context.pin_index.stretch(workspace, &span, limit).await?;
    let keys: Vec<PinKey> = stretch.entries.iter().map(|entry| PinKey { workspace, pin: entry.position.pin }).collect();
    let rows = context.store.pins(&keys).await?;
    let positions = stretch.entries.iter().map(|entry| (entry.position.at, entry.position.pin));
    Ok(Found {
        pins: positions
            .zip(rows.into_iter().map(|row| row.map(|(pin, _)| pin).filter(|pin| pin.hidden_at.is_none())))
            .collect(),
        end: stretch.end.map(|position| (position.at, position.pin)),
        is_over: stretch.end.is_none(),
    })
}
