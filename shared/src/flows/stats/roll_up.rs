//! Rolls up the pins of the minutes that the rescuer has finished, several minutes at a time.
//!
//! Every pin is in a recovery marker when it is accepted, released from its backlog, or retried, and a worker that
//! leaves one unfinished files another marker; so whatever happens to a pin, a marker is read after it. A pin that
//! waits in the backlog from the start has no marker yet: such pins are found in the listing of the workspaces that
//! have a backlog.
//!
//! Nothing here keeps a pin from being published. What fails is done again by the next run, from the mark on; samples
//! that are written again change nothing.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use futures_util::future::try_join_all;
use futures_util::stream::{self, StreamExt, TryStreamExt};

use crate::context::Context;
use crate::domain::ids::{PinId, PinKey, WorkspaceId};
use crate::domain::recovery::{KEPT_MS, MARKER_SHARDS, Purpose, RESCAN_MINUTES, RecoveryMarker};
use crate::domain::stats::rollup::{ROLLED_UP_WITHIN_MS, RollupPage, Sample, merge};
use crate::domain::time::{MINUTE_MS, Moment, SECOND_MS};
use crate::flows::dispatch::rescue;
use crate::ports::OptimisticWrites;
use crate::ports::PortResult;
use crate::telemetry::{self, Metric};

/// Minutes rolled up at once: the more, the fewer writes a pin costs, and the more pins a reader has to read itself.
pub const MINUTES_AT_ONCE: i64 = 5;
/// A marker is filed at least this much after its pin's acceptance.
pub const ROW_AFTER_MINUTES: i64 = 2;
/// Without a mark (the very first run) the roll-up begins this far back.
const FIRST_REACH_BACK_MINUTES: i64 = 60;
/// A run ends this long before the invocation does, and takes no longer than [`RUN_MAX_MS`] in all.
const STOP_BEFORE_END_MS: i64 = 10 * SECOND_MS;
pub const RUN_MAX_MS: i64 = 20 * SECOND_MS;
/// Behind by more than this, the dashboard is out of date, and a metric says so.
const BEHIND_MAX_MINUTES: i64 = 30;
/// Markers whose pins are read together.
const ROWS_AT_ONCE: usize = 50;
/// Pins of a listing that are read together.
const LISTED_AT_ONCE: usize = 500;
/// Hours that are written concurrently.
const HOURS_AT_ONCE: usize = 8;
/// A write that loses its race is planned again this often.
const WRITES_MAX: usize = 8;

/// What a run did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RolledUp {
    pub minutes: i64,
    /// Samples that were found, known ones included.
    pub samples: usize,
    /// Minutes that are left, because time ran out.
    pub behind: i64,
}

/// Samples by workspace and hour.
type Samples = BTreeMap<(WorkspaceId, i64), HashMap<PinId, Sample>>;

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
    let mark = context.rollups.rolled_up().await?.unwrap_or(closed - FIRST_REACH_BACK_MINUTES);
    // Of minutes before, no marker is left.
    let mut mark = mark.max(closed - KEPT_MS / MINUTE_MS);
    let mut rolled_up = RolledUp::default();
    while closed - mark >= MINUTES_AT_ONCE {
        if context.system.monotonic_ms() > stop_at_ms {
            rolled_up.behind = closed - mark;
            break;
        }
        let next = mark + MINUTES_AT_ONCE;
        let samples = gather(context, mark + 1, next).await?;
        rolled_up.samples += samples.values().map(HashMap::len).sum::<usize>();
        rolled_up.minutes += next - mark;
        let hours = stream::iter(samples).map(|((workspace, hour), samples)| {
            let samples: Vec<Sample> = samples.into_values().collect();
            save(context, workspace, hour, samples)
        });
        hours.buffer_unordered(HOURS_AT_ONCE).try_collect::<()>().await?;
        // Only now: a run that dies before begins with the same minutes again.
        context.rollups.set_rolled_up(next).await?;
        mark = next;
    }
    Ok(rolled_up)
}

/// The samples of these minutes' markers and of the backlogs of that time.
async fn gather(context: &Context, first: i64, last: i64) -> PortResult<Samples> {
    let mut samples = Samples::new();
    for minute in first..=last {
        let shards = try_join_all((0..MARKER_SHARDS).map(|shard| context.store.markers(minute, shard))).await?;
        let rows: Vec<RecoveryMarker> = shards
            .into_iter()
            .flatten()
            .filter(|row| matches!(row.purpose, Purpose::Rescue | Purpose::Retired))
            .collect();
        for chunk in rows.chunks(ROWS_AT_ONCE) {
            let mut keys: Vec<PinKey> = chunk.iter().flat_map(|row| row.pins.iter().copied()).collect();
            keys.sort_unstable();
            keys.dedup();
            add(context, &keys, &mut samples).await?;
        }
    }
    let accounts = context.store.waiting_accounts().await?;
    let waiting: BTreeSet<WorkspaceId> = accounts.into_iter().map(|account| account.workspace).collect();
    for workspace in waiting {
        add_listed(context, workspace, first - ROW_AFTER_MINUTES, last - ROW_AFTER_MINUTES, &mut samples).await?;
    }
    Ok(samples)
}

/// Adds the workspace's pins that were accepted from minute `first` to `last` and have no sample yet.
async fn add_listed(
    context: &Context,
    workspace: WorkspaceId,
    first: i64,
    last: i64,
    samples: &mut Samples,
) -> PortResult<()> {
    let by = Moment((last + 1) * MINUTE_MS - 1);
    let mut after = Some((Moment(first * MINUTE_MS), PinId(uuid::Uuid::nil())));
    loop {
        let listed = context.store.listing_after(workspace, after, by, LISTED_AT_ONCE).await?;
        let is_new = |pin: PinId, at: Moment| {
            let of_hour = samples.get(&(workspace, crate::domain::stats::rollup::hour(at)));
            of_hour.is_none_or(|samples| !samples.contains_key(&pin))
        };
        let keys: Vec<PinKey> = listed
            .iter()
            .filter(|(at, pin)| is_new(*pin, *at))
            .map(|(_, pin)| PinKey { workspace, pin: *pin })
            .collect();
        add(context, &keys, samples).await?;
        if listed.len() < LISTED_AT_ONCE {
            return Ok(());
        }
        after = listed.last().copied();
    }
}

async fn add(context: &Context, keys: &[PinKey], samples: &mut Samples) -> PortResult<()> {
    if keys.is_empty() {
        return Ok(());
    }
    let now = context.system.now();
    for (pin, attempt) in rescue::read_all(context, keys).await?.into_iter().flatten() {
        let sample = Sample::of(&pin, &attempt);
        if now.since_ms(sample.created_at) > ROLLED_UP_WITHIN_MS {
            tracing::error!(pin_id = %pin.key.pin, "unfinished pin too old for a rollup; left out");
            continue;
        }
        let of_hour = samples.entry((pin.key.workspace, sample.hour())).or_default();
        // Markers of several minutes may name it; the later revision is the right one.
        if of_hour.get(&sample.pin).is_none_or(|known| known.rev <= sample.rev) {
            of_hour.insert(sample.pin, sample);
        }
    }
    Ok(())
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
            if !context.rollups.save_rollup_page(workspace, hour, &page).await? {
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
