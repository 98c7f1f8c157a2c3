//! An account's boards, their sections, and keyword suggestions: every operation here calls Pinterest.
//!
//! Read this file first. [`board_access`] checks whether an account can publish to a board; [`resolve_boards`] finds
//! the boards of pins that are to be accepted, mostly without a call.

pub mod board_access;
pub mod board_list;
pub mod board_preflight;
pub mod mark_removed;
pub mod resolve_boards;

use super::accounts::with_token::{CallError, with_token, with_token_to_write};
use crate::context::Context;
use crate::domain::account::board::{Board, BoardChange, BoardDraft, Privacy, RelatedTerms, Section};
use crate::domain::account::board_check::{BoardCheck, BoardVerdict};
use crate::domain::account::{ADS_READ, BOARDS_READ, BOARDS_WRITE, BOARDS_WRITE_SECRET};
use crate::domain::ids::{AccountKey, BoardKey};
use crate::domain::pin::failure::Failure;
use crate::domain::recovery::{BoardRemoval, RecoveryMarker};
use crate::domain::sandbox;
use crate::domain::time::SECOND_MS;

/// # Errors
/// As [`with_token`] says.
pub async fn boards(context: &Context, account: AccountKey) -> Result<Vec<Board>, CallError> {
    let account = context.store.account(account).await?.ok_or(CallError::AccountNotFound)?;
    Ok(board_list::read_pages(context, &account).await?.boards)
}

/// # Errors
/// As [`with_token_to_write`] says; a lost answer fails as `OutcomeUnknown`.
pub async fn create_board(context: &Context, account: AccountKey, draft: &BoardDraft) -> Result<Board, CallError> {
    if is_full(context, account).await? {
        return Err(CallError::SandboxBoardLimit);
    }
    let create = |token| async move { context.boards.create_board(&token, draft).await };
    let board = match with_token_to_write(context, account, scopes_to_write(draft.privacy), create).await {
        Ok(board) => board,
        // Other calls may have added the last boards meanwhile. A call that lost the last place gets the same error as
        // one that comes later.
        Err(error) if may_be_the_limits(&error) && is_full(context, account).await.unwrap_or_default() => {
            return Err(CallError::SandboxBoardLimit);
        }
        Err(error) => return Err(error),
    };
    store_check(context, &key(account, &board.id), BoardVerdict::Reachable(board.clone())).await;
    board_list::put(context, account, &board).await;
    Ok(board)
}

/// # Errors
/// As [`with_token_to_write`] says; a lost answer fails as `OutcomeUnknown`.
pub async fn update_board(context: &Context, board: &BoardKey, change: &BoardChange) -> Result<Board, CallError> {
    refuse_fixed(board)?;
    let update = |token| async move { context.boards.update_board(&token, &board.board_id, change).await };
    let updated = with_token_to_write(context, board.account, scopes_to_write(change.privacy), update).await?;
    store_check(context, board, BoardVerdict::Reachable(updated.clone())).await;
    board_list::put(context, board.account, &updated).await;
    Ok(updated)
}

/// The part of a request's time for marking pins. The API's function has 20 s, and a call to Pinterest takes up to 6 s.
const MARK_WITHIN_MS: i64 = 4 * SECOND_MS;

/// Deletes the board with every Pin on it. The pins of the Pins are marked as removed: at once if they are few, and
/// otherwise by the rescuer.
///
/// A repetition for a board that is gone fails as `BoardNotFound`, and marks what an earlier call left: its process
/// died, or its answer was lost.
///
/// # Errors
/// As [`with_token_to_write`] says; a lost answer fails as `OutcomeUnknown`.
pub async fn delete_board(context: &Context, board: &BoardKey) -> Result<(), CallError> {
    refuse_fixed(board)?;
    if context.store.account(board.account).await?.is_none() {
        return Err(CallError::AccountNotFound);
    }
    let asked_at = context.system.now();
    let removal = BoardRemoval { board: board.clone(), asked_at, after: None };
    // The owner of the marking, before there is anything to mark.
    let marker = RecoveryMarker::board_removal(removal.clone(), asked_at, context.system.nonce());
    context.store.put_marker(&marker).await?;
    let delete = |token| async move { context.boards.delete_board(&token, &board.board_id).await };
    let deleted = with_token_to_write(context, board.account, scopes_to_write(None), delete).await;
    let verdict = match &deleted {
        Ok(()) => BoardVerdict::Deleted,
        Err(CallError::Pinterest(read)) if read.failure == Failure::BoardNotFound => {
            let before = context.board_checks.board_check(board).await?;
            BoardCheck::missing(before.as_ref(), context.system.now()).verdict
        }
        Err(_) => return deleted,
    };
    store_check(context, board, verdict.clone()).await;
    board_list::remove(context, board.account, &board.board_id).await;
    if verdict == BoardVerdict::Deleted {
        let stop_at_ms = context.system.monotonic_ms() + MARK_WITHIN_MS;
        match mark_removed::mark_removed(context, &removal, mark_removed::AT_ONCE, stop_at_ms).await {
            // The marker finds nothing to do.
            Ok(None) => {}
            Ok(Some(_)) => tracing::info!(board_id = board.board_id, "the rescuer marks the other pins of the board"),
            Err(error) => tracing::warn!(board_id = board.board_id, %error, "pins of a board not marked yet"),
        }
    }
    deleted
}

