//! Tokens in memory for minutes: a read of custody costs money and time, and a burst publishes with the same tokens.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::domain::ids::AccountKey;
use crate::domain::time::{MINUTE_MS, Moment};
use crate::ports::{System, Tokens};

/// How long tokens are served from memory, in milliseconds. A 401 reads them again at once.
pub const CACHED_MS: i64 = 5 * MINUTE_MS;
/// The cache's largest size. Beyond it, the cache is emptied, which costs a read per account.
const CACHED_ACCOUNTS: usize = 10_000;

/// The tokens that were read or stored recently; each is wiped from memory when it is dropped.
pub struct TokenCache {
    system: Arc<dyn System>,
    tokens: Mutex<HashMap<AccountKey, (Moment, Tokens)>>,
}

impl TokenCache {
    pub fn new(system: Arc<dyn System>) -> Self {
        Self { system, tokens: Mutex::default() }
    }

    /// The account's tokens, if they are in memory and not older than [`CACHED_MS`].
    pub fn get(&self, account: AccountKey) -> Option<Tokens> {
        let cache = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        let (read_at, tokens) = cache.get(&account)?;
        (self.system.now().since_ms(*read_at) < CACHED_MS).then(|| tokens.clone())
    }

    /// Keeps tokens that were just read or stored.
    pub fn remember(&self, account: AccountKey, tokens: &Tokens) {
        let mut cache = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        if cache.len() >= CACHED_ACCOUNTS {
            cache.clear();
        }
        cache.insert(account, (self.system.now(), tokens.clone()));
    }

    /// Drops the account's tokens from memory: the next read asks custody.
    pub fn forget(&self, account: AccountKey) {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner).remove(&account);
    }
}
