//! Reads what is left of the app's daily budget. Without a budget nothing is read.

use crate::context::Context;
use crate::domain::ids::WorkspaceId;
use crate::domain::pacing::budget::{self, DaySpending, Request};
use crate::domain::time::Moment;
use crate::ports::PortResult;

/// The first moment at which the workspace may create anything, as things stand; `None` means now.
///
/// # Errors
/// When the table is unavailable.
pub async fn opens_at(context: &Context, workspace: WorkspaceId) -> PortResult<Option<Moment>> {
    let budget = context.settings.daily_budget;
    let is_spent = |day: &DaySpending| day.allowance(budget, Request::Create(workspace)) == 0;
    Ok(today(context).await?.filter(is_spent).map(|_| budget::next_day(context.system.now())))
}

/// What was spent of today's budget so far; `None` without a budget.
///
/// # Errors
/// When the table is unavailable.
pub async fn today(context: &Context) -> PortResult<Option<DaySpending>> {
    if context.settings.daily_budget.calls == 0 {
        return Ok(None);
    }
    context.store.day_spending(budget::day_of(context.system.now())).await.map(Some)
}
