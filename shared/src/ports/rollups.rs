//! Port: the rollup's rows.

use async_trait::async_trait;

use super::{PortResult, Write};
use crate::domain::ids::{PinId, WorkspaceId};
use crate::domain::stats::rollup::recent::RecentSamples;
use crate::domain::stats::rollup::{RollupPage, Sample, Sums};
use crate::domain::time::Moment;

/// A group of minutes of which some workspaces are in the rollup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BegunGroup {
    /// The last minute of the group; its first one follows the minute that is rolled up.
    pub last: i64,
    /// The workspaces before this one, in the order of their ids, are in the rollup.
    pub workspace: WorkspaceId,
    /// How far the listing of that workspace's pins is in the rollup; `None`: all of it is.
    pub listed_to: Option<ListedTo>,
}

/// A place in the listing of a workspace's pins: when a pin was accepted, and the pin.
pub type ListedTo = (Moment, PinId);

/// The rollup, in the store's table. Hours and minutes are counted from the epoch.
#[async_trait]
pub trait Rollups: Send + Sync {
    /// The minute up to which pins are in the rollup; `None` before the first rollup.
    async fn rolled_up(&self) -> PortResult<Option<i64>>;
    /// Moves that minute forward, never back.
    async fn set_rolled_up(&self, minute: i64) -> PortResult<()>;
    /// The group that a run began and had no time to finish; `None` once all of it is rolled up.
    async fn begun_group(&self) -> PortResult<Option<BegunGroup>>;
    /// Notes how far a group has come, if a minute is rolled up and the group's last isn't yet.
    async fn set_begun_group(&self, group: &BegunGroup) -> PortResult<()>;
    /// The sums of the hours from `first` to `last` that have any, the earliest first; eventually consistent.
    async fn sums(&self, workspace: WorkspaceId, first: i64, last: i64) -> PortResult<Vec<(i64, Sums)>>;
    /// Page 0 of an hour. Consistent read.
    async fn first_rollup_page(&self, workspace: WorkspaceId, hour: i64) -> PortResult<Option<RollupPage>>;
    /// The hour's other pages by number. Consistent read.
    async fn other_rollup_pages(&self, workspace: WorkspaceId, hour: i64) -> PortResult<Vec<RollupPage>>;
    /// Writes a page if the stored one has the revision before `next.rev` (for 1: if none is stored), and
    /// otherwise answers a conflict.
    async fn save_rollup_page(&self, workspace: WorkspaceId, hour: i64, next: &RollupPage) -> PortResult<Write<()>>;
    /// Writes samples of pins that ended or were retried a moment ago; writing them again changes nothing. The row
    /// expires by itself.
    async fn put_recent(&self, workspace: WorkspaceId, recent: &RecentSamples) -> PortResult<()>;
    /// The samples of the first `rows_max` rows that were written at or after `since`, the oldest first; eventually
    /// consistent.
    async fn recent(&self, workspace: WorkspaceId, since: Moment, rows_max: usize) -> PortResult<Vec<Sample>>;
}
