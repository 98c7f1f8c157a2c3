//! Port: deleting a workspace's rows, and the rows that a disconnected account leaves.

use async_trait::async_trait;

use super::PortResult;
use crate::domain::ids::{AccountKey, PinId, PinKey, WorkspaceId};
use crate::domain::time::Moment;

/// The keys of a deleted pin's rows. A tombstone is kept for a while, because a worker that read the pin just before
/// may still write some of these rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tombstone {
    pub key: PinKey,
    pub account: AccountKey,
    pub board_id: String,
    /// The hashes in the keys of the pin's sibling rows, with blanks between them.
    pub content_hash: String,
    pub created_at: Moment,
}

/// Deletions in the store's table. Every deletion may be repeated.
#[async_trait]
pub trait Purge: Send + Sync {
    /// The workspaces that aren't active; eventually consistent.
    async fn marked_workspaces(&self) -> PortResult<Vec<WorkspaceId>>;
    /// Since when the workspace is known to be marked for deletion. The first call records `now`.
    async fn marked_since(&self, workspace: WorkspaceId, now: Moment) -> PortResult<Moment>;
    /// Some of the pins that are left; eventually consistent.
    async fn pins_left(&self, workspace: WorkspaceId, limit: usize) -> PortResult<Vec<PinId>>;
    /// Writes the tombstones, then deletes the pins' own rows, their siblings, their unresolved rows and the boards'
    /// scans.
    async fn put_tombstone(&self, tombstones: &[Tombstone]) -> PortResult<()>;
    /// Some of the tombstones; eventually consistent.
    async fn tombstones(&self, workspace: WorkspaceId, limit: usize) -> PortResult<Vec<Tombstone>>;
    /// Deletes the same rows once more, then the tombstones.
    async fn close_tombstones(&self, tombstones: &[Tombstone]) -> PortResult<()>;
    /// Deletes up to about `limit` schedules with their release rows; returns whether there was none (eventually
    /// consistent).
    async fn wipe_schedules(&self, workspace: WorkspaceId, limit: usize) -> PortResult<bool>;
    /// Deletes up to about `limit` of the account's rows (backlog, bucket, board checks), and its own row last; returns
    /// whether all are gone.
    async fn wipe_account(&self, account: AccountKey, limit: usize) -> PortResult<bool>;
    /// Deletes what is left of the workspace except its keys and its own row: pending authorizations, the activity log,
    /// the rollup, and the time since which it is marked.
    async fn wipe_remains(&self, workspace: WorkspaceId) -> PortResult<()>;
    /// Deletes the keys, then the workspace's own row.
    async fn wipe_workspace(&self, workspace: WorkspaceId) -> PortResult<()>;
    /// Accounts that were disconnected at or before `by` and still have a name, the earliest first; eventually
    /// consistent.
    async fn disconnected(&self, by: Moment, limit: usize) -> PortResult<Vec<AccountKey>>;
}
