//! The dashboard's metrics of a period: from the rollup's sums, and from the pins themselves where the rollup may be
//! behind.
//!
//! Three sources, none of which counts a pin twice: the sums of an hour, or instead of them its samples (where the
//! period cuts a quarter of an hour, where pins are unfinished, and for the latest hours), or instead of a pin's sample
//! the pin itself, if it is unfinished or newer than the rollup.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use futures_util::future::try_join;
use futures_util::stream::{self, StreamExt, TryStreamExt};

use super::roll_up::{MINUTES_AT_ONCE, ROW_AFTER_MINUTES};
use crate::context::Context;
use crate::domain::ids::{PinId, PinKey, WorkspaceId};
use crate::domain::pin::attempt::Status;
use crate::domain::recovery::RESCAN_MINUTES;
use crate::domain::stats::metrics::{DashboardMetrics, Scope};
use crate::domain::stats::period::Period;
use crate::domain::stats::rollup::{
    ENDS_WITHIN_MS, End, QUARTER_MS, SAMPLES_KEPT_MS, Sample, Sums, hour, quarter, quarter_start,
};
use crate::domain::time::{DAY_MS, MINUTE_MS, Moment};
use crate::ports::PortResult;

/// Pins that are read themselves; the newest ones first.
pub const LIVE_MAX: usize = 1_000;
/// Pins of the listing that are compared with the rollup.
const LISTED_MAX: usize = 4_000;
/// Hours whose samples are read instead of their sums.
pub const HOURS_BY_SAMPLE_MAX: usize = 100;
/// Pins that are read together, and how many such reads run concurrently.
const PINS_AT_ONCE: usize = 50;
const READS_AT_ONCE: usize = 8;
/// Markers are filed up to this long after their pin's acceptance (a slot, a schedule's look-ahead), clock differences
/// included.
const FILED_WITHIN_MINUTES: i64 = ROW_AFTER_MINUTES + 5;
/// How far back pins are read themselves, however long the rollup hasn't been updated.
const LIVE_WITHIN_MS: i64 = DAY_MS;
/// A listing's entry may be a moment ahead of our clock.
const AHEAD_MS: i64 = MINUTE_MS;

/// The metrics, and how exact they are.
#[derive(Clone, Debug)]
pub struct Summary {
    pub metrics: DashboardMetrics,
    /// More pins are newer than the rollup than are read: the metrics leave some of them out.
    pub is_at_least: bool,
    /// More pins are unfinished than are read: the states of the others are those of the last roll-up, and count as
    /// deferred.
    pub is_waiting_estimated: bool,
    /// The period cuts a quarter of an hour that is too long ago to be counted exactly: it counts whole if it began in
    /// the period.
    pub is_rounded: bool,
}

/// What was read of the rollup so far.
struct Book {
    sums: BTreeMap<i64, Sums>,
    samples: HashMap<PinId, Sample>,
    /// Hours that are counted by their samples.
    by_sample: BTreeSet<i64>,
}

/// # Errors
/// When the table is unavailable.
pub async fn summary(context: &Context, workspace: WorkspaceId, period: &Period, scope: Scope) -> PortResult<Summary> {
    let now = context.system.now();
    let rolled_up = context.rollups.rolled_up().await?;
    // Without a rollup, the pins that the first roll-up would begin with are read.
    let rolled_up = rolled_up.unwrap_or_else(|| now.minute() - MINUTES_AT_ONCE - RESCAN_MINUTES);
    let needed_from = Moment((rolled_up + 1 - FILED_WITHIN_MINUTES) * MINUTE_MS);
    let live_from = needed_from.max(now.plus_ms(-LIVE_WITHIN_MS));
    let sums = read_sums(context, workspace, period, now).await?;
    let (by_sample, is_rounded) = by_sample(&sums, period, live_from, now);
    let samples = read_samples(context, workspace, &by_sample).await?;
    let mut book = Book { sums, samples, by_sample };
    let live = read_live(context, workspace, &mut book, live_from, now).await?;
    let mut metrics = DashboardMetrics::new(period, scope);
    for (hour, sums) in book.sums.iter().filter(|(hour, _)| !book.by_sample.contains(hour)) {
        metrics.add_sums(*hour, sums);
    }
    for sample in book.samples.values() {
        metrics.add(sample, live.states.get(&sample.pin).copied());
    }
    let is_waiting_estimated = metrics.has_estimated();
    Ok(Summary { metrics, is_at_least: live.is_cut || live_from > needed_from, is_waiting_estimated, is_rounded })
}

/// The sums of every hour whose pins may count: accepted or ended in the period or the one before it, or unfinished
/// now.
async fn read_sums(
    context: &Context,
    workspace: WorkspaceId,
    period: &Period,
    now: Moment,
) -> PortResult<BTreeMap<i64, Sums>> {
    let first = hour(period.previous_start().plus_ms(-ENDS_WITHIN_MS));
    // A pin may end a little before its acceptance, by clocks that differ.
    let last = hour(period.end.plus_ms(QUARTER_MS));
    let (open_first, open_last) = (hour(now.plus_ms(-ENDS_WITHIN_MS)), hour(now.plus_ms(QUARTER_MS)));
    let mut sums: BTreeMap<i64, Sums> = BTreeMap::new();
    if last >= open_first && first <= open_last {
        sums.extend(context.rollups.sums(workspace, first.min(open_first), last.max(open_last)).await?);
    } else {
        sums.extend(context.rollups.sums(workspace, first, last).await?);
        sums.extend(context.rollups.sums(workspace, open_first, open_last).await?);
    }
    Ok(sums)
}

