//! Rotates the data keys of accounts: adds a new key, seals every row again under it, and then drops the old ones.
//! Those of webhooks and tasks are in `hook_keys.rs`.

use super::error::broken;
use super::{Envelope, WRITES_MAX};
use crate::adapters::dynamodb::{SealedRow, SealedTokens};
use crate::domain::ids::AccountKey;
use crate::domain::time::{DAY_MS, Moment};
use crate::ports::OptimisticWrites;
use crate::ports::PortResult;

/// An old key is kept for at least this long after it was replaced. Every process knows the new one after minutes; a
/// day is for processes that were stopped in the middle of sealing.
pub const OLD_KEYS_KEPT_MS: i64 = DAY_MS;

/// The result of dropping old keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Retired {
    /// The dropped keys' ids; empty when there were none, or rows still name them.
    Dropped(Vec<String>),
    /// The current key is too young.
    NotBefore(Moment),
}

impl Envelope {
    /// Whether there are data keys: they are made when the first tokens are sealed.
    ///
    /// # Errors
    /// When Secrets Manager is unavailable.
    pub async fn has_keys(&self) -> PortResult<bool> {
        Ok(self.keys.read(true).await?.is_some())
    }

    /// Adds a data key, under which everything is sealed from now on; returns its id.
    ///
    /// # Errors
    /// When Secrets Manager is unavailable, or other rotations came first every time.
    pub async fn rotate(&self) -> PortResult<String> {
        self.keys.rotate().await
    }

    /// Seals the account's row again if it is sealed under an old key; returns whether it was.
    ///
    /// # Errors
    /// When the row can't be read; it then keeps its old seal.
    pub async fn reseal(&self, account: AccountKey) -> PortResult<bool> {
        let keyring = self.keys.read(false).await?.ok_or_else(|| broken("there are no data keys"))?;
        let is_old = |sealed: &SealedTokens| sealed.key_id != keyring.current_id();
        let mut writes = OptimisticWrites::of("sealed tokens", WRITES_MAX);
        loop {
            writes.begin()?;
            let Some(row) = self.table.sealed_row(account).await? else {
                return Ok(false);
            };
            if !is_old(&row.current) && !row.pending.as_ref().is_some_and(is_old) {
                return Ok(false);
            }
            let pending = match &row.pending {
                Some(pending) => Some(self.seal_again(account, pending).await?),
                None => None,
            };
            let current = self.seal_again(account, &row.current).await?;
            let next = SealedRow { current, pending, nonce: self.system.nonce() };
            if self.table.write_sealed_row(account, &next, Some(&row.nonce)).await? {
                return Ok(true);
            }
        }
    }

    /// Drops the data keys that no row names any more. `accounts` are all accounts that have a row, as listed just
    /// before.
    ///
    /// # Errors
    /// When a port is unavailable.
    pub async fn retire(&self, accounts: &[AccountKey]) -> PortResult<Retired> {
        let Some(rotation) = self.keys.rotation().await? else { return Ok(Retired::Dropped(Vec::new())) };
        if let Some(at) = rotation.not_before(self.system.now()) {
            return Ok(Retired::NotBefore(at));
        }
        let mut named = Vec::new();
        for account in accounts {
            if let Some(row) = self.table.sealed_row(*account).await? {
                named.push(row.current.key_id);
                named.extend(row.pending.map(|pending| pending.key_id));
            }
        }
        self.keys.keep_only(rotation, &named).await.map(Retired::Dropped)
    }

    async fn seal_again(&self, account: AccountKey, sealed: &SealedTokens) -> PortResult<SealedTokens> {
        let stored = self.open(account, sealed).await?;
        self.seal(account, &stored.version, &stored.tokens, stored.follows.as_deref()).await
    }
}
