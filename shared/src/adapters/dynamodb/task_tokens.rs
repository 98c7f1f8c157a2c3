//! Rows of task tokens. `adapters/task_token_store.rs` seals and opens them.

use super::item::{Builder, Reader, bytes, unreadable};
use super::{DynamoStore, SealedSecrets, failed, keys};
use crate::domain::task::{Awaited, TASKS_MAX, TaskTokenId};
use crate::domain::time::Moment;
use crate::ports::PortResult;

/// Requests at the same moment may store a few more than are allowed.
const READ_MAX: usize = 2 * TASKS_MAX;

impl DynamoStore {
    /// # Errors
    /// When the table is unavailable.
    pub async fn write_task_token(
        &self,
        awaited: Awaited,
        id: &TaskTokenId,
        token: &SealedSecrets,
        expires_at: Moment,
    ) -> PortResult<()> {
        let row = Builder::keyed(keys::task_tokens(awaited.workspace()), keys::task_token_sort(awaited, id))
            .text("k", &token.key_id)
            .value("c", bytes(token.sealed.clone()))
            .number("expires_at", expires_at.unix_seconds());
        self.put(row.build()).await
    }

    /// The ids of the tokens of a pin or an import, in their order. Consistent read.
    ///
    /// # Errors
    /// When the table is unavailable or a row is unreadable.
    pub async fn list_task_tokens(&self, awaited: Awaited) -> PortResult<Vec<TaskTokenId>> {
        let prefix = keys::task_token_prefix(awaited);
        let rows = self.first_of(keys::task_tokens(awaited.workspace()), &prefix, READ_MAX).await?;
        let id = |sk: String| sk.strip_prefix(&prefix).map(|id| TaskTokenId(id.to_owned()));
        rows.iter().map(|row| id(Reader(row).text("sk")?).ok_or_else(|| unreadable("sk"))).collect()
    }

    /// One token, sealed; `None` when it is gone. Consistent read.
    ///
    /// # Errors
    /// When the table is unavailable or the row is unreadable.
    pub async fn read_task_token(&self, awaited: Awaited, id: &TaskTokenId) -> PortResult<Option<SealedSecrets>> {
        let item = self.get(keys::task_tokens(awaited.workspace()), &keys::task_token_sort(awaited, id), true).await?;
        let Some(item) = item else { return Ok(None) };
        let row = Reader(&item);
        Ok(Some(SealedSecrets { key_id: row.text("k")?, sealed: row.bytes("c")? }))
    }

    /// # Errors
    /// When the table is unavailable.
    pub async fn remove_task_token(&self, awaited: Awaited, id: &TaskTokenId) -> PortResult<()> {
        let row = Builder::keyed(keys::task_tokens(awaited.workspace()), keys::task_token_sort(awaited, id)).build();
        let delete = self.client.delete_item().table_name(&self.table).set_key(Some(row));
        delete.send().await.map_err(failed)?;
        Ok(())
    }

    /// The ids of the data keys that tokens of the whole table are sealed under. For an operator: it scans the table.
    ///
    /// # Errors
    /// When the table is unavailable or a row is unreadable.
    pub async fn scan_keys_of_task_tokens(&self) -> PortResult<Vec<String>> {
        let mut named = Vec::new();
        for (pk, sk) in self.scan("contains(pk, :wanted)", keys::TASK_TOKENS_SUFFIX).await? {
            if let Some(item) = self.get(pk, &sk, true).await? {
                named.push(Reader(&item).text("k")?);
            }
        }
        Ok(named)
    }
}
