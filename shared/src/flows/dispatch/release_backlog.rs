//! Releases deferred pins: for each account with a backlog, as many as the coming window has tokens, most urgent first,
//! each into its own second. Accounts of the same Pinterest user get that user's tokens in turns.

use std::collections::{BTreeMap, VecDeque};

use futures_util::future::{join_all, try_join_all};
use futures_util::stream::{self, StreamExt};

use crate::context::Context;
use crate::domain::ids::{AccountKey, PinKey};
use crate::domain::message::PublishMessage;
use crate::domain::pacing::backlog::{BacklogRow, deal, reserved_slots, with_reserved};
use crate::domain::pacing::bucket::{
    Bucket, CROWDED_FOR_MS, DISPATCH_HORIZON_MS, Take, Token, WAITING_CLEARS_AFTER_MS,
};
use crate::domain::pacing::budget::{DaySpending, Request};
use crate::domain::pacing::pacer::Pacer;
use crate::domain::pin::LIFETIME_MS;
use crate::domain::recovery::{PINS_PER_MARKER, RecoveryMarker};
use crate::domain::time::{Moment, SECOND_MS};
use crate::flows::pacing::budget_left;
use crate::flows::pacing::mend_bucket::mended;
use crate::ports::{OptimisticWrites, PortResult, Taken};
use crate::telemetry::{self, Metric};

/// Releasing stops this long before the invocation ends: the rescuer has its share of every run.
const LEAVE_FOR_THE_REST_MS: i64 = 25 * SECOND_MS;
/// Accounts, or users with several accounts, worked on concurrently.
const ACCOUNTS_AT_ONCE: usize = 16;
/// Rows of a user in a run; at the default pace a window holds 100.
const ROWS_MAX: usize = 1_000;
/// An account on hold is tried with one of so many pins.
const TRIED_AMONG: usize = 50;
/// A release that loses its race for the bucket is planned again this often.
const TAKE_ATTEMPTS: usize = 4;
/// A row this young may belong to an acceptance that is still writing its pin.
const YOUNG_MS: i64 = 30 * SECOND_MS;
/// Overdue pins are released, without tokens, in batches of this size.
const OVERDUE_MAX: usize = 100;

/// Releases every account's due pins; returns how many. A failure of one account stops no other user's.
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
    let mut users: BTreeMap<Pacer, Vec<(Member, Bucket)>> = BTreeMap::new();
    let mut released = 0;
    let turns = accounts.into_iter().map(|account| async move {
        if context.system.monotonic_ms() > stop_at_ms {
            return Turn::Released(0);
        }
        let member = Member { account, allowed: allowed(context, account, spending) };
        release_own(context, member).await.unwrap_or_else(|error| {
            report(context, account, error.port(), &error);
            Turn::Released(0)
        })
    });
    let mut turns = stream::iter(turns).buffer_unordered(ACCOUNTS_AT_ONCE);
    while let Some(turn) = turns.next().await {
        match turn {
            Turn::Released(count) => released += count,
            Turn::Shares(pacer, member, bucket) => users.entry(pacer).or_default().push((member, *bucket)),
        }
    }
    let releases = users.into_values().map(|mut members| async move {
        if context.system.monotonic_ms() > stop_at_ms {
            return 0;
        }
        // Another account has the first turn each minute: a window may have a single token.
        members.sort_by_key(|(member, _)| member.account);
        let first = usize::try_from(context.system.now().minute()).unwrap_or(0) % members.len();
        members.rotate_left(first);
        // Accounts read the shared bucket at different times, so it is read once more.
        let (members, mut buckets): (Vec<Member>, Vec<Bucket>) = members.into_iter().unzip();
        let read = buckets.pop().filter(|_| members.len() == 1);
        release(context, &members, read).await.unwrap_or_else(|error| {
            members.iter().for_each(|member| report(context, member.account, error.port(), &error));
            0
        })
    });
    let mut releases = stream::iter(releases).buffer_unordered(ACCOUNTS_AT_ONCE);
    while let Some(count) = releases.next().await {
        released += count;
    }
    telemetry::count(Metric::BacklogReleased, released as u64, None, context.system.now());
    Ok(released)
}

/// An account whose pins wait.
#[derive(Clone, Copy)]
struct Member {
    account: AccountKey,
    /// How many pins the day's budget allows its workspace.
    allowed: usize,
}

enum Turn {
    Released(usize),
    /// The account takes the tokens of this user: all of them are released together.
    Shares(Pacer, Member, Box<Bucket>),
}

