//! Reading what the app's daily budget has left. Without a budget nothing is read.

use crate::domain::daily_budget::{self, DaySpending, Request};
use crate::domain::ids::WorkspaceId;
use crate::domain::time::Moment;
use crate::ports::{PortResult, World};

/// The first moment at which the workspace may create anything, as things stand; `None`: now.
pub async fn opens_at(world: &World, workspace: WorkspaceId) -> PortResult<Option<Moment>> {
    let budget = world.settings.daily_budget;
    let is_spent = |day: &DaySpending| day.allowance(budget, Request::Create(workspace)) == 0;
    Ok(today(world).await?.filter(is_spent).map(|_| daily_budget::next_day(world.system.now())))
}

/// What today's budget has seen so far; `None` without a budget.
pub async fn today(world: &World) -> PortResult<Option<DaySpending>> {
    if world.settings.daily_budget == 0 {
        return Ok(None);
    }
    world.store.day_spending(daily_budget::day_of(world.system.now())).await.map(Some)
}