/// The hours that are counted by their samples, and whether there are others that should be.
fn by_sample(sums: &BTreeMap<i64, Sums>, period: &Period, live_from: Moment, now: Moment) -> (BTreeSet<i64>, bool) {
    let cut: Vec<i64> = [period.previous_start(), period.start, period.end]
        .into_iter()
        .filter(|edge| edge.0.rem_euclid(QUARTER_MS) != 0 && *edge <= now)
        .map(quarter)
        .collect();
    let is_cut =
        |of: i64, sums: &Sums| cut.iter().any(|quarter| hour(quarter_start(*quarter)) == of || sums.ended_in(*quarter));
    let kept_from = hour(now.plus_ms(DAY_MS - SAMPLES_KEPT_MS));
    let (mut by_sample, mut is_rounded) = (BTreeSet::new(), false);
    for (of, sums) in sums.iter().rev() {
        let is_cut = is_cut(*of, sums);
        if *of < hour(live_from) && !is_cut && !sums.has_open() {
            continue;
        }
        if *of < kept_from || by_sample.len() >= HOURS_BY_SAMPLE_MAX {
            is_rounded |= is_cut;
            continue;
        }
        by_sample.insert(*of);
    }
    // Hours that the rollup doesn't have yet.
    by_sample.extend(hour(live_from)..=hour(now.plus_ms(AHEAD_MS)));
    (by_sample, is_rounded)
}

async fn read_samples(
    context: &Context,
    workspace: WorkspaceId,
    hours: &BTreeSet<i64>,
) -> PortResult<HashMap<PinId, Sample>> {
    let pages = stream::iter(hours.iter().copied()).map(|hour| async move {
        let first = context.rollups.first_rollup_page(workspace, hour).await?;
        // Further pages are begun after the first one.
        let others = match &first {
            Some(_) => context.rollups.other_rollup_pages(workspace, hour).await?,
            None => Vec::new(),
        };
        PortResult::Ok(first.into_iter().chain(others).flat_map(|page| page.samples).collect::<Vec<Sample>>())
    });
    let samples: Vec<Vec<Sample>> = pages.buffer_unordered(READS_AT_ONCE).try_collect().await?;
    Ok(samples.into_iter().flatten().map(|sample| (sample.pin, sample)).collect())
}

/// Pins as they are now.
struct Live {
    states: HashMap<PinId, Status>,
    /// Some of the newest were not read.
    is_cut: bool,
}

/// Replaces samples by the pins' own states: of pins that the rollup may not have yet, and of unfinished and failed
/// ones.
async fn read_live(
    context: &Context,
    workspace: WorkspaceId,
    book: &mut Book,
    live_from: Moment,
    now: Moment,
) -> PortResult<Live> {
    let before = Some((live_from.plus_ms(-1), PinId(uuid::Uuid::max())));
    let by = now.plus_ms(AHEAD_MS);
    let (mut listed, deleted) = try_join(
        context.store.listing_after(workspace, before, by, LISTED_MAX),
        // Deleted pins count with the state that they had before.
        context.store.deleted_after(workspace, before, by, LISTED_MAX),
    )
    .await?;
    let is_long = listed.len() >= LISTED_MAX || deleted.len() >= LISTED_MAX;
    listed.extend(deleted);
    let is_final = |pin: &PinId| matches!(book.samples.get(pin).map(|f| f.end), Some(End::Published(_) | End::Deleted));
    let mut wanted: Vec<(Moment, PinId)> = listed.iter().filter(|(_, pin)| !is_final(pin)).copied().collect();
    let fresh: BTreeSet<PinId> = wanted.iter().map(|(_, pin)| *pin).collect();
    // A failed pin may have been retried.
    let changeable =
        |sample: &&Sample| matches!(sample.end, End::Open | End::Failed(_)) && !fresh.contains(&sample.pin);
    wanted.extend(book.samples.values().filter(changeable).map(|sample| (sample.created_at, sample.pin)));
    // First the pins that aren't counted yet, then those that wait; of these the newest.
    let is_known = |pin: &PinId| book.samples.contains_key(pin);
    let class = |pin: &PinId| match book.samples.get(pin).map(|sample| sample.end) {
        None => 0,
        Some(End::Open) => 1,
        Some(_) => 2,
    };
    wanted.sort_unstable_by_key(|(at, pin)| (class(pin), std::cmp::Reverse((*at, *pin))));
    let is_cut = is_long || wanted.get(LIVE_MAX).is_some_and(|(_, pin)| !is_known(pin));
    wanted.truncate(LIVE_MAX);
    let keys: Vec<PinKey> = wanted.into_iter().map(|(_, pin)| PinKey { workspace, pin }).collect();
    let chunks: Vec<Vec<PinKey>> = keys.chunks(PINS_AT_ONCE).map(<[PinKey]>::to_vec).collect();
    let reads = stream::iter(chunks).map(|keys| async move { context.store.pins(&keys).await });
    let read: Vec<_> = reads.buffer_unordered(READS_AT_ONCE).try_collect().await?;
    let mut states = HashMap::new();
    for (pin, attempt) in read.into_iter().flatten().flatten() {
        let sample = Sample::of(&pin, &attempt);
        if book.by_sample.contains(&sample.hour())
            && book.samples.get(&sample.pin).is_none_or(|known| known.rev <= sample.rev)
        {
            book.samples.insert(sample.pin, sample);
            states.insert(sample.pin, attempt.status);
        }
    }
    Ok(Live { states, is_cut })
}
