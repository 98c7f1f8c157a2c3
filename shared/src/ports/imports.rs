//! Imports in the one table.

use async_trait::async_trait;

use super::PortResult;
use crate::domain::ids::WorkspaceId;
use crate::domain::import::{ChunkResult, Import, ImportKey, Row, Stop, Totals};

/// The same table as the store's.
#[async_trait]
pub trait Imports: Send + Sync {
    /// Writes the rows of an import that isn't there yet, under the name of its submission.
    async fn put_import_chunks(&self, import: &Import, chunks: &[Vec<Row>]) -> PortResult<()>;
    /// Writes the import unless its id is taken; answers the one that is in the way.
    async fn put_import(&self, import: &Import) -> PortResult<Option<Import>>;
    /// Read consistently.
    async fn import(&self, key: ImportKey) -> PortResult<Option<Import>>;
    /// The rows of one chunk; `None` when they are gone.
    async fn import_chunk(&self, import: &Import, chunk: u32) -> PortResult<Option<Vec<Row>>>;
    /// Keeps a chunk's results. Those that were written first stay.
    async fn put_import_result(&self, import: &Import, result: &ChunkResult) -> PortResult<()>;
    /// All there are, in the order of their chunks, read consistently.
    async fn import_results(&self, key: ImportKey) -> PortResult<Vec<ChunkResult>>;
    /// Notes the sum over all chunks, if the import is there.
    async fn finish_import(&self, key: ImportKey, totals: &Totals) -> PortResult<()>;
    /// Notes that the import has stopped, or that it goes on; nothing if it is finished, or isn't there.
    async fn stop_import(&self, key: ImportKey, stop: Option<&Stop>) -> PortResult<()>;
    /// Removes the rows of a submission that came to nothing.
    async fn drop_import_chunks(&self, key: ImportKey, nonce: &str) -> PortResult<()>;
    /// The newest imports, newest first; eventually consistent.
    async fn imports(&self, workspace: WorkspaceId, limit: usize) -> PortResult<Vec<Import>>;
    /// Removes some of the workspace's imports with all their rows; answers whether none was left.
    async fn wipe_imports(&self, workspace: WorkspaceId) -> PortResult<bool>;
}
