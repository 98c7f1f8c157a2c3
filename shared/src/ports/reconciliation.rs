//! Pins of unresolved outcome and the scans of their boards.

use async_trait::async_trait;

use super::PortResult;
use crate::domain::ids::{BoardKey, PinId};
use crate::domain::reconcile::board_scan::BoardScan;
use crate::domain::time::Moment;

/// Pins of unresolved outcome and the scans of their boards. The same table as every other [`Store`](super::Store) port.
#[async_trait]
pub trait Reconciliation: Send + Sync {
    /// Notes that the pin's outcome has to be looked for on the board.
    async fn put_unresolved(&self, board: &BoardKey, pin: PinId, expires_at: Moment) -> PortResult<()>;
    /// The first pins that are noted, read consistently.
    async fn unresolved(&self, board: &BoardKey, limit: usize) -> PortResult<Vec<PinId>>;
    async fn delete_unresolved(&self, board: &BoardKey, pins: &[PinId]) -> PortResult<()>;
    async fn board_scan(&self, board: &BoardKey) -> PortResult<BoardScan>;
    /// Writes the row if the stored one still has the revision before `next.rev`; answers whether it had.
    async fn save_board_scan(&self, board: &BoardKey, next: &BoardScan) -> PortResult<bool>;
}
