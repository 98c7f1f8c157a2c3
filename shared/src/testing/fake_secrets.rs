//! [`Secrets`] in memory. Nothing is cached, so `fresh` makes no difference.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::gate::{Gate, around};
use crate::domain::ids::AccountKey;
use crate::ports::{PortError, PortResult, Secrets, Tokens};

pub struct FakeSecrets {
    gate: Arc<dyn Gate>,
    tokens: Mutex<BTreeMap<AccountKey, Tokens>>,
}

impl FakeSecrets {
    pub fn new(gate: Arc<dyn Gate>) -> Self {
        Self { gate, tokens: Mutex::default() }
    }

    /// Forgets an account's tokens, as if its secret had been deleted.
    pub fn forget(&self, account: AccountKey) {
        self.locked().remove(&account);
    }

    fn locked(&self) -> MutexGuard<'_, BTreeMap<AccountKey, Tokens>> {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Secrets for FakeSecrets {
    async fn tokens(&self, account: AccountKey, _fresh: bool) -> PortResult<Option<Tokens>> {
        around(&*self.gate, "secrets.tokens", || Ok(self.locked().get(&account).cloned())).await
    }

    async fn store_tokens(&self, account: AccountKey, tokens: &Tokens) -> PortResult<()> {
        let store = || {
            if tokens.access.0.is_empty() {
                return Err(PortError::Broken { port: "secrets", reason: "an empty token is never stored".into() });
            }
            self.locked().insert(account, tokens.clone());
            Ok(())
        };
        around(&*self.gate, "secrets.store_tokens", store).await
    }
}
