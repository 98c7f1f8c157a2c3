//! Checks whether an account can publish to a board, and why not. It has an answer for every board id, even an
//! impossible one.

use crate::context::Context;
use crate::domain::account::board::{Board, is_board_id};
use crate::domain::account::board_check::{BoardCheck, BoardVerdict};
use crate::domain::account::health::Health;
use crate::domain::account::{Account, BOARDS_READ, PINS_WRITE_SECRET};
use crate::domain::ids::BoardKey;
use crate::domain::pin::failure::Failure;
use crate::domain::time::Moment;
use crate::flows::accounts::with_token::{CallError, with_token_of};
use crate::ports::PortError;

/// What keeps the account from publishing to the board.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Obstacle {
    NotFound,
    Deleted,
    Denied,
    TokenExpired,
    TokenRevoked,
    /// Pinterest refuses the account's access token for the check. Nothing is held for it.
    CallRefused,
    /// Its owner or an operator disconnected the account.
    Disconnected,
    ScopeMissing(Vec<String>),
    /// The check could not be made: Pinterest asks to slow down.
    RateLimited {
        retry_after_ms: i64,
    },
    /// The check could not be made.
    Unreachable,
    /// The check could not be made: Pinterest doesn't list all boards that the account can publish to.
    Unlisted,
}

impl Obstacle {
    /// Whether the check could not be made, so that nothing is known of the board.
    pub fn is_unchecked(&self) -> bool {
        matches!(self, Self::RateLimited { .. } | Self::Unreachable | Self::Unlisted)
    }

    /// Whether it is the board, and not the account's connection or Pinterest, that keeps pins from being published.
    /// (A scope that is missing for the connection as a whole is about the connection.)
    pub fn is_about_board(&self) -> bool {
        match self {
            Self::NotFound | Self::Deleted | Self::Denied => true,
            Self::ScopeMissing(scopes) => scopes.as_slice() == [PINS_WRITE_SECRET],
            Self::TokenExpired
            | Self::TokenRevoked
            | Self::CallRefused
            | Self::Disconnected
            | Self::RateLimited { .. }
            | Self::Unreachable
            | Self::Unlisted => false,
        }
    }

    /// Its public code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotFound => Failure::BoardNotFound.code(),
            Self::Deleted => "board_deleted",
            Self::Denied => Failure::BoardAccessDenied.code(),
            Self::TokenExpired => Failure::TokenExpired.code(),
            Self::TokenRevoked | Self::CallRefused | Self::Disconnected => Failure::TokenRevoked.code(),
            Self::ScopeMissing(_) => Failure::ScopeMissing.code(),
            Self::RateLimited { .. } => "rate_limited",
            Self::Unreachable => Failure::PinterestUnreachable.code(),
            Self::Unlisted => "board_not_listed",
        }
    }

    /// One sentence for a person.
    pub fn message(&self) -> String {
        match self {
            Self::NotFound => "The board does not exist, or isn't shown to this account.".into(),
            Self::Deleted => "The board was deleted.".into(),
            Self::Denied => Failure::BoardAccessDenied.message().into(),
            Self::TokenExpired => "The account's access token has expired and could not be renewed.".into(),
            Self::TokenRevoked => Failure::TokenRevoked.message().into(),
            Self::CallRefused => {
                "Pinterest refused the account's access token for this call. No pin is held for that: publishing goes \
                 on."
                .into()
            }
            Self::Disconnected => Failure::AccountDisconnected.message().into(),
            Self::ScopeMissing(scopes) => {
                format!("The connection lacks what publishing to the board needs: {}.", scopes.join(", "))
            }
            Self::RateLimited { .. } => "Pinterest asks to slow down, so the board was not checked.".into(),
            Self::Unreachable => "Pinterest could not be reached, so the board was not checked.".into(),
            Self::Unlisted => {
                "The board is not among those that Pinterest lists, but not all that the account can publish to are \
                 listed."
                    .into()
            }
        }
    }

    /// What a person can do about it.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::NotFound | Self::Deleted => "Choose another board.",
            Self::Denied => Failure::BoardAccessDenied.remedy(),
            Self::TokenExpired => "Reconnect the account.",
            Self::TokenRevoked => Failure::TokenRevoked.remedy(),
            Self::CallRefused => "Send the request again later. If it is still refused, reconnect the account.",
            Self::Disconnected => "Reconnect the account.",
            Self::ScopeMissing(_) => "Reconnect the account and grant every scope.",
            Self::RateLimited { .. } | Self::Unreachable => "Check again later.",
            Self::Unlisted => "Check the board with GET /v1/pinterest/boards/{id}/access.",
        }
    }
}

