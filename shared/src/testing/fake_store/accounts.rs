//! Connected accounts in memory.

use async_trait::async_trait;

use super::{FakeStore, Tables};
use crate::domain::account::Account;
use crate::domain::ids::{AccountKey, WorkspaceId};
use crate::domain::repeated_write::is_same_write;
use crate::domain::time::Moment;
use crate::ports::{Accounts, PortResult, Write};

#[async_trait]
impl Accounts for FakeStore {
    async fn save_account(&self, next: &Account) -> PortResult<Write<()>> {
        let save = |t: &mut Tables| {
            let stored = t.accounts.get(&next.key);
            let follows = stored.map_or(0, |stored| stored.rev) + 1 == next.rev;
            if follows {
                let before = t.accounts.insert(next.key, next.clone());
                self.notify_account(before.as_ref(), next);
                return true;
            }
            stored.is_some_and(|stored| stored.rev == next.rev && is_same_write(&stored.nonce, &next.nonce))
        };
        self.call("store.save_account", save).await.map(Write::done_if)
    }

    async fn account(&self, key: AccountKey) -> PortResult<Option<Account>> {
        self.call("store.account", |t| t.accounts.get(&key).cloned()).await
    }

    async fn accounts(&self, workspace: WorkspaceId) -> PortResult<Vec<Account>> {
        let list = |t: &mut Tables| t.accounts.values().filter(|a| a.key.workspace == workspace).cloned().collect();
        self.call("store.accounts", list).await
    }

    async fn accounts_due(&self, by: Moment, limit: usize) -> PortResult<Vec<AccountKey>> {
        let list = |t: &mut Tables| {
            let refresh_at =
                |account: &Account| account.life.refresh_at.filter(|at| *at <= by && account.life.dead.is_none());
            let mut due: Vec<_> =
                t.accounts.values().filter_map(|account| Some((refresh_at(account)?, account.key))).collect();
            due.sort_unstable();
            due.into_iter().take(limit).map(|(_, key)| key).collect()
        };
        self.call("store.accounts_due", list).await
    }
}
