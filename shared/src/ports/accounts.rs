//! Connected accounts.

use async_trait::async_trait;

use super::PortResult;
use crate::domain::account::Account;
use crate::domain::ids::{AccountKey, WorkspaceId};
use crate::domain::time::Moment;

/// Connected accounts. The same table as every other [`Store`](super::Store) port.
#[async_trait]
pub trait Accounts: Send + Sync {
    /// Writes the row if the stored one still has the revision before `next.rev` (1: there is none); answers whether it had.
    async fn save_account(&self, next: &Account) -> PortResult<bool>;
    async fn account(&self, key: AccountKey) -> PortResult<Option<Account>>;
    async fn accounts(&self, workspace: WorkspaceId) -> PortResult<Vec<Account>>;
    /// The first accounts whose tokens are to be refreshed, or removed, by then, the most overdue first; eventually consistent.
    async fn accounts_due(&self, by: Moment, limit: usize) -> PortResult<Vec<AccountKey>>;
}
