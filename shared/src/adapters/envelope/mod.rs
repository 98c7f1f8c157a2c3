//! [`Secrets`] in envelope mode: the tokens are sealed into a row beside their account, under data keys that Secrets
//! Manager holds. The whole fleet has one secret instead of one per account; see
//! `infra/decisions/0013-envelope-mode.md`.
//!
//! The tokens have a row of their own, so that writes of the account (its leases, its announcements) neither carry the
//! ciphertext nor compete with it. The row names its last write, and each write is conditional on the one that was
//! read. That gives staging and promoting the compare-and-set that Secrets Manager's version stages give. A removal
//! deletes the row, at once and for good: there is no recovery window (a backup of the table has the ciphertext for as
//! long as the backup lives).

pub(super) mod data_keys;
mod error;
mod hook_keys;
mod keyring;
mod reseal;
pub(super) mod sealer;
pub(super) mod sealing;

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_secretsmanager::Client;

use super::dynamodb::{DynamoStore, SealedRow, SealedTokens};
use super::stored_tokens::StoredTokens;
use super::token_cache::TokenCache;
use crate::domain::ids::AccountKey;
use crate::ports::OptimisticWrites;
use crate::ports::{Custody, PortResult, Removal, Secrets, Stored, System, Tokens, Write};
use data_keys::DataKeys;
use error::broken;
pub use hook_keys::HookKeys;
pub use reseal::{OLD_KEYS_KEPT_MS, Retired};
use sealer::Sealer;
use sealing::Binding;

/// Another writer of the row comes first this often at most; the row has few writers.
const WRITES_MAX: usize = 5;

/// Token storage in envelope mode.
pub struct Envelope {
    table: Arc<DynamoStore>,
    keys: DataKeys,
    system: Arc<dyn System>,
    cache: TokenCache,
}

impl Envelope {
    pub fn new(client: Client, prefix: &str, table: Arc<DynamoStore>, system: Arc<dyn System>) -> Self {
        let keys = DataKeys::new(client, prefix, Arc::clone(&system));
        Self { table, keys, cache: TokenCache::new(Arc::clone(&system)), system }
    }

    async fn seal(
        &self,
        account: AccountKey,
        version: &str,
        tokens: &Tokens,
        follows: Option<&str>,
    ) -> PortResult<SealedTokens> {
        let text = StoredTokens::text_of(tokens, follows)?;
        let (key_id, sealed) = self.keys.seal(&Binding::tokens(account, version), &text).await?;
        Ok(SealedTokens { version: version.to_owned(), key_id, sealed })
    }

    async fn open(&self, account: AccountKey, sealed: &SealedTokens) -> PortResult<Stored> {
        let binding = Binding::tokens(account, &sealed.version);
        let text = self.keys.open(&binding, &sealed.key_id, &sealed.sealed).await?;
        StoredTokens::parse(&sealed.version, text.expose())
    }

    /// Reads the row and writes what `change` makes of it, again when another writer came first. When `change` returns
    /// `None`, nothing is written.
    async fn change<F>(&self, account: AccountKey, change: F) -> PortResult<()>
    where
        F: Fn(Option<&SealedRow>) -> PortResult<Option<(SealedTokens, Option<SealedTokens>)>> + Send,
    {
        let mut writes = OptimisticWrites::of("sealed tokens", WRITES_MAX);
        loop {
            writes.begin()?;
            let row = self.table.sealed_row(account).await?;
            let Some((current, pending)) = change(row.as_ref())? else {
                return Ok(());
            };
            let next = SealedRow { current, pending, nonce: self.system.nonce() };
            if self.table.write_sealed_row(account, &next, row.map(|row| row.nonce).as_deref()).await? {
                return Ok(());
            }
        }
    }

    async fn current(&self, account: AccountKey, row: Option<&SealedRow>) -> PortResult<Option<Stored>> {
        let Some(row) = row else {
            self.cache.forget(account);
            return Ok(None);
        };
        let current = self.open(account, &row.current).await?;
        self.cache.remember(account, &current.tokens);
        Ok(Some(current))
    }
}

#[async_trait]
impl Secrets for Envelope {
    async fn tokens(&self, account: AccountKey, fresh: bool) -> PortResult<Option<Tokens>> {
        if !fresh && let Some(tokens) = self.cache.get(account) {
            return Ok(Some(tokens));
        }
        let row = self.table.sealed_row(account).await?;
        Ok(self.current(account, row.as_ref()).await?.map(|stored| stored.tokens))
    }

    async fn custody(&self, account: AccountKey) -> PortResult<Custody> {
        let row = self.table.sealed_row(account).await?;
        let current = self.current(account, row.as_ref()).await?;
        let pending = match row.and_then(|row| row.pending) {
            Some(sealed) => Some(self.open(account, &sealed).await?),
            None => None,
        };
        Ok(Custody { current, pending })
    }

    async fn store_tokens(&self, account: AccountKey, version: &str, tokens: &Tokens) -> PortResult<()> {
        let current = self.seal(account, version, tokens, None).await?;
        // Pending tokens belong to a grant that has been replaced.
        self.change(account, |_| Ok(Some((current.clone(), None)))).await?;
        self.cache.remember(account, tokens);
        Ok(())
    }

    async fn stage_tokens(&self, account: AccountKey, staged: &Stored) -> PortResult<()> {
        let pending = self.seal(account, &staged.version, &staged.tokens, staged.follows.as_deref()).await?;
        self.change(account, |row| match row {
            None => Err(broken("there is no such row of tokens")),
            // An earlier try of the same step, whose tokens have even been promoted since.
            Some(row) if row.current.version == staged.version => Ok(None),
            Some(row) => Ok(Some((row.current.clone(), Some(pending.clone())))),
        })
        .await
    }

    async fn promote_tokens(&self, account: AccountKey, version: &str, follows: &str) -> PortResult<Write<()>> {
        self.cache.forget(account);
        // The seal covers the version and not the stage: it moves unchanged.
        self.change(account, |row| {
            let next = row.filter(|row| row.current.version == follows).and_then(|row| row.pending.as_ref());
            Ok(next.filter(|pending| pending.version == version).map(|pending| (pending.clone(), None)))
        })
        .await?;
        let row = self.table.sealed_row(account).await?;
        self.cache.forget(account);
        Ok(Write::done_if(row.is_some_and(|row| row.current.version == version)))
    }

    async fn remove_tokens(&self, account: AccountKey, _: Removal) -> PortResult<()> {
        self.cache.forget(account);
        self.table.delete_sealed_row(account).await
    }
}
