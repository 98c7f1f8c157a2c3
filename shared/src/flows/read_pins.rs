//! Reading pins, and what happens next to each.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::budget_left;
use crate::domain::attempt::{Attempt, Status};
use crate::domain::backlog::BacklogRow;
use crate::domain::ids::{AccountKey, PinKey};
use crate::domain::pin::{Pin, Placement};
use crate::domain::time::Moment;
use crate::domain::timeline::{self, NextStep, Position};
use crate::domain::token_bucket::Bucket;
use crate::ports::{PortResult, World};

/// Places in a backlog are counted up to here.
const PLACES_MAX: usize = 1_000;

/// A pin with everything a person asks about it.
#[derive(Clone, Debug)]
pub struct PinView {
    pub pin: Pin,
    pub attempt: Attempt,
    pub next: NextStep,
}

/// One pin; `None` when the workspace has no such pin.
///
/// # Errors
/// When the table is unavailable.
pub async fn pin(world: &World, key: PinKey) -> PortResult<Option<PinView>> {
    let found = world.store.pins(&[key]).await?.into_iter().flatten().next();
    match found.filter(|(pin, _)| pin.hidden_at.is_none()) {
        Some((pin, attempt)) => Ok(Some(view(world, pin, attempt).await?)),
        None => Ok(None),
    }
}

/// A pin that was deleted and whose rows are still there.
///
/// # Errors
/// When the table is unavailable.
pub async fn deleted(world: &World, key: PinKey) -> PortResult<Option<Pin>> {
    let found = world.store.pins(&[key]).await?.into_iter().flatten().next();
    Ok(found.map(|(pin, _)| pin).filter(|pin| pin.hidden_at.is_some()))
}

/// A pin as it was just accepted. Only one that waits in the backlog costs another reading: of its place there.
///
/// # Errors
/// When the table is unavailable.
pub async fn accepted(world: &World, pin: Pin, attempt: Attempt) -> PortResult<PinView> {
    match pin.placement {
        Placement::Backlog(_) => view(world, pin, attempt).await,
        Placement::Now | Placement::Slot(_) | Placement::Due(_) => Ok(assemble(world, pin, attempt, None, None)),
    }
}

/// A pin as it was just edited or retried.
///
/// # Errors
/// When the table is unavailable.
pub async fn changed(world: &World, pin: Pin, attempt: Attempt) -> PortResult<PinView> {
    view(world, pin, attempt).await
}

/// As [`pin`] for pins that were read, in their order; each account's backlog is read once.
///
/// # Errors
/// When the table is unavailable.
pub async fn views(world: &World, found: Vec<(Pin, Attempt)>) -> PortResult<Vec<PinView>> {
    let mut backlogs = HashMap::new();
    let mut views = Vec::with_capacity(found.len());
    for (pin, attempt) in found {
        views.push(view_in_page(world, pin, attempt, &mut backlogs).await?);
    }
    Ok(views)
}

async fn view(world: &World, pin: Pin, attempt: Attempt) -> PortResult<PinView> {
    if attempt.status != Status::Deferred {
        return Ok(assemble(world, pin, attempt, None, None));
    }
    let account = pin.account_key();
    let bucket = world.store.bucket(account).await?;
    let row = BacklogRow::of(&pin, attempt.generation);
    let before = world.store.backlog_place(account, &row, PLACES_MAX as u64).await?;
    let opens_at = budget_left::opens_at(world, account.workspace).await?;
    let position = before.map(|before| position(world, &bucket, before, before >= PLACES_MAX as u64, opens_at));
    Ok(assemble(world, pin, attempt, position, Some(&bucket)))
}

/// The heads of the backlogs that a page has needed so far, with their buckets.
type Backlogs = HashMap<AccountKey, (Vec<BacklogRow>, Bucket, Option<Moment>)>;

/// As [`view`], but each account's backlog is read once a page.
async fn view_in_page(world: &World, pin: Pin, attempt: Attempt, backlogs: &mut Backlogs) -> PortResult<PinView> {
    if attempt.status != Status::Deferred {
        return Ok(assemble(world, pin, attempt, None, None));
    }
    let account = pin.account_key();
    let (head, bucket, opens_at) = match backlogs.entry(account) {
        Entry::Occupied(known) => known.into_mut(),
        Entry::Vacant(unknown) => {
            let head = world.store.backlog(account, PLACES_MAX).await?;
            let opens_at = budget_left::opens_at(world, account.workspace).await?;
            unknown.insert((head, world.store.bucket(account).await?, opens_at))
        }
    };
    let row = BacklogRow::of(&pin, attempt.generation);
    let place = head.iter().position(|other| *other == row);
    let beyond = place.is_none() && head.len() >= PLACES_MAX && head.last().is_some_and(|last| *last < row);
    let before = place.or(beyond.then_some(PLACES_MAX));
    let position = before.map(|before| position(world, bucket, before as u64, beyond, *opens_at));
    Ok(assemble(world, pin, attempt, position, Some(bucket)))
}

/// `opens_at`: when the day's budget allows anything again.
fn position(world: &World, bucket: &Bucket, before: u64, at_least: bool, opens_at: Option<Moment>) -> Position {
    let now = world.system.now();
    let pace = bucket.pace(&world.settings.pace, now);
    let first = bucket.next_slot(&pace, bucket.opens_at(now)).max(opens_at.unwrap_or(now));
    let wait_ms = i64::try_from(before).unwrap_or(i64::MAX).saturating_mul(pace.interval_ms);
    Position { place: before + 1, at_least, estimated_start: first.plus_ms(wait_ms) }
}

fn assemble(world: &World, pin: Pin, attempt: Attempt, position: Option<Position>, bucket: Option<&Bucket>) -> PinView {
    let now = world.system.now();
    let mut next = timeline::next_step(&attempt, position, world.settings.deadlines.quiesce_ms);
    if let (None, Status::Deferred, Some(bucket)) = (next.at, attempt.status, bucket) {
        // Released from the backlog with a slot of its own, which only its message knows: the last slot that was given
        // out bounds it.
        next.at = Some(bucket.last_slot(&world.settings.pace).max(now));
        next.reason = "Released from the backlog; it starts in its own second, at this time at the latest.";
    }
    PinView { pin, attempt, next }
}
