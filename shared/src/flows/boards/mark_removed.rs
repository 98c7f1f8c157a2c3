//! Marks the published pins of a board that was deleted here: their Pins are gone with it.
//!
//! A recovery marker owns the work from before the deletion on. Each run looks at a bounded number of pins, the newest
//! first, and files another marker for the rest. Everything may be repeated.

use futures_util::stream::{self, StreamExt};

use crate::context::Context;
use crate::domain::account::board_check::BoardVerdict;
use crate::domain::ids::PinKey;
use crate::domain::pin::Pin;
use crate::domain::pin::attempt::{Attempt, Status};
use crate::domain::pin::listing::{Order, Position, Span, Tags};
use crate::domain::recovery::{BoardRemoval, RecoveryMarker};
use crate::ports::{PortError, PortResult, Write};

/// What the request that deletes the board does itself, so that most boards are done when it is answered.
pub const AT_ONCE: Bounds = Bounds { examined: 1_000, marked: 100 };
/// What a run of the rescuer does for a board.
pub const PER_RUN: Bounds = Bounds { examined: 20_000, marked: 1_000 };
/// Keys of the index that are read together, and pins.
const KEYS_AT_ONCE: usize = 500;
const PINS_AT_ONCE: usize = 100;
/// Pins that are written concurrently.
const WRITES_AT_ONCE: usize = 20;
/// A pin that another writer changes is written again this often.
const WRITES_MAX: usize = 3;

/// The most work of one run.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Pins of the index, of whatever board.
    pub examined: usize,
    /// Pins of the board.
    pub marked: usize,
}

/// Handles the marker of a removal.
///
/// # Errors
/// When the table is unavailable; the marker stays.
pub async fn continue_removal(context: &Context, row: &RecoveryMarker, stop_at_ms: i64) -> PortResult<()> {
    let Some(removal) = &row.removal else { return Ok(()) };
    let is_deleted = context
        .board_checks
        .board_check(&removal.board)
        .await?
        .is_some_and(|check| check.checked_at >= removal.asked_at && check.verdict == BoardVerdict::Deleted);
    // Otherwise Pinterest didn't delete it, or whoever repeats the deletion files a marker of its own.
    if is_deleted && let Some(rest) = mark_removed(context, removal, PER_RUN, stop_at_ms).await? {
        let next = RecoveryMarker::board_removal(rest, context.system.now(), context.system.nonce());
        context.store.put_marker(&next).await?;
    }
    context.store.delete_marker(row).await
}

/// Marks pins of the board, within the bounds and until then; returns what is left.
///
/// # Errors
/// When the table is unavailable.
pub async fn mark_removed(
    context: &Context,
    removal: &BoardRemoval,
    bounds: Bounds,
    stop_at_ms: i64,
) -> PortResult<Option<BoardRemoval>> {
    let BoardRemoval { board, .. } = removal;
    let (workspace, account) = (board.account.workspace, board.account.account);
    let (mut rest, mut examined, mut marked) = (removal.clone(), 0, 0);
    loop {
        if examined >= bounds.examined || marked >= bounds.marked || context.system.monotonic_ms() > stop_at_ms {
            tracing::info!(workspace_id = %workspace, board_id = board.board_id, marked, "pins of a board marked");
            return Ok(Some(rest));
        }
        let span = Span { order: Order::NewestFirst, ..Span::default() };
        let span = rest.after.map_or(span, |position| span.behind(position));
        let stretch = context.pin_index.stretch(workspace, &span, KEYS_AT_ONCE).await?;
        examined += stretch.entries.len().max(1);
        let wanted = Tags::of_board(account, &board.board_id);
        let positions: Vec<Position> =
            stretch.entries.iter().filter(|entry| entry.tags == wanted).map(|entry| entry.position).collect();
        for positions in positions.chunks(PINS_AT_ONCE) {
            let keys: Vec<PinKey> = positions.iter().map(|at| PinKey { workspace, pin: at.pin }).collect();
            marked += mark(context, removal, &keys).await?;
            rest.after = positions.last().copied().or(rest.after);
            if marked >= bounds.marked {
                break;
            }
        }
        if marked >= bounds.marked {
            continue;
        }
        match stretch.end {
            Some(end) => rest.after = Some(end),
            None => break,
        }
    }
    tracing::info!(
        workspace_id = %workspace, account_id = %account, board_id = board.board_id, marked,
        "pins of a deleted board marked as removed"
    );
    Ok(None)
}

/// Marks the published ones of these pins; returns how many.
async fn mark(context: &Context, removal: &BoardRemoval, keys: &[PinKey]) -> PortResult<usize> {
    let is_gone = |(pin, attempt): &(Pin, Attempt)| {
        pin.board_key() == removal.board && attempt.status == Status::Published && attempt.removed_at.is_none()
    };
    let found: Vec<(Pin, Attempt)> = context.store.pins(keys).await?.into_iter().flatten().filter(is_gone).collect();
    let writes = found.into_iter().map(|(pin, attempt)| mark_one(context, pin, attempt));
    let written: Vec<PortResult<bool>> = stream::iter(writes).buffered(WRITES_AT_ONCE).collect().await;
    let mut marked = 0;
    for write in written {
        marked += usize::from(write?);
    }
    Ok(marked)
}

async fn mark_one(context: &Context, pin: Pin, mut attempt: Attempt) -> PortResult<bool> {
    for _ in 0..WRITES_MAX {
        if attempt.status != Status::Published || attempt.removed_at.is_some() {
            return Ok(false);
        }
        let Ok(next) = attempt.removed(context.system.now(), context.nonce()) else { return Ok(false) };
        match context.store.save_attempt(&pin, &next).await? {
            Write::Done => return Ok(true),
            Write::Conflict(Some(current)) => attempt = *current,
            Write::Conflict(None) => return Ok(false),
        }
    }
    Err(PortError::Contended { row: "pin", writes: WRITES_MAX })
}
