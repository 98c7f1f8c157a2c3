//! A page of schedules: what is asked for, and how what was found becomes the page.

use std::cmp::Ordering;

use futures_util::stream::{self, StreamExt, TryStreamExt};

use super::ScheduleView;
use crate::context::Context;
use crate::domain::ids::{AccountId, PinKey, ScheduleId, ScheduleKey, WorkspaceId};
use crate::domain::schedule::{Schedule, ScheduleStatus, Stage};
use crate::domain::time::Moment;
use crate::ports::{ByTime, PortResult};

/// Schedules read together, and how many such reads run concurrently.
const READ_TOGETHER: usize = 100;
const READS_AT_ONCE: usize = 4;

/// Which schedules a list has. Fields that are `None` or false select nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScheduleFilter {
    /// Only schedules of these accounts.
    pub accounts: Option<Vec<AccountId>>,
    pub board_id: Option<String>,
    pub status: Option<ScheduleStatus>,
    /// Only schedules that aren't over.
    pub is_open: bool,
    /// Only schedules that run at this time or later.
    pub since: Option<Moment>,
    /// Only schedules that run before this time.
    pub until: Option<Moment>,
    /// A part of the title, description or link, in any case.
    pub q: Option<String>,
}

impl ScheduleFilter {
    /// Whether only schedules match that aren't over.
    pub(super) fn is_for_open(&self) -> bool {
        self.is_open || self.status.is_some_and(|status| !status.is_over())
    }
}

/// What a list of schedules is sorted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SortBy {
    #[default]
    RunAt,
    CreatedAt,
    Title,
    Status,
}

/// The order of a list of schedules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScheduleSort {
    pub by: SortBy,
    pub descending: bool,
}

impl Default for ScheduleSort {
    fn default() -> Self {
        Self { by: SortBy::RunAt, descending: true }
    }
}

/// A schedule's position in the order of time.
pub type Position = (Moment, ScheduleId);

/// Where a list continues: after that schedule, or from the beginning, and after so many that match.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Next {
    pub after: Option<Position>,
    pub skip: usize,
}

/// A page of a list of schedules.
#[derive(Clone, Debug, Default)]
pub struct SchedulePage {
    pub schedules: Vec<ScheduleView>,
    pub total: u64,
    /// Whether `total` is a lower bound.
    pub total_is_at_least: bool,
    /// Where the list continues, if it does: after the page, or after the window that was searched.
    pub next: Option<Next>,
}

/// The query.
#[derive(Clone, Debug, Default)]
pub struct Listed {
    pub filter: ScheduleFilter,
    pub sort: ScheduleSort,
    pub after: Option<Position>,
    pub skip: usize,
    pub limit: usize,
}

impl Listed {
    /// The range of the index by time in which the list is searched.
    pub(super) fn range(&self) -> ByTime {
        ByTime {
            since: self.filter.since,
            until: self.filter.until,
            after: self.after,
            // Other orders also begin with the latest.
            latest_first: self.sort.by != SortBy::RunAt || self.sort.descending,
        }
    }

    /// Whether the index alone has the list: it is in the order of `run_at` and has no other filter than times.
    pub(super) fn is_by_index(&self) -> bool {
        let ScheduleFilter { accounts, board_id, status, is_open, q, .. } = &self.filter;
        let has_none = accounts.is_none() && board_id.is_none() && status.is_none() && !is_open && q.is_none();
        self.sort.by == SortBy::RunAt && has_none
    }
}

/// The schedules at these positions that match.
pub(super) async fn matching(
    context: &Context,
    workspace: WorkspaceId,
    filter: &ScheduleFilter,
    positions: &[Position],
) -> PortResult<Vec<ScheduleView>> {
    let schedules = read(context, workspace, positions).await?;
    let of_accounts = |schedule: &Schedule| {
        filter.accounts.as_ref().is_none_or(|accounts| accounts.contains(&schedule.request.account))
    };
    // Filters apply to what clients see, which the pins decide.
    let mut views = with_pins(context, schedules.into_iter().filter(of_accounts).collect()).await?;
    views.retain(|view| accepts(filter, view));
    Ok(views)
}

