//! The activity log.

use async_trait::async_trait;
use uuid::Uuid;

use super::PortResult;
use crate::domain::ids::WorkspaceId;
use crate::domain::stats::activity::Entry;
use crate::domain::time::Moment;

/// The same table as the store's.
#[async_trait]
pub trait ActivityLog: Send + Sync {
    /// Keeps the entry; writing it again changes nothing.
    async fn note(&self, workspace: WorkspaceId, entry: &Entry, expires_at: Moment) -> PortResult<()>;
    /// The newest entries that aren't older than `since`, those behind `before` if that is given, newest first; of one moment the
    /// larger id first. Read consistently.
    async fn entries(
        &self,
        workspace: WorkspaceId,
        since: Moment,
        before: Option<(Moment, Option<Uuid>)>,
        limit: usize,
    ) -> PortResult<Vec<Entry>>;
}
