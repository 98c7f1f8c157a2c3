//! Deferred pins in the order of their release. A row is the owner of its pin.

use async_trait::async_trait;

use super::PortResult;
use crate::domain::ids::AccountKey;
use crate::domain::pacing::backlog::BacklogRow;
use crate::domain::pin::Priority;

/// Deferred pins in the order of their release. A row is the owner of its pin. The same table as every other [`Store`](super::Store) port.
#[async_trait]
pub trait Backlog: Send + Sync {
    async fn put_backlog(&self, account: AccountKey, row: &BacklogRow) -> PortResult<()>;
    /// The first rows in the order of release, read consistently.
    async fn backlog(&self, account: AccountKey, limit: usize) -> PortResult<Vec<BacklogRow>>;
    /// The oldest rows of one priority, read consistently.
    async fn backlog_of(&self, account: AccountKey, priority: Priority, limit: usize) -> PortResult<Vec<BacklogRow>>;
    /// How many rows stand before `row`, counted up to `limit`; `None` when it isn't there.
    async fn backlog_position(&self, account: AccountKey, row: &BacklogRow, limit: u64) -> PortResult<Option<u64>>;
    async fn in_backlog(&self, account: AccountKey, row: &BacklogRow) -> PortResult<bool>;
    async fn delete_backlog(&self, account: AccountKey, rows: &[BacklogRow]) -> PortResult<()>;
}