/// # Errors
/// As [`with_token`] says.
pub async fn sections(context: &Context, board: &BoardKey) -> Result<Vec<Section>, CallError> {
    let list = |token| async move { context.boards.sections(&token, &board.board_id).await };
    with_token(context, board.account, &[BOARDS_READ], list).await
}

/// # Errors
/// As [`with_token_to_write`] says; a lost answer fails as `OutcomeUnknown`.
pub async fn create_section(context: &Context, board: &BoardKey, name: &str) -> Result<Section, CallError> {
    let create = |token| async move { context.boards.create_section(&token, &board.board_id, name).await };
    with_token_to_write(context, board.account, scopes_to_write(None), create).await
}

/// Returns the terms that Pinterest relates to `terms`. With `exact`, only the groups of a term that was asked for,
/// word for word.
///
/// # Errors
/// As [`with_token`] says.
pub async fn related_terms(
    context: &Context,
    account: AccountKey,
    terms: &[String],
    exact: bool,
) -> Result<RelatedTerms, CallError> {
    let relate = |token| async move { context.boards.related_terms(&token, terms).await };
    let mut related = with_token(context, account, &[ADS_READ], relate).await?;
    if exact {
        related.groups.retain(|group| terms.iter().any(|term| term.eq_ignore_ascii_case(&group.term)));
    }
    Ok(related)
}

/// Refuses changes of the boards that a sandbox begins with, so that there is always one to publish to.
fn refuse_fixed(board: &BoardKey) -> Result<(), CallError> {
    let is_fixed = board.account.account.is_simulated() && sandbox::is_fixed_board(&board.board_id);
    if is_fixed { Err(CallError::SandboxBoardFixed) } else { Ok(()) }
}

/// Whether the account is a simulated one that can't have more boards.
async fn is_full(context: &Context, account: AccountKey) -> Result<bool, CallError> {
    let all = sandbox::FIXED_BOARDS.len() + sandbox::OWN_BOARDS_MAX;
    Ok(account.account.is_simulated() && boards(context, account).await?.len() >= all)
}

/// Whether a simulated account that became full during the call may have failed it so: it refused the board, or other
/// calls took the tokens or the rounds of the write. With each of them, no board was made.
fn may_be_the_limits(error: &CallError) -> bool {
    match error {
        CallError::Paced { .. } => true,
        CallError::Pinterest(read) => matches!(read.failure, Failure::InvalidRequest | Failure::PinterestBusy),
        _ => false,
    }
}

fn scopes_to_write(privacy: Option<Privacy>) -> &'static [&'static str] {
    match privacy {
        Some(Privacy::Secret) => &[BOARDS_READ, BOARDS_WRITE, BOARDS_WRITE_SECRET],
        _ => &[BOARDS_READ, BOARDS_WRITE],
    }
}

fn key(account: AccountKey, board_id: &str) -> BoardKey {
    BoardKey { account, board_id: board_id.to_owned() }
}

/// Stores what a check would find now. The row is a cache, so a failure is only logged.
async fn store_check(context: &Context, board: &BoardKey, verdict: BoardVerdict) {
    store(context, board, &BoardCheck { verdict, checked_at: context.system.now() }).await;
}

async fn store(context: &Context, board: &BoardKey, check: &BoardCheck) {
    if let Err(error) = context.board_checks.save_board_check(board, check).await {
        tracing::warn!(
            workspace_id = %board.account.workspace, board_id = board.board_id, %error, "board check not stored"
        );
    }
}
