//! Removing what a workspace holds, and what a disconnected account leaves.

use async_trait::async_trait;

use super::PortResult;
use crate::domain::ids::{AccountKey, PinId, PinKey, WorkspaceId};
use crate::domain::time::Moment;

/// Where the rows of a removed pin were. It is kept for a while, because a worker that has read the pin just before may still
/// write some of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tombstone {
    pub key: PinKey,
    pub account: AccountKey,
    pub board_id: String,
    /// Names its sibling row.
    pub content_hash: String,
    pub created_at: Moment,
}

/// The same table as the store's. Every removal may be repeated.
#[async_trait]
pub trait Purge: Send + Sync {
    /// Workspaces that aren't active; eventually consistent.
    async fn marked_workspaces(&self) -> PortResult<Vec<WorkspaceId>>;
    /// Since when the workspace is known to be marked: `now` when it is asked for the first time.
    async fn marked_since(&self, workspace: WorkspaceId, now: Moment) -> PortResult<Moment>;
    /// Some of the pins that are left; eventually consistent.
    async fn pins_left(&self, workspace: WorkspaceId, limit: usize) -> PortResult<Vec<PinId>>;
    /// Notes the graves, then removes the pins' own rows, their siblings, doubts and the boards' scans.
    async fn put_tombstone(&self, tombstones: &[Tombstone]) -> PortResult<()>;
    /// Some of the graves; eventually consistent.
    async fn tombstones(&self, workspace: WorkspaceId, limit: usize) -> PortResult<Vec<Tombstone>>;
    /// Removes the same rows once more, then the graves.
    async fn close_tombstones(&self, tombstones: &[Tombstone]) -> PortResult<()>;
    /// Removes at most about `limit` schedules with what they are found by; answers whether there was none (eventually consistent).
    async fn wipe_schedules(&self, workspace: WorkspaceId, limit: usize) -> PortResult<bool>;
    /// Removes at most about `limit` of the account's rows (backlog, bucket, board checks), its own row last; answers whether
    /// all are gone.
    async fn wipe_account(&self, account: AccountKey, limit: usize) -> PortResult<bool>;
    /// Removes what is left of the workspace but for its keys and its own row: begun connections, its
    /// activity log, the tally, and since when it is marked.
    async fn wipe_remains(&self, workspace: WorkspaceId) -> PortResult<()>;
    /// Removes the keys, then the workspace's own row.
    async fn wipe_workspace(&self, workspace: WorkspaceId) -> PortResult<()>;
    /// Accounts that were disconnected by then and still have a name, the longest ago first; eventually consistent.
    async fn disconnected(&self, by: Moment, limit: usize) -> PortResult<Vec<AccountKey>>;
}
