//! Reads pins, with what each waits for and what happens next to it.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use futures_util::future::try_join_all;

use super::accounts_now::AccountsNow;
use crate::context::Context;
use crate::domain::ids::{AccountKey, PinKey, WorkspaceId};
use crate::domain::pacing::backlog::BacklogRow;
use crate::domain::pin::attempt::{Attempt, Status};
use crate::domain::pin::blocker::Blocker;
use crate::domain::pin::candidate::Candidate;
use crate::domain::pin::deleted::Deleted;
use crate::domain::pin::failure::Failure;
use crate::domain::pin::listing;
use crate::domain::pin::timeline::{NextStep, Position, open_candidates};
use crate::domain::pin::waits::{self, AccountNow, Facts, Place, Rules, Why};
use crate::domain::pin::{Pin, Placement};
use crate::flows::accept::accept_pins::Acceptance;
use crate::ports::PortResult;

/// Positions in a backlog are counted up to here.
const POSITIONS_MAX: usize = 1_000;
/// Pins that are read together are read in this many concurrent parts.
const PARTS: usize = 4;

/// A pin with its state, what it waits for or failed with, and its next step.
#[derive(Clone, Debug)]
pub struct PinView {
    pub pin: Pin,
    pub attempt: Attempt,
    pub blocker: Option<Blocker>,
    pub next: NextStep,
}

/// One pin; `None` when the workspace has no such pin.
///
/// # Errors
/// When the table is unavailable.
pub async fn pin(context: &Context, key: PinKey) -> PortResult<Option<PinView>> {
    let found = context.store.pins(&[key]).await?.into_iter().flatten().next();
    match found.filter(|(pin, _)| pin.hidden_at.is_none()) {
        Some((pin, attempt)) => Ok(Some(view(context, pin, attempt).await?)),
        None => Ok(None),
    }
}

/// The Pins that could be the pin's, while a person has to decide which one is. Of any other pin, nothing is read.
///
/// # Errors
/// When the table is unavailable.
pub async fn candidates(context: &Context, view: &PinView) -> PortResult<Vec<Candidate>> {
    if view.attempt.failure != Some(Failure::OutcomeAmbiguous) {
        return Ok(Vec::new());
    }
    let said = context.store.said(&view.pin).await?;
    Ok(open_candidates(&view.attempt, &said).to_vec())
}

/// A pin that was deleted and whose rows still exist, with its outcome.
///
/// # Errors
/// When the table is unavailable.
pub async fn deleted(context: &Context, key: PinKey) -> PortResult<Option<(Pin, Deleted)>> {
    let found = context.store.pins(&[key]).await?.into_iter().flatten().next();
    let quiesce_ms = context.settings.deadlines.quiesce_ms;
    Ok(found.and_then(|(pin, attempt)| Deleted::of(&pin, &attempt, quiesce_ms).map(|deleted| (pin, deleted))))
}

/// A pin as it was just accepted. Only a pin that waits in the backlog costs other reads, of its position there and of
/// its account: the others were given a token a moment ago.
///
/// # Errors
/// When the table is unavailable.
pub async fn accepted(context: &Context, pin: Pin, attempt: Attempt) -> PortResult<PinView> {
    match pin.placement {
        Placement::Backlog(_) => view(context, pin, attempt).await,
        Placement::Now | Placement::Slot(_) | Placement::Due(_) => {
            Ok(assemble(context, pin, attempt, None, Place::Unknown))
        }
    }
}

/// A pin as it was just edited or retried, or as it was found by its key.
///
/// # Errors
/// When the table is unavailable.
pub async fn changed(context: &Context, pin: Pin, attempt: Attempt) -> PortResult<PinView> {
    view(context, pin, attempt).await
}

/// Like [`pin`], for pins that were read, in their order. Each account and its backlog are read once.
///
/// # Errors
/// When the table is unavailable.
pub async fn views(context: &Context, found: Vec<(Pin, Attempt)>) -> PortResult<Vec<PinView>> {
    let accounts = AccountsNow::of(context, found.iter().map(|(pin, attempt)| (pin, attempt))).await?;
    views_among(context, found, &accounts).await
}

/// Like [`views`], with the accounts that were read.
///
/// # Errors
/// When the table is unavailable.
pub async fn views_among(
    context: &Context,
    found: Vec<(Pin, Attempt)>,
    accounts: &AccountsNow,
) -> PortResult<Vec<PinView>> {
    let mut backlogs = Backlogs::new();
    let mut views = Vec::with_capacity(found.len());
    for (pin, attempt) in found {
        let account = accounts.account(&pin);
        let place = place_in_page(context, &pin, &attempt, account, &mut backlogs).await?;
        views.push(assemble(context, pin, attempt, account, place));
    }
    Ok(views)
}

/// Like [`views`], without their positions in the backlog, which would cost reads.
///
/// # Errors
/// When the table is unavailable.
pub async fn without_positions(context: &Context, found: Vec<(Pin, Attempt)>) -> PortResult<Vec<PinView>> {
    let accounts = AccountsNow::of(context, found.iter().map(|(pin, attempt)| (pin, attempt))).await?;
    Ok(found.into_iter().map(|(pin, attempt)| without_position(context, pin, attempt, &accounts)).collect())
}

