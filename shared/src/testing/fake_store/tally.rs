//! The tally's rows in memory.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::{FakeStore, Tables};
use crate::domain::ids::WorkspaceId;
use crate::domain::tally::codec::{decode_facts, decode_sums, encode_facts, encode_sums};
use crate::domain::tally::{Fact, Sheet, Sums};
use crate::ports::{PortResult, Tally};

#[derive(Default)]
pub(super) struct Rows {
    folded: Option<i64>,
    sheets: BTreeMap<(WorkspaceId, i64, u32), Sheet>,
}

impl Rows {
    pub(super) fn holds(&self, workspace: WorkspaceId) -> bool {
        self.sheets.keys().any(|(of, ..)| *of == workspace)
    }

    pub(super) fn wipe(&mut self, workspace: WorkspaceId) {
        self.sheets.retain(|(of, ..), _| *of != workspace);
    }
}

/// As it comes back from its bytes.
fn stored(hour: i64, sheet: &Sheet) -> Sheet {
    let sums = sheet.sums.as_ref().and_then(|sums| decode_sums(hour, &encode_sums(hour, sums)));
    Sheet { facts: decode_facts(hour, &encode_facts(hour, &sheet.facts)).unwrap_or_default(), sums, ..sheet.clone() }
}

impl FakeStore {
    /// The tally's facts of a workspace and the sums of its hours, without passing the gate.
    pub fn peek_tally(&self, workspace: WorkspaceId) -> (Vec<Fact>, BTreeMap<i64, Sums>) {
        let tables = self.tables();
        let rows = tables.tally.sheets.iter().filter(|((of, ..), _)| *of == workspace);
        let (mut facts, mut sums) = (Vec::new(), BTreeMap::new());
        for ((_, hour, _), sheet) in rows {
            facts.extend(sheet.facts.iter().copied());
            sums.extend(sheet.sums.clone().map(|of| (*hour, of)));
        }
        (facts, sums)
    }

    /// Up to which minute of the clock pins are in the tally, without passing the gate.
    pub fn peek_folded(&self) -> Option<i64> {
        self.tables().tally.folded
    }
}

#[async_trait]
impl Tally for FakeStore {
    async fn folded(&self) -> PortResult<Option<i64>> {
        self.call("tally.folded", |t| t.tally.folded).await
    }

    async fn set_folded(&self, minute: i64) -> PortResult<()> {
        self.call("tally.set_folded", |t| t.tally.folded = t.tally.folded.max(Some(minute))).await
    }

    async fn sums(&self, workspace: WorkspaceId, first: i64, last: i64) -> PortResult<Vec<(i64, Sums)>> {
        let list = |t: &mut Tables| {
            let rows =
                t.tally.sheets.iter().filter(|((of, hour, number), _)| {
                    *of == workspace && *number == 0 && (first..=last).contains(hour)
                });
            rows.filter_map(|((_, hour, _), sheet)| Some((*hour, sheet.sums.clone()?))).collect()
        };
        self.call("tally.sums", list).await
    }

    async fn first_sheet(&self, workspace: WorkspaceId, hour: i64) -> PortResult<Option<Sheet>> {
        self.call("tally.first_sheet", |t| t.tally.sheets.get(&(workspace, hour, 0)).cloned()).await
    }

    async fn other_sheets(&self, workspace: WorkspaceId, hour: i64) -> PortResult<Vec<Sheet>> {
        let list = |t: &mut Tables| {
            let rows = t.tally.sheets.range((workspace, hour, 1)..=(workspace, hour, u32::MAX));
            rows.map(|(_, sheet)| sheet.clone()).collect()
        };
        self.call("tally.other_sheets", list).await
    }

    async fn save_sheet(&self, workspace: WorkspaceId, hour: i64, next: &Sheet) -> PortResult<bool> {
        let save = |t: &mut Tables| {
            let key = (workspace, hour, next.number);
            let follows = t.tally.sheets.get(&key).map_or(0, |sheet| sheet.rev) + 1 == next.rev;
            if follows {
                t.tally.sheets.insert(key, stored(hour, next));
            }
            follows
        };
        self.call("tally.save_sheet", save).await
    }
}