/// A page of the schedules that match. `searched_to`: where the search stopped; `None`: at the list's end.
pub(super) fn page_of(listed: &Listed, mut views: Vec<ScheduleView>, searched_to: Option<Position>) -> SchedulePage {
    views.sort_by(|a, b| in_order(listed.sort, a, b));
    let mut total = views.len() as u64;
    let end = listed.skip + listed.limit;
    let (found, goes_on) = (views.len(), searched_to.is_some() && views.len() <= end);
    let schedules: Vec<ScheduleView> = views.into_iter().skip(listed.skip).take(listed.limit).collect();
    if goes_on && !schedules.is_empty() {
        // There may be more after the window: a client that counts pages must not stop here. (It would ask for an empty
        // page again and again.)
        total = total.max(end as u64 + 1);
    }
    let last_shown = schedules.last().map(|view| (view.schedule.run_at, view.schedule.key.schedule));
    let next = match listed.sort.by {
        SortBy::RunAt if found > end => last_shown.map(behind),
        _ if found > end => Some(Next { after: listed.after, skip: end }),
        _ => searched_to.filter(|_| goes_on).map(behind),
    };
    SchedulePage { schedules, total, total_is_at_least: searched_to.is_some(), next }
}

/// The list continues behind this position.
pub(super) fn behind(position: Position) -> Next {
    Next { after: Some(position), skip: 0 }
}

fn accepts(filter: &ScheduleFilter, view: &ScheduleView) -> bool {
    let request = view.request();
    filter.board_id.as_ref().is_none_or(|board_id| *board_id == request.board_id)
        && filter.status.is_none_or(|status| status == view.status())
        && !(filter.is_open && view.status().is_over())
        && filter.q.as_ref().is_none_or(|q| {
            let q = q.to_lowercase();
            let texts = [Some(&request.title), request.description.as_ref(), request.link_url.as_ref()];
            texts.into_iter().flatten().any(|text| text.to_lowercase().contains(&q))
        })
}

/// In the order that was asked for; of equals the one that runs first comes first.
fn in_order(sort: ScheduleSort, a: &ScheduleView, b: &ScheduleView) -> Ordering {
    let (x, y) = (&a.schedule, &b.schedule);
    let order = match sort.by {
        SortBy::RunAt => x.run_at.cmp(&y.run_at),
        SortBy::CreatedAt => x.created_at.cmp(&y.created_at),
        SortBy::Title => a.request().title.to_lowercase().cmp(&b.request().title.to_lowercase()),
        SortBy::Status => a.status().name().cmp(b.status().name()),
    };
    let by_time = (x.run_at, x.key).cmp(&(y.run_at, y.key));
    match (sort.by, sort.descending) {
        (SortBy::RunAt, true) => by_time.reverse(),
        (_, true) => order.reverse().then(by_time),
        (_, false) => order.then(by_time),
    }
}

/// The schedules that exist, in their order.
pub(super) async fn read(
    context: &Context,
    workspace: WorkspaceId,
    positions: &[Position],
) -> PortResult<Vec<Schedule>> {
    let now = context.system.now();
    let key = |position: &Position| ScheduleKey { workspace, schedule: position.1 };
    let chunks: Vec<Vec<ScheduleKey>> =
        positions.chunks(READ_TOGETHER).map(|chunk| chunk.iter().map(key).collect()).collect();
    let reads = chunks.into_iter().map(|keys| async move { context.schedules.schedules(&keys).await });
    let read: Vec<Vec<Option<Schedule>>> = stream::iter(reads).buffered(READS_AT_ONCE).try_collect().await?;
    Ok(read.into_iter().flatten().flatten().filter(|schedule| schedule.is_shown(now)).collect())
}

/// Adds each schedule's pin.
///
/// # Errors
/// When the table is unavailable.
pub async fn with_pins(context: &Context, schedules: Vec<Schedule>) -> PortResult<Vec<ScheduleView>> {
    let keys: Vec<PinKey> =
        schedules.iter().filter(|schedule| schedule.stage == Stage::Released).map(Schedule::pin_key).collect();
    let chunks: Vec<Vec<PinKey>> = keys.chunks(READ_TOGETHER).map(<[PinKey]>::to_vec).collect();
    let reads = chunks.into_iter().map(|keys| async move { context.store.pins(&keys).await });
    let read: Vec<_> = stream::iter(reads).buffered(READS_AT_ONCE).try_collect::<Vec<_>>().await?;
    let (mut pins, read_at) = (read.into_iter().flatten(), context.system.now());
    let view = |schedule: Schedule| {
        let pin = if schedule.stage == Stage::Released { pins.next().flatten() } else { None };
        ScheduleView { schedule, pin, blocker: None, read_at }
    };
    Ok(schedules.into_iter().map(view).collect())
}
