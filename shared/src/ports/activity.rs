//! Port: the activity log.

use async_trait::async_trait;
use uuid::Uuid;

use super::PortResult;
use crate::domain::ids::WorkspaceId;
use crate::domain::stats::activity::Entry;
use crate::domain::time::Moment;

/// The activity log, in the store's table.
#[async_trait]
pub trait ActivityLog: Send + Sync {
    /// Writes an entry; writing it again changes nothing. The row expires at `expires_at`.
    async fn record(&self, workspace: WorkspaceId, entry: &Entry, expires_at: Moment) -> PortResult<()>;
    /// The newest entries that aren't older than `since`, newest first; at the same moment, the larger id comes first.
    /// With `before`, only the entries after that position. Consistent read.
    async fn entries(
        &self,
        workspace: WorkspaceId,
        since: Moment,
        before: Option<(Moment, Option<Uuid>)>,
        limit: usize,
    ) -> PortResult<Vec<Entry>>;
}
