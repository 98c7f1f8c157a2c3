//! Hands a pin of unknown outcome over to the reconciliation of its board.

use super::plan_reconciliation::plan_reconciliation;
use crate::context::Context;
use crate::domain::pin::Pin;
use crate::domain::reconcile::board_scan::GATHER_MS;
use crate::domain::recovery::{KEPT_MS, RecoveryMarker};
use crate::ports::PortResult;

/// Adds a pin whose quiesce period is over to its board's unresolved pins, and makes sure that the board is read soon.
///
/// The marker is written first: it owns the pin when the message is acknowledged, and requests a reading again if this
/// one is lost.
///
/// # Errors
/// When a port is unavailable; the caller keeps the pin.
pub async fn register(context: &Context, pin: &Pin) -> PortResult<()> {
    let now = context.system.now();
    let board = pin.board_key();
    context.store.put_marker(&RecoveryMarker::again(vec![pin.key], now, 0, context.system.nonce())).await?;
    context.store.put_unresolved(&board, pin.key.pin, now.plus_ms(KEPT_MS)).await?;
    plan_reconciliation(context, &board, now.plus_ms(GATHER_MS), None).await
}
