//! Releases deferred pins: for each account with a backlog, as many as the coming window has tokens, most urgent first,
//! each into its own second.

use futures_util::stream::{self, StreamExt};

use crate::context::Context;
use crate::domain::ids::{AccountKey, PinKey};
use crate::domain::message::PublishMessage;
use crate::domain::pacing::backlog::{BacklogRow, reserved_slots, with_reserved};
use crate::domain::pacing::bucket::{Bucket, DISPATCH_HORIZON_MS, Take, TakeFrom, Token, WAITING_CLEARS_AFTER_MS};
use crate::domain::pacing::budget::Request;
use crate::domain::pacing::pace::Pace;
use crate::domain::pin::LIFETIME_MS;
use crate::domain::recovery::{PINS_PER_MARKER, RecoveryMarker};
use crate::domain::time::{Moment, SECOND_MS};
use crate::flows::pacing::budget_left;
use crate::ports::{OptimisticWrites, PortResult, Taken};
use crate::telemetry::{self, Metric};

/// Releasing stops this long before the invocation ends: the rescuer has its share of every run.
const LEAVE_FOR_THE_REST_MS: i64 = 25 * SECOND_MS;
/// Accounts worked on concurrently.
const ACCOUNTS_AT_ONCE: usize = 16;
/// Rows of one account in a run; at the default pace a window holds 100.
const ROWS_MAX: usize = 1_000;
/// A release that loses its race for the bucket is planned again this often.
const TAKE_ATTEMPTS: usize = 4;
/// A row this young may belong to an acceptance that is still writing its pin.
const YOUNG_MS: i64 = 30 * SECOND_MS;
/// Overdue pins are released, without tokens, in batches of this size.
const OVERDUE_MAX: usize = 100;

/// Releases every account's due pins; returns how many. A failure of one account doesn't stop the others.
pub async fn release_all(context: &Context, ends_at_ms: i64) -> PortResult<usize> {
    let mut accounts = context.store.waiting_accounts().await?;
    if !accounts.is_empty() {
        // Another account comes first each minute: when time runs out, it isn't always the same accounts that wait.
        let first = usize::try_from(context.system.now().minute()).unwrap_or(0).wrapping_mul(ACCOUNTS_AT_ONCE);
        let first = first % accounts.len();
        accounts.rotate_left(first);
    }
    let stop_at_ms = ends_at_ms - LEAVE_FOR_THE_REST_MS;
    let spending = if accounts.is_empty() { None } else { budget_left::today(context).await? };
    let spending = spending.as_ref();
    let releases = stream::iter(accounts).map(|account| async move {
        if context.system.monotonic_ms() > stop_at_ms {
            return 0;
        }
        // Pins of a workspace that has spent the day's budget would only come back.
        let request = Request::Create(account.workspace);
        let allowed = spending.map_or(usize::MAX, |day| day.allowance(context.settings.daily_budget, request) as usize);
        release(context, account, allowed).await.unwrap_or_else(|error| {
            telemetry::count_failed_work("dispatcher", error.port(), context.system.now());
            tracing::warn!(
                workspace_id = %account.workspace, account_id = %account.account, port = error.port(), %error,
                "backlog not released; the next tick tries again"
            );
            0
        })
    });
    let released = releases.buffer_unordered(ACCOUNTS_AT_ONCE).fold(0, |sum, count| async move { sum + count }).await;
    telemetry::count(Metric::BacklogReleased, released as u64, None, context.system.now());
    Ok(released)
}

/// Releases one account's next pins, at most `allowed`.
async fn release(context: &Context, account: AccountKey, allowed: usize) -> PortResult<usize> {
    let mut bucket = context.store.bucket(account).await?;
    let mut takes = OptimisticWrites::of("pacing row", TAKE_ATTEMPTS);
    while takes.has_round() {
        let now = context.system.now();
        // A pause that ends within the window only delays the start.
        let (from, until) = (bucket.opens_at(now), now.plus_ms(DISPATCH_HORIZON_MS));
        if from > until || allowed == 0 {
            return release_overdue(context, account, now).await;
        }
        let pace = bucket.pace(&context.settings.pace, now);
        let room = room(&bucket, &pace, now, until).min(allowed);
        if room == 0 {
            return Ok(0);
        }
        let rows = next_rows(context, account, room, bucket.rel).await?;
        if rows.is_empty() {
            clear_mark(context, account, &bucket, now).await?;
            return Ok(0);
        }
        let rows = without_unwritten(context, account, rows, now).await?;
        let Ok(count) = u32::try_from(rows.len()) else { return Ok(0) };
        if count == 0 {
            return Ok(0);
        }
        let take = Take {
            from: TakeFrom::Seen { tat: bucket.tat, rel: bucket.rel },
            behind_waiting: true,
            ..Take::plan(&bucket, &pace, from, count, DISPATCH_HORIZON_MS, context.nonce())
        };
        match context.store.take(account, &take).await? {
            Taken::Tokens(tokens) => {
                let slotted: Vec<Slotted> = rows.into_iter().zip(tokens.into_iter().map(Some)).collect();
                return hand_over(context, account, &slotted).await;
            }
            Taken::Refused(current) => bucket = current,
        }
    }
    Ok(0)
}

