//! The Pinterest app's own secret, in Secrets Manager beside the accounts' tokens.

use aws_sdk_secretsmanager::Client;

use super::aws::port_error;
use crate::domain::secret::Secret;
use crate::ports::{PortError, PortResult};

const PORT: &str = "secrets";

/// The app's secret: `<prefix>/pinterest-app-secret`, as plain text.
pub struct AppSecret {
    client: Client,
    name: String,
}

impl AppSecret {
    pub fn new(client: Client, prefix: &str) -> Self {
        Self { client, name: format!("{prefix}/pinterest-app-secret") }
    }

    /// # Errors
    /// When there is no secret, or it can't be read.
    pub async fn read(&self) -> PortResult<Secret> {
        let answer = self.client.get_secret_value().secret_id(&self.name).send().await;
        let answer = answer.map_err(|error| port_error(PORT, &error))?;
        let text = answer.secret_string().map(str::trim).filter(|text| !text.is_empty());
        text.map(Secret::new)
            .ok_or_else(|| PortError::Broken { port: PORT, reason: "the app's secret is empty".into() })
    }

    /// # Errors
    /// When it can't be written.
    pub async fn write(&self, secret: &Secret) -> PortResult<()> {
        let put = self.client.put_secret_value().secret_id(&self.name).secret_string(secret.expose()).send().await;
        match put {
            Ok(_) => Ok(()),
            Err(error) if error.as_service_error().is_some_and(|e| e.is_resource_not_found_exception()) => {
                let create = self.client.create_secret().name(&self.name).secret_string(secret.expose());
                create.send().await.map(|_| ()).map_err(|error| port_error(PORT, &error))
            }
            Err(error) => Err(port_error(PORT, &error)),
        }
    }
}
