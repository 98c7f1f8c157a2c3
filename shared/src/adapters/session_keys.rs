//! [`SessionKeys`] on Secrets Manager: one secret, `<prefix>/session-key`, whose version is the key's public name.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use aws_sdk_secretsmanager::Client;

use super::stack_key::{CURRENT, KeyVersion, PREVIOUS, StackKey};
use crate::domain::tenant::session::{Keyring, SigningKey};
use crate::domain::time::{MINUTE_MS, Moment, SECOND_MS};
use crate::ports::{PortResult, SessionKeys, System};

/// How long the keys are served from memory, in milliseconds.
pub const CACHED_MS: i64 = 5 * MINUTE_MS;
/// The shortest time between fresh reads, in milliseconds, however often they are asked for: a client chooses the name
/// of the key that its token asks for.
pub const FRESH_EVERY_MS: i64 = 10 * SECOND_MS;

/// The keys that sign sessions, kept in memory for [`CACHED_MS`].
pub struct SecretsManagerKeys {
    key: StackKey,
    system: Arc<dyn System>,
    cache: Mutex<Option<(Moment, Keyring)>>,
}

impl SecretsManagerKeys {
    pub fn new(client: Client, prefix: &str, system: Arc<dyn System>) -> Self {
        let (name, purpose) = (format!("{prefix}/session-key"), "Signs the sessions of people, kept by pinbridge");
        let key = StackKey::new(client, name, purpose, "session keys", Arc::clone(&system));
        Self { key, system, cache: Mutex::default() }
    }

    fn cached(&self, fresh: bool) -> Option<Keyring> {
        let good_for_ms = if fresh { FRESH_EVERY_MS } else { CACHED_MS };
        let cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        let (read_at, ring) = cache.as_ref()?;
        (self.system.now().since_ms(*read_at) < good_for_ms).then(|| ring.clone())
    }

    async fn read(&self) -> PortResult<Option<Keyring>> {
        let Some(current) = self.key.version(CURRENT).await? else {
            return Ok(None);
        };
        let previous = self.key.version(PREVIOUS).await?.map(signing_key);
        let ring = Keyring { current: signing_key(current), previous };
        *self.cache.lock().unwrap_or_else(PoisonError::into_inner) = Some((self.system.now(), ring.clone()));
        Ok(Some(ring))
    }
}

fn signing_key(version: KeyVersion) -> SigningKey {
    SigningKey { id: version.id, secret: version.secret }
}

#[async_trait]
impl SessionKeys for SecretsManagerKeys {
    async fn keyring(&self, fresh: bool) -> PortResult<Keyring> {
        if let Some(ring) = self.cached(fresh) {
            return Ok(ring);
        }
        if let Some(ring) = self.read().await? {
            return Ok(ring);
        }
        self.key.create().await?;
        self.read().await?.ok_or_else(|| self.key.missing())
    }

    async fn rotate(&self) -> PortResult<Keyring> {
        self.keyring(false).await?;
        self.key.renew().await?;
        self.read().await?.ok_or_else(|| self.key.broken("the session key is gone"))
    }
}
