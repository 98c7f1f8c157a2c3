//! The activity log in memory.

use std::collections::BTreeMap;

use async_trait::async_trait;
use uuid::Uuid;

use super::{FakeStore, Tables};
use crate::domain::ids::WorkspaceId;
use crate::domain::stats::activity::Entry;
use crate::domain::time::Moment;
use crate::ports::{ActivityLog, PortResult};

#[derive(Default)]
pub(super) struct Rows(BTreeMap<(WorkspaceId, Moment, Uuid), Entry>);

impl Rows {
    pub(super) fn holds(&self, workspace: WorkspaceId) -> bool {
        self.0.keys().any(|(of, ..)| *of == workspace)
    }

    pub(super) fn wipe(&mut self, workspace: WorkspaceId) {
        self.0.retain(|(of, ..), _| *of != workspace);
    }
}

#[async_trait]
impl ActivityLog for FakeStore {
    async fn record(&self, workspace: WorkspaceId, entry: &Entry, _: Moment) -> PortResult<()> {
        let record = |t: &mut Tables| {
            t.activity.0.insert((workspace, entry.at, entry.id), entry.clone());
        };
        self.call("activity.record", record).await
    }

    async fn entries(
        &self,
        workspace: WorkspaceId,
        since: Moment,
        before: Option<(Moment, Option<Uuid>)>,
        limit: usize,
    ) -> PortResult<Vec<Entry>> {
        let is_behind = |at: Moment, id: Uuid| match before {
            None => true,
            Some((end, None)) => at < end,
            Some((end, Some(last))) => (at, id) < (end, last),
        };
        let list = |t: &mut Tables| {
            let rows = t.activity.0.iter().rev();
            let wanted = rows.filter(|((of, at, id), _)| *of == workspace && *at >= since && is_behind(*at, *id));
            wanted.take(limit).map(|(_, entry)| entry.clone()).collect()
        };
        self.call("activity.entries", list).await
    }
}
