//! The dashboard's counts of schedules and imports: from the newest thousand of each, in their current states.

use std::collections::BTreeMap;

use crate::context::Context;
use crate::domain::ids::{AccountId, WorkspaceId};
use crate::domain::import::ImportStatus;
use crate::domain::schedule::ScheduleStatus;
use crate::domain::stats::metrics::{Scope, Started};
use crate::domain::stats::period::Period;
use crate::flows::imports::{self, IMPORTS_LISTED_MAX, ImportFilter};
use crate::flows::schedules::list_schedules::{self, Listed, ScheduleFilter, ScheduleSort, SortBy, WINDOW};
use crate::ports::PortResult;

/// Counts by state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ByStatus {
    pub counts: BTreeMap<&'static str, u64>,
    /// There are more than were read.
    pub is_at_least: bool,
}

/// The counts of schedules.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schedules {
    /// Schedules whose time is in the period.
    pub by_status: ByStatus,
    /// Schedules that are still to come, at any time.
    pub upcoming: u64,
}

fn accounts(scope: &Scope) -> Option<Vec<AccountId>> {
    match scope {
        Scope::Everybody => None,
        Scope::Only(accounts) => Some(accounts.clone()),
    }
}

/// Counts schedules. `started`: what the rollup knows of the pins that schedules started. Where the period has more
/// schedules than are read, the rollup knows of more that are done or failed.
///
/// # Errors
/// When the table is unavailable.
pub async fn schedules(
    context: &Context,
    workspace: WorkspaceId,
    period: &Period,
    scope: &Scope,
    started: &Started,
) -> PortResult<Schedules> {
    let filter = ScheduleFilter { accounts: accounts(scope), ..ScheduleFilter::default() };
    let in_period = ScheduleFilter { since: Some(period.start), until: Some(period.end), ..filter.clone() };
    let listed = Listed { filter: in_period, limit: WINDOW, ..Listed::default() };
    let page = list_schedules::page(context, workspace, &listed).await?;
    let mut counts: BTreeMap<&'static str, u64> = ScheduleStatus::ALL.into_iter().map(|of| (of.name(), 0)).collect();
    for view in &page.schedules {
        *counts.entry(view.status().name()).or_default() += 1;
    }
    if page.total_is_at_least {
        for (status, known) in [(ScheduleStatus::Done, started.published), (ScheduleStatus::Failed, started.failed)] {
            let count = counts.entry(status.name()).or_default();
            *count = known.max(*count);
        }
    }
    let to_come = ScheduleFilter { is_open: true, since: Some(context.system.now()), ..filter };
    let sort = ScheduleSort { by: SortBy::RunAt, descending: false };
    let to_come = Listed { filter: to_come, sort, limit: 1, ..Listed::default() };
    let to_come = list_schedules::page(context, workspace, &to_come).await?;
    let is_at_least = page.total_is_at_least || to_come.total_is_at_least;
    Ok(Schedules { by_status: ByStatus { counts, is_at_least }, upcoming: to_come.total })
}

/// Counts the imports that were submitted in the period. For a limited caller, only those with no other accounts than
/// its own.
///
/// # Errors
/// When the table is unavailable.
pub async fn imports(
    context: &Context,
    workspace: WorkspaceId,
    period: &Period,
    scope: &Scope,
) -> PortResult<ByStatus> {
    let filter = ImportFilter { accounts: accounts(scope), ..ImportFilter::default() };
    let page = imports::page(context, workspace, &filter, 0, IMPORTS_LISTED_MAX).await?;
    let mut counts: BTreeMap<&'static str, u64> = ImportStatus::ALL.into_iter().map(|of| (of.name(), 0)).collect();
    let within = |at| (period.start..period.end).contains(&at);
    for view in page.imports.iter().filter(|view| within(view.import.created_at)) {
        *counts.entry(view.status().name()).or_default() += 1;
    }
    Ok(ByStatus { counts, is_at_least: page.total_is_at_least })
}
