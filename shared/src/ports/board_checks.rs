//! Port: the stored checks of boards.

use async_trait::async_trait;

use super::PortResult;
use crate::domain::account::board_check::BoardCheck;
use crate::domain::ids::BoardKey;

/// The boards' checks, in the store's table: a cache, whose rows expire.
#[async_trait]
pub trait BoardChecks: Send + Sync {
    async fn board_check(&self, board: &BoardKey) -> PortResult<Option<BoardCheck>>;
    /// Writes the check over any earlier one.
    async fn save_board_check(&self, board: &BoardKey, check: &BoardCheck) -> PortResult<()>;
}
