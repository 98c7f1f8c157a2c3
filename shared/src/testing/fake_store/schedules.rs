//! Schedules and release rows in memory.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;

use super::{FakeStore, Tables};
use crate::domain::ids::{ScheduleId, ScheduleKey, WorkspaceId};
use crate::domain::repeated_write::is_same_write;
use crate::domain::schedule::{ReleaseRow, Schedule};
use crate::domain::time::Moment;
use crate::ports::{ByTime, PortResult, Schedules, Write};

#[derive(Default)]
pub(super) struct Rows {
    schedules: BTreeMap<ScheduleKey, Schedule>,
    release_rows: BTreeMap<(i64, u32), BTreeSet<ReleaseRow>>,
    watermark: Option<i64>,
}

impl Rows {
    pub(super) fn holds(&self, workspace: WorkspaceId) -> bool {
        self.schedules.keys().any(|key| key.workspace == workspace)
            || self.release_rows.values().flatten().any(|row| row.key.workspace == workspace)
    }

    pub(super) fn wipe(&mut self, workspace: WorkspaceId, limit: usize) -> bool {
        let names: Vec<ScheduleKey> =
            self.schedules.keys().filter(|key| key.workspace == workspace).take(limit).copied().collect();
        for key in &names {
            if let Some(schedule) = self.schedules.remove(key) {
                self.delete_release_row(&schedule.release_row());
            }
        }
        names.is_empty()
    }

    fn put(&mut self, schedule: &Schedule) -> Write<Box<Schedule>> {
        match self.schedules.get(&schedule.key) {
            None => {
                self.schedules.insert(schedule.key, schedule.clone());
                Write::Done
            }
            Some(current) if is_ours(current, schedule) => Write::Done,
            Some(current) => Write::Conflict(Box::new(current.clone())),
        }
    }

    fn save(&mut self, next: &Schedule) -> Write<Option<Box<Schedule>>> {
        let current = self.schedules.get(&next.key);
        if current.is_some_and(|current| current.version + 1 == next.version) {
            self.schedules.insert(next.key, next.clone());
            return Write::Done;
        }
        match current {
            Some(current) if is_ours(current, next) => Write::Done,
            current => Write::Conflict(current.cloned().map(Box::new)),
        }
    }

    fn by_time(&self, workspace: WorkspaceId, range: &ByTime, limit: usize) -> Vec<(Moment, ScheduleId)> {
        let is_listed = |schedule: &&Schedule| schedule.key.workspace == workspace && schedule.removed_at.is_none();
        let mine = self.schedules.values().filter(is_listed);
        let mut positions: Vec<_> = mine.map(|schedule| (schedule.run_at, schedule.key.schedule)).collect();
        positions.retain(|position| {
            let is_behind =
                |after: (Moment, ScheduleId)| if range.latest_first { *position < after } else { *position > after };
            range.since.is_none_or(|since| position.0 >= since)
                && range.until.is_none_or(|until| position.0 < until)
                && range.after.is_none_or(is_behind)
        });
        positions.sort_unstable();
        if range.latest_first {
            positions.reverse();
        }
        positions.truncate(limit);
        positions
    }

    fn delete_release_row(&mut self, row: &ReleaseRow) {
        if let Some(rows) = self.release_rows.get_mut(&(row.minute(), row.shard())) {
            rows.remove(row);
        }
    }
}

fn is_ours(current: &Schedule, ours: &Schedule) -> bool {
    current.version == ours.version && is_same_write(&current.nonce, &ours.nonce)
}

impl FakeStore {
    /// Calls `look` for every schedule, without passing the gate.
    pub fn each_schedule(&self, look: impl FnMut(&Schedule)) {
        self.tables().schedules.schedules.values().for_each(look);
    }

    /// The schedule as it is now.
    pub fn peek_schedule(&self, key: ScheduleKey) -> Option<Schedule> {
        self.tables().schedules.schedules.get(&key).cloned()
    }

    /// Every release row.
    pub fn all_release_rows(&self) -> BTreeSet<ReleaseRow> {
        self.tables().schedules.release_rows.values().flatten().copied().collect()
    }
}

#[async_trait]
impl Schedules for FakeStore {
    async fn put_schedule(&self, schedule: &Schedule) -> PortResult<Write<Box<Schedule>>> {
        self.call("schedules.put_schedule", |t| t.schedules.put(schedule)).await
    }

    async fn schedules(&self, keys: &[ScheduleKey]) -> PortResult<Vec<Option<Schedule>>> {
        let read = |t: &mut Tables| keys.iter().map(|key| t.schedules.schedules.get(key).cloned()).collect();
        self.call("schedules.schedules", read).await
    }

    async fn save_schedule(&self, next: &Schedule) -> PortResult<Write<Option<Box<Schedule>>>> {
        self.call("schedules.save_schedule", |t| t.schedules.save(next)).await
    }

    async fn schedules_by_time(
        &self,
        workspace: WorkspaceId,
        range: &ByTime,
        limit: usize,
    ) -> PortResult<Vec<(Moment, ScheduleId)>> {
        self.call("schedules.schedules_by_time", |t| t.schedules.by_time(workspace, range, limit)).await
    }

    async fn put_release_row(&self, row: &ReleaseRow) -> PortResult<()> {
        let put = |t: &mut Tables| {
            t.schedules.release_rows.entry((row.minute(), row.shard())).or_default().insert(*row);
        };
        self.call("schedules.put_release_row", put).await
    }

    async fn delete_release_rows(&self, rows: &[ReleaseRow]) -> PortResult<()> {
        self.call("schedules.delete_release_rows", |t| rows.iter().for_each(|row| t.schedules.delete_release_row(row)))
            .await
    }

    async fn release_rows(&self, minute: i64, shard: u32) -> PortResult<Vec<ReleaseRow>> {
        let rows =
            |t: &mut Tables| t.schedules.release_rows.get(&(minute, shard)).into_iter().flatten().copied().collect();
        self.call("schedules.release_rows", rows).await
    }

    async fn release_watermark(&self) -> PortResult<Option<i64>> {
        self.call("schedules.release_watermark", |t| t.schedules.watermark).await
    }

    async fn set_release_watermark(&self, minute: i64) -> PortResult<()> {
        self.call("schedules.set_release_watermark", |t| {
            t.schedules.watermark = t.schedules.watermark.max(Some(minute))
        })
        .await
    }
}
