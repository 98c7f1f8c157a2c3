//! The keys of webhooks and tasks, for an operator who rotates them. They are a secret of their own: the notifier,
//! which calls addresses of strangers, reads it, and can't open the tokens of accounts.

use std::sync::Arc;

use aws_sdk_secretsmanager::Client;

use super::WRITES_MAX;
use super::data_keys::DataKeys;
use super::error::broken;
use super::reseal::Retired;
use super::sealer::Sealer;
use super::sealing::Binding;
use crate::adapters::dynamodb::{DynamoStore, SealedSecrets};
use crate::domain::webhook::endpoint::EndpointKey;
use crate::ports::OptimisticWrites;
use crate::ports::{PortResult, System};

/// The keys that secrets of webhooks and tokens of tasks are sealed under.
pub struct HookKeys {
    table: Arc<DynamoStore>,
    keys: DataKeys,
}

impl HookKeys {
    pub fn new(client: Client, prefix: &str, table: Arc<DynamoStore>, system: Arc<dyn System>) -> Self {
        Self { table, keys: DataKeys::of_hooks(client, prefix, system) }
    }

    /// Adds a key, under which everything is sealed from now on; returns its id. `None`: there are no keys, because
    /// nothing was sealed yet.
    ///
    /// # Errors
    /// When Secrets Manager is unavailable, or other rotations came first every time.
    pub async fn rotate(&self) -> PortResult<Option<String>> {
        if self.keys.read(true).await?.is_none() {
            return Ok(None);
        }
        self.keys.rotate().await.map(Some)
    }

    /// Seals the secrets of a webhook endpoint again if they are sealed under an old key; returns whether they were.
    ///
    /// # Errors
    /// When the row can't be read; it then keeps its old seal.
    pub async fn reseal(&self, endpoint: EndpointKey) -> PortResult<bool> {
        let keyring = self.keys.read(false).await?.ok_or_else(|| broken("there are no hook keys"))?;
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

    /// Drops the keys that no row names any more. Webhook endpoints and the tokens of tasks are listed here.
    ///
    /// # Errors
    /// When a port is unavailable.
    pub async fn retire(&self) -> PortResult<Retired> {
        let Some(rotation) = self.keys.rotation().await? else { return Ok(Retired::Dropped(Vec::new())) };
        if let Some(at) = rotation.not_before(self.keys.now()) {
            return Ok(Retired::NotBefore(at));
        }
        let mut named = Vec::new();
        for endpoint in self.table.scan_endpoints().await? {
            named.extend(self.table.sealed_secrets(endpoint).await?.map(|secrets| secrets.key_id));
        }
        // Tokens of tasks are not sealed again: they are gone within weeks.
        named.extend(self.table.scan_keys_of_task_tokens().await?);
        self.keys.keep_only(rotation, &named).await.map(Retired::Dropped)
    }
}
