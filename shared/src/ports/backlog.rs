//! Port: the accounts' backlogs.

use async_trait::async_trait;

use super::PortResult;
use crate::domain::ids::AccountKey;
use crate::domain::pacing::backlog::BacklogRow;
use crate::domain::pin::Priority;

/// Deferred pins in the order of their release, in the table that all [`Store`](super::Store) ports share. A row owns
/// its pin.
#[async_trait]
pub trait Backlog: Send + Sync {
    /// Writes the row; writing it again changes nothing.
    async fn put_backlog(&self, account: AccountKey, row: &BacklogRow) -> PortResult<()>;
    /// The first rows in the order of release. Consistent read.
    async fn backlog(&self, account: AccountKey, limit: usize) -> PortResult<Vec<BacklogRow>>;
    /// The oldest rows of one priority. Consistent read.
    async fn backlog_of(&self, account: AccountKey, priority: Priority, limit: usize) -> PortResult<Vec<BacklogRow>>;
    /// The number of rows before `row`, counted up to `limit`; `None` when the row doesn't exist.
    async fn backlog_position(&self, account: AccountKey, row: &BacklogRow, limit: u64) -> PortResult<Option<u64>>;
    /// Whether the row exists. Consistent read.
    async fn in_backlog(&self, account: AccountKey, row: &BacklogRow) -> PortResult<bool>;
    /// Deletes the rows; one that does not exist is skipped.
    async fn delete_backlog(&self, account: AccountKey, rows: &[BacklogRow]) -> PortResult<()>;
}
