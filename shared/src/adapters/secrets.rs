//! [`Secrets`] on Secrets Manager: one secret per account, cached in memory for minutes.
//!
//! Version stages carry the two steps of a refresh: `AWSPENDING` has the staged tokens, `AWSCURRENT` the tokens in use.
//! Moving `AWSCURRENT` names the version that it is taken from, so that it fails when a person has reconnected the
//! account meanwhile.

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::ProvideErrorMetadata;
use aws_sdk_secretsmanager::types::Tag;

use super::aws::port_error;
use super::stored_tokens::StoredTokens;
use super::token_cache::TokenCache;
use crate::domain::ids::AccountKey;
use crate::domain::secret::Secret;
use crate::ports::{Custody, PortError, PortResult, Removal, Secrets, Stored, System, Tokens, Write};

const PORT: &str = "secrets";
/// The shortest recovery window that Secrets Manager has.
pub const RECOVERY_DAYS: i64 = 7;
const CURRENT: &str = "AWSCURRENT";
const PENDING: &str = "AWSPENDING";

/// Token storage with one secret per account.
pub struct SecretsManager {
    client: Client,
    prefix: String,
    cache: TokenCache,
}

impl SecretsManager {
    pub fn new(client: Client, prefix: impl Into<String>, system: Arc<dyn System>) -> Self {
        Self { client, prefix: prefix.into(), cache: TokenCache::new(system) }
    }

    fn name(&self, account: AccountKey) -> String {
        format!("{}/{}/{}", self.prefix, account.workspace, account.account)
    }

    async fn read(&self, account: AccountKey, stage: &str) -> PortResult<Option<Stored>> {
        let answer =
            match self.client.get_secret_value().secret_id(self.name(account)).version_stage(stage).send().await {
                Ok(answer) => answer,
                // Missing, without that stage, or marked for deletion.
                Err(error)
                    if error
                        .as_service_error()
                        .is_some_and(|e| e.is_resource_not_found_exception() || e.is_invalid_request_exception()) =>
                {
                    return Ok(None);
                }
                Err(error) => return Err(port_error(PORT, &error)),
            };
        let version = answer.version_id().unwrap_or_default();
        StoredTokens::parse(version, answer.secret_string().unwrap_or("")).map(Some)
    }

    /// Puts a version into the secret; returns whether the secret exists.
    async fn put(&self, account: AccountKey, version: &str, text: &Secret, stages: &[&str]) -> PortResult<bool> {
        let put = self
            .client
            .put_secret_value()
            .secret_id(self.name(account))
            .client_request_token(version)
            .secret_string(text.expose())
            .set_version_stages(Some(stages.iter().map(ToString::to_string).collect()));
        match put.send().await {
            Ok(_) => Ok(true),
            Err(error) if error.as_service_error().is_some_and(|e| e.is_resource_not_found_exception()) => Ok(false),
            Err(error) => Err(port_error(PORT, &error)),
        }
    }

    async fn create(&self, account: AccountKey, version: &str, text: &Secret) -> PortResult<()> {
        let tag = |key: &str, value: String| Tag::builder().key(key).value(value).build();
        let create = self
            .client
            .create_secret()
            .name(self.name(account))
            .client_request_token(version)
            .secret_string(text.expose())
            .description("Pinterest tokens of one connected account, kept by pinbridge")
            .tags(tag("pinbridge:workspace", account.workspace.to_string()))
            .tags(tag("pinbridge:account", account.account.to_string()));
        create.send().await.map(|_| ()).map_err(|error| port_error(PORT, &error))
    }

    /// Cancels a deletion whose recovery window is still open; returns whether there was one.
    async fn restore(&self, account: AccountKey) -> PortResult<bool> {
        match self.client.restore_secret().secret_id(self.name(account)).send().await {
            Ok(_) => Ok(true),
            Err(error) if error.as_service_error().is_some_and(|e| e.is_resource_not_found_exception()) => Ok(false),
            Err(error) => Err(port_error(PORT, &error)),
        }
    }
}

#[async_trait]
impl Secrets for SecretsManager {
    async fn tokens(&self, account: AccountKey, fresh: bool) -> PortResult<Option<Tokens>> {
        if !fresh && let Some(tokens) = self.cache.get(account) {
            return Ok(Some(tokens));
        }
        let tokens = self.read(account, CURRENT).await?.map(|stored| stored.tokens);
        match &tokens {
            Some(tokens) => self.cache.remember(account, tokens),
            None => self.cache.forget(account),
        }
        Ok(tokens)
    }

    async fn custody(&self, account: AccountKey) -> PortResult<Custody> {
        let current = self.read(account, CURRENT).await?;
        match &current {
            Some(stored) => self.cache.remember(account, &stored.tokens),
            None => self.cache.forget(account),
        }
        let pending = if current.is_some() { self.read(account, PENDING).await? } else { None };
        Ok(Custody { current, pending })
    }

    async fn store_tokens(&self, account: AccountKey, version: &str, tokens: &Tokens) -> PortResult<()> {
        let text = StoredTokens::text_of(tokens, None)?;
        // The pending stage moves along: pending tokens belong to a grant that has been replaced.
        let stages = [CURRENT, PENDING];
        let is_stored = match self.put(account, version, &text, &stages).await {
            Err(PortError::Broken { .. }) if self.restore(account).await? => {
                self.put(account, version, &text, &stages).await?
            }
            answer => answer?,
        };
        if !is_stored {
            self.create(account, version, &text).await?;
        }
        self.cache.remember(account, tokens);
        Ok(())
    }

    async fn stage_tokens(&self, account: AccountKey, staged: &Stored) -> PortResult<()> {
        let text = StoredTokens::text_of(&staged.tokens, staged.follows.as_deref())?;
        if self.put(account, &staged.version, &text, &[PENDING]).await? {
            return Ok(());
        }
        Err(PortError::Broken { port: PORT, reason: "there is no such secret".into() })
    }

    async fn promote_tokens(&self, account: AccountKey, version: &str, follows: &str) -> PortResult<Write<()>> {
        let moved = self
            .client
            .update_secret_version_stage()
            .secret_id(self.name(account))
            .version_stage(CURRENT)
            .move_to_version_id(version)
            .remove_from_version_id(follows)
            .send()
            .await;
        self.cache.forget(account);
        match moved {
            Ok(_) => Ok(Write::Done),
            // `follows` isn't current any more: promoted before, or replaced by a person.
            Err(error)
                if error.as_service_error().is_some_and(|e| {
                    e.is_invalid_parameter_exception()
                        || e.is_resource_not_found_exception()
                        || e.code() == Some("InvalidRequestException")
                }) =>
            {
                let current = self.read(account, CURRENT).await?;
                Ok(Write::done_if(current.is_some_and(|stored| stored.version == version)))
            }
            Err(error) => Err(port_error(PORT, &error)),
        }
    }

    async fn remove_tokens(&self, account: AccountKey, removal: Removal) -> PortResult<()> {
        let delete = self.client.delete_secret().secret_id(self.name(account));
        let delete = match removal {
            Removal::Recoverable => delete.recovery_window_in_days(RECOVERY_DAYS),
            Removal::Final => delete.force_delete_without_recovery(true),
        };
        self.cache.forget(account);
        match delete.send().await {
            Ok(_) => Ok(()),
            // Deleted already, or marked for deletion.
            Err(error)
                if error.as_service_error().is_some_and(|e| {
                    e.is_resource_not_found_exception()
                        || (removal == Removal::Recoverable && e.is_invalid_request_exception())
                }) =>
            {
                Ok(())
            }
            Err(error) => Err(port_error(PORT, &error)),
        }
    }
}
