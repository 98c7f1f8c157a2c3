//! Imports in memory.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::{FakeStore, Tables};
use crate::domain::ids::WorkspaceId;
use crate::domain::import::{ChunkResult, Import, ImportKey, Row, Stop, Totals};
use crate::domain::repeated_write::is_same_write;
use crate::ports::{Imports, PortResult, Write};

/// As many imports as the table's adapter deletes at once.
const WIPED_AT_ONCE: usize = 10;

#[derive(Default)]
pub(super) struct Rows {
    imports: BTreeMap<ImportKey, Import>,
    chunks: BTreeMap<(ImportKey, String, u32), Vec<Row>>,
    results: BTreeMap<(ImportKey, u32), ChunkResult>,
}

impl Rows {
    pub(super) fn holds(&self, workspace: WorkspaceId) -> bool {
        self.imports.keys().any(|key| key.workspace == workspace)
            || self.chunks.keys().any(|(key, ..)| key.workspace == workspace)
            || self.results.keys().any(|(key, _)| key.workspace == workspace)
    }

    fn newest(&self, workspace: WorkspaceId, limit: usize) -> Vec<Import> {
        let mut imports: Vec<Import> =
            self.imports.values().filter(|import| import.key.workspace == workspace).cloned().collect();
        imports.sort_by_key(|import| std::cmp::Reverse((import.created_at, import.key)));
        imports.truncate(limit);
        imports
    }
}

impl FakeStore {
    /// Loses the rows of all imports, which no table does.
    pub fn lose_import_chunks(&self) {
        self.tables().imports.chunks.clear();
    }

    /// How many chunks of rows are stored, of any submission.
    pub fn import_chunks_held(&self) -> usize {
        self.tables().imports.chunks.len()
    }
}

#[async_trait]
impl Imports for FakeStore {
    async fn put_import_chunks(&self, import: &Import, chunks: &[Vec<Row>]) -> PortResult<()> {
        let put = |t: &mut Tables| {
            for (chunk, rows) in (0..).zip(chunks) {
                t.imports.chunks.insert((import.key, import.nonce.clone(), chunk), rows.clone());
            }
        };
        self.call("imports.put_import_chunks", put).await
    }

    async fn put_import(&self, import: &Import) -> PortResult<Write<Box<Import>>> {
        let put = |t: &mut Tables| {
            let stored = t.imports.imports.entry(import.key).or_insert_with(|| import.clone());
            let is_ours = is_same_write(&stored.nonce, &import.nonce);
            if is_ours { Write::Done } else { Write::Conflict(Box::new(stored.clone())) }
        };
        self.call("imports.put_import", put).await
    }

    async fn import(&self, key: ImportKey) -> PortResult<Option<Import>> {
        self.call("imports.import", |t| t.imports.imports.get(&key).cloned()).await
    }

    async fn import_chunk(&self, import: &Import, chunk: u32) -> PortResult<Option<Vec<Row>>> {
        let key = (import.key, import.nonce.clone(), chunk);
        self.call("imports.import_chunk", |t| t.imports.chunks.get(&key).cloned()).await
    }

    async fn put_import_result(&self, import: &Import, result: &ChunkResult) -> PortResult<()> {
        let put = |t: &mut Tables| {
            t.imports.results.entry((import.key, result.chunk)).or_insert_with(|| result.clone());
        };
        self.call("imports.put_import_result", put).await
    }

    async fn import_results(&self, key: ImportKey) -> PortResult<Vec<ChunkResult>> {
        let list =
            |t: &mut Tables| t.imports.results.range((key, 0)..=(key, u32::MAX)).map(|(_, r)| r.clone()).collect();
        self.call("imports.import_results", list).await
    }

    async fn finish_import(&self, key: ImportKey, totals: &Totals) -> PortResult<()> {
        let finish = |t: &mut Tables| {
            if let Some(import) = t.imports.imports.get_mut(&key) {
                import.finished = Some(*totals);
            }
        };
        self.call("imports.finish_import", finish).await
    }

    async fn stop_import(&self, key: ImportKey, stop: Option<&Stop>) -> PortResult<()> {
        let set = |t: &mut Tables| {
            if let Some(import) = t.imports.imports.get_mut(&key).filter(|import| import.finished.is_none()) {
                import.stopped = stop.cloned();
            }
        };
        self.call("imports.stop_import", set).await
    }

    async fn drop_import_chunks(&self, key: ImportKey, nonce: &str) -> PortResult<()> {
        let drop = |t: &mut Tables| t.imports.chunks.retain(|(of, by, _), _| *of != key || by != nonce);
        self.call("imports.drop_import_chunks", drop).await
    }

    async fn imports(&self, workspace: WorkspaceId, limit: usize) -> PortResult<Vec<Import>> {
        self.call("imports.imports", |t| t.imports.newest(workspace, limit)).await
    }

    async fn wipe_imports(&self, workspace: WorkspaceId) -> PortResult<bool> {
        let wipe = |t: &mut Tables| {
            let found = t.imports.newest(workspace, WIPED_AT_ONCE);
            for import in &found {
                t.imports.chunks.retain(|(key, ..), _| *key != import.key);
                t.imports.results.retain(|(key, _), _| *key != import.key);
                t.imports.imports.remove(&import.key);
            }
            found.is_empty()
        };
        self.call("imports.wipe_imports", wipe).await
    }
}
