//! Port: unresolved pins, and the scans of their boards.

use async_trait::async_trait;

use super::{PortResult, Write};
use crate::domain::ids::{BoardKey, PinId};
use crate::domain::reconcile::board_scan::BoardScan;
use crate::domain::time::Moment;

/// Unresolved pins and the scans of their boards, in the table that all [`Store`](super::Store) ports share.
#[async_trait]
pub trait Reconciliation: Send + Sync {
    /// Registers that the pin's outcome is to be resolved by reading the board.
    async fn put_unresolved(&self, board: &BoardKey, pin: PinId, expires_at: Moment) -> PortResult<()>;
    /// The first registered pins. Consistent read.
    async fn unresolved(&self, board: &BoardKey, limit: usize) -> PortResult<Vec<PinId>>;
    /// Removes these pins from the board's list of unresolved outcomes.
    async fn delete_unresolved(&self, board: &BoardKey, pins: &[PinId]) -> PortResult<()>;
    /// How far the reading of the board has come; the default when there is no row.
    async fn board_scan(&self, board: &BoardKey) -> PortResult<BoardScan>;
    /// Writes the row if the stored one has the revision before `next.rev`, and otherwise answers a conflict.
    async fn save_board_scan(&self, board: &BoardKey, next: &BoardScan) -> PortResult<Write<()>>;
}
