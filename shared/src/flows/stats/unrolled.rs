//! What the rollup may not have yet, and how a reader fills the gap without reading every pin.
//!
//! The rollup is minutes behind. A pin that was accepted since then is found in the listing; its end in the rows of
//! recent outcomes ([`Recent`]), or else in its own rows. A pin that waits in a backlog is found there.

use std::collections::{BTreeSet, HashMap};

use futures_util::stream::{self, StreamExt, TryStreamExt};

use crate::context::Context;
use crate::domain::ids::{AccountId, AccountKey, PinId, WorkspaceId};
use crate::domain::recovery::{FILED_AFTER_MINUTES, RESCAN_MINUTES};
use crate::domain::stats::rollup::recent::{RECENT_KEPT_MS, Recent};
use crate::domain::stats::rollup::{MINUTES_AT_ONCE, Sample};
use crate::domain::time::{DAY_MS, MINUTE_MS, Moment};
use crate::ports::PortResult;

/// Until so long after its acceptance a pin may be missing in the rollup, though the rollup's mark is past it. A pin
/// that is released from its backlog just before its minutes are rolled up is in no backlog any more, and its first
/// marker is behind them: its slot is up to two minutes ahead, and two of the dispatcher's ticks may be late.
const FILED_WITHIN_MINUTES: i64 = 2 * FILED_AFTER_MINUTES + MINUTES_AT_ONCE + RESCAN_MINUTES + 3;
/// How far back pins are read themselves, however long the rollup hasn't been updated.
pub const LIVE_WITHIN_MS: i64 = DAY_MS;
/// The clock of the worker that wrote a row of recent outcomes may be behind by this much.
const BEHIND_MS: i64 = MINUTE_MS;
/// Rows of recent outcomes that a call reads: those of 64,000 pins. What is beyond is read from the pins.
const RECENT_ROWS_MAX: usize = 4_000;
/// Hours whose pages are read concurrently.
const HOURS_AT_ONCE: usize = 8;
/// Rows of backlogs that a call reads, and backlogs that are read concurrently.
pub const BACKLOG_ROWS_MAX: usize = 20_000;
const BACKLOGS_AT_ONCE: usize = 4;

/// What the rollup may not have.
pub struct Unrolled {
    /// Pins that were accepted since then may be missing in it.
    pub from: Moment,
    /// Whether anything was ever rolled up.
    pub has_rollup: bool,
    /// The ends and retries since then.
    pub recent: Recent,
}

/// # Errors
/// When the table is unavailable.
pub async fn read(context: &Context, workspace: WorkspaceId) -> PortResult<Unrolled> {
    let now = context.system.now();
    let rolled_up = context.rollups.rolled_up().await?;
    // Before the first roll-up it lacks every pin; those of a day are read.
    let from = match rolled_up {
        Some(minute) => Moment((minute + 1 - FILED_WITHIN_MINUTES) * MINUTE_MS),
        None => now.plus_ms(-LIVE_WITHIN_MS),
    };
    let since = from.plus_ms(-BEHIND_MS).max(now.plus_ms(-RECENT_KEPT_MS));
    let samples = context.rollups.recent(workspace, since, RECENT_ROWS_MAX).await?;
    Ok(Unrolled { from, has_rollup: rolled_up.is_some(), recent: Recent::of(samples) })
}

/// The rollup's samples of these hours, as they are in the rollup.
///
/// # Errors
/// When the table is unavailable.
pub async fn samples(
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
    let samples: Vec<Vec<Sample>> = pages.buffer_unordered(HOURS_AT_ONCE).try_collect().await?;
    Ok(samples.into_iter().flatten().map(|sample| (sample.pin, sample)).collect())
}

/// A pin in a backlog.
#[derive(Clone, Copy, Debug)]
pub struct InBacklog {
    pub account: AccountId,
    pub created_at: Moment,
}

/// The pins in the workspace's backlogs, of these accounts only; at most about [`BACKLOG_ROWS_MAX`] of them.
///
/// # Errors
/// When the table is unavailable.
pub async fn in_backlogs(
    context: &Context,
    workspace: WorkspaceId,
    accounts: Option<&[AccountId]>,
) -> PortResult<HashMap<PinId, InBacklog>> {
    let is_wanted = |key: &AccountKey| accounts.is_none_or(|accounts| accounts.contains(&key.account));
    let of_workspace = context.store.accounts(workspace).await?.into_iter().map(|account| account.key);
    let wanted: Vec<AccountKey> = of_workspace.filter(is_wanted).collect();
    let reads = wanted
        .into_iter()
        .map(|key| async move { PortResult::Ok((key.account, context.store.backlog(key, BACKLOG_ROWS_MAX).await?)) });
    let mut backlogs = stream::iter(reads.collect::<Vec<_>>()).buffered(BACKLOGS_AT_ONCE);
    let mut pins = HashMap::new();
    while pins.len() < BACKLOG_ROWS_MAX
        && let Some((account, rows)) = backlogs.try_next().await?
    {
        pins.extend(rows.into_iter().map(|row| (row.pin, InBacklog { account, created_at: row.created_at })));
    }
    Ok(pins)
}
