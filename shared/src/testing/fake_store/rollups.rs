//! The rollup's rows in memory.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::{FakeStore, Tables};
use crate::domain::ids::WorkspaceId;
use crate::domain::stats::rollup::codec::{
    decode_recent, decode_samples, decode_sums, encode_recent, encode_samples, encode_sums,
};
use crate::domain::stats::rollup::recent::RecentSamples;
use crate::domain::stats::rollup::{RollupPage, Sample, Sums};
use crate::domain::time::Moment;
use crate::ports::{BegunGroup, PortResult, Rollups, Write};

#[derive(Default)]
pub(super) struct Rows {
    rolled_up: Option<i64>,
    begun: Option<BegunGroup>,
    pages: BTreeMap<(WorkspaceId, i64, u32), RollupPage>,
    recent: BTreeMap<(WorkspaceId, Moment, String), Vec<Sample>>,
}

impl Rows {
    pub(super) fn holds(&self, workspace: WorkspaceId) -> bool {
        self.pages.keys().any(|(of, ..)| *of == workspace) || self.recent.keys().any(|(of, ..)| *of == workspace)
    }

    pub(super) fn wipe(&mut self, workspace: WorkspaceId) {
        self.pages.retain(|(of, ..), _| *of != workspace);
        self.recent.retain(|(of, ..), _| *of != workspace);
    }
}

/// The page as it is decoded from its bytes.
fn stored(hour: i64, page: &RollupPage) -> RollupPage {
    let sums = page.sums.as_ref().and_then(|sums| decode_sums(hour, &encode_sums(hour, sums)));
    RollupPage {
        samples: decode_samples(hour, &encode_samples(hour, &page.samples)).unwrap_or_default(),
        sums,
        ..page.clone()
    }
}

impl FakeStore {
    /// The rollup's samples of a workspace and the sums of its hours, without passing the gate.
    pub fn peek_rollups(&self, workspace: WorkspaceId) -> (Vec<Sample>, BTreeMap<i64, Sums>) {
        let tables = self.tables();
        let rows = tables.rollups.pages.iter().filter(|((of, ..), _)| *of == workspace);
        let (mut samples, mut sums) = (Vec::new(), BTreeMap::new());
        for ((_, hour, _), page) in rows {
            samples.extend(page.samples.iter().copied());
            sums.extend(page.sums.clone().map(|of| (*hour, of)));
        }
        (samples, sums)
    }

    /// The minute up to which pins are in the rollup, without passing the gate.
    pub fn peek_rolled_up(&self) -> Option<i64> {
        self.tables().rollups.rolled_up
    }
}

#[async_trait]
impl Rollups for FakeStore {
    async fn rolled_up(&self) -> PortResult<Option<i64>> {
        self.call("rollups.rolled_up", |t| t.rollups.rolled_up).await
    }

    async fn set_rolled_up(&self, minute: i64) -> PortResult<()> {
        let set = |t: &mut Tables| {
            if t.rollups.rolled_up.is_none_or(|stored| stored < minute) {
                (t.rollups.rolled_up, t.rollups.begun) = (Some(minute), None);
            }
        };
        self.call("rollups.set_rolled_up", set).await
    }

    async fn begun_group(&self) -> PortResult<Option<BegunGroup>> {
        self.call("rollups.begun_group", |t| t.rollups.begun).await
    }

    async fn set_begun_group(&self, group: &BegunGroup) -> PortResult<()> {
        let set = |t: &mut Tables| {
            if t.rollups.rolled_up.is_some_and(|minute| minute < group.last) {
                t.rollups.begun = Some(*group);
            }
        };
        self.call("rollups.set_begun_group", set).await
    }

    async fn sums(&self, workspace: WorkspaceId, first: i64, last: i64) -> PortResult<Vec<(i64, Sums)>> {
        let list = |t: &mut Tables| {
            let rows =
                t.rollups.pages.iter().filter(|((of, hour, number), _)| {
                    *of == workspace && *number == 0 && (first..=last).contains(hour)
                });
            rows.filter_map(|((_, hour, _), page)| Some((*hour, page.sums.clone()?))).collect()
        };
        self.call("rollups.sums", list).await
    }

    async fn first_rollup_page(&self, workspace: WorkspaceId, hour: i64) -> PortResult<Option<RollupPage>> {
        self.call("rollups.first_rollup_page", |t| t.rollups.pages.get(&(workspace, hour, 0)).cloned()).await
    }

    async fn other_rollup_pages(&self, workspace: WorkspaceId, hour: i64) -> PortResult<Vec<RollupPage>> {
        let list = |t: &mut Tables| {
            let rows = t.rollups.pages.range((workspace, hour, 1)..=(workspace, hour, u32::MAX));
            rows.map(|(_, page)| page.clone()).collect()
        };
        self.call("rollups.other_rollup_pages", list).await
    }

    async fn save_rollup_page(&self, workspace: WorkspaceId, hour: i64, next: &RollupPage) -> PortResult<Write<()>> {
        let save = |t: &mut Tables| {
            let key = (workspace, hour, next.number);
            let follows = t.rollups.pages.get(&key).map_or(0, |page| page.rev) + 1 == next.rev;
            if follows {
                t.rollups.pages.insert(key, stored(hour, next));
            }
            follows
        };
        self.call("rollups.save_rollup_page", save).await.map(Write::done_if)
    }

    async fn put_recent(&self, workspace: WorkspaceId, recent: &RecentSamples) -> PortResult<()> {
        let put = |t: &mut Tables| {
            let stored = decode_recent(&encode_recent(&recent.samples)).unwrap_or_default();
            t.rollups.recent.insert((workspace, recent.at, recent.id.clone()), stored);
        };
        self.call("rollups.put_recent", put).await
    }

    async fn recent(&self, workspace: WorkspaceId, since: Moment, rows_max: usize) -> PortResult<Vec<Sample>> {
        let list = |t: &mut Tables| {
            let rows = t.rollups.recent.range((workspace, since, String::new())..);
            let rows = rows.take_while(|((of, ..), _)| *of == workspace).take(rows_max);
            rows.flat_map(|(_, samples)| samples.iter().copied()).collect()
        };
        self.call("rollups.recent", list).await
    }
}
