//! Whether a pin that is sent to another board can get there, as far as can be told now.

use super::board_access::{AccessError, Obstacle, board_access};
use crate::domain::ids::BoardKey;
use crate::ports::{PortError, World};

#[derive(Debug, thiserror::Error)]
pub enum PreflightError {
    #[error("no such account in this workspace")]
    AccountNotFound,
    #[error("{0:?}")]
    Obstacle(Obstacle),
    #[error(transparent)]
    Port(#[from] PortError),
}

/// Lets pass what can't be told because Pinterest isn't answering: publishing has its own ways to wait for it.
///
/// # Errors
/// When the account can't publish to the board, or a port is unavailable.
pub async fn preflight(world: &World, board: &BoardKey) -> Result<(), PreflightError> {
    let access = board_access(world, board, false).await.map_err(|error| match error {
        AccessError::AccountNotFound => PreflightError::AccountNotFound,
        AccessError::Port(error) => PreflightError::Port(error),
    })?;
    match access.obstacle {
        Some(obstacle) if !obstacle.is_untold() => Err(PreflightError::Obstacle(obstacle)),
        _ => Ok(()),
    }
}