/// Whether the account can publish to the board, and the board as far as it is known.
#[derive(Clone, Debug)]
pub struct BoardAccess {
    pub account: Account,
    pub health: Health,
    pub obstacle: Option<Obstacle>,
    pub board: Option<Board>,
    pub checked_at: Moment,
    /// Whether Pinterest was asked for this answer.
    pub asked: bool,
}

/// Why the check could not be made at all.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    #[error("no such account in this workspace")]
    AccountNotFound,
    #[error(transparent)]
    Port(#[from] PortError),
}

/// Checks the account and the board. Uses a stored check that is minutes old, unless `fresh`.
///
/// # Errors
/// When the account is unknown or a port is unavailable; never because of the board or Pinterest.
pub async fn board_access(context: &Context, key: &BoardKey, fresh: bool) -> Result<BoardAccess, AccessError> {
    let account = context.store.account(key.account).await?.ok_or(AccessError::AccountNotFound)?;
    let bucket = context.store.bucket(key.account).await?;
    let now = context.system.now();
    let health = Health::of(&account, &bucket, now);
    let known = BoardAccess { account, health, obstacle: None, board: None, checked_at: now, asked: false };
    let with = |obstacle| BoardAccess { obstacle: Some(obstacle), ..known.clone() };
    if known.account.revoked_at.is_some() {
        return Ok(with(Obstacle::Disconnected));
    }
    if !known.account.is_connected() {
        return Ok(with(Obstacle::TokenRevoked));
    }
    let missing = known.account.missing_scopes();
    if !missing.is_empty() {
        return Ok(with(Obstacle::ScopeMissing(missing)));
    }
    if !is_board_id(&key.board_id) {
        return Ok(with(Obstacle::NotFound));
    }
    let before = context.board_checks.board_check(key).await?;
    if let Some(check) = before.as_ref().filter(|check| !fresh && check.is_fresh(now)) {
        return Ok(judged(known, check.clone(), false));
    }
    let read = |token| async move { context.boards.board(&token, &key.board_id).await };
    let check = match with_token_of(context, &known.account, &[BOARDS_READ], read).await {
        Ok(board) => BoardCheck { verdict: BoardVerdict::Reachable(board), checked_at: now },
        Err(CallError::Pinterest(read)) if read.failure == Failure::BoardNotFound => {
            BoardCheck::missing(before.as_ref(), now)
        }
        Err(CallError::Pinterest(read)) if read.failure == Failure::BoardAccessDenied => {
            BoardCheck { verdict: BoardVerdict::Denied, checked_at: now }
        }
        Err(CallError::Port(error)) => return Err(error.into()),
        Err(error) => return Ok(BoardAccess { asked: true, ..with(obstacle(error)) }),
    };
    if let Err(error) = context.board_checks.save_board_check(key, &check).await {
        tracing::warn!(
            workspace_id = %key.account.workspace, board_id = key.board_id, %error, "board check not stored"
        );
    }
    Ok(judged(known, check, true))
}

/// What a failed call to Pinterest says about the board.
pub(super) fn obstacle(error: CallError) -> Obstacle {
    match error {
        CallError::TokenExpired => Obstacle::TokenExpired,
        CallError::TokenRevoked => Obstacle::TokenRevoked,
        CallError::CallRefused => Obstacle::CallRefused,
        CallError::Disconnected | CallError::AccountNotFound => Obstacle::Disconnected,
        CallError::ScopeMissing(scopes) => Obstacle::ScopeMissing(scopes),
        CallError::BudgetSpent { retry_after_ms } => Obstacle::RateLimited { retry_after_ms },
        CallError::RateLimited { retry_after_ms } => Obstacle::RateLimited { retry_after_ms },
        // No verdict about the board: Pinterest or a port failed, or other processes kept writing the row of the daily
        // budget (`Paced`). The errors of the sandbox come from writes only.
        CallError::Pinterest(_)
        | CallError::Port(_)
        | CallError::Paced { .. }
        | CallError::SandboxBoardLimit
        | CallError::SandboxBoardFixed => Obstacle::Unreachable,
    }
}

/// The answer that a check of the board leads to.
fn judged(known: BoardAccess, check: BoardCheck, asked: bool) -> BoardAccess {
    let (obstacle, board) = match check.verdict {
        BoardVerdict::Reachable(board) => {
            let missing = if board.is_secret() { known.account.missing_of(&[PINS_WRITE_SECRET]) } else { Vec::new() };
            ((!missing.is_empty()).then_some(Obstacle::ScopeMissing(missing)), Some(board))
        }
        BoardVerdict::NotFound => (Some(Obstacle::NotFound), None),
        BoardVerdict::Deleted => (Some(Obstacle::Deleted), None),
        BoardVerdict::Denied => (Some(Obstacle::Denied), None),
    };
    BoardAccess { obstacle, board, checked_at: check.checked_at, asked, ..known }
}
