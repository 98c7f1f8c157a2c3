//! [`Webhooks`] on the table. The secrets of endpoints are sealed under the hook keys of [`envelope`](super::envelope),
//! in whichever custody the tokens are.

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_secretsmanager::Client;
use serde::{Deserialize, Serialize};

use super::dynamodb::{DynamoStore, SealedSecrets};
use super::envelope::data_keys::DataKeys;
use super::envelope::sealer::Sealer;
use super::envelope::sealing::Binding;
use crate::domain::ids::WorkspaceId;
use crate::domain::secret::Secret;
use crate::domain::time::Moment;
use crate::domain::webhook::delivery::{Delivery, DeliveryKey};
use crate::domain::webhook::endpoint::{Endpoint, EndpointKey, Secrets};
use crate::domain::webhook::health::Health;
use crate::domain::webhook::replay::ReplayRun;
use crate::ports::{Listed, PortError, PortResult, System, Webhooks, Write};

const PORT: &str = "webhooks";

/// Webhooks in the table, with their secrets sealed.
pub struct WebhookStore {
    table: Arc<DynamoStore>,
    keys: Box<dyn Sealer>,
    system: Arc<dyn System>,
}

impl WebhookStore {
    /// The hook keys are made at the first secret, and read from `client` once in minutes.
    pub fn new(client: Client, prefix: &str, table: Arc<DynamoStore>, system: Arc<dyn System>) -> Self {
        let keys = Box::new(DataKeys::of_hooks(client, prefix, Arc::clone(&system)));
        Self { table, keys, system }
    }

    /// The same without Secrets Manager: a key in memory seals.
    #[cfg(any(test, feature = "testing"))]
    pub fn with_held_key(table: Arc<DynamoStore>, system: Arc<dyn System>) -> Self {
        Self { table, keys: Box::new(super::envelope::sealer::HeldKey), system }
    }
}

/// The sealed text's JSON.
#[derive(Serialize, Deserialize)]
struct SecretsText {
    current: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    previous: Option<String>,
    /// Until when the previous one is valid, in Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<i64>,
}

/// The secrets as text, which is wiped from memory when dropped.
fn text_of(secrets: &Secrets) -> PortResult<Secret> {
    let text = SecretsText {
        current: secrets.current.expose().to_owned(),
        previous: secrets.previous.as_ref().map(|(secret, _)| secret.expose().to_owned()),
        until: secrets.previous.as_ref().map(|(_, until)| until.0),
    };
    let broken = |_| PortError::Broken { port: PORT, reason: "secrets could not be written".into() };
    serde_json::to_string(&text).map(Secret::new).map_err(broken)
}

/// Parses the text. Neither the text nor a parser's error about it may reach a log.
fn parse(text: &str) -> PortResult<Secrets> {
    let broken = |_| PortError::Broken { port: PORT, reason: "a sealed text is not an endpoint's secrets".into() };
    let stored: SecretsText = serde_json::from_str(text).map_err(broken)?;
    let previous = stored.previous.map(Secret::new).zip(stored.until.map(Moment));
    Ok(Secrets { current: Secret::new(stored.current), previous })
}

#[async_trait]
impl Webhooks for WebhookStore {
    async fn save_endpoint(&self, next: &Endpoint, secrets: Option<&Secrets>) -> PortResult<Write<()>> {
        let sealed = match secrets {
            None => None,
            Some(secrets) => {
                let text = text_of(secrets)?;
                let (key_id, sealed) = self.keys.seal(&Binding::webhook_secrets(next.key), &text).await?;
                Some(SealedSecrets { key_id, sealed })
            }
        };
        self.table.write_endpoint(next, sealed.as_ref()).await
    }

    async fn endpoints(&self, workspace: WorkspaceId) -> PortResult<Vec<Endpoint>> {
        self.table.read_endpoints(workspace).await
    }

    async fn endpoint(&self, key: EndpointKey) -> PortResult<Option<Endpoint>> {
        self.table.read_endpoint(key).await
    }

    async fn endpoint_secrets(&self, key: EndpointKey) -> PortResult<Option<Secrets>> {
        let Some(SealedSecrets { key_id, sealed }) = self.table.sealed_secrets(key).await? else { return Ok(None) };
        let text = self.keys.open(&Binding::webhook_secrets(key), &key_id, &sealed).await?;
        parse(text.expose()).map(Some)
    }

    async fn delete_endpoint(&self, key: EndpointKey) -> PortResult<()> {
        self.table.remove_endpoint(key, self.system.now()).await
    }

    async fn endpoint_health(&self, key: EndpointKey) -> PortResult<Health> {
        self.table.read_endpoint_health(key).await
    }

    async fn save_endpoint_health(&self, key: EndpointKey, next: &Health) -> PortResult<Write<()>> {
        self.table.write_endpoint_health(key, next, self.system.now()).await
    }

    async fn replay(&self, key: EndpointKey) -> PortResult<Option<ReplayRun>> {
        self.table.read_replay(key).await
    }

    async fn save_replay(&self, next: &ReplayRun) -> PortResult<Write<()>> {
        self.table.write_replay(next).await
    }

    async fn put_delivery(&self, delivery: &Delivery) -> PortResult<()> {
        self.table.write_delivery(delivery).await
    }

    async fn delivery(&self, key: DeliveryKey) -> PortResult<Option<Delivery>> {
        self.table.read_delivery(key).await
    }

    async fn deliveries_exist(&self, keys: &[DeliveryKey]) -> PortResult<Vec<bool>> {
        self.table.delivery_rows_exist(keys).await
    }

    async fn deliveries_of(&self, keys: &[DeliveryKey]) -> PortResult<Vec<Option<Delivery>>> {
        self.table.read_deliveries(keys).await
    }

    async fn deliveries(
        &self,
        endpoint: EndpointKey,
        listed: Listed,
        after: Option<DeliveryKey>,
        limit: usize,
    ) -> PortResult<Vec<Delivery>> {
        self.table.list_deliveries(endpoint, listed, after, limit).await
    }

    async fn wipe_webhooks(&self, workspace: WorkspaceId) -> PortResult<bool> {
        self.table.wipe_endpoints(workspace).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_read_back_as_they_were_written() {
        for previous in [None, Some((Secret::new("whsec_before"), Moment(1_767_225_600_123)))] {
            let secrets = Secrets { current: Secret::new("a \"quoted\" secret ✂"), previous };
            let read = parse(text_of(&secrets).expect("written").expose()).expect("read");
            assert!(read.current == secrets.current && read.previous == secrets.previous);
        }
    }

    #[test]
    fn an_unreadable_text_is_an_error_without_it() {
        for text in ["{\"current\":1}", "whsec_1", ""] {
            let error = parse(text).err().expect("refused").to_string();
            assert_eq!(error, "webhooks failed: a sealed text is not an endpoint's secrets");
        }
    }
}
