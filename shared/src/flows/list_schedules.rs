//! Lists of schedules. By time they come from the index, at any size; whatever else is asked for looks through a window of them.

use std::cmp::Ordering;

use futures_util::stream::{self, StreamExt, TryStreamExt};

use super::schedules::ScheduleView;
use crate::domain::ids::{AccountId, PinKey, ScheduleId, ScheduleKey, WorkspaceId};
use crate::domain::schedule::{Schedule, ScheduleStatus, Stage};
use crate::domain::time::Moment;
use crate::ports::{ByTime, PortResult, World};

/// Counting stops here: a total above it is reported as a lower bound.
pub const COUNT_MAX: usize = 1_000;
/// What the index can't tell is looked for among this many schedules, in the order of their time.
pub const WINDOW: usize = 1_000;
/// Schedules read together, and how many such readings are under way at once.
const READ_TOGETHER: usize = 100;
const READS_AT_ONCE: usize = 4;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScheduleFilter {
    /// Only schedules of these.
    pub accounts: Option<Vec<AccountId>>,
    pub board_id: Option<String>,
    pub status: Option<ScheduleStatus>,
    /// That run then or later.
    pub since: Option<Moment>,
    /// That run before then.
    pub until: Option<Moment>,
    /// A part of the title, description or link, in any case.
    pub q: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SortBy {
    #[default]
    RunAt,
    CreatedAt,
    Title,
    Status,
}

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

/// Where a list goes on.
pub type Place = (Moment, ScheduleId);

#[derive(Clone, Debug, Default)]
pub struct SchedulePage {
    pub schedules: Vec<ScheduleView>,
    pub total: u64,
    /// Whether `total` is a lower bound.
    pub total_is_at_least: bool,
    /// Where the list goes on, if it does: behind the page, or behind the window that was looked through.
    pub next: Option<Place>,
}

/// What is asked for.
#[derive(Clone, Debug, Default)]
pub struct Listed {
    pub filter: ScheduleFilter,
    pub sort: ScheduleSort,
    pub after: Option<Place>,
    pub skip: usize,
    pub limit: usize,
}

impl Listed {
    fn range(&self) -> ByTime {
        ByTime {
            since: self.filter.since,
            until: self.filter.until,
            after: self.after,
            // What is sorted otherwise begins with the latest too.
            latest_first: self.sort.by != SortBy::RunAt || self.sort.descending,
        }
    }

    fn is_the_indexs(&self) -> bool {
        let ScheduleFilter { accounts, board_id, status, q, .. } = &self.filter;
        self.sort.by == SortBy::RunAt && accounts.is_none() && board_id.is_none() && status.is_none() && q.is_none()
    }
}

/// # Errors
/// When the table is unavailable.
pub async fn page(world: &World, workspace: WorkspaceId, listed: &Listed) -> PortResult<SchedulePage> {
    if listed.is_the_indexs() {
        from_index(world, workspace, listed).await
    } else {
        from_window(world, workspace, listed).await
    }
}

async fn from_index(world: &World, workspace: WorkspaceId, listed: &Listed) -> PortResult<SchedulePage> {
    let end = listed.skip + listed.limit;
    let wanted = end.max(COUNT_MAX);
    let mut places = world.schedules.schedules_by_time(workspace, &listed.range(), wanted + 1).await?;
    let total_is_at_least = places.len() > wanted;
    let total = places.len() as u64;
    let next = (places.len() > end).then(|| places.get(end.saturating_sub(1)).copied()).flatten();
    let page: Vec<Place> = places.drain(..).skip(listed.skip).take(listed.limit).collect();
    let schedules = read(world, workspace, &page).await?;
    Ok(SchedulePage { schedules: with_pins(world, schedules).await?, total, total_is_at_least, next })
}

async fn from_window(world: &World, workspace: WorkspaceId, listed: &Listed) -> PortResult<SchedulePage> {
    let mut places = world.schedules.schedules_by_time(workspace, &listed.range(), WINDOW + 1).await?;
    let total_is_at_least = places.len() > WINDOW;
    places.truncate(WINDOW);
    let filter = &listed.filter;
    let schedules: Vec<Schedule> =
        read(world, workspace, &places).await?.into_iter().filter(|schedule| accepts(filter, schedule)).collect();
    let is_told_by_pins = filter.status.is_some() || listed.sort.by == SortBy::Status;
    let mut views = if is_told_by_pins {
        let views = with_pins(world, schedules).await?;
        views.into_iter().filter(|view| filter.status.is_none_or(|status| status == view.status())).collect()
    } else {
        schedules.into_iter().map(|schedule| ScheduleView { schedule, pin: None }).collect::<Vec<_>>()
    };
    views.sort_by(|a, b| in_order(listed.sort, a, b));
    let mut total = views.len() as u64;
    let end = listed.skip + listed.limit;
    let (found, goes_on) = (views.len(), total_is_at_least && views.len() <= end);
    let page: Vec<ScheduleView> = views.into_iter().skip(listed.skip).take(listed.limit).collect();
    if goes_on && !page.is_empty() {
        // There may be more behind the window: whoever counts pages must not stop here. (An empty page would be asked for
        // again and again.)
        total = total.max(end as u64 + 1);
    }
    let last_shown = page.last().map(|view| (view.schedule.run_at, view.schedule.key.schedule));
    let schedules = if is_told_by_pins {
        page
    } else {
        with_pins(world, page.into_iter().map(|view| view.schedule).collect()).await?
    };
    let next = match listed.sort.by {
        SortBy::RunAt if found > end => last_shown,
        _ => places.last().copied().filter(|_| goes_on),
    };
    Ok(SchedulePage { schedules, total, total_is_at_least, next })
}

fn accepts(filter: &ScheduleFilter, schedule: &Schedule) -> bool {
    let request = &schedule.request;
    filter.accounts.as_ref().is_none_or(|accounts| accounts.contains(&request.account))
        && filter.board_id.as_ref().is_none_or(|board_id| *board_id == request.board_id)
        && filter.q.as_ref().is_none_or(|q| {
            let q = q.to_lowercase();
            let texts = [Some(&request.title), request.description.as_ref(), request.link_url.as_ref()];
            texts.into_iter().flatten().any(|text| text.to_lowercase().contains(&q))
        })
}

/// By what was asked for; of equals the one that runs first.
fn in_order(sort: ScheduleSort, a: &ScheduleView, b: &ScheduleView) -> Ordering {
    let (x, y) = (&a.schedule, &b.schedule);
    let order = match sort.by {
        SortBy::RunAt => x.run_at.cmp(&y.run_at),
        SortBy::CreatedAt => x.created_at.cmp(&y.created_at),
        SortBy::Title => x.request.title.to_lowercase().cmp(&y.request.title.to_lowercase()),
        SortBy::Status => a.status().name().cmp(b.status().name()),
    };
    let by_time = (x.run_at, x.key).cmp(&(y.run_at, y.key));
    match (sort.by, sort.descending) {
        (SortBy::RunAt, true) => by_time.reverse(),
        (_, true) => order.reverse().then(by_time),
        (_, false) => order.then(by_time),
    }
}

/// Those that are there, in their order.
async fn read(world: &World, workspace: WorkspaceId, places: &[Place]) -> PortResult<Vec<Schedule>> {
    let now = world.system.now();
    let key = |place: &Place| ScheduleKey { workspace, schedule: place.1 };
    let chunks: Vec<Vec<ScheduleKey>> =
        places.chunks(READ_TOGETHER).map(|chunk| chunk.iter().map(key).collect()).collect();
    let reads = chunks.into_iter().map(|keys| async move { world.schedules.schedules(&keys).await });
    let read: Vec<Vec<Option<Schedule>>> = stream::iter(reads).buffered(READS_AT_ONCE).try_collect().await?;
    Ok(read.into_iter().flatten().flatten().filter(|schedule| schedule.is_shown(now)).collect())
}

/// Each with its pin.
///
/// # Errors
/// When the table is unavailable.
pub async fn with_pins(world: &World, schedules: Vec<Schedule>) -> PortResult<Vec<ScheduleView>> {
    let keys: Vec<PinKey> =
        schedules.iter().filter(|schedule| schedule.stage == Stage::Released).map(Schedule::pin_key).collect();
    let chunks: Vec<Vec<PinKey>> = keys.chunks(READ_TOGETHER).map(<[PinKey]>::to_vec).collect();
    let reads = chunks.into_iter().map(|keys| async move { world.store.pins(&keys).await });
    let read: Vec<_> = stream::iter(reads).buffered(READS_AT_ONCE).try_collect::<Vec<_>>().await?;
    let mut pins = read.into_iter().flatten();
    let view = |schedule: Schedule| {
        let pin = if schedule.stage == Stage::Released { pins.next().flatten() } else { None };
        ScheduleView { schedule, pin }
    };
    Ok(schedules.into_iter().map(view).collect())
}
