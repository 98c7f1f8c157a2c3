//! The tally's fold: what became of the pins of the minutes that the watchdog has done with, several minutes at a time.
//!
//! Every pin is in a clock row when it is accepted, released from its backlog, or retried, and whoever leaves one unfinished
//! files another; so whatever becomes of a pin, a row is read after it. A pin that waits in the backlog from the start has no
//! row yet: those are found in the listing of the workspaces that have a backlog.
//!
//! Nothing here keeps anything from being published. Whatever fails is done again by the next run, from the mark on; facts
//! that are written again change nothing.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use futures_util::future::try_join_all;
use futures_util::stream::{self, StreamExt, TryStreamExt};

use super::watchdog;
use crate::domain::clock_row::{CLOCK_SHARDS, ClockRow, KEPT_MS, Purpose, RESCAN_MINUTES};
use crate::domain::ids::{PinId, PinKey, WorkspaceId};
use crate::domain::tally::{FOLDED_WITHIN_MS, Fact, Sheet, merge};
use crate::domain::time::{MINUTE_MS, Moment, SECOND_MS};
use crate::ports::{PortError, PortResult, World};
use crate::telemetry::{self, Metric};

/// Minutes folded at once: the more, the fewer writes a pin costs and the more pins a reader has to look at itself.
pub const MINUTES_AT_ONCE: i64 = 5;
/// A row is filed at least this much behind its pin's acceptance.
pub const ROW_AFTER_MINUTES: i64 = 2;
/// Without a mark (the very first run) the fold begins this far back.
const FIRST_LOOK_BACK_MINUTES: i64 = 60;
/// A run ends this long before the invocation does, and takes no longer than that in all.
const STOP_BEFORE_END_MS: i64 = 10 * SECOND_MS;
pub const RUN_MAX_MS: i64 = 20 * SECOND_MS;
/// Behind by more than this, the dashboard is out of date and somebody should know.
const BEHIND_MAX_MINUTES: i64 = 30;
/// Rows whose pins are read together.
const ROWS_AT_ONCE: usize = 50;
/// Pins of a listing that are read together.
const LISTED_AT_ONCE: usize = 500;
/// Hours that are written at once.
const HOURS_AT_ONCE: usize = 8;
/// A write that loses its race is planned anew this often.
const WRITES_MAX: usize = 8;

/// What a run did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Folded {
    pub minutes: i64,
    /// Facts that were found, known ones included.
    pub facts: usize,
    /// Minutes that wait, because time ran out.
    pub behind: i64,
}

/// Facts by workspace and hour.
type Facts = BTreeMap<(WorkspaceId, i64), HashMap<PinId, Fact>>;

/// Folds what can be folded. Tells of its own failure, which is nobody else's.
pub async fn fold_quietly(world: &World, ends_at_ms: i64) {
    let now = world.system.now();
    match fold(world, ends_at_ms).await {
        Ok(folded) => tell(folded, now),
        Err(error) => {
            telemetry::count(Metric::TallyFailed, 1, None, now);
            tracing::error!(%error, "the tally could not be brought up to date; the next run tries again");
        }
    }
}

fn tell(folded: Folded, now: Moment) {
    let behind = u64::try_from(folded.behind).unwrap_or(0);
    if folded.behind > BEHIND_MAX_MINUTES {
        telemetry::count(Metric::TallyBehindMinutes, behind, None, now);
        tracing::error!(behind_minutes = behind, "the tally is behind: the dashboard's figures are out of date");
    } else if folded.minutes > 0 {
        tracing::info!(minutes = folded.minutes, facts = folded.facts, "folded into the tally");
    }
}

/// # Errors
/// When the table is unavailable; the mark stays before the minutes that could not be finished.
pub async fn fold(world: &World, ends_at_ms: i64) -> PortResult<Folded> {
    let stop_at_ms = (ends_at_ms - STOP_BEFORE_END_MS).min(world.system.monotonic_ms() + RUN_MAX_MS);
    let Some(watermark) = world.store.watermark().await? else {
        return Ok(Folded::default());
    };
    // The watchdog still looks into the minutes before, and may file their pins anew.
    let closed = watermark - RESCAN_MINUTES;
    let mark = world.tally.folded().await?.unwrap_or(closed - FIRST_LOOK_BACK_MINUTES);
    // Of what was before, no row is left.
    let mut mark = mark.max(closed - KEPT_MS / MINUTE_MS);
    let mut folded = Folded::default();
    while closed - mark >= MINUTES_AT_ONCE {
        if world.system.monotonic_ms() > stop_at_ms {
            folded.behind = closed - mark;
            break;
        }
        let next = mark + MINUTES_AT_ONCE;
        let facts = gather(world, mark + 1, next).await?;
        folded.facts += facts.values().map(HashMap::len).sum::<usize>();
        folded.minutes += next - mark;
        let hours = stream::iter(facts).map(|((workspace, hour), facts)| {
            let facts: Vec<Fact> = facts.into_values().collect();
            save(world, workspace, hour, facts)
        });
        hours.buffer_unordered(HOURS_AT_ONCE).try_collect::<()>().await?;
        // Only now: who dies before begins with the same minutes again.
        world.tally.set_folded(next).await?;
        mark = next;
    }
    Ok(folded)
}

