//! The stored list of an account's boards: read, refreshed by whoever needs it, and kept up to date by our own changes.
//!
//! It is a cache. What can't be written is only logged; what can't be read from Pinterest is no reason to refuse a pin.

use super::board_access::{Obstacle, obstacle};
use crate::context::Context;
use crate::domain::account::board::{Board, BoardPages};
use crate::domain::account::board_list::{BoardList, KnownBoard};
use crate::domain::account::{Account, BOARDS_READ};
use crate::domain::ids::AccountKey;
use crate::domain::time::{HOUR_MS, Moment, SECOND_MS};
use crate::flows::accounts::with_token::{CallError, with_token_of};
use crate::ports::{ListingClaim, OptimisticWrites, PortResult, Write};

/// A list that shows the same boards as the stored one is written again only if that is older than this: a row of many
/// boards costs as many writes as it has kilobytes.
const WRITTEN_EVERY_MS: i64 = HOUR_MS;
/// A write that loses its race is planned again this often.
const WRITES_MAX: usize = 3;
/// How long after another process's claim this process waits for the list that it reads.
const AWAITED_MS: i64 = 5 * SECOND_MS;
/// How often it looks for that list meanwhile.
const LOOKED_FOR_EVERY_MS: i64 = 250;

/// The boards of an account after Pinterest was asked, or was to be asked.
#[derive(Clone, Debug)]
pub enum Refreshed {
    /// As listed at that moment, by this process or another one.
    Listed(BoardList),
    /// The boards were listed too short a while ago to be listed again.
    Recent(BoardList),
    /// They could not be listed.
    Unknown(Obstacle),
}

/// Lists the account's boards, unless they were listed within `every_ms`. Of many processes at once, one asks
/// Pinterest, and the others wait for its list.
///
/// # Errors
/// When the table is unavailable; never because of Pinterest.
pub async fn refresh(context: &Context, account: &Account, every_ms: i64) -> PortResult<Refreshed> {
    let now = context.system.now();
    let stored = context.board_checks.board_list(account.key, true).await?;
    if let Some(list) = stored.filter(|list| now.since_ms(list.listed_at) < every_ms) {
        return Ok(Refreshed::Recent(list));
    }
    let claim = ListingClaim { at: now, unless_after: now.plus_ms(-every_ms), nonce: context.nonce() };
    match context.board_checks.claim_board_listing(account.key, &claim).await? {
        Write::Done => Ok(match read(context, account, claim.at).await {
            Ok(list) => Refreshed::Listed(list),
            Err(CallError::Port(error)) => return Err(error),
            Err(error) => Refreshed::Unknown(obstacle(error)),
        }),
        Write::Conflict(claimed_at) => wait_for(context, account.key, claimed_at.unwrap_or(now)).await,
    }
}

/// Lists the account's boards, and stores the list if it has changed.
///
/// # Errors
/// As [`with_token_of`] says.
pub async fn read_pages(context: &Context, account: &Account) -> Result<BoardPages, CallError> {
    let asked_at = context.system.now();
    let pages = ask(context, account).await?;
    store(context, account.key, &BoardList::of(&pages, asked_at), WRITTEN_EVERY_MS).await;
    Ok(pages)
}

/// Lists the account's boards for a claim: others wait for the list, whatever is in it.
async fn read(context: &Context, account: &Account, claimed_at: Moment) -> Result<BoardList, CallError> {
    let list = BoardList::of(&ask(context, account).await?, claimed_at);
    store(context, account.key, &list, 0).await;
    Ok(list)
}

async fn ask(context: &Context, account: &Account) -> Result<BoardPages, CallError> {
    let list = |token| async move { context.boards.boards(&token).await };
    with_token_of(context, account, &[BOARDS_READ], list).await
}

/// Waits for the list of the process that claimed it at that moment.
async fn wait_for(context: &Context, account: AccountKey, claimed_at: Moment) -> PortResult<Refreshed> {
    loop {
        if context.system.now().since_ms(claimed_at) >= AWAITED_MS {
            return Ok(Refreshed::Unknown(Obstacle::Unreachable));
        }
        context.system.sleep_ms(LOOKED_FOR_EVERY_MS).await;
        let stored = context.board_checks.board_list(account, true).await?;
        if let Some(list) = stored.filter(|list| list.listed_at >= claimed_at) {
            return Ok(Refreshed::Listed(list));
        }
    }
}

/// Stores what Pinterest has listed, unless a later list is stored, or one that is the same and not older than
/// `same_for_ms`.
async fn store(context: &Context, account: AccountKey, list: &BoardList, same_for_ms: i64) {
    let is_news = |stored: Option<&BoardList>| {
        stored.is_none_or(|stored| {
            let is_same = stored.boards == list.boards && stored.is_whole == list.is_whole;
            list.listed_at > stored.listed_at && !(is_same && list.listed_at.since_ms(stored.listed_at) < same_for_ms)
        })
    };
    write(context, account, |stored| is_news(stored).then(|| list.clone())).await;
}

/// Adds a board that was made or changed here to the list, if there is one.
pub async fn put(context: &Context, account: AccountKey, board: &Board) {
    let changed = |stored: Option<&BoardList>| {
        let mut list = stored?.clone();
        list.boards.retain(|known| known.id != board.id);
        list.boards.push(KnownBoard::from(board));
        Some(list)
    };
    write(context, account, changed).await;
}

/// Removes a board that was deleted here from the list, if there is one.
pub async fn remove(context: &Context, account: AccountKey, board_id: &str) {
    let changed = |stored: Option<&BoardList>| {
        let mut list = stored?.clone();
        list.boards.retain(|known| known.id != board_id);
        Some(list)
    };
    write(context, account, changed).await;
}

async fn write(context: &Context, account: AccountKey, change: impl Fn(Option<&BoardList>) -> Option<BoardList>) {
    if let Err(error) = try_to_write(context, account, change).await {
        tracing::warn!(
            workspace_id = %account.workspace, account_id = %account.account, %error, "list of boards not stored"
        );
    }
}

async fn try_to_write(
    context: &Context,
    account: AccountKey,
    change: impl Fn(Option<&BoardList>) -> Option<BoardList>,
) -> PortResult<()> {
    let mut writes = OptimisticWrites::of("list of boards", WRITES_MAX);
    loop {
        writes.begin()?;
        let stored = context.board_checks.board_list(account, true).await?;
        let Some(next) = change(stored.as_ref()) else { return Ok(()) };
        let next = next.next(stored.as_ref(), context.nonce());
        if context.board_checks.save_board_list(account, &next).await?.is_done() {
            return Ok(());
        }
    }
}