/// The number of rows to release. An account on hold is tried with a single pin.
fn room(bucket: &Bucket, pace: &Pace, now: Moment, until: Moment) -> usize {
    let from = bucket.opens_at(now);
    let room = bucket.tokens_until(pace, from, until) as usize;
    if !bucket.is_on_hold() {
        return room.min(ROWS_MAX);
    }
    let has_one_ahead = bucket.is_paused(now) && bucket.tat > Bucket::tat_when_empty_at(pace, from);
    if has_one_ahead { 0 } else { room.min(1) }
}

/// The next rows by priority and age. When more wait than there is room for, some room is reserved for the oldest of
/// lower priority.
async fn next_rows(context: &Context, account: AccountKey, room: usize, rel: u64) -> PortResult<Vec<BacklogRow>> {
    let head = context.store.backlog(account, room).await?;
    let reserved = reserved_slots(room, rel);
    let Some(first) = head.first().filter(|_| head.len() == room && reserved > 0) else {
        return Ok(head);
    };
    let mut lower = Vec::new();
    for priority in first.priority.lower() {
        lower.extend(context.store.backlog_of(account, priority, reserved).await?);
    }
    Ok(with_reserved(head, lower, reserved))
}

/// Clears the mark only after an empty read that began well after the mark was set, and only if it wasn't set again.
async fn clear_mark(context: &Context, account: AccountKey, bucket: &Bucket, read_at: Moment) -> PortResult<()> {
    match bucket.waiting_at {
        Some(seen) if read_at.since_ms(seen) >= WAITING_CLEARS_AFTER_MS => {
            context.store.clear_waiting(account, seen).await
        }
        _ => Ok(()),
    }
}

/// Leaves out young rows whose pin isn't written yet: a message that is sent now would find no pin.
async fn without_unwritten(
    context: &Context,
    account: AccountKey,
    rows: Vec<BacklogRow>,
    now: Moment,
) -> PortResult<Vec<BacklogRow>> {
    let is_young = |row: &BacklogRow| row.generation == 0 && now.since_ms(row.created_at) < YOUNG_MS;
    let young: Vec<PinKey> = rows.iter().filter(|row| is_young(row)).map(|row| key(account, row)).collect();
    let written = context.store.pins(&young).await?;
    let missing: Vec<PinKey> =
        young.into_iter().zip(written).filter(|(_, pin)| pin.is_none()).map(|(key, _)| key).collect();
    Ok(rows.into_iter().filter(|row| !missing.contains(&key(account, row))).collect())
}

/// Releases pins that are older than any pin may get, even while their account is paused: the publisher fails them.
async fn release_overdue(context: &Context, account: AccountKey, now: Moment) -> PortResult<usize> {
    let rows = context.store.backlog(account, OVERDUE_MAX).await?;
    let overdue: Vec<Slotted> =
        rows.into_iter().filter(|row| now.since_ms(row.created_at) > LIFETIME_MS).map(|row| (row, None)).collect();
    hand_over(context, account, &overdue).await
}

/// A row and the token that was taken for it.
type Slotted = (BacklogRow, Option<Token>);

/// Writes the next owner first (a recovery marker), then sends the messages. A row is deleted only when its message is
/// sent.
async fn hand_over(context: &Context, account: AccountKey, rows: &[Slotted]) -> PortResult<usize> {
    let now = context.system.now();
    for chunk in rows.chunks(PINS_PER_MARKER) {
        let last = chunk.iter().filter_map(|(_, token)| token.map(|token| token.slot)).max().unwrap_or(now);
        let pins = chunk.iter().map(|(row, _)| key(account, row)).collect();
        context.store.put_marker(&RecoveryMarker::new(pins, last, 0, context.system.nonce())).await?;
    }
    let messages: Vec<(PublishMessage, i64)> = rows
        .iter()
        .map(|(row, token)| {
            let message = PublishMessage::new(key(account, row), account.account, row.generation, *token);
            (message, token.map_or(0, |token| token.slot.since_ms(now).max(0)))
        })
        .collect();
    let unsent = context.queue.send(&messages).await?;
    let sent: Vec<BacklogRow> =
        rows.iter().enumerate().filter(|(index, _)| !unsent.contains(index)).map(|(_, (row, _))| row.clone()).collect();
    context.store.delete_backlog(account, &sent).await?;
    Ok(sent.len())
}

fn key(account: AccountKey, row: &BacklogRow) -> PinKey {
    PinKey { workspace: account.workspace, pin: row.pin }
}
