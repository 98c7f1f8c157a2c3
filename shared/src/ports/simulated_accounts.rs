//! What Pinterest would remember of a sandbox's accounts.

use async_trait::async_trait;

use super::PortResult;
use crate::domain::ids::AccountKey;
use crate::domain::sandbox::SimulatedAccount;

/// The same table as the store's. Read and written by [`adapters::sandbox`](crate::adapters::sandbox) only.
#[async_trait]
pub trait SimulatedAccounts: Send + Sync {
    /// Read consistently; [`SimulatedAccount::new`] when there is no row.
    async fn simulated_account(&self, key: AccountKey) -> PortResult<SimulatedAccount>;
    /// Writes the row if the stored one still has the revision before `next.rev`; answers whether it had.
    async fn save_simulated_account(&self, next: &SimulatedAccount) -> PortResult<bool>;
}
