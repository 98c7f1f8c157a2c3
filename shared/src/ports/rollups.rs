//! The tally's rows.

use async_trait::async_trait;

use super::PortResult;
use crate::domain::ids::WorkspaceId;
use crate::domain::stats::rollup::{RollupPage, Sums};

/// The same table as the store's. Hours are counted from the epoch.
#[async_trait]
pub trait Rollups: Send + Sync {
    /// The minute of the clock up to which pins are in the tally.
    async fn rolled_up(&self) -> PortResult<Option<i64>>;
    /// Moves that forward, never back.
    async fn set_rolled_up(&self, minute: i64) -> PortResult<()>;
    /// The sums of the hours from `first` to `last` that have any, the earliest first; eventually consistent.
    async fn sums(&self, workspace: WorkspaceId, first: i64, last: i64) -> PortResult<Vec<(i64, Sums)>>;
    /// Sheet 0 of an hour, read consistently.
    async fn first_rollup_page(&self, workspace: WorkspaceId, hour: i64) -> PortResult<Option<RollupPage>>;
    /// Its other sheets by number, read consistently.
    async fn other_rollup_pages(&self, workspace: WorkspaceId, hour: i64) -> PortResult<Vec<RollupPage>>;
    /// Writes a sheet if the stored one still has the revision before `next.rev` (1: there is none); answers whether it had.
    async fn save_rollup_page(&self, workspace: WorkspaceId, hour: i64, next: &RollupPage) -> PortResult<bool>;
}
