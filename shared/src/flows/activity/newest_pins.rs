//! Reads the newest pins of a workspace from the index.

use crate::context::Context;
use crate::domain::ids::{PinId, PinKey, WorkspaceId};
use crate::domain::pin::Pin;
use crate::domain::pin::attempt::Attempt;
use crate::domain::pin::listing::{Order, Position, Span, Start};
use crate::domain::time::Moment;
use crate::ports::PortResult;

/// A position in the index, and its pin, unless that is gone since.
pub type Listed = ((Moment, PinId), Option<(Pin, Attempt)>);

/// Pins of the list, as far as it was read.
pub struct Found {
    pub pins: Vec<Listed>,
    /// The position up to which the list was read.
    pub end: Option<(Moment, PinId)>,
    pub is_over: bool,
}

/// Where the list of pins begins.
#[derive(Clone, Copy, Debug)]
pub enum From {
    /// With the pins of that moment.
    Moment(Moment),
    /// With that pin.
    Pin(Moment, PinId),
    /// After that pin.
    After(Moment, PinId),
}

/// Returns about `limit` of the newest pins that were accepted since `since`, from that position on.
///
/// # Errors
/// When the table is unavailable.
pub async fn newest_pins(
    context: &Context,
    workspace: WorkspaceId,
    since: Moment,
    from: Option<From>,
    limit: usize,
) -> PortResult<Found> {
    let span = Span { order: Order::NewestFirst, since: Some(since), ..Span::default() };
    let span = match from {
        None => span,
        Some(From::Moment(at)) => Span { until: Some(at.plus_ms(1)), ..span },
        Some(From::Pin(at, pin)) => Span { start: Some(Start::At(Position { at, pin })), ..span },
        Some(From::After(at, pin)) => Span { start: Some(Start::Behind(Position { at, pin })), ..span },
    };
    let stretch = context.pin_index.stretch(workspace, &span, limit).await?;
    let keys: Vec<PinKey> = stretch.entries.iter().map(|entry| PinKey { workspace, pin: entry.position.pin }).collect();
    let rows = context.store.pins(&keys).await?;
    let positions = stretch.entries.iter().map(|entry| (entry.position.at, entry.position.pin));
    Ok(Found {
        pins: positions.zip(rows.into_iter().map(|row| row.filter(|(pin, _)| pin.hidden_at.is_none()))).collect(),
        end: stretch.end.map(|position| (position.at, position.pin)),
        is_over: stretch.end.is_none(),
    })
}
