//! A random key of the stack in Secrets Manager: whoever needs it first makes it.

use std::sync::Arc;

use aws_sdk_secretsmanager::Client;

use super::aws::port_error;
use crate::domain::secret::Secret;
use crate::ports::{PortError, PortResult, System};

/// The version stages of a secret.
pub const CURRENT: &str = "AWSCURRENT";
pub const PREVIOUS: &str = "AWSPREVIOUS";

/// A random key, and its place in Secrets Manager.
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

    /// Creates the secret with a new key, unless it exists.
    ///
    /// # Errors
    /// When Secrets Manager is unavailable.
    pub async fn create(&self) -> PortResult<()> {
        let create = self.client.create_secret().name(&self.name).description(self.purpose);
        match create.secret_string(self.material().expose()).send().await {
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

    /// The error for a key that was created a moment ago and isn't there.
    pub fn missing(&self) -> PortError {
        PortError::Unavailable { port: self.port, reason: "the key isn't there yet".into() }
    }

    /// The error for a key that can't be used. `reason` doesn't contain the key.
    pub fn broken(&self, reason: &str) -> PortError {
        PortError::Broken { port: self.port, reason: reason.into() }
    }
}
