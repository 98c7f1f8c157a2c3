//! A key of the stack in Secrets Manager: whoever needs it first makes it.

use std::sync::Arc;

use aws_sdk_secretsmanager::Client;
use uuid::Uuid;

use super::aws::port_error;
use crate::domain::secret::Secret;
use crate::ports::{PortError, PortResult, System};

/// The version stages of a secret.
pub const CURRENT: &str = "AWSCURRENT";
pub const PREVIOUS: &str = "AWSPREVIOUS";
const PENDING: &str = "AWSPENDING";

/// A key, and its place in Secrets Manager.
pub struct StackKey {
    client: Client,
    name: String,
    /// What the key is for, as the secret's description says it.
    purpose: &'static str,
    port: &'static str,
    system: Arc<dyn System>,
}

/// One version of the key.
pub struct KeyVersion {
    pub id: String,
    pub secret: Secret,
}

impl StackKey {
    pub fn new(
        client: Client,
        name: String,
        purpose: &'static str,
        port: &'static str,
        system: Arc<dyn System>,
    ) -> Self {
        Self { client, name, purpose, port, system }
    }

    /// A new key: 256 random bits.
    fn material(&self) -> Secret {
        Secret::new(self.system.random().iter().map(|byte| format!("{byte:02x}")).collect::<String>())
    }

    /// The key's version at that stage; `None` when there is none.
    ///
    /// # Errors
    /// When Secrets Manager is unavailable, or the stored key is empty.
    pub async fn version(&self, stage: &str) -> PortResult<Option<KeyVersion>> {
        match self.client.get_secret_value().secret_id(&self.name).version_stage(stage).send().await {
            Ok(answer) => {
                let secret = Secret::new(answer.secret_string().unwrap_or_default());
                if secret.is_empty() {
                    return Err(self.broken("the key is empty"));
                }
                Ok(Some(KeyVersion { id: answer.version_id().unwrap_or_default().to_owned(), secret }))
            }
            Err(error) if error.as_service_error().is_some_and(|e| e.is_resource_not_found_exception()) => Ok(None),
            Err(error) => Err(port_error(self.port, &error)),
        }
    }

    /// Creates the secret with a new random key, unless it exists.
    ///
    /// # Errors
    /// When Secrets Manager is unavailable.
    pub async fn create(&self) -> PortResult<()> {
        self.create_with(&self.material()).await
    }

    /// Creates the secret with that text, unless it exists.
    ///
    /// # Errors
    /// When Secrets Manager is unavailable.
    pub async fn create_with(&self, text: &Secret) -> PortResult<()> {
        let create = self.client.create_secret().name(&self.name).description(self.purpose);
        match create.secret_string(text.expose()).send().await {
            Ok(_) => Ok(()),
            Err(error) if error.as_service_error().is_some_and(|e| e.is_resource_exists_exception()) => Ok(()),
            Err(error) => Err(port_error(self.port, &error)),
        }
    }

    /// Adds a version, which becomes the current one.
    ///
    /// # Errors
    /// When Secrets Manager is unavailable.
    pub async fn renew(&self) -> PortResult<()> {
        let put = self.client.put_secret_value().secret_id(&self.name).secret_string(self.material().expose());
        put.send().await.map(|_| ()).map_err(|error| port_error(self.port, &error))
    }

    /// Writes `next` in the place of the version `seen`; `false` if another writer came first.
    ///
    /// # Errors
    /// When Secrets Manager is unavailable. The secret may have been replaced.
    pub async fn replace(&self, seen: &str, next: &Secret) -> PortResult<bool> {
        let version = Uuid::new_v4().to_string();
        let put = self.client.put_secret_value().secret_id(&self.name).client_request_token(&version);
        let put = put.secret_string(next.expose()).version_stages(PENDING).send().await;
        put.map_err(|error| port_error(self.port, &error))?;
        let stage = self.client.update_secret_version_stage().secret_id(&self.name).version_stage(CURRENT);
        match stage.move_to_version_id(&version).remove_from_version_id(seen).send().await {
            Ok(_) => Ok(true),
            // `seen` is no longer the current version: another writer came first, or an earlier try of this call.
            Err(error) if error.as_service_error().is_some_and(|e| e.is_invalid_parameter_exception()) => {
                Ok(self.version(CURRENT).await?.is_some_and(|current| current.id == version))
            }
            Err(error) => Err(port_error(self.port, &error)),
        }
    }

    /// The error for a key that was created a moment ago and isn't there.
    pub fn missing(&self) -> PortError {
        PortError::Unavailable { port: self.port, reason: "the key isn't there yet".into() }
    }

    /// The error for a key that can't be used. `reason` doesn't contain the key.
    pub fn broken(&self, reason: &str) -> PortError {
        PortError::Broken { port: self.port, reason: reason.into() }
    }
}
