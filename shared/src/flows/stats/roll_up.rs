//! Rolls up the pins of the minutes that the rescuer has finished, several minutes at a time.
//!
//! Every pin is in a recovery marker when it is accepted, released from its backlog, or retried, and a worker that
//! leaves one unfinished files another marker; so whatever happens to a pin, a marker is read after it. A pin that
//! waits in the backlog from the start has no marker yet: such pins are found in the listing of the workspaces that
//! have a backlog.
//!
//! A run ends in time, however many workspaces wait: it notes after which one it stopped, and the next run continues
//! there. Nothing here keeps a pin from being published. What fails is done again by the next run, from the mark on;
//! samples that are written again change nothing.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::RangeInclusive;

use futures_util::future::try_join_all;
use futures_util::stream::{self, StreamExt, TryStreamExt};

use crate::context::Context;
use crate::domain::ids::{PinId, PinKey, WorkspaceId};
use crate::domain::recovery::{
    FILED_AFTER_MINUTES, FIRST_REACH_BACK_MINUTES, KEPT_MS, MARKER_SHARDS, Purpose, RESCAN_MINUTES, RecoveryMarker,
};
use crate::domain::stats::rollup::{MINUTES_AT_ONCE, ROLLED_UP_WITHIN_MS, RollupPage, Sample, merge};
use crate::domain::time::{MINUTE_MS, Moment, SECOND_MS};
use crate::flows::dispatch::rescue;
use crate::ports::{BegunGroup, ListedTo, OptimisticWrites, PortResult};
use crate::telemetry::{self, Metric};

/// A run ends this long before the invocation does, and takes no longer than [`RUN_MAX_MS`] in all.
const STOP_BEFORE_END_MS: i64 = 10 * SECOND_MS;
/// The longest run.
pub const RUN_MAX_MS: i64 = 20 * SECOND_MS;
/// Behind by more than this, the dashboard is out of date, and a metric says so.
const BEHIND_MAX_MINUTES: i64 = 30;
/// Workspaces that are rolled up before the remaining time is checked again.
const WORKSPACES_AT_ONCE: usize = 32;
/// Listings that are read concurrently, and pins of one that a call reads.
const LISTINGS_AT_ONCE: usize = 8;
const LISTED_AT_ONCE: usize = 500;
/// Pins of a listing that are rolled up before the remaining time is checked again.
const LISTED_MAX: usize = 5_000;
/// Pins that are read together, and how many such reads run concurrently.
const PINS_AT_ONCE: usize = 250;
const READS_AT_ONCE: usize = 4;
/// Hours that are written concurrently.
const HOURS_AT_ONCE: usize = 8;
/// Markers of released pins are at most so far ahead: a slot of the dispatcher's window, and the time after it.
const NAMED_AHEAD_MINUTES: i64 = FILED_AFTER_MINUTES + 3;
/// A write that loses its race is planned again this often.
const WRITES_MAX: usize = 8;

/// What a run did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RolledUp {
    pub minutes: i64,
    /// Samples that were found, known ones included.
    pub samples: usize,
    /// Minutes that are left, because time ran out: whole ones, and those of a group that the next run finishes.
    pub behind: i64,
}

/// Samples by workspace and hour.
type Samples = BTreeMap<(WorkspaceId, i64), HashMap<PinId, Sample>>;

/// The workspaces that have a backlog.
type Waiting = BTreeSet<WorkspaceId>;

/// Rolls up what can be rolled up. A failure is logged and counted; no other work depends on it.
pub async fn roll_up_quietly(context: &Context, ends_at_ms: i64) {
    let now = context.system.now();
    match roll_up(context, ends_at_ms).await {
        Ok(rolled_up) => report(rolled_up, now),
        Err(error) => {
            telemetry::count(Metric::RollupFailed, 1, None, now);
            tracing::error!(%error, "rollup not updated; the next run tries again");
        }
    }
}

fn report(rolled_up: RolledUp, now: Moment) {
    let behind = u64::try_from(rolled_up.behind).unwrap_or(0);
    if rolled_up.behind > BEHIND_MAX_MINUTES {
        telemetry::count(Metric::RollupBehindMinutes, behind, None, now);
        tracing::error!(behind_minutes = behind, "rollup behind: the dashboard is out of date");
    } else if rolled_up.minutes > 0 {
        tracing::info!(minutes = rolled_up.minutes, samples = rolled_up.samples, "rolled up");
    }
}

