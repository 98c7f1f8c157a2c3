//! Port: schedules, and the release rows by which the dispatcher finds them.

use async_trait::async_trait;

use super::{PortResult, Write};
use crate::domain::ids::{ScheduleId, ScheduleKey, WorkspaceId};
use crate::domain::schedule::{ReleaseRow, Schedule};
use crate::domain::time::Moment;

/// A range of a workspace's schedules, and its order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ByTime {
    /// Only schedules that run at this time or later.
    pub since: Option<Moment>,
    /// Only schedules that run before this time.
    pub until: Option<Moment>,
    /// Only schedules after this one, in the requested order.
    pub after: Option<(Moment, ScheduleId)>,
    /// Whether the latest run comes first; otherwise the next one does.
    pub latest_first: bool,
}

/// Schedules, in the store's table. Minutes are counted from the epoch.
#[async_trait]
pub trait Schedules: Send + Sync {
    /// Writes the schedule unless its id is taken.
    async fn put_schedule(&self, schedule: &Schedule) -> PortResult<Write<Box<Schedule>>>;
    /// The schedules in the order of the keys, including removed ones. Consistent reads.
    async fn schedules(&self, keys: &[ScheduleKey]) -> PortResult<Vec<Option<Schedule>>>;
    /// Writes the row if the stored one has the version before `next.version`.
    async fn save_schedule(&self, next: &Schedule) -> PortResult<Write<Option<Box<Schedule>>>>;
    /// The first schedules of the range by `run_at` (at the same moment by id), without removed ones; eventually
    /// consistent.
    async fn schedules_by_time(
        &self,
        workspace: WorkspaceId,
        range: &ByTime,
        limit: usize,
    ) -> PortResult<Vec<(Moment, ScheduleId)>>;

    /// Writes the row; writing it again changes nothing.
    async fn put_release_row(&self, row: &ReleaseRow) -> PortResult<()>;
    /// Deletes the rows; one that does not exist is skipped.
    async fn delete_release_rows(&self, rows: &[ReleaseRow]) -> PortResult<()>;
    /// Every release row of one minute and shard, the earliest first. Consistent read.
    async fn release_rows(&self, minute: i64, shard: u32) -> PortResult<Vec<ReleaseRow>>;
    /// The minute up to which the dispatcher has released all due schedules; `None` before its first run.
    async fn release_watermark(&self) -> PortResult<Option<i64>>;
    /// Moves the watermark forward, never back.
    async fn set_release_watermark(&self, minute: i64) -> PortResult<()>;
}