/// Pins of a workspace that has spent the day's budget would be deferred again.
fn allowed(context: &Context, account: AccountKey, spending: Option<&DaySpending>) -> usize {
    let request = Request::Create(account.workspace);
    spending.map_or(usize::MAX, |day| day.allowance(context.settings.daily_budget, request) as usize)
}

fn report(context: &Context, account: AccountKey, port: &'static str, error: &dyn std::fmt::Display) {
    telemetry::count_failed_work("dispatcher", port, context.system.now());
    tracing::warn!(
        workspace_id = %account.workspace, account_id = %account.account, port, %error,
        "backlog not released; the next tick tries again"
    );
}

/// Releases the pins of an account that has a bucket of its own.
async fn release_own(context: &Context, member: Member) -> PortResult<Turn> {
    let bucket = context.store.bucket(member.account).await?;
    match bucket.pacer.clone() {
        Some(pacer) => Ok(Turn::Shares(pacer, member, Box::new(bucket))),
        None => release(context, &[member], Some(bucket)).await.map(Turn::Released),
    }
}

/// Releases the next pins of accounts that take their tokens from the same bucket. `read`: the bucket of the first one,
/// if it was just read.
async fn release(context: &Context, members: &[Member], mut read: Option<Bucket>) -> PortResult<usize> {
    let mut takes = OptimisticWrites::of("pacing row", TAKE_ATTEMPTS);
    let mut released = 0;
    while takes.has_round() {
        let now = context.system.now();
        let buckets = match read.take() {
            Some(bucket) => vec![bucket],
            None => try_join_all(members.iter().map(|member| context.store.bucket(member.account))).await?,
        };
        let buckets = members.iter().zip(buckets).map(|(member, bucket)| mended(context, member.account, bucket));
        let buckets = try_join_all(buckets).await?;
        let (mut open, mut closed) = (Vec::new(), Vec::new());
        for (member, bucket) in members.iter().zip(&buckets) {
            let most = most(bucket, member.allowed, now);
            if most > 0 { open.push((member.account, bucket, most)) } else { closed.push(member.account) }
        }
        for account in closed {
            released += release_overdue(context, account, now).await?;
        }
        let Some((first, shared, _)) = open.first().copied() else { return Ok(released) };
        // A pause that ends within the window only delays the start.
        let (from, until) = (shared.pinterest_opens_at(now), now.plus_ms(DISPATCH_HORIZON_MS));
        let pace = shared.pace(&context.settings.pace, now);
        let room = (shared.tokens_until(&pace, from, until) as usize).min(ROWS_MAX);
        if room == 0 {
            crowd(context, shared, &open, now).await?;
            return Ok(released);
        }
        let waiting = open.iter().map(|(account, bucket, most)| async move {
            // An account that can't be read doesn't stop the others.
            waiting(context, *account, bucket, room.min(*most)).await.unwrap_or_else(|error| {
                report(context, *account, error.port(), &error);
                Vec::new()
            })
        });
        let waiting = join_all(waiting).await;
        let turns = deal(&waiting.iter().map(Vec::len).collect::<Vec<_>>(), room);
        let mut rows = try_join_all(waiting.into_iter().enumerate().map(|(index, rows)| {
            let share = turns.iter().filter(|turn| **turn == index).count();
            let (account, bucket, most) = open[index];
            // More rows may wait than were read, or than get a slot.
            let is_cut = rows.len() >= room.min(most) || rows.len() > share;
            let head = rows.into_iter().take(share).collect();
            claim(context, account, head, is_cut, bucket.rel)
        }))
        .await?;
        // One whose release another dispatcher has begun meanwhile has no rows.
        let turns: Vec<usize> = turns.into_iter().filter(|turn| !rows[*turn].is_empty()).collect();
        let Some(count) = u32::try_from(turns.len()).ok().filter(|count| *count > 0) else { return Ok(released) };
        let is_crowded = shared.pacer.is_some() && turns.len() >= room;
        let take = Take {
            crowds_until: is_crowded.then(|| now.plus_ms(CROWDED_FOR_MS)),
            ..Take::plan(shared, &pace, from, count, DISPATCH_HORIZON_MS, context.nonce())
        };
        if let Taken::Tokens(tokens) = context.store.take(first, &take).await? {
            let mut slotted: Vec<Vec<Slotted>> = open.iter().map(|_| Vec::new()).collect();
            for (turn, token) in turns.into_iter().zip(tokens) {
                if let Some(row) = rows[turn].pop_front() {
                    slotted[turn].push((row, Some(token)));
                }
            }
            for ((account, ..), slotted) in open.iter().zip(slotted) {
                match hand_over(context, *account, &slotted).await {
                    Ok(count) => released += count,
                    // The rows stay where they are. The other accounts' go out all the same.
                    Err(error) => report(context, *account, error.port(), &error),
                }
            }
            return Ok(released);
        }
        // Acceptance was quicker.
        crowd(context, shared, &open, now).await?;
    }
    Ok(released)
}

