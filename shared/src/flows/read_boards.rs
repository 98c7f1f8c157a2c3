//! Listing an account's boards, through to Pinterest.

use thiserror::Error;

use crate::domain::failure::Failure;
use crate::domain::ids::AccountKey;
use crate::ports::{Board, PortError, ReadFailure, World};

#[derive(Debug, Error)]
pub enum BoardsError {
    #[error("no such account in this workspace")]
    AccountNotFound,
    /// The account's connection is the reason.
    #[error("{}", .0.message())]
    Connection(Failure),
    #[error("{0}")]
    Pinterest(ReadFailure),
    #[error(transparent)]
    Port(#[from] PortError),
}

/// # Errors
/// When the account is unknown or disconnected, Pinterest refuses, or a port is unavailable.
pub async fn boards(world: &World, account: AccountKey) -> Result<Vec<Board>, BoardsError> {
    let known = world.store.account(account).await?.ok_or(BoardsError::AccountNotFound)?;
    if !known.is_connected() {
        return Err(BoardsError::Connection(Failure::TokenRevoked));
    }
    let tokens = world.secrets.tokens(account, false).await?.ok_or(BoardsError::Connection(Failure::TokenRevoked))?;
    let first = world.pinterest.boards(&tokens.access).await;
    let failure = match first {
        Ok(boards) => return Ok(boards),
        Err(failure) if failure.failure == Failure::TokenRevoked => failure,
        Err(failure) => return Err(classify(failure)),
    };
    // The cached token may be the one before a refresh: read it once more before giving up.
    match world.secrets.tokens(account, true).await? {
        Some(fresh) if fresh.access != tokens.access => world.pinterest.boards(&fresh.access).await.map_err(classify),
        _ => Err(classify(failure)),
    }
}

fn classify(failure: ReadFailure) -> BoardsError {
    match failure.failure {
        Failure::TokenRevoked | Failure::ScopeMissing => BoardsError::Connection(failure.failure),
        _ => BoardsError::Pinterest(failure),
    }
}