/// # Errors
/// When the table is unavailable; the mark stays before the minutes that could not be finished.
pub async fn roll_up(context: &Context, ends_at_ms: i64) -> PortResult<RolledUp> {
    let stop_at_ms = (ends_at_ms - STOP_BEFORE_END_MS).min(context.system.monotonic_ms() + RUN_MAX_MS);
    let Some(watermark) = context.store.watermark().await? else {
        return Ok(RolledUp::default());
    };
    // The rescuer still reads the minutes before, and may file their pins again.
    let closed = watermark - RESCAN_MINUTES;
    let stored = context.rollups.rolled_up().await?;
    // Of minutes before, no marker is left.
    let mut mark = stored.unwrap_or(closed - FIRST_REACH_BACK_MINUTES).max(closed - KEPT_MS / MINUTE_MS);
    let mut rolled_up = RolledUp::default();
    if closed - mark < MINUTES_AT_ONCE {
        return Ok(rolled_up);
    }
    if stored.is_none() {
        // So that the next run continues with the same minutes if this one doesn't finish them.
        context.rollups.set_rolled_up(mark).await?;
    }
    let mut begun = context.rollups.begun_group().await?;
    let accounts = context.store.waiting_accounts().await?;
    let mut waiting: Waiting = accounts.into_iter().map(|account| account.workspace).collect();
    if closed - mark >= 2 * MINUTES_AT_ONCE {
        // After an outage, pins may have left a backlog just before the minutes of their acceptance are rolled up:
        // their first markers are later ones.
        let last = context.system.now().minute() + NAMED_AHEAD_MINUTES;
        waiting.extend(named(context, closed + 1..=last).await?.into_keys());
    }
    while closed - mark >= MINUTES_AT_ONCE {
        // The first ones in any case, or a run could come no further.
        if rolled_up.minutes > 0 && context.system.monotonic_ms() > stop_at_ms {
            rolled_up.behind = closed - mark;
            break;
        }
        let group = match begun.take() {
            Some(begun) if (mark + 1..=mark + MINUTES_AT_ONCE).contains(&begun.last) => {
                Group { first: mark + 1, last: begun.last, from: Some((begun.workspace, begun.listed_to)) }
            }
            _ => Group { first: mark + 1, last: mark + MINUTES_AT_ONCE, from: None },
        };
        let done = roll_up_group(context, group, &waiting, stop_at_ms).await?;
        rolled_up.samples += done.samples;
        if let Some((workspace, listed_to)) = done.stopped_at {
            context.rollups.set_begun_group(&BegunGroup { last: group.last, workspace, listed_to }).await?;
            rolled_up.behind = closed - mark;
            break;
        }
        rolled_up.minutes += group.last - mark;
        // Only now: a run that dies before begins with the same minutes again.
        context.rollups.set_rolled_up(group.last).await?;
        mark = group.last;
    }
    Ok(rolled_up)
}

/// Minutes that are rolled up together.
#[derive(Clone, Copy)]
struct Group {
    first: i64,
    last: i64,
    /// Where an earlier run stopped.
    from: Option<StoppedAt>,
}

/// A workspace, and how far the listing of its pins is in the rollup; `None`: all of it is, and so are the workspaces
/// before.
type StoppedAt = (WorkspaceId, Option<ListedTo>);

struct GroupDone {
    samples: usize,
    /// When time ran out before the others.
    stopped_at: Option<StoppedAt>,
}

impl Group {
    /// Whether an earlier run has left the workspace to this one.
    fn is_left(&self, workspace: WorkspaceId) -> bool {
        self.from.is_none_or(|(at, listed_to)| workspace > at || (workspace == at && listed_to.is_some()))
    }

    /// How far an earlier run has come in the listing of the workspace.
    fn listed_to(&self, workspace: WorkspaceId) -> Option<ListedTo> {
        self.from.filter(|(at, _)| *at == workspace).and_then(|(_, listed_to)| listed_to)
    }
}

