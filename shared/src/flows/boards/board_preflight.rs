//! Checks whether a pin that is sent to another board can get there, as far as this is known now.

use std::collections::BTreeSet;

use super::board_access::{AccessError, Obstacle, board_access};
use crate::context::Context;
use crate::domain::ids::{AccountKey, BoardKey};
use crate::ports::PortError;

/// Why the account can't publish to the board, or why that is not known.
#[derive(Debug, thiserror::Error)]
pub enum PreflightError {
    #[error("no such account in this workspace")]
    AccountNotFound,
    #[error("{0:?}")]
    Obstacle(Obstacle),
    #[error(transparent)]
    Port(#[from] PortError),
}

/// Checks the board. It passes when Pinterest doesn't answer: publishing has its own ways to wait for Pinterest.
///
/// # Errors
/// When the account can't publish to the board, or a port is unavailable.
pub async fn preflight(context: &Context, board: &BoardKey) -> Result<(), PreflightError> {
    preflight_of_many(context, board, &mut Preflights::default()).await
}

/// The results so far, for the rows of one file.
#[derive(Debug, Default)]
pub struct Preflights {
    open: BTreeSet<BoardKey>,
    /// Accounts for which Pinterest doesn't answer now. It isn't asked for them again.
    unchecked: BTreeSet<AccountKey>,
}

impl Preflights {
    /// Pinterest doesn't answer for the account now.
    pub fn give_up(&mut self, account: AccountKey) {
        self.unchecked.insert(account);
    }
}

/// Like [`preflight`], but asks for each board once and, when Pinterest doesn't answer, no more for its account.
///
/// # Errors
/// As [`preflight`].
pub async fn preflight_of_many(
    context: &Context,
    board: &BoardKey,
    known: &mut Preflights,
) -> Result<(), PreflightError> {
    if known.open.contains(board) || known.unchecked.contains(&board.account) {
        return Ok(());
    }
    let access = board_access(context, board, false).await.map_err(|error| match error {
        AccessError::AccountNotFound => PreflightError::AccountNotFound,
        AccessError::Port(error) => PreflightError::Port(error),
    })?;
    match access.obstacle {
        Some(obstacle) if !obstacle.is_unchecked() => Err(PreflightError::Obstacle(obstacle)),
        Some(_) => {
            known.unchecked.insert(board.account);
            Ok(())
        }
        None => {
            known.open.insert(board.clone());
            Ok(())
        }
    }
}
