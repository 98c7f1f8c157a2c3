//! Reads pins, and what happens next to each.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use crate::context::Context;
use crate::domain::ids::{AccountKey, PinKey};
use crate::domain::pacing::backlog::BacklogRow;
use crate::domain::pacing::bucket::Bucket;
use crate::domain::pin::attempt::{Attempt, Status};
use crate::domain::pin::timeline::{self, NextStep, Position};
use crate::domain::pin::{Pin, Placement};
use crate::domain::time::Moment;
use crate::flows::pacing::budget_left;
use crate::ports::PortResult;

/// Positions in a backlog are counted up to here.
const POSITIONS_MAX: usize = 1_000;

/// A pin with its state and its next step.
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
pub async fn pin(context: &Context, key: PinKey) -> PortResult<Option<PinView>> {
    let found = context.store.pins(&[key]).await?.into_iter().flatten().next();
    match found.filter(|(pin, _)| pin.hidden_at.is_none()) {
        Some((pin, attempt)) => Ok(Some(view(context, pin, attempt).await?)),
        None => Ok(None),
    }
}

/// A pin that was deleted and whose rows still exist.
///
/// # Errors
/// When the table is unavailable.
pub async fn deleted(context: &Context, key: PinKey) -> PortResult<Option<Pin>> {
    let found = context.store.pins(&[key]).await?.into_iter().flatten().next();
    Ok(found.map(|(pin, _)| pin).filter(|pin| pin.hidden_at.is_some()))
}

/// A pin as it was just accepted. Only a pin that waits in the backlog costs another read, of its position there.
///
/// # Errors
/// When the table is unavailable.
pub async fn accepted(context: &Context, pin: Pin, attempt: Attempt) -> PortResult<PinView> {
    match pin.placement {
        Placement::Backlog(_) => view(context, pin, attempt).await,
        Placement::Now | Placement::Slot(_) | Placement::Due(_) => Ok(assemble(context, pin, attempt, None, None)),
    }
}

/// A pin as it was just edited or retried.
///
/// # Errors
/// When the table is unavailable.
pub async fn changed(context: &Context, pin: Pin, attempt: Attempt) -> PortResult<PinView> {
    view(context, pin, attempt).await
}

/// Like [`pin`], for pins that were read, in their order; each account's backlog is read once.
///
/// # Errors
/// When the table is unavailable.
pub async fn views(context: &Context, found: Vec<(Pin, Attempt)>) -> PortResult<Vec<PinView>> {
    let mut backlogs = HashMap::new();
    let mut views = Vec::with_capacity(found.len());
    for (pin, attempt) in found {
        views.push(view_in_page(context, pin, attempt, &mut backlogs).await?);
    }
    Ok(views)
}

async fn view(context: &Context, pin: Pin, attempt: Attempt) -> PortResult<PinView> {
    if attempt.status != Status::Deferred {
        return Ok(assemble(context, pin, attempt, None, None));
    }
    let account = pin.account_key();
    let bucket = context.store.bucket(account).await?;
    let row = BacklogRow::of(&pin, attempt.generation);
    let before = context.store.backlog_position(account, &row, POSITIONS_MAX as u64).await?;
    let opens_at = budget_left::opens_at(context, account.workspace).await?;
    let position = before.map(|before| position(context, &bucket, before, before >= POSITIONS_MAX as u64, opens_at));
    Ok(assemble(context, pin, attempt, position, Some(&bucket)))
}

/// The heads of the backlogs that a page has needed so far, with their buckets.
type Backlogs = HashMap<AccountKey, (Vec<BacklogRow>, Bucket, Option<Moment>)>;

/// Like [`view`], but each account's backlog is read once a page.
async fn view_in_page(context: &Context, pin: Pin, attempt: Attempt, backlogs: &mut Backlogs) -> PortResult<PinView> {
    if attempt.status != Status::Deferred {
        return Ok(assemble(context, pin, attempt, None, None));
    }
    let account = pin.account_key();
    let (head, bucket, opens_at) = match backlogs.entry(account) {
        Entry::Occupied(known) => known.into_mut(),
        Entry::Vacant(unknown) => {
            let head = context.store.backlog(account, POSITIONS_MAX).await?;
            let opens_at = budget_left::opens_at(context, account.workspace).await?;
            unknown.insert((head, context.store.bucket(account).await?, opens_at))
        }
    };
    let row = BacklogRow::of(&pin, attempt.generation);
    let place = head.iter().position(|other| *other == row);
    let beyond = place.is_none() && head.len() >= POSITIONS_MAX && head.last().is_some_and(|last| *last < row);
    let before = place.or(beyond.then_some(POSITIONS_MAX));
    let position = before.map(|before| position(context, bucket, before as u64, beyond, *opens_at));
    Ok(assemble(context, pin, attempt, position, Some(bucket)))
}

/// The pin's position. `opens_at`: when the day's budget allows anything again.
fn position(context: &Context, bucket: &Bucket, before: u64, at_least: bool, opens_at: Option<Moment>) -> Position {
    let now = context.system.now();
    let pace = bucket.pace(&context.settings.pace, now);
    let first = bucket.next_slot(&pace, bucket.opens_at(now)).max(opens_at.unwrap_or(now));
    let wait_ms = i64::try_from(before).unwrap_or(i64::MAX).saturating_mul(pace.interval_ms);
    Position { place: before + 1, at_least, estimated_start: first.plus_ms(wait_ms) }
}

fn assemble(
    context: &Context,
    pin: Pin,
    attempt: Attempt,
    position: Option<Position>,
    bucket: Option<&Bucket>,
) -> PinView {
    let now = context.system.now();
    let mut next = timeline::next_step(&attempt, position, context.settings.deadlines.quiesce_ms);
    if let (None, Status::Deferred, Some(bucket)) = (next.at, attempt.status, bucket) {
        // Released from the backlog with a slot of its own, which only its message knows: the last slot that was given
        // out bounds it.
        next.at = Some(bucket.last_slot(&context.settings.pace).max(now));
        next.reason = "Released from the backlog; it starts in its own second, at this time at the latest.";
    }
    PinView { pin, attempt, next }
}
