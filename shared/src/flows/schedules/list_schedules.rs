//! Lists schedules. By time they come from the index, at any size. Those that aren't over are searched for where they
//! are ([`open_schedules`](super::open_schedules)); any other filter or order searches a window of them.

pub use super::schedule_page::{Listed, Next, Position, ScheduleFilter, SchedulePage, ScheduleSort, SortBy, with_pins};

use super::open_schedules;
use super::schedule_page::{behind, matching, page_of, read};
use crate::context::Context;
use crate::domain::ids::WorkspaceId;
use crate::ports::PortResult;

/// Counting stops here: a total above it is reported as a lower bound.
pub const COUNT_MAX: usize = 1_000;
/// What the index can't answer is searched in this many schedules, in the order of their time.
pub const WINDOW: usize = 1_000;

/// # Errors
/// When the table is unavailable.
pub async fn page(context: &Context, workspace: WorkspaceId, listed: &Listed) -> PortResult<SchedulePage> {
    if listed.is_by_index() {
        from_index(context, workspace, listed).await
    } else if listed.filter.is_for_open() {
        open_schedules::page(context, workspace, listed).await
    } else {
        from_window(context, workspace, listed).await
    }
}

async fn from_index(context: &Context, workspace: WorkspaceId, listed: &Listed) -> PortResult<SchedulePage> {
    let end = listed.skip + listed.limit;
    let wanted = end.max(COUNT_MAX);
    let mut positions = context.schedules.schedules_by_time(workspace, &listed.range(), wanted + 1).await?;
    let total_is_at_least = positions.len() > wanted;
    let total = positions.len() as u64;
    let last = (positions.len() > end).then(|| positions.get(end.saturating_sub(1)).copied()).flatten();
    let next = last.map(behind);
    let page: Vec<Position> = positions.drain(..).skip(listed.skip).take(listed.limit).collect();
    let schedules = read(context, workspace, &page).await?;
    Ok(SchedulePage { schedules: with_pins(context, schedules).await?, total, total_is_at_least, next })
}

async fn from_window(context: &Context, workspace: WorkspaceId, listed: &Listed) -> PortResult<SchedulePage> {
    let mut positions = context.schedules.schedules_by_time(workspace, &listed.range(), WINDOW + 1).await?;
    let goes_on = positions.len() > WINDOW;
    positions.truncate(WINDOW);
    let views = matching(context, workspace, &listed.filter, &positions).await?;
    Ok(page_of(listed, views, positions.last().copied().filter(|_| goes_on)))
}
