//! Port: imports.

use async_trait::async_trait;

use super::{PortResult, Write};
use crate::domain::ids::WorkspaceId;
use crate::domain::import::{ChunkResult, Import, ImportKey, Row, Stop, Totals};

/// Imports, in the store's table.
#[async_trait]
pub trait Imports: Send + Sync {
    /// Writes the rows of an import before the import itself, under the submission's nonce.
    async fn put_import_chunks(&self, import: &Import, chunks: &[Vec<Row>]) -> PortResult<()>;
    /// Writes the import unless its id is taken; a conflict returns the import that has the id.
    async fn put_import(&self, import: &Import) -> PortResult<Write<Box<Import>>>;
    /// The import; `None` when there is none. Consistent read.
    async fn import(&self, key: ImportKey) -> PortResult<Option<Import>>;
    /// The rows of one chunk; `None` when they are missing.
    async fn import_chunk(&self, import: &Import, chunk: u32) -> PortResult<Option<Vec<Row>>>;
    /// Writes a chunk's results, unless the chunk has results already.
    async fn put_import_result(&self, import: &Import, result: &ChunkResult) -> PortResult<()>;
    /// All results in the order of their chunks. Consistent read.
    async fn import_results(&self, key: ImportKey) -> PortResult<Vec<ChunkResult>>;
    /// Writes the totals over all chunks, if the import exists.
    async fn finish_import(&self, key: ImportKey, totals: &Totals) -> PortResult<()>;
    /// Records that the import has stopped, or that it continues. Does nothing if the import is finished or doesn't
    /// exist.
    async fn stop_import(&self, key: ImportKey, stop: Option<&Stop>) -> PortResult<()>;
    /// Deletes the rows of a submission whose import was never written.
    async fn drop_import_chunks(&self, key: ImportKey, nonce: &str) -> PortResult<()>;
    /// The newest imports, newest first; eventually consistent.
    async fn imports(&self, workspace: WorkspaceId, limit: usize) -> PortResult<Vec<Import>>;
    /// Deletes some of the workspace's imports with all their rows; returns whether there was none left to delete.
    async fn wipe_imports(&self, workspace: WorkspaceId) -> PortResult<bool>;
}
