//! Handing a pin of unknown outcome to those who look at its board.

use super::plan_reconciliation::plan_reconciliation;
use crate::context::Context;
use crate::domain::pin::Pin;
use crate::domain::reconcile::board_scan::GATHER_MS;
use crate::domain::recovery::{KEPT_MS, RecoveryMarker};
use crate::ports::PortResult;

/// Puts a pin whose quiet time is over on its board's list of doubts and makes sure that the board is looked at soon.
///
/// The clock row is written first: it owns the pin when the message is acknowledged, and asks again if the look is lost.
///
/// # Errors
/// When a port is unavailable; whoever noticed keeps the pin.
pub async fn register(context: &Context, pin: &Pin) -> PortResult<()> {
    let now = context.system.now();
    let board = pin.board_key();
    context.store.put_marker(&RecoveryMarker::again(vec![pin.key], now, 0, context.system.nonce())).await?;
    context.store.put_unresolved(&board, pin.key.pin, now.plus_ms(KEPT_MS)).await?;
    plan_reconciliation(context, &board, now.plus_ms(GATHER_MS), None).await
}
