//! [`TaskTokens`] on the table, sealed under the hook keys of [`envelope`](super::envelope), in whichever custody the
//! tokens of accounts are.

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_secretsmanager::Client;

use super::dynamodb::{DynamoStore, SealedSecrets};
use super::envelope::data_keys::DataKeys;
use super::envelope::sealer::Sealer;
use super::envelope::sealing::Binding;
use crate::domain::secret::Secret;
use crate::domain::task::{Awaited, TaskTokenId};
use crate::domain::time::Moment;
use crate::ports::{PortResult, System, TaskTokens};

/// Tokens in the table, sealed.
pub struct TaskTokenStore {
    table: Arc<DynamoStore>,
    keys: Box<dyn Sealer>,
}

impl TaskTokenStore {
    /// The hook keys are made at the first secret, and read from `client` once in minutes.
    pub fn new(client: Client, prefix: &str, table: Arc<DynamoStore>, system: Arc<dyn System>) -> Self {
        Self { table, keys: Box::new(DataKeys::of_hooks(client, prefix, system)) }
    }
}

#[async_trait]
impl TaskTokens for TaskTokenStore {
    async fn put_task_token(&self, awaited: Awaited, token: &Secret, expires_at: Moment) -> PortResult<()> {
        let id = TaskTokenId::of(token);
        let (key_id, sealed) = self.keys.seal(&Binding::task_token(awaited, &id), token).await?;
        self.table.write_task_token(awaited, &id, &SealedSecrets { key_id, sealed }, expires_at).await
    }

    async fn task_tokens(&self, awaited: Awaited) -> PortResult<Vec<TaskTokenId>> {
        self.table.list_task_tokens(awaited).await
    }

    async fn task_token(&self, awaited: Awaited, id: &TaskTokenId) -> PortResult<Option<Secret>> {
        let Some(SealedSecrets { key_id, sealed }) = self.table.read_task_token(awaited, id).await? else {
            return Ok(None);
        };
        self.keys.open(&Binding::task_token(awaited, id), &key_id, &sealed).await.map(Some)
    }

    async fn delete_task_token(&self, awaited: Awaited, id: &TaskTokenId) -> PortResult<()> {
        self.table.remove_task_token(awaited, id).await
    }
}
