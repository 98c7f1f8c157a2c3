//! Rotates the data keys: adds a new key, seals every row again under it, and then drops the old ones. The rows are
//! those of tokens and of webhook endpoints.

use std::sync::Arc;

use super::error::broken;
use super::keyring::Keyring;
use super::sealer::Sealer;
use super::sealing::Binding;
use super::{Envelope, WRITES_MAX};
use crate::adapters::dynamodb::{SealedRow, SealedSecrets, SealedTokens};
use crate::domain::ids::AccountKey;
use crate::domain::time::{DAY_MS, Moment};
use crate::domain::webhook::endpoint::EndpointKey;
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
    /// Adds a data key, under which everything is sealed from now on; returns its id.
    ///
    /// # Errors
    /// When Secrets Manager is unavailable, or other rotations came first every time.
    pub async fn rotate(&self) -> PortResult<String> {
        self.keys.ensured().await?;
        let mut writes = OptimisticWrites::of("data keys", WRITES_MAX);
        loop {
            writes.begin()?;
            let (seen, mut next) = self.read_and_copy().await?;
            let id = next.add(self.system.now())?;
            if self.keys.replace(&seen, &next).await? {
                return Ok(id);
            }
        }
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

    /// Seals the secrets of a webhook endpoint again if they are sealed under an old key; returns whether they were.
    ///
    /// # Errors
    /// When the row can't be read; it then keeps its old seal.
    pub async fn reseal_endpoint(&self, endpoint: EndpointKey) -> PortResult<bool> {
        let keyring = self.keys.read(false).await?.ok_or_else(|| broken("there are no data keys"))?;
        let binding = Binding::webhook_secrets(endpoint);
        let mut writes = OptimisticWrites::of("webhook secrets", WRITES_MAX);
        loop {
            writes.begin()?;
            let Some(seen) = self.table.sealed_secrets(endpoint).await? else {
                return Ok(false);
            };
            if seen.key_id == keyring.current_id() {
                return Ok(false);
            }
            let text = self.keys.open(&binding, &seen.key_id, &seen.sealed).await?;
            let (key_id, sealed) = self.keys.seal(&binding, &text).await?;
            if self.table.replace_sealed_secrets(endpoint, &seen, &SealedSecrets { key_id, sealed }).await? {
                return Ok(true);
            }
        }
    }

    /// Drops the data keys that no row names any more. `accounts` are all accounts that have a row, as listed just
    /// before; webhook endpoints and the tokens of tasks are listed here.
    ///
    /// # Errors
    /// When a port is unavailable.
    pub async fn retire(&self, accounts: &[AccountKey]) -> PortResult<Retired> {
        let (seen, mut next) = self.read_and_copy().await?;
        let from = seen.current_since().plus_ms(OLD_KEYS_KEPT_MS);
        if self.system.now() < from {
            return Ok(Retired::NotBefore(from));
        }
        let mut named = Vec::new();
        for account in accounts {
            if let Some(row) = self.table.sealed_row(*account).await? {
                named.push(row.current.key_id);
                named.extend(row.pending.map(|pending| pending.key_id));
            }
        }
        for endpoint in self.table.scan_endpoints().await? {
            named.extend(self.table.sealed_secrets(endpoint).await?.map(|secrets| secrets.key_id));
        }
        // Tokens of tasks are not sealed again: they are gone within weeks.
        named.extend(self.table.scan_keys_of_task_tokens().await?);
        let dropped = next.keep_only(&named);
        if dropped.is_empty() || self.keys.replace(&seen, &next).await? {
            return Ok(Retired::Dropped(dropped));
        }
        Ok(Retired::Dropped(Vec::new()))
    }

    async fn read_and_copy(&self) -> PortResult<(Arc<Keyring>, Keyring)> {
        let seen = self.keys.read(true).await?.ok_or_else(|| broken("there are no data keys"))?;
        let next = Keyring::parse(&seen.version, seen.text()?.expose())?;
        Ok((seen, next))
    }

    async fn seal_again(&self, account: AccountKey, sealed: &SealedTokens) -> PortResult<SealedTokens> {
        let stored = self.open(account, sealed).await?;
        self.seal(account, &stored.version, &stored.tokens, stored.follows.as_deref()).await
    }
}