/// Rolls up these minutes, some workspaces at a time, in the order of their ids. At least some are done, whatever the
/// time, so that every run comes further.
async fn roll_up_group(context: &Context, group: Group, waiting: &Waiting, stop_at_ms: i64) -> PortResult<GroupDone> {
    let is_over = || context.system.monotonic_ms() > stop_at_ms;
    let mut named = named(context, group.first..=group.last).await?;
    named.retain(|workspace, _| group.is_left(*workspace));
    let all: BTreeSet<WorkspaceId> =
        named.keys().chain(waiting).copied().filter(|workspace| group.is_left(*workspace)).collect();
    let all: Vec<WorkspaceId> = all.into_iter().collect();
    let mut done = GroupDone { samples: 0, stopped_at: None };
    for (index, workspaces) in all.chunks(WORKSPACES_AT_ONCE).enumerate() {
        let (keys, long) = gather(context, group, workspaces, &mut named, waiting).await?;
        done.samples += add(context, keys).await?;
        // What is left of long listings, one after the other.
        for (workspace, mut listed_to) in long {
            loop {
                if is_over() {
                    done.stopped_at = Some((workspace, Some(listed_to)));
                    return Ok(done);
                }
                let (keys, rest) = listed(context, workspace, group, Some(listed_to)).await?;
                done.samples += add(context, keys.into_iter().collect()).await?;
                let Some(rest) = rest else { break };
                listed_to = rest;
            }
        }
        let is_last = (index + 1) * WORKSPACES_AT_ONCE >= all.len();
        if !is_last && is_over() {
            done.stopped_at = workspaces.last().map(|workspace| (*workspace, None));
            break;
        }
    }
    Ok(done)
}

/// The pins that the minutes' markers name.
async fn named(context: &Context, minutes: RangeInclusive<i64>) -> PortResult<BTreeMap<WorkspaceId, BTreeSet<PinId>>> {
    let mut named: BTreeMap<WorkspaceId, BTreeSet<PinId>> = BTreeMap::new();
    for minute in minutes {
        let shards = try_join_all((0..MARKER_SHARDS).map(|shard| context.store.markers(minute, shard))).await?;
        let is_of_pins = |row: &RecoveryMarker| matches!(row.purpose, Purpose::Rescue | Purpose::Retired);
        for key in shards.into_iter().flatten().filter(is_of_pins).flat_map(|row| row.pins) {
            named.entry(key.workspace).or_default().insert(key.pin);
        }
    }
    Ok(named)
}

/// The pins of some workspaces: those that markers name, and those that a backlog may hold. Also how far the listings
/// were read that are longer than [`LISTED_MAX`], in the order of their workspaces.
async fn gather(
    context: &Context,
    group: Group,
    workspaces: &[WorkspaceId],
    named: &mut BTreeMap<WorkspaceId, BTreeSet<PinId>>,
    waiting: &Waiting,
) -> PortResult<(BTreeSet<PinKey>, Vec<(WorkspaceId, ListedTo)>)> {
    let with_backlog: Vec<WorkspaceId> =
        workspaces.iter().copied().filter(|workspace| waiting.contains(workspace)).collect();
    let listings = stream::iter(with_backlog).map(|workspace| async move {
        let (keys, rest) = listed(context, workspace, group, group.listed_to(workspace)).await?;
        Ok((workspace, keys, rest))
    });
    let listings: Vec<_> = listings.buffered(LISTINGS_AT_ONCE).try_collect().await?;
    let (mut keys, mut long) = (BTreeSet::new(), Vec::new());
    for (workspace, listed, rest) in listings {
        keys.extend(listed);
        long.extend(rest.map(|rest| (workspace, rest)));
    }
    for workspace in workspaces {
        let pins = named.remove(workspace).unwrap_or_default();
        keys.extend(pins.into_iter().map(|pin| PinKey { workspace: *workspace, pin }));
    }
    Ok((keys, long))
}

