//! Schedules as a mutant's API sees them: a retry gives them another pin.

use std::sync::Arc;

use async_trait::async_trait;
use pinbridge_shared::altered_port;
use pinbridge_shared::context::Context;
use pinbridge_shared::domain::ids::{ScheduleId, ScheduleKey, WorkspaceId};
use pinbridge_shared::domain::schedule::{ReleaseRow, Schedule, Stage};
use pinbridge_shared::domain::time::Moment;
use pinbridge_shared::ports::{ByTime, PortResult, Schedules, System, Write};

pub struct MutantSchedules {
    inner: Arc<dyn Schedules>,
    system: Arc<dyn System>,
    retention_ms: i64,
}

impl MutantSchedules {
    pub fn new(context: &Context) -> Self {
        Self {
            inner: Arc::clone(&context.schedules),
            system: Arc::clone(&context.system),
            retention_ms: context.settings.retention_ms,
        }
    }
}

altered_port! {
    Schedules for MutantSchedules {
        /// A write that leaves a released schedule as it is announces the retry of its pin.
        async fn save_schedule(&self, next: &Schedule) -> PortResult<Write<Option<Box<Schedule>>>> {
            let stored = self.inner.schedules(&[next.key]).await?.pop().flatten();
            let retried = stored
                .filter(|stored| stored.stage == Stage::Released && next.stage == Stage::Released)
                .filter(|_| next.removed_at.is_none())
                .and_then(|stored| stored.retried(self.system.now(), self.retention_ms, next.nonce.clone()).ok())
                .filter(|retried| retried.version == next.version);
            match retried {
                Some(retried) => {
                    self.inner.put_release_row(&retried.release_row()).await?;
                    self.inner.save_schedule(&retried).await
                }
                None => self.inner.save_schedule(next).await,
            }
        }
    }
    fn put_schedule(schedule: &Schedule) -> PortResult<Write<Box<Schedule>>>;
    fn schedules(keys: &[ScheduleKey]) -> PortResult<Vec<Option<Schedule>>>;
    fn schedules_by_time(
        workspace: WorkspaceId,
        range: &ByTime,
        limit: usize
    ) -> PortResult<Vec<(Moment, ScheduleId)>>;
    fn put_release_row(row: &ReleaseRow) -> PortResult<()>;
    fn delete_release_rows(rows: &[ReleaseRow]) -> PortResult<()>;
    fn release_rows(minute: i64, shard: u32) -> PortResult<Vec<ReleaseRow>>;
    fn release_watermark() -> PortResult<Option<i64>>;
    fn set_release_watermark(minute: i64) -> PortResult<()>;
}
