//! Schedules and what they are found by when their time has come.

use async_trait::async_trait;

use super::{PortResult, Write};
use crate::domain::ids::{ScheduleId, ScheduleKey, WorkspaceId};
use crate::domain::schedule::{DueRow, Schedule};
use crate::domain::time::Moment;

/// The answer to writing a new schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kept {
    New,
    /// The id is taken; the row as it is now.
    Existing(Box<Schedule>),
}

/// Which schedules of a workspace, and in which order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ByTime {
    /// That run then or later.
    pub since: Option<Moment>,
    /// That run before then.
    pub until: Option<Moment>,
    /// Behind this one, in the order asked for.
    pub after: Option<(Moment, ScheduleId)>,
    /// Otherwise the next run is first.
    pub latest_first: bool,
}

/// The same table as the store's.
#[async_trait]
pub trait Schedules: Send + Sync {
    /// Writes the schedule unless its id is taken.
    async fn put_schedule(&self, schedule: &Schedule) -> PortResult<Kept>;
    /// Consistent reads, in the order of the keys; removed ones too.
    async fn schedules(&self, keys: &[ScheduleKey]) -> PortResult<Vec<Option<Schedule>>>;
    /// Writes the row if the stored one still has the version before `next.version`.
    async fn save_schedule(&self, next: &Schedule) -> PortResult<Write<Option<Box<Schedule>>>>;
    /// The first in the order of their `run_at` (those of one moment in the order of their ids), without those that were
    /// removed; eventually consistent.
    async fn schedules_by_time(
        &self,
        workspace: WorkspaceId,
        range: &ByTime,
        limit: usize,
    ) -> PortResult<Vec<(Moment, ScheduleId)>>;

    async fn put_due(&self, row: &DueRow) -> PortResult<()>;
    async fn delete_due(&self, rows: &[DueRow]) -> PortResult<()>;
    /// Every row of one minute and shard, the earliest first, read consistently.
    async fn due(&self, minute: i64, shard: u32) -> PortResult<Vec<DueRow>>;
    /// The minute up to which the dispatcher has handed everything over.
    async fn due_watermark(&self) -> PortResult<Option<i64>>;
    /// Moves the watermark forward, never back.
    async fn set_due_watermark(&self, minute: i64) -> PortResult<()>;
}
