//! Looking at a board whether calls whose answers were lost have created their Pins: what the reconciler does with a
//! message of the look queue.
//!
//! One reading of the list serves every pin in doubt on that board. It begins only after each one's `started_at + Tq`,
//! when its call can no longer commit; what it shows is settled in [`settle_doubts`](super::settle_doubts).

use std::collections::BTreeMap;

use super::board_reading::{Read, Search, note, read};
use super::late_check;
use super::planned_look::plan_look;
use super::refresh_tokens::{self, Renewal};
use super::settle_doubts::{self, Doubt};
use crate::domain::attempt::Status;
use crate::domain::board_scan::{GOES_ON_FOR_MS, Reading, earliest};
use crate::domain::failure::Failure;
use crate::domain::ids::{BoardKey, PinKey};
use crate::domain::lookup::{self, BoardPin, Window};
use crate::domain::message::{Disposition, LookMessage};
use crate::domain::pin::WaitReason;
use crate::domain::secret::Secret;
use crate::domain::time::{MINUTE_MS, Moment, SECOND_MS};
use crate::ports::{PortResult, ReadFailure, World};

/// Doubts of one board that are considered at once.
const DOUBTS_MAX: usize = 2_000;
/// The pause before a look-up without a token is tried again.
const NO_TOKEN_MS: i64 = 15 * MINUTE_MS;
/// A look-up that was refused for a stale token is repeated this soon with the fresh one.
const FRESH_TOKEN_MS: i64 = 2 * SECOND_MS;

/// Works on one message until it is disposed of.
///
/// # Errors
/// When a port is unavailable. The message is then left to its visibility timeout; the doubts have other owners too.
pub async fn look_at_board(world: &World, message: LookMessage, ends_at_ms: i64) -> PortResult<Disposition> {
    let board = message.board();
    if let Some(pin) = message.late_check {
        return late_check::check(world, &board, pin, message.tries, ends_at_ms).await;
    }
    let scan = world.store.board_scan(&board).await?;
    let now = world.system.now();
    if scan.is_superseded(message.planned_for, now) {
        return Ok(Disposition::Done);
    }
    let started = scan.reading.filter(|reading| now.since_ms(reading.began_at) < GOES_ON_FOR_MS);
    let doubts = open_doubts(world, &board).await?;
    let reading = match started {
        Some(reading) => reading,
        None => Reading::new(now, settle_doubts::members(&doubts, world, now)),
    };
    let members: Vec<Doubt> = doubts
        .into_iter()
        // A reading that is gone on with may have been begun before a member's next attempt: not for that one.
        .filter(|doubt| reading.members.contains(&doubt.pin.key.pin) && doubt.quiet_at(world) <= reading.began_at)
        .collect();
    if !members.is_empty() {
        let left = serve(world, &board, members, reading, ends_at_ms).await?;
        if let Some(reading) = left {
            // Out of time: another invocation goes on from here.
            note(world, &board, |scan| scan.reading = Some(reading.clone())).await?;
            return go_on(world, &board, Some(world.system.now()), &message).await;
        }
    }
    let next = open_doubts(world, &board).await?.iter().map(|doubt| doubt.next_look(world)).min();
    note(world, &board, |scan| scan.reading = None).await?;
    go_on(world, &board, next, &message).await
}

/// The pins in doubt on this board. What isn't in doubt any more leaves the list.
async fn open_doubts(world: &World, board: &BoardKey) -> PortResult<Vec<Doubt>> {
    let noted = world.store.doubts(board, DOUBTS_MAX).await?;
    let keys: Vec<PinKey> = noted.iter().map(|pin| PinKey { workspace: board.account.workspace, pin: *pin }).collect();
    let read = world.store.pins(&keys).await?;
    let (mut open, mut closed) = (Vec::new(), Vec::new());
    for (pin, found) in noted.into_iter().zip(read) {
        match found {
            Some((pin, attempt)) if attempt.status == Status::Publishing => open.push(Doubt { pin, attempt }),
            _ => closed.push(pin),
        }
    }
    if !closed.is_empty() {
        world.store.delete_doubts(board, &closed).await?;
    }
    Ok(open)
}

/// Reads the list to its end and settles the members; answers the reading when time runs out before that.
async fn serve(
    world: &World,
    board: &BoardKey,
    members: Vec<Doubt>,
    reading: Reading,
    ends_at_ms: i64,
) -> PortResult<Option<Reading>> {
    let Some(tokens) = world.secrets.tokens(board.account, false).await? else {
        let at = world.system.now().plus_ms(NO_TOKEN_MS);
        settle_doubts::look_again(world, members, at, Failure::TokenRevoked.code()).await?;
        return Ok(None);
    };
    let windows: BTreeMap<PinKey, Window> = members.iter().map(|doubt| (doubt.pin.key, doubt.window(world))).collect();
    // What other pins of ours own takes no place among what could be the members'.
    let owned = settle_doubts::owned(world, board, &members).await?;
    let could_be = |found: &BoardPin| {
        !owned.contains(&found.id)
            && members.iter().any(|doubt| {
                windows.get(&doubt.pin.key).is_some_and(|window| lookup::could_be(&doubt.pin.request, found, *window))
            })
    };
    let search = Search {
        board,
        earliest: earliest(windows.values()),
        could_be: &could_be,
        is_noted: true,
        token: &tokens.access,
    };
    match read(world, &search, reading, ends_at_ms).await? {
        Ok(Read::Whole(reading)) => settle_doubts::settle(world, board, members, reading).await?,
        Ok(Read::OutOfTime(reading)) => return Ok(Some(reading)),
        Ok(Read::OutOfBudget(at)) => {
            settle_doubts::look_again(world, members, at, WaitReason::DailyBudget.code()).await?;
        }
        Ok(Read::TooLong(why)) => settle_doubts::look_again_soon(world, members, why).await?,
        Err(failure) => unreadable(world, board, members, failure, &tokens.access, ends_at_ms).await?,
    }
    Ok(None)
}

/// The board could not be read: that says nothing about the Pins, except where the board itself is gone.
async fn unreadable(
    world: &World,
    board: &BoardKey,
    members: Vec<Doubt>,
    failure: ReadFailure,
    used: &Secret,
    ends_at_ms: i64,
) -> PortResult<()> {
    match failure.failure {
        Failure::BoardNotFound => {
            settle_doubts::give_up(world, board, members, Failure::BoardNotFound, &failure.upstream).await
        }
        // A connection that needs a person holds the clock: the board may be readable again any day.
        Failure::TokenRevoked => {
            let now = world.system.now();
            let at = match refresh_tokens::after_refusal(world, board.account, used, ends_at_ms).await {
                Renewal::Renewed(_) => now.plus_ms(FRESH_TOKEN_MS),
                Renewal::Later(at) => at.max(now.plus_ms(FRESH_TOKEN_MS)),
                Renewal::NotDue | Renewal::Hopeless => now.plus_ms(NO_TOKEN_MS),
            };
            settle_doubts::look_again(world, members, at, failure.failure.code()).await
        }
        other => settle_doubts::look_again_soon(world, members, other.code()).await,
    }
}

/// Plans the next look, if anything is left to look for.
async fn go_on(
    world: &World,
    board: &BoardKey,
    next: Option<Moment>,
    message: &LookMessage,
) -> PortResult<Disposition> {
    if let Some(at) = next {
        let at = at.max(world.system.now().plus_ms(1));
        plan_look(world, board, at, Some(message.planned_for)).await?;
    }
    Ok(Disposition::Done)
}
