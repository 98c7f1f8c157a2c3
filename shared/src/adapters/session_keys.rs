//! [`SessionKeys`] on Secrets Manager: one secret, `<prefix>/session-key`, whose version is the key's public name.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use aws_sdk_secretsmanager::Client;

use super::aws::port_error;
use crate::domain::secret::Secret;
use crate::domain::tenant::session::{Keyring, SigningKey};
use crate::domain::time::{MINUTE_MS, Moment, SECOND_MS};
use crate::ports::{PortError, PortResult, SessionKeys, System};

const PORT: &str = "session keys";
/// How long the keys are served from memory, in milliseconds.
pub const CACHED_MS: i64 = 5 * MINUTE_MS;
/// The shortest time between fresh reads, in milliseconds, however often they are asked for: a client chooses the name
/// of the key that its token asks for.
pub const FRESH_EVERY_MS: i64 = 10 * SECOND_MS;
const CURRENT: &str = "AWSCURRENT";
const PREVIOUS: &str = "AWSPREVIOUS";

pub struct SecretsManagerKeys {
    client: Client,
    name: String,
    system: Arc<dyn System>,
    cache: Mutex<Option<(Moment, Keyring)>>,
}

impl SecretsManagerKeys {
    pub fn new(client: Client, prefix: &str, system: Arc<dyn System>) -> Self {
        Self { client, name: format!("{prefix}/session-key"), system, cache: Mutex::default() }
    }

    fn cached(&self, fresh: bool) -> Option<Keyring> {
        let good_for_ms = if fresh { FRESH_EVERY_MS } else { CACHED_MS };
        let cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        let (read_at, ring) = cache.as_ref()?;
        (self.system.now().since_ms(*read_at) < good_for_ms).then(|| ring.clone())
    }

    /// A new key: 256 random bits.
    fn material(&self) -> Secret {
        Secret::new(self.system.random().iter().map(|byte| format!("{byte:02x}")).collect::<String>())
    }

    async fn version(&self, stage: &str) -> PortResult<Option<SigningKey>> {
        match self.client.get_secret_value().secret_id(&self.name).version_stage(stage).send().await {
            Ok(answer) => {
                let secret = Secret::new(answer.secret_string().unwrap_or_default());
                if secret.is_empty() {
                    return Err(PortError::Broken { port: PORT, reason: "the session key is empty".into() });
                }
                Ok(Some(SigningKey { id: answer.version_id().unwrap_or_default().to_owned(), secret }))
            }
            Err(error) if error.as_service_error().is_some_and(|e| e.is_resource_not_found_exception()) => Ok(None),
            Err(error) => Err(port_error(PORT, &error)),
        }
    }

    /// Creates the secret. A later creation finds that it exists.
    async fn create(&self) -> PortResult<()> {
        let create = self
            .client
            .create_secret()
            .name(&self.name)
            .description("Signs the sessions of people, kept by pinbridge")
            .secret_string(self.material().expose());
        match create.send().await {
            Ok(_) => Ok(()),
            Err(error) if error.as_service_error().is_some_and(|e| e.is_resource_exists_exception()) => Ok(()),
            Err(error) => Err(port_error(PORT, &error)),
        }
    }

    async fn read(&self) -> PortResult<Option<Keyring>> {
        let Some(current) = self.version(CURRENT).await? else {
            return Ok(None);
        };
        let ring = Keyring { current, previous: self.version(PREVIOUS).await? };
        *self.cache.lock().unwrap_or_else(PoisonError::into_inner) = Some((self.system.now(), ring.clone()));
        Ok(Some(ring))
    }
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
        self.create().await?;
        let missing = || PortError::Unavailable { port: PORT, reason: "the session key isn't there yet".into() };
        self.read().await?.ok_or_else(missing)
    }

    async fn rotate(&self) -> PortResult<Keyring> {
        self.keyring(false).await?;
        let put = self.client.put_secret_value().secret_id(&self.name).secret_string(self.material().expose());
        put.send().await.map_err(|error| port_error(PORT, &error))?;
        let missing = || PortError::Broken { port: PORT, reason: "the session key is gone".into() };
        self.read().await?.ok_or_else(missing)
    }
}