/// Keeps new pins of the user's accounts to their backlogs when pins wait and there is no token for them: otherwise an
/// account whose pins find a slot at once, one by one, would leave none to the others.
async fn crowd(
    context: &Context,
    shared: &Bucket,
    open: &[(AccountKey, &Bucket, usize)],
    now: Moment,
) -> PortResult<()> {
    let Some(pacer) = &shared.pacer else { return Ok(()) };
    for (account, ..) in open {
        if !context.store.backlog(*account, 1).await?.is_empty() {
            return context.store.crowd(pacer, now.plus_ms(CROWDED_FOR_MS)).await;
        }
    }
    Ok(())
}

/// The most rows of the account that may be released. An account on hold is tried with a single pin once the hold's
/// first part has ended. (Not earlier: a token ahead of time would keep the user's other accounts waiting.)
fn most(bucket: &Bucket, allowed: usize, now: Moment) -> usize {
    let is_paused_far = bucket.pinterest_opens_at(now) > now.plus_ms(DISPATCH_HORIZON_MS);
    match &bucket.hold {
        _ if is_paused_far => 0,
        Some(hold) if hold.until > now => 0,
        Some(_) => allowed.min(1),
        None => allowed,
    }
}

/// The first `limit` rows that wait. Clears the account's mark when none does.
async fn waiting(context: &Context, account: AccountKey, bucket: &Bucket, limit: usize) -> PortResult<Vec<BacklogRow>> {
    let read_at = context.system.now();
    let is_tried = bucket.is_on_hold();
    let rows = context.store.backlog(account, if is_tried { TRIED_AMONG } else { limit }).await?;
    if rows.is_empty() {
        clear_mark(context, account, bucket, read_at).await?;
    }
    let mut rows = without_unwritten(context, account, rows, read_at).await?;
    if is_tried {
        let next = tried_next(bucket, &rows);
        rows.rotate_left(next);
        rows.truncate(limit);
    }
    Ok(rows)
}

/// Which of the rows tries an account on hold: the one after the pin that tried it last. What Pinterest refuses may be
/// that pin, and not the account.
fn tried_next(bucket: &Bucket, rows: &[BacklogRow]) -> usize {
    let tried = bucket.hold.as_ref().and_then(|hold| hold.by);
    // (A pin may have a row of an earlier generation before its own: one whose deletion failed.)
    match rows.iter().rposition(|row| Some(row.pin) == tried) {
        Some(last) => (last + 1) % rows.len(),
        // It left the backlog. Releases are counted, so it isn't always the first one's turn.
        None => usize::try_from(bucket.rel).unwrap_or(0) % rows.len().max(1),
    }
}

/// Claims the account's rows for this release; none, when another dispatcher has released since the account was read.
/// `head` has the next rows by priority and age. When more wait (`is_cut`), some room goes to the oldest of lower
/// priority.
async fn claim(
    context: &Context,
    account: AccountKey,
    head: Vec<BacklogRow>,
    is_cut: bool,
    rel: u64,
) -> PortResult<VecDeque<BacklogRow>> {
    let rows = if is_cut { with_lower(context, account, head, rel).await? } else { head };
    if rows.is_empty() || !context.store.claim_release(account, rel).await?.is_done() {
        return Ok(VecDeque::new());
    }
    Ok(rows.into())
}

/// The rows of `head`, of which some make room for the oldest of lower priority.
async fn with_lower(
    context: &Context,
    account: AccountKey,
    head: Vec<BacklogRow>,
    rel: u64,
) -> PortResult<Vec<BacklogRow>> {
    let reserved = reserved_slots(head.len(), rel);
    let Some(first) = head.first().filter(|_| reserved > 0) else {
        return Ok(head);
    };
    let mut lower = Vec::new();
    for priority in first.priority.lower() {
        lower.extend(context.store.backlog_of(account, priority, reserved).await?);
    }
    let lower = without_unwritten(context, account, lower, context.system.now()).await?;
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
