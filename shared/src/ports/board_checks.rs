//! What Pinterest last said of boards.

use async_trait::async_trait;

use super::PortResult;
use crate::domain::account::board_check::BoardCheck;
use crate::domain::ids::BoardKey;

/// The same table as the store's, as far as the boards' checks are concerned: a cache, whose rows expire.
#[async_trait]
pub trait BoardChecks: Send + Sync {
    async fn board_check(&self, board: &BoardKey) -> PortResult<Option<BoardCheck>>;
    /// Writes it, whatever is there.
    async fn save_board_check(&self, board: &BoardKey, check: &BoardCheck) -> PortResult<()>;
}
