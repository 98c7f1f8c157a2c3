//! [`Secrets`] on Secrets Manager: one secret per account, cached in memory for minutes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use aws_sdk_secretsmanager::Client;
use serde::{Deserialize, Serialize};

use super::aws::port_error;
use crate::domain::ids::AccountKey;
use crate::domain::time::{MINUTE_MS, Moment};
use crate::ports::{AccessToken, PortError, PortResult, Secrets, System, Tokens};

const PORT: &str = "secrets";
/// How long tokens are answered from memory, in milliseconds. A 401 reads them afresh at once.
pub const CACHED_MS: i64 = 5 * MINUTE_MS;
/// The cache's size: beyond it, it is emptied, which costs a read per account.
const CACHED_ACCOUNTS: usize = 10_000;

pub struct SecretsManager {
    client: Client,
    prefix: String,
    system: Arc<dyn System>,
    cache: Mutex<HashMap<AccountKey, (Moment, Tokens)>>,
}

/// The secret's JSON.
#[derive(Serialize, Deserialize)]
struct StoredTokens {
    access_token: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
}

impl SecretsManager {
    pub fn new(client: Client, prefix: impl Into<String>, system: Arc<dyn System>) -> Self {
        Self { client, prefix: prefix.into(), system, cache: Mutex::default() }
    }

    fn name(&self, account: AccountKey) -> String {
        format!("{}/{}/{}", self.prefix, account.workspace, account.account)
    }

    fn cached(&self, account: AccountKey) -> Option<Tokens> {
        let cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        let (read_at, tokens) = cache.get(&account)?;
        (self.system.now().since_ms(*read_at) < CACHED_MS).then(|| tokens.clone())
    }

    fn remember(&self, account: AccountKey, tokens: &Tokens) {
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        if cache.len() >= CACHED_ACCOUNTS {
            cache.clear();
        }
        cache.insert(account, (self.system.now(), tokens.clone()));
    }

    async fn read(&self, account: AccountKey) -> PortResult<Option<Tokens>> {
        let answer = match self.client.get_secret_value().secret_id(self.name(account)).send().await {
            Ok(answer) => answer,
            Err(error) if error.as_service_error().is_some_and(|e| e.is_resource_not_found_exception()) => {
                return Ok(None);
            }
            Err(error) => return Err(port_error(PORT, &error)),
        };
        // Neither the text nor a parser's complaint about it may reach a log.
        let unreadable = || PortError::Broken { port: PORT, reason: "a secret is not a pair of tokens".into() };
        let stored: StoredTokens =
            serde_json::from_str(answer.secret_string().unwrap_or("")).map_err(|_| unreadable())?;
        Ok(Some(Tokens { access: AccessToken(stored.access_token), refresh: stored.refresh_token.map(AccessToken) }))
    }
}

#[async_trait]
impl Secrets for SecretsManager {
    async fn tokens(&self, account: AccountKey, fresh: bool) -> PortResult<Option<Tokens>> {
        if !fresh && let Some(tokens) = self.cached(account) {
            return Ok(Some(tokens));
        }
        let tokens = self.read(account).await?;
        if let Some(tokens) = &tokens {
            self.remember(account, tokens);
        }
        Ok(tokens)
    }

    async fn store_tokens(&self, account: AccountKey, tokens: &Tokens) -> PortResult<()> {
        if tokens.access.0.is_empty() {
            return Err(PortError::Broken { port: PORT, reason: "an empty token is never stored".into() });
        }
        let stored = StoredTokens {
            access_token: tokens.access.0.clone(),
            refresh_token: tokens.refresh.clone().map(|token| token.0),
        };
        let text = serde_json::to_string(&stored)
            .map_err(|_| PortError::Broken { port: PORT, reason: "tokens could not be written".into() })?;
        let put = self.client.put_secret_value().secret_id(self.name(account)).secret_string(&text).send().await;
        match put {
            Ok(_) => {}
            Err(error) if error.as_service_error().is_some_and(|e| e.is_resource_not_found_exception()) => {
                let create = self.client.create_secret().name(self.name(account)).secret_string(&text);
                create.send().await.map_err(|error| port_error(PORT, &error))?;
            }
            Err(error) => return Err(port_error(PORT, &error)),
        }
        self.remember(account, tokens);
        Ok(())
    }
}
