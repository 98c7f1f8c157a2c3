//! Finds the schedules that aren't over, without paging through those that are.
//!
//! One that is still to come, or just starts, is in the index at its time. One whose time has passed is over, unless a
//! release row says that it is still to be handed over (it was missed, or is retried), or its pin is unfinished.

use std::collections::BTreeSet;

use futures_util::future::{try_join, try_join_all};

use super::schedule_page::{Listed, Position, SchedulePage, SortBy, matching, page_of, read};
use crate::context::Context;
use crate::domain::ids::{AccountId, ScheduleId, WorkspaceId};
use crate::domain::recovery::FIRST_REACH_BACK_MINUTES;
use crate::domain::schedule::RELEASE_RESCAN_MINUTES;
use crate::domain::schedule::{RELEASE_AHEAD_MS, RELEASE_SHARDS, ScheduleStatus};
use crate::domain::time::{MINUTE_MS, Moment};
use crate::flows::pins::unfinished;
use crate::ports::{ByTime, PortResult};

/// Schedules that match are counted up to here.
const COUNTED: usize = 1_000;
/// Schedules that one call reads at most, and how many at once.
pub const EXAMINED_MAX: usize = 5_000;
const AT_ONCE: usize = 500;
/// Minutes of release rows that a call reads: a dispatcher that was down for longer releases the oldest first.
const MINUTES_MAX: i64 = 60;
/// How long a schedule that has begun is looked for in the index; then the rollup has its pin.
const PRESENT_MINUTES: i64 = 30;
/// A schedule that is handed over ahead of its time is at most this much ahead, and its pin is accepted soon.
const AHEAD_MS: i64 = RELEASE_AHEAD_MS + 2 * MINUTE_MS;

/// # Errors
/// When the table is unavailable.
pub async fn page(context: &Context, workspace: WorkspaceId, listed: &Listed) -> PortResult<SchedulePage> {
    let now = context.system.now();
    let mark = context.schedules.release_watermark().await?;
    let mark = mark.unwrap_or(now.minute() - FIRST_REACH_BACK_MINUTES);
    // From here on the index is read; schedules before it are over, or have another owner.
    let present = Moment((mark + 1 - RELEASE_RESCAN_MINUTES).min(now.minute() - PRESENT_MINUTES) * MINUTE_MS);
    let range = listed.range();
    let past = past(context, workspace, listed, present, mark).await?;
    let is_started = listed.filter.status.is_some_and(|status| status != ScheduleStatus::Scheduled);
    let ahead = if is_started { Some(now.plus_ms(AHEAD_MS)) } else { None };
    let until = match (range.until, ahead) {
        (Some(until), Some(ahead)) => Some(until.min(ahead)),
        (one, other) => one.or(other),
    };
    let index = ByTime { since: range.since.max(Some(present)), until, ..range };
    let wanted = if listed.sort.by == SortBy::RunAt { (listed.skip + listed.limit + 1).max(COUNTED) } else { COUNTED };
    let mut search = Search { context, workspace, listed, found: Vec::new(), examined: 0, wanted, stopped_at: None };
    if range.latest_first {
        search.index(index).await?;
        search.positions(&past).await?;
    } else {
        search.positions(&past).await?;
        search.index(index).await?;
    }
    Ok(page_of(listed, search.found, search.stopped_at))
}

struct Search<'a> {
    context: &'a Context,
    workspace: WorkspaceId,
    listed: &'a Listed,
    found: Vec<super::ScheduleView>,
    examined: usize,
    wanted: usize,
    /// The last schedule that was looked at, if there may be more.
    stopped_at: Option<Position>,
}

impl Search<'_> {
    fn is_over(&self) -> bool {
        self.stopped_at.is_some()
    }

    /// Reads the index until enough were found.
    async fn index(&mut self, mut range: ByTime) -> PortResult<()> {
        while !self.is_over() {
            let mut positions = self.context.schedules.schedules_by_time(self.workspace, &range, AT_ONCE + 1).await?;
            let goes_on = positions.len() > AT_ONCE;
            positions.truncate(AT_ONCE);
            let Some(last) = positions.last().copied() else { return Ok(()) };
            self.look_at(&positions).await?;
            if !goes_on {
                return Ok(());
            }
            self.stop_if_enough(last);
            range.after = Some(last);
        }
        Ok(())
    }

    /// Reads these until enough were found.
    async fn positions(&mut self, positions: &[Position]) -> PortResult<()> {
        for chunk in positions.chunks(AT_ONCE) {
            if self.is_over() {
                break;
            }
            self.look_at(chunk).await?;
            if let Some(last) = chunk.last() {
                self.stop_if_enough(*last);
            }
        }
        Ok(())
    }

    async fn look_at(&mut self, positions: &[Position]) -> PortResult<()> {
        self.examined += positions.len();
        self.found.extend(matching(self.context, self.workspace, &self.listed.filter, positions).await?);
        Ok(())
    }

    fn stop_if_enough(&mut self, last: Position) {
        if self.found.len() >= self.wanted || self.examined >= EXAMINED_MAX {
            self.stopped_at = Some(last);
        }
    }
}

/// The schedules before `present` that aren't over, in the order of the list.
async fn past(
    context: &Context,
    workspace: WorkspaceId,
    listed: &Listed,
    present: Moment,
    mark: i64,
) -> PortResult<Vec<Position>> {
    let filter = &listed.filter;
    let accounts: Option<&[AccountId]> = filter.accounts.as_deref();
    let unfinished = async {
        match filter.status {
            Some(ScheduleStatus::Scheduled) => Ok(BTreeSet::new()),
            _ => unfinished::schedules_of_unfinished(context, workspace, accounts).await,
        }
    };
    let (due, unfinished) = try_join(still_due(context, workspace, mark), unfinished).await?;
    let ids: Vec<Position> = due.into_iter().chain(unfinished).map(|schedule| (Moment(0), schedule)).collect();
    let schedules = read(context, workspace, &ids).await?;
    let range = listed.range();
    let is_behind = |position: &Position| match range.after {
        None => true,
        Some(after) if range.latest_first => *position < after,
        Some(after) => *position > after,
    };
    let is_within = |position: &Position| {
        let at = position.0;
        at < present
            && range.since.is_none_or(|since| at >= since)
            && range.until.is_none_or(|until| at < until)
            && is_behind(position)
    };
    let positions: BTreeSet<Position> =
        schedules.iter().map(|schedule| (schedule.run_at, schedule.key.schedule)).filter(is_within).collect();
    let mut positions: Vec<Position> = positions.into_iter().collect();
    if range.latest_first {
        positions.reverse();
    }
    Ok(positions)
}

/// The schedules of the workspace that are to be handed over now, whatever time they were for.
async fn still_due(context: &Context, workspace: WorkspaceId, mark: i64) -> PortResult<BTreeSet<ScheduleId>> {
    let now = context.system.now();
    let newest = now.plus_ms(RELEASE_AHEAD_MS).minute();
    let oldest = (mark + 1 - RELEASE_RESCAN_MINUTES).min(now.minute() - RELEASE_RESCAN_MINUTES);
    let minutes = oldest..=newest.min(oldest + MINUTES_MAX);
    let shards = minutes.flat_map(|minute| (0..RELEASE_SHARDS).map(move |shard| (minute, shard)));
    let rows = try_join_all(shards.map(|(minute, shard)| context.schedules.release_rows(minute, shard))).await?;
    let rows = rows.into_iter().flatten().filter(|row| row.key.workspace == workspace);
    Ok(rows.map(|row| row.key.schedule).collect())
}