/// A pin among accounts that were read, without its position. A pin whose account isn't among them reports its row.
pub fn without_position(context: &Context, pin: Pin, attempt: Attempt, accounts: &AccountsNow) -> PinView {
    let account = accounts.account(&pin);
    assemble(context, pin, attempt, account, Place::Unknown)
}

/// The states of the accounts that the pins of a batch wait for. A new pin outside the backlog was given a token a
/// moment ago, and needs none.
///
/// # Errors
/// When the table is unavailable.
pub async fn accounts_of(context: &Context, accepted: impl Iterator<Item = &Acceptance>) -> PortResult<AccountsNow> {
    let waiting = accepted.filter_map(|acceptance| match acceptance {
        Acceptance::New(pin, _) if !matches!(pin.placement, Placement::Backlog(_)) => None,
        Acceptance::New(pin, attempt) | Acceptance::Replay(pin, attempt) => Some((pin, attempt)),
    });
    AccountsNow::of(context, waiting).await
}

/// The pins at those positions of the index that exist, in their order.
///
/// # Errors
/// When the table is unavailable.
pub(super) async fn rows(
    context: &Context,
    workspace: WorkspaceId,
    positions: &[listing::Position],
) -> PortResult<Vec<(Pin, Attempt)>> {
    let keys: Vec<PinKey> = positions.iter().map(|position| PinKey { workspace, pin: position.pin }).collect();
    let parts = keys.chunks(keys.len().div_ceil(PARTS).max(1)).map(|part| context.store.pins(part));
    Ok(try_join_all(parts).await?.into_iter().flatten().flatten().collect())
}

/// What a pin waits for or failed with. `account`: its account's present state.
pub fn blocker(context: &Context, pin: &Pin, attempt: &Attempt, account: Option<&AccountNow>) -> Option<Blocker> {
    why(context, pin, attempt, account, Place::Unknown).blocker
}

async fn view(context: &Context, pin: Pin, attempt: Attempt) -> PortResult<PinView> {
    let accounts = AccountsNow::of(context, [(&pin, &attempt)]).await?;
    let account = accounts.account(&pin);
    let place = match account.filter(|_| attempt.status == Status::Deferred) {
        None => Place::Unknown,
        Some(account) => {
            let row = BacklogRow::of(&pin, attempt.generation);
            let before = context.store.backlog_position(pin.account_key(), &row, POSITIONS_MAX as u64).await?;
            place(context, account, before, before >= Some(POSITIONS_MAX as u64))
        }
    };
    Ok(assemble(context, pin, attempt, account, place))
}

/// The heads of the backlogs that a page has needed so far.
type Backlogs = HashMap<AccountKey, Vec<BacklogRow>>;

/// Like [`view`], but each account's backlog is read once a page.
async fn place_in_page(
    context: &Context,
    pin: &Pin,
    attempt: &Attempt,
    account: Option<&AccountNow>,
    backlogs: &mut Backlogs,
) -> PortResult<Place> {
    let Some(account) = account.filter(|_| attempt.status == Status::Deferred) else { return Ok(Place::Unknown) };
    let key = pin.account_key();
    let head = match backlogs.entry(key) {
        Entry::Occupied(known) => known.into_mut(),
        Entry::Vacant(unknown) => unknown.insert(context.store.backlog(key, POSITIONS_MAX).await?),
    };
    let row = BacklogRow::of(pin, attempt.generation);
    let found = head.iter().position(|other| *other == row);
    let beyond = found.is_none() && head.len() >= POSITIONS_MAX && head.last().is_some_and(|last| *last < row);
    let before = found.or(beyond.then_some(POSITIONS_MAX));
    Ok(place(context, account, before.map(|before| before as u64), beyond))
}

/// The pin's place in its account's backlog, behind so many others.
fn place(context: &Context, account: &AccountNow, before: Option<u64>, at_least: bool) -> Place {
    let Some(before) = before else { return Place::Released };
    let (now, bucket) = (context.system.now(), &account.bucket);
    let pace = bucket.pace(&context.settings.pace, now);
    let first = bucket.next_slot(&pace, bucket.opens_at(now)).max(account.budget_opens_at.unwrap_or(now));
    let wait_ms = i64::try_from(before).unwrap_or(i64::MAX).saturating_mul(pace.interval_ms);
    Place::InBacklog(Position { place: before + 1, at_least, estimated_start: first.plus_ms(wait_ms) })
}

fn why(context: &Context, pin: &Pin, attempt: &Attempt, account: Option<&AccountNow>, place: Place) -> Why {
    let settings = &context.settings;
    let rules = Rules {
        quiesce_ms: settings.deadlines.quiesce_ms,
        empty_after_ms: settings.absence_proof.empty_after_ms,
        pace: settings.pace,
    };
    waits::why(&Facts { pin, attempt, account, place, rules: &rules, now: context.system.now() })
}

fn assemble(context: &Context, pin: Pin, attempt: Attempt, account: Option<&AccountNow>, place: Place) -> PinView {
    let Why { blocker, next } = why(context, &pin, &attempt, account, place);
    PinView { pin, attempt, blocker, next }
}
