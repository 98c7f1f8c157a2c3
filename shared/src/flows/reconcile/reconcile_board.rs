//! Reads a board to find out whether calls whose answers were lost have created their Pins: what the reconciler does
//! with a message of the reconciliation queue.
//!
//! One reading of the list serves every unresolved pin of that board. It begins only when each one's `started_at + Tq`
//! has passed and its call can no longer commit. [`resolve_outcomes`](super::resolve_outcomes) decides on what it
//! shows.

use std::collections::BTreeMap;

use super::check_duplicate;
use super::plan_reconciliation::plan_reconciliation;
use super::read_board::{Read, Search, read, update_scan};
use super::resolve_outcomes::{self, UnresolvedPin};
use crate::context::Context;
use crate::domain::account::credentials::STRAY_REFUSAL_RETRY_MS;
use crate::domain::ids::{BoardKey, PinKey};
use crate::domain::message::{Disposition, ReconcileMessage};
use crate::domain::pin::WaitReason;
use crate::domain::pin::attempt::{Status, Upstream};
use crate::domain::pin::failure::Failure;
use crate::domain::reconcile::board_scan::{GOES_ON_FOR_MS, Reading, earliest};
use crate::domain::reconcile::matching::{self, BoardPin, Window};
use crate::domain::secret::Secret;
use crate::domain::time::{MINUTE_MS, Moment, SECOND_MS};
use crate::flows::accounts::hold_refused::hold_refused;
use crate::flows::accounts::refresh_tokens::{self, Renewal};
use crate::flows::pacing::heed_limit::{self, Call};
use crate::ports::{PortResult, ReadFailure};

/// Unresolved pins of one board that are considered at once.
const UNRESOLVED_MAX: usize = 2_000;
/// The pause before a reading without a token is tried again.
const NO_TOKEN_MS: i64 = 15 * MINUTE_MS;
/// A reading that was refused for a stale token is repeated this soon with the fresh one.
const FRESH_TOKEN_MS: i64 = 2 * SECOND_MS;

/// Works on one message until it is disposed of.
///
/// # Errors
/// When a port is unavailable. The message is then left to its visibility timeout; the pins have other owners too.
pub async fn reconcile_board(context: &Context, message: ReconcileMessage, ends_at_ms: i64) -> PortResult<Disposition> {
    let board = message.board();
    if let Some(pin) = message.duplicate_check {
        return check_duplicate::check(context, &board, pin, message.tries, ends_at_ms).await;
    }
    let scan = context.store.board_scan(&board).await?;
    let now = context.system.now();
    if scan.is_superseded(message.planned_for, now) {
        return Ok(Disposition::Done);
    }
    let started = scan.reading.filter(|reading| now.since_ms(reading.began_at) < GOES_ON_FOR_MS);
    let unresolved = open_unresolved(context, &board).await?;
    let reading = match started {
        Some(reading) => reading,
        None => Reading::new(now, resolve_outcomes::members(&unresolved, context, now)),
    };
    let members: Vec<UnresolvedPin> = unresolved
        .into_iter()
        // A continued reading may have begun before a member's next attempt. It doesn't count for that one.
        .filter(|member| {
            reading.members.contains(&member.pin.key.pin) && member.quiesced_at(context) <= reading.began_at
        })
        .collect();
    if !members.is_empty() {
        let left = serve(context, &board, members, reading, ends_at_ms).await?;
        if let Some(reading) = left {
            // Out of time: another invocation continues from here.
            update_scan(context, &board, |scan| scan.reading = Some(reading.clone())).await?;
            return go_on(context, &board, Some(context.system.now()), &message).await;
        }
    }
    let next = open_unresolved(context, &board).await?.iter().map(|member| member.next_reconciliation(context)).min();
    update_scan(context, &board, |scan| scan.reading = None).await?;
    go_on(context, &board, next, &message).await
}

/// The unresolved pins of this board. Pins that are resolved leave the list.
async fn open_unresolved(context: &Context, board: &BoardKey) -> PortResult<Vec<UnresolvedPin>> {
    let listed = context.store.unresolved(board, UNRESOLVED_MAX).await?;
    let keys: Vec<PinKey> = listed.iter().map(|pin| PinKey { workspace: board.account.workspace, pin: *pin }).collect();
    let read = context.store.pins(&keys).await?;
    let (mut open, mut closed) = (Vec::new(), Vec::new());
    for (pin, found) in listed.into_iter().zip(read) {
        match found {
            Some((pin, attempt)) if attempt.status == Status::Publishing => open.push(UnresolvedPin { pin, attempt }),
            _ => closed.push(pin),
        }
    }
    if !closed.is_empty() {
        context.store.delete_unresolved(board, &closed).await?;
    }
    Ok(open)
}

