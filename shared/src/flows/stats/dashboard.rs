//! The dashboard's metrics of a period: from the rollup's sums, and from what the rollup may not have yet.
//!
//! Sources, none of which counts a pin twice: the sums of an hour, or instead of them its samples (where the period
//! cuts a quarter of an hour, where pins are unfinished, and for the latest hours). Instead of a pin's sample counts a
//! later one of the recent outcomes. A pin whose end none of them has is in a backlog, or its own rows are read.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use futures_util::future::try_join;
use futures_util::stream::{self, StreamExt, TryStreamExt};

use super::unrolled::{self, LIVE_WITHIN_MS, Unrolled};
use crate::context::Context;
use crate::domain::ids::{PinId, PinKey, WorkspaceId};
use crate::domain::pin::attempt::Status;
use crate::domain::pin::listing::{Entry, Order, Span, Tag};
use crate::domain::stats::metrics::{DashboardMetrics, Scope};
use crate::domain::stats::period::Period;
use crate::domain::stats::rollup::{
    ENDS_WITHIN_MS, End, QUARTER_MS, SAMPLES_KEPT_MS, Sample, Sums, hour, quarter, quarter_start,
};
use crate::domain::time::{DAY_MS, MINUTE_MS, Moment};
use crate::ports::PortResult;

/// Pins that are read themselves; the newest ones first. A burst of as many is counted exactly while it waits in the
/// queue.
pub const LIVE_MAX: usize = 10_000;
/// Up to this many unfinished pins are read one by one. Of more, those in a backlog are counted by their rows there.
pub const ONE_BY_ONE_MAX: usize = 1_000;
/// Pins of the listing that are compared with the rollup, and how many are listed at once.
pub const LISTED_MAX: usize = 20_000;
const LISTED_AT_ONCE: usize = 4_000;
/// Hours whose samples are read instead of their sums.
pub const HOURS_BY_SAMPLE_MAX: usize = 100;
/// Pins that are read together, and how many such reads run concurrently.
const PINS_AT_ONCE: usize = 50;
const READS_AT_ONCE: usize = 8;
/// A listing's entry may be a moment ahead of our clock.
const AHEAD_MS: i64 = MINUTE_MS;

/// The metrics, and how exact they are.
#[derive(Clone, Debug)]
pub struct Summary {
    pub metrics: DashboardMetrics,
    /// More pins are newer than the rollup, and have not ended as far as is known, than are read: some of those that
    /// count as waiting may have ended, or the oldest of them are left out.
    pub is_at_least: bool,
    /// More pins are unfinished than are read: the others count as deferred.
    pub is_waiting_estimated: bool,
    /// The period cuts a quarter of an hour that is too long ago to be counted exactly: it counts whole if it began in
    /// the period.
    pub is_rounded: bool,
}