/// What the clock's rows of these minutes and the backlogs of that time tell.
async fn gather(world: &World, first: i64, last: i64) -> PortResult<Facts> {
    let mut facts = Facts::new();
    for minute in first..=last {
        let shards = try_join_all((0..CLOCK_SHARDS).map(|shard| world.store.clock(minute, shard))).await?;
        let rows: Vec<ClockRow> = shards
            .into_iter()
            .flatten()
            .filter(|row| matches!(row.purpose, Purpose::Watch | Purpose::Tended))
            .collect();
        for chunk in rows.chunks(ROWS_AT_ONCE) {
            let mut keys: Vec<PinKey> = chunk.iter().flat_map(|row| row.pins.iter().copied()).collect();
            keys.sort_unstable();
            keys.dedup();
            add(world, &keys, &mut facts).await?;
        }
    }
    let accounts = world.store.waiting_accounts().await?;
    let waiting: BTreeSet<WorkspaceId> = accounts.into_iter().map(|account| account.workspace).collect();
    for workspace in waiting {
        add_listed(world, workspace, first - ROW_AFTER_MINUTES, last - ROW_AFTER_MINUTES, &mut facts).await?;
    }
    Ok(facts)
}

/// The workspace's pins that were accepted from minute `first` to `last` and are not among the facts yet.
async fn add_listed(world: &World, workspace: WorkspaceId, first: i64, last: i64, facts: &mut Facts) -> PortResult<()> {
    let by = Moment((last + 1) * MINUTE_MS - 1);
    let mut after = Some((Moment(first * MINUTE_MS), PinId(uuid::Uuid::nil())));
    loop {
        let listed = world.store.listing_after(workspace, after, by, LISTED_AT_ONCE).await?;
        let is_new = |pin: PinId, at: Moment| {
            let of_hour = facts.get(&(workspace, crate::domain::tally::hour(at)));
            of_hour.is_none_or(|facts| !facts.contains_key(&pin))
        };
        let keys: Vec<PinKey> = listed
            .iter()
            .filter(|(at, pin)| is_new(*pin, *at))
            .map(|(_, pin)| PinKey { workspace, pin: *pin })
            .collect();
        add(world, &keys, facts).await?;
        if listed.len() < LISTED_AT_ONCE {
            return Ok(());
        }
        after = listed.last().copied();
    }
}

async fn add(world: &World, keys: &[PinKey], facts: &mut Facts) -> PortResult<()> {
    if keys.is_empty() {
        return Ok(());
    }
    let now = world.system.now();
    for (pin, attempt) in watchdog::read_all(world, keys).await?.into_iter().flatten() {
        let fact = Fact::of(&pin, &attempt);
        if now.since_ms(fact.created_at) > FOLDED_WITHIN_MS {
            tracing::error!(pin_id = %pin.key.pin, "a pin this old should have ended long ago; the tally leaves it");
            continue;
        }
        let of_hour = facts.entry((pin.key.workspace, fact.hour())).or_default();
        // Rows of several minutes may name it; the later reading is the truer one.
        if of_hour.get(&fact.pin).is_none_or(|known| known.rev <= fact.rev) {
            of_hour.insert(fact.pin, fact);
        }
    }
    Ok(())
}

/// Adds facts to an hour.
async fn save(world: &World, workspace: WorkspaceId, hour: i64, mut facts: Vec<Fact>) -> PortResult<()> {
    // In the order of their acceptance: pins that end together are on few sheets.
    facts.sort_unstable_by_key(|fact| (fact.created_at, fact.pin));
    let mut sheets = read(world, workspace, hour).await?;
    'anew: for _ in 0..WRITES_MAX {
        // Read until nothing has changed meanwhile: then there was a moment at which the hour was as it is here. Of sheets
        // from different moments a pin could be on none, and would be put onto a second one.
        let again = read(world, workspace, hour).await?;
        if again != sheets {
            sheets = again;
            continue;
        }
        for sheet in merge(again, &facts) {
            if !world.tally.save_sheet(workspace, hour, &sheet).await? {
                sheets = read(world, workspace, hour).await?;
                continue 'anew;
            }
        }
        return Ok(());
    }
    Err(PortError::Unavailable { port: "table", reason: "a tally changes all the time".into() })
}

/// Every sheet of an hour, by number; nothing if none was begun.
async fn read(world: &World, workspace: WorkspaceId, hour: i64) -> PortResult<Vec<Sheet>> {
    let first = world.tally.first_sheet(workspace, hour).await?;
    let others = world.tally.other_sheets(workspace, hour).await?;
    // Between the two readings the hour may have been begun.
    Ok(first.into_iter().chain(others).collect())
}