/// Reads the list to its end and resolves the members; returns the reading when time runs out before that.
async fn serve(
    context: &Context,
    board: &BoardKey,
    members: Vec<UnresolvedPin>,
    reading: Reading,
    ends_at_ms: i64,
) -> PortResult<Option<Reading>> {
    let nothing = Upstream::default();
    let Some(tokens) = context.secrets.tokens(board.account, false).await? else {
        let at = context.system.now().plus_ms(NO_TOKEN_MS);
        resolve_outcomes::reconcile_again(context, members, at, Failure::TokenRevoked.code(), &nothing).await?;
        return Ok(None);
    };
    let windows: BTreeMap<PinKey, Window> =
        members.iter().map(|member| (member.pin.key, member.window(context))).collect();
    // Pins that other pins of ours own take no place among those that could be the members'.
    let owned = resolve_outcomes::owned(context, board, &members).await?;
    let could_be = |found: &BoardPin| {
        !owned.contains(&found.id)
            && members.iter().any(|member| {
                windows
                    .get(&member.pin.key)
                    .is_some_and(|window| matching::could_be(&member.pin.request, found, *window))
            })
    };
    let search = Search {
        board,
        earliest: earliest(windows.values()),
        could_be: &could_be,
        keeps_progress: true,
        token: &tokens.access,
    };
    match read(context, &search, reading, ends_at_ms).await? {
        Ok(Read::Whole(reading)) => resolve_outcomes::resolve(context, board, members, reading).await?,
        Ok(Read::OutOfTime(reading)) => return Ok(Some(reading)),
        Ok(Read::OutOfBudget(at)) => {
            resolve_outcomes::reconcile_again(context, members, at, WaitReason::DailyBudget.code(), &nothing).await?;
        }
        Ok(Read::TooLong(why)) => resolve_outcomes::reconcile_again_soon(context, members, why).await?,
        Err(failure) => unreadable(context, board, members, failure, &tokens.access, ends_at_ms).await?,
    }
    Ok(None)
}

/// The board could not be read: that says nothing about the Pins, except where the board itself is gone.
async fn unreadable(
    context: &Context,
    board: &BoardKey,
    members: Vec<UnresolvedPin>,
    failure: ReadFailure,
    used: &Secret,
    ends_at_ms: i64,
) -> PortResult<()> {
    heed_limit::heed(context, board.account, Call::Read, &failure).await?;
    match failure.failure {
        Failure::BoardNotFound => {
            resolve_outcomes::give_up(context, board, members, Failure::BoardNotFound, &failure.upstream).await
        }
        // A connection that needs a person holds the deadline: the board may be readable again any day.
        Failure::TokenRevoked => {
            let now = context.system.now();
            let was_refused = members.iter().all(|member| member.was_inconclusive_for(failure.failure.code()));
            let at = match refresh_tokens::after_refusal(context, board.account, used, ends_at_ms).await {
                Renewal::Renewed(_) => now.plus_ms(FRESH_TOKEN_MS),
                Renewal::RetryAt(at) | Renewal::RefusedToo(at) => at.max(now.plus_ms(FRESH_TOKEN_MS)),
                // A single refusal may be an error of Pinterest's, unless the account is held for others.
                Renewal::Exhausted
                    if !was_refused && !context.store.bucket(board.account).await?.is_held_for_token() =>
                {
                    now.plus_ms(STRAY_REFUSAL_RETRY_MS)
                }
                Renewal::Exhausted => {
                    hold_refused(context, board.account, used).await;
                    now.plus_ms(NO_TOKEN_MS)
                }
                Renewal::NotDue | Renewal::NeedsReconnect => now.plus_ms(NO_TOKEN_MS),
            };
            resolve_outcomes::reconcile_again(context, members, at, failure.failure.code(), &failure.upstream).await
        }
        other => {
            // A 429 says when the board may be read again.
            let least_ms = failure.repeat_after_ms().unwrap_or(0);
            resolve_outcomes::reconcile_again_after(context, members, least_ms, other.code(), &failure.upstream).await
        }
    }
}

/// Plans the next reading, if any pin is left to resolve.
async fn go_on(
    context: &Context,
    board: &BoardKey,
    next: Option<Moment>,
    message: &ReconcileMessage,
) -> PortResult<Disposition> {
    if let Some(at) = next {
        let at = at.max(context.system.now().plus_ms(1));
        plan_reconciliation(context, board, at, Some(message.planned_for)).await?;
    }
    Ok(Disposition::Done)
}