impl Summary {
    /// Whether every pin was counted with its own state.
    pub fn is_exact(&self) -> bool {
        !self.is_at_least && !self.is_waiting_estimated
    }
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
    // The mark first: what is rolled up between the two reads is then read twice, and not missed.
    let unrolled = unrolled::read(context, workspace).await?;
    let sums = read_sums(context, workspace, period, now).await?;
    let live_from = unrolled.from.max(now.plus_ms(-LIVE_WITHIN_MS));
    let touched: BTreeSet<i64> = unrolled.recent.samples().map(Sample::hour).collect();
    let (by_sample, is_rounded) = by_sample(&sums, period, live_from, now, &touched);
    let samples = unrolled::samples(context, workspace, &by_sample).await?;
    let mut book = Book { sums, samples, by_sample };
    book.add_recent(&unrolled);
    let live = read_live(context, workspace, &scope, &mut book, &unrolled, live_from, now).await?;
    let mut metrics = DashboardMetrics::new(period, scope).read_from(now);
    for (hour, sums) in book.sums.iter().filter(|(hour, _)| !book.by_sample.contains(hour)) {
        metrics.add_sums(*hour, sums);
    }
    for sample in book.samples.values() {
        metrics.add(sample, live.states.get(&sample.pin).copied());
    }
    live.unread.iter().for_each(|accepted_at| metrics.add_unread(*accepted_at));
    let is_waiting_estimated = metrics.has_estimated();
    Ok(Summary { metrics, is_at_least: live.is_cut || live_from > unrolled.from, is_waiting_estimated, is_rounded })
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

/// The hours that are counted by their samples, and whether there are others that should be. `touched`: the hours of
/// recent outcomes.
fn by_sample(
    sums: &BTreeMap<i64, Sums>,
    period: &Period,
    live_from: Moment,
    now: Moment,
    touched: &BTreeSet<i64>,
) -> (BTreeSet<i64>, bool) {
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
        if *of < hour(live_from) && !is_cut && !sums.has_open() && !touched.contains(of) {
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

impl Book {
    /// Replaces samples by the recent ones that are later.
    fn add_recent(&mut self, unrolled: &Unrolled) {
        for recent in unrolled.recent.samples().filter(|recent| recent.end != End::Open) {
            if self.by_sample.contains(&recent.hour()) {
                let known = self.samples.entry(recent.pin).or_insert(*recent);
                *known = unrolled.recent.or(*known);
            }
        }
    }

    /// Whether the pin is known to have ended, and not to be retried.
    fn has_ended(&self, pin: PinId, unrolled: &Unrolled) -> bool {
        self.samples.get(&pin).is_some_and(|sample| sample.end != End::Open) && !unrolled.recent.is_reopened(pin)
    }
}

/// Pins as they are now.
#[derive(Default)]
struct Live {
    states: HashMap<PinId, Status>,
    /// When pins were accepted of which nothing else is known: there were too many to read.
    unread: Vec<Moment>,
    /// Some pins were not read.
    is_cut: bool,
}

/// A pin that may be unfinished.
#[derive(Clone, Copy)]
struct Candidate {
    at: Moment,
    pin: PinId,
    /// Whether the book has no sample of it.
    is_fresh: bool,
}

/// Replaces samples by the pins' own states: of pins that the rollup may not have yet, and of those that may be
/// unfinished.
async fn read_live(
    context: &Context,
    workspace: WorkspaceId,
    scope: &Scope,
    book: &mut Book,
    unrolled: &Unrolled,
    live_from: Moment,
    now: Moment,
) -> PortResult<Live> {
    let by = now.plus_ms(AHEAD_MS);
    // Pins that were rolled up while they waited may have been deleted since.
    let open = book.samples.values().filter(|sample| sample.end == End::Open).map(|sample| sample.created_at);
    let deleted_from = open.min().map_or(live_from, |oldest| oldest.min(live_from));
    let before = Some((deleted_from.plus_ms(-1), PinId(uuid::Uuid::max())));
    let (listed, deleted) = try_join(
        list(context, workspace, live_from, by, scope),
        // Deleted pins count with the state that they had before.
        context.store.deleted_after(workspace, before, by, LISTED_MAX),
    )
    .await?;
    let mut live = Live { is_cut: listed.is_cut || deleted.len() >= LISTED_MAX, ..Live::default() };
    let deleted: Vec<(Moment, PinId)> =
        deleted.into_iter().filter(|(at, _)| book.by_sample.contains(&hour(*at))).collect();
    let hidden: BTreeSet<PinId> = deleted.iter().map(|(_, pin)| *pin).collect();
    let accepted = listed.entries.iter().map(|entry| (entry.position.at, entry.position.pin)).chain(deleted);
    let mut candidates: Vec<Candidate> = accepted
        .filter(|(_, pin)| !book.has_ended(*pin, unrolled))
        .map(|(at, pin)| Candidate { at, pin, is_fresh: !book.samples.contains_key(&pin) })
        .collect();
    let listed: BTreeSet<PinId> = candidates.iter().map(|candidate| candidate.pin).collect();
    let others = book.samples.values().filter(|sample| {
        !listed.contains(&sample.pin) && !book.has_ended(sample.pin, unrolled) && scope.has(sample.account)
    });
    candidates.extend(others.map(|sample| Candidate { at: sample.created_at, pin: sample.pin, is_fresh: false }));
    if candidates.len() > ONE_BY_ONE_MAX {
        count_backlogs(context, workspace, scope, book, &mut candidates, &hidden, &mut live).await?;
    }
    // First the pins that aren't counted yet, then those that wait; of these the newest.
    candidates.sort_unstable_by_key(|of| (!of.is_fresh, std::cmp::Reverse((of.at, of.pin))));
    for unread in candidates.iter().skip(LIVE_MAX) {
        match book.samples.get_mut(&unread.pin) {
            // It may have been retried.
            Some(sample) => sample.end = End::Open,
            None => {
                live.unread.push(unread.at);
                live.is_cut = true;
            }
        }
    }
    candidates.truncate(LIVE_MAX);
    let keys: Vec<PinKey> = candidates.into_iter().map(|of| PinKey { workspace, pin: of.pin }).collect();
    let chunks: Vec<Vec<PinKey>> = keys.chunks(PINS_AT_ONCE).map(<[PinKey]>::to_vec).collect();
    let reads = stream::iter(chunks).map(|keys| async move {
        let read = context.store.pins(&keys).await?;
        let states = read.into_iter().flatten().map(|(pin, attempt)| (Sample::of(&pin, &attempt), attempt.status));
        PortResult::Ok(states.collect::<Vec<_>>())
    });
    let read: Vec<Vec<(Sample, Status)>> = reads.buffer_unordered(READS_AT_ONCE).try_collect().await?;
    for (sample, status) in read.into_iter().flatten() {
        if book.by_sample.contains(&sample.hour())
            && book.samples.get(&sample.pin).is_none_or(|known| known.rev <= sample.rev)
        {
            book.samples.insert(sample.pin, sample);
            live.states.insert(sample.pin, status);
        }
    }
    Ok(live)
}

/// Counts the pins in backlogs as deferred, by their rows there: however many they are, they need not be read. The row
/// of a deleted pin (`hidden`) says nothing: it may outlast the pin.
async fn count_backlogs(
    context: &Context,
    workspace: WorkspaceId,
    scope: &Scope,
    book: &mut Book,
    candidates: &mut Vec<Candidate>,
    hidden: &BTreeSet<PinId>,
    live: &mut Live,
) -> PortResult<()> {
    let accounts = match scope {
        Scope::Everybody => None,
        Scope::Only(accounts) => Some(accounts.as_slice()),
    };
    let waiting = unrolled::in_backlogs(context, workspace, accounts).await?;
    candidates.retain(|candidate| {
        let row = waiting.get(&candidate.pin).filter(|_| !hidden.contains(&candidate.pin));
        let Some(row) = row.filter(|row| book.by_sample.contains(&hour(row.created_at))) else {
            return true;
        };
        let (pin, created_at) = (candidate.pin, row.created_at);
        let sample = Sample { pin, account: row.account, created_at, rev: 0, end: End::Open, is_scheduled: false };
        // A failure that the rollup has was taken back.
        book.samples.entry(pin).and_modify(|known| known.end = End::Open).or_insert(sample);
        live.states.insert(pin, Status::Deferred);
        false
    });
    Ok(())
}

struct Listed {
    entries: Vec<Entry>,
    is_cut: bool,
}

/// The index entries of the pins that were accepted in that time, of the accounts of the scope.
async fn list(
    context: &Context,
    workspace: WorkspaceId,
    since: Moment,
    by: Moment,
    scope: &Scope,
) -> PortResult<Listed> {
    let tags: Option<Vec<Tag>> = match scope {
        Scope::Everybody => None,
        Scope::Only(accounts) => Some(accounts.iter().map(|account| Tag::of_account(*account)).collect()),
    };
    // The newest first: of too many, the oldest are left out, which the rollup has soon.
    let (since, until) = (Some(since), Some(by.plus_ms(1)));
    let mut span = Span { order: Order::NewestFirst, since, until, ..Span::default() };
    let mut listed = Listed { entries: Vec::new(), is_cut: false };
    let mut examined = 0;
    loop {
        let stretch = context.pin_index.stretch(workspace, &span, LISTED_AT_ONCE).await?;
        examined += stretch.entries.len();
        let is_wanted = |entry: &Entry| tags.as_ref().is_none_or(|tags| tags.contains(&entry.tags.account));
        listed.entries.extend(stretch.entries.into_iter().filter(is_wanted));
        match stretch.end {
            None => return Ok(listed),
            Some(_) if examined >= LISTED_MAX => return Ok(Listed { is_cut: true, ..listed }),
            Some(end) => span = span.behind(end),
        }
    }
}
