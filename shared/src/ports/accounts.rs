//! Port: connected accounts.

use async_trait::async_trait;

use super::{PortResult, Write};
use crate::domain::account::Account;
use crate::domain::ids::{AccountKey, WorkspaceId};
use crate::domain::time::Moment;

/// Connected accounts, in the table that all [`Store`](super::Store) ports share.
#[async_trait]
pub trait Accounts: Send + Sync {
    /// Writes the row if the stored one has the revision before `next.rev` (for 1: if none is stored), and
    /// otherwise answers a conflict.
    async fn save_account(&self, next: &Account) -> PortResult<Write<()>>;
    /// The account; `None` when there is no row. Consistent read.
    async fn account(&self, key: AccountKey) -> PortResult<Option<Account>>;
    /// All accounts of the workspace, disconnected ones included. Consistent read.
    async fn accounts(&self, workspace: WorkspaceId) -> PortResult<Vec<Account>>;
    /// The first accounts whose tokens are to be refreshed or removed at or before `by`, the most overdue first;
    /// eventually consistent.
    async fn accounts_due(&self, by: Moment, limit: usize) -> PortResult<Vec<AccountKey>>;
}