/// Adds the samples of these pins to their hours; returns how many.
async fn add(context: &Context, keys: BTreeSet<PinKey>) -> PortResult<usize> {
    let keys: Vec<PinKey> = keys.into_iter().collect();
    let chunks: Vec<Vec<PinKey>> = keys.chunks(PINS_AT_ONCE).map(<[PinKey]>::to_vec).collect();
    let reads = stream::iter(chunks).map(|keys| read_samples(context, keys));
    let read: Vec<(WorkspaceId, Sample)> = reads.buffer_unordered(READS_AT_ONCE).try_concat().await?;
    let mut samples = Samples::new();
    for (workspace, sample) in read {
        samples.entry((workspace, sample.hour())).or_default().insert(sample.pin, sample);
    }
    let count = samples.values().map(HashMap::len).sum();
    let hours = stream::iter(samples).map(|((workspace, hour), samples)| {
        let samples: Vec<Sample> = samples.into_values().collect();
        save(context, workspace, hour, samples)
    });
    hours.buffer_unordered(HOURS_AT_ONCE).try_collect::<()>().await?;
    Ok(count)
}

/// The next pins of the workspace that were accepted in the time of which the group's markers are, after the place
/// `from`; and the place after which more follow.
async fn listed(
    context: &Context,
    workspace: WorkspaceId,
    group: Group,
    from: Option<ListedTo>,
) -> PortResult<(Vec<PinKey>, Option<ListedTo>)> {
    let (first, last) = (group.first - FILED_AFTER_MINUTES, group.last - FILED_AFTER_MINUTES);
    let by = Moment((last + 1) * MINUTE_MS - 1);
    let mut after = from.or(Some((Moment(first * MINUTE_MS), PinId(uuid::Uuid::nil()))));
    let mut keys = Vec::new();
    loop {
        let listed = context.store.listing_after(workspace, after, by, LISTED_AT_ONCE).await?;
        keys.extend(listed.iter().map(|(_, pin)| PinKey { workspace, pin: *pin }));
        if listed.len() < LISTED_AT_ONCE {
            return Ok((keys, None));
        }
        after = listed.last().copied();
        if keys.len() >= LISTED_MAX {
            return Ok((keys, after));
        }
    }
}

async fn read_samples(context: &Context, keys: Vec<PinKey>) -> PortResult<Vec<(WorkspaceId, Sample)>> {
    let now = context.system.now();
    let mut samples = Vec::with_capacity(keys.len());
    for (pin, attempt) in rescue::read_all(context, &keys).await?.into_iter().flatten() {
        let sample = Sample::of(&pin, &attempt);
        if now.since_ms(sample.created_at) > ROLLED_UP_WITHIN_MS {
            tracing::error!(pin_id = %pin.key.pin, "unfinished pin too old for a rollup; left out");
            continue;
        }
        samples.push((pin.key.workspace, sample));
    }
    Ok(samples)
}

/// Adds samples to an hour.
async fn save(context: &Context, workspace: WorkspaceId, hour: i64, mut samples: Vec<Sample>) -> PortResult<()> {
    // In the order of their acceptance: pins that end together are on few pages.
    samples.sort_unstable_by_key(|sample| (sample.created_at, sample.pin));
    let mut pages = read(context, workspace, hour).await?;
    let mut writes = OptimisticWrites::of("rollup page", WRITES_MAX);
    'anew: loop {
        writes.begin()?;
        // Read until nothing has changed meanwhile: then there was a moment at which the hour was as it is here. On
        // pages from different moments a pin could be on none, and would be added to a second one.
        let again = read(context, workspace, hour).await?;
        if again != pages {
            pages = again;
            continue;
        }
        for page in merge(again, &samples) {
            if !context.rollups.save_rollup_page(workspace, hour, &page).await?.is_done() {
                pages = read(context, workspace, hour).await?;
                continue 'anew;
            }
        }
        return Ok(());
    }
}

/// Every page of an hour, by number; nothing if none was begun.
async fn read(context: &Context, workspace: WorkspaceId, hour: i64) -> PortResult<Vec<RollupPage>> {
    let first = context.rollups.first_rollup_page(workspace, hour).await?;
    let others = context.rollups.other_rollup_pages(workspace, hour).await?;
    // The hour may have been begun between the two reads.
    Ok(first.into_iter().chain(others).collect())
}
