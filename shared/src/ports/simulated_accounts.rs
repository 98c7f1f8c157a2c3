//! Port: the state that Pinterest would store of a sandbox's accounts.

use async_trait::async_trait;

use super::{PortResult, Write};
use crate::domain::ids::AccountKey;
use crate::domain::sandbox::SimulatedAccount;

/// Simulated accounts, in the store's table. Only [`adapters::sandbox`](crate::adapters::sandbox) reads and writes
/// them.
#[async_trait]
pub trait SimulatedAccounts: Send + Sync {
    /// Consistent read; [`SimulatedAccount::new`] when there is no row.
    async fn simulated_account(&self, key: AccountKey) -> PortResult<SimulatedAccount>;
    /// Writes the row if the stored one has the revision before `next.rev`, and otherwise answers a conflict.
    async fn save_simulated_account(&self, next: &SimulatedAccount) -> PortResult<Write<()>>;
}
