//! [`Secrets`] in memory. Nothing is cached, so `fresh` makes no difference.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::gate::{Gate, around};
use crate::domain::ids::AccountKey;
use crate::ports::{Custody, PortError, PortResult, Removal, Secrets, Stored, Tokens, Write};

/// Called for every change, with the account, the stored tokens before and the stored tokens after.
pub type CustodyWatcher = Box<dyn FnMut(AccountKey, &Custody, &Custody) + Send>;

pub struct FakeSecrets {
    gate: Arc<dyn Gate>,
    custody: Mutex<BTreeMap<AccountKey, Custody>>,
    watcher: Mutex<Option<CustodyWatcher>>,
}

impl FakeSecrets {
    pub fn new(gate: Arc<dyn Gate>) -> Self {
        Self { gate, custody: Mutex::default(), watcher: Mutex::default() }
    }

    /// Removes an account's tokens, as if its secret had been deleted.
    pub fn forget(&self, account: AccountKey) {
        self.locked().remove(&account);
    }

    /// The stored tokens, without passing the gate.
    pub fn look(&self, account: AccountKey) -> Custody {
        self.locked().get(&account).cloned().unwrap_or_default()
    }

    /// Calls `watcher` for every change, for a simulation's oracles.
    pub fn watch(&self, watcher: CustodyWatcher) {
        *self.watcher.lock().unwrap_or_else(PoisonError::into_inner) = Some(watcher);
    }

    /// Makes a change and calls the watcher.
    fn change<T>(&self, account: AccountKey, change: impl FnOnce(&mut BTreeMap<AccountKey, Custody>) -> T) -> T {
        let before = self.look(account);
        let answer = change(&mut self.locked());
        let after = self.look(account);
        if before != after
            && let Some(watcher) = self.watcher.lock().unwrap_or_else(PoisonError::into_inner).as_mut()
        {
            watcher(account, &before, &after);
        }
        answer
    }

    fn locked(&self) -> MutexGuard<'_, BTreeMap<AccountKey, Custody>> {
        self.custody.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn check(tokens: &Tokens) -> PortResult<()> {
    if tokens.are_whole() {
        return Ok(());
    }
    Err(PortError::Broken { port: "secrets", reason: "an empty token is never stored".into() })
}

#[async_trait]
impl Secrets for FakeSecrets {
    async fn tokens(&self, account: AccountKey, _fresh: bool) -> PortResult<Option<Tokens>> {
        let read = || Ok(self.look(account).current.map(|stored| stored.tokens));
        around(&*self.gate, "secrets.tokens", read).await
    }

    async fn custody(&self, account: AccountKey) -> PortResult<Custody> {
        around(&*self.gate, "secrets.custody", || Ok(self.look(account))).await
    }

    async fn store_tokens(&self, account: AccountKey, version: &str, tokens: &Tokens) -> PortResult<()> {
        let store = || {
            check(tokens)?;
            let current = Stored { version: version.to_owned(), follows: None, tokens: tokens.clone() };
            self.change(account, |all| all.insert(account, Custody { current: Some(current), pending: None }));
            Ok(())
        };
        around(&*self.gate, "secrets.store_tokens", store).await
    }

    async fn stage_tokens(&self, account: AccountKey, staged: &Stored) -> PortResult<()> {
        let stage = || {
            check(&staged.tokens)?;
            self.change(account, |all| match all.get_mut(&account) {
                Some(custody) => {
                    custody.pending = Some(staged.clone());
                    Ok(())
                }
                None => Err(PortError::Broken { port: "secrets", reason: "there is no such secret".into() }),
            })
        };
        around(&*self.gate, "secrets.stage_tokens", stage).await
    }

    async fn promote_tokens(&self, account: AccountKey, version: &str, follows: &str) -> PortResult<Write<()>> {
        let promote = || {
            let is = |stored: &Option<Stored>, version: &str| stored.as_ref().is_some_and(|s| s.version == version);
            self.change(account, |all| {
                let Some(custody) = all.get_mut(&account) else { return Ok(Write::Conflict(())) };
                if is(&custody.current, follows) && is(&custody.pending, version) {
                    custody.current = custody.pending.take();
                }
                Ok(Write::done_if(is(&custody.current, version)))
            })
        };
        around(&*self.gate, "secrets.promote_tokens", promote).await
    }

    async fn remove_tokens(&self, account: AccountKey, _: Removal) -> PortResult<()> {
        let remove = || {
            self.change(account, |all| all.remove(&account));
            Ok(())
        };
        around(&*self.gate, "secrets.remove_tokens", remove).await
    }
}
