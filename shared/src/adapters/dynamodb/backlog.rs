//! Backlog rows: the owners of deferred pins.

use std::collections::HashMap;

use async_trait::async_trait;
use aws_sdk_dynamodb::types::{DeleteRequest, PutRequest, Select, WriteRequest};

use super::item::{Builder, Item, Reader, text, unreadable};
use super::{DynamoStore, REST_ATTEMPTS, failed, keys, pause_before};
use crate::domain::ids::AccountKey;
use crate::domain::pacing::backlog::BacklogRow;
use crate::domain::pin::Priority;
use crate::ports::{Backlog, PortError, PortResult};

/// `BatchWriteItem` takes 25 requests.
const ROWS_PER_WRITE: usize = 25;

fn read_row(item: &Item) -> PortResult<BacklogRow> {
    BacklogRow::parse_sort_key(&Reader(item).text("sk")?).ok_or_else(|| unreadable("sk"))
}

#[async_trait]
impl Backlog for DynamoStore {
    async fn put_backlog(&self, account: AccountKey, row: &BacklogRow) -> PortResult<()> {
        self.put(Builder::keyed(keys::backlog(account), row.sort_key()).build()).await
    }

    async fn backlog(&self, account: AccountKey, limit: usize) -> PortResult<Vec<BacklogRow>> {
        self.get_backlog(account, "", limit).await
    }

    async fn backlog_of(&self, account: AccountKey, priority: Priority, limit: usize) -> PortResult<Vec<BacklogRow>> {
        self.get_backlog(account, &format!("{}#", priority.rank()), limit).await
    }

    async fn backlog_position(&self, account: AccountKey, row: &BacklogRow, limit: u64) -> PortResult<Option<u64>> {
        if self.get(keys::backlog(account), &row.sort_key(), true).await?.is_none() {
            return Ok(None);
        }
        let before = self
            .client
            .query()
            .table_name(&self.table)
            .select(Select::Count)
            .key_condition_expression("pk = :pk AND sk < :sk")
            .expression_attribute_values(":pk", text(keys::backlog(account)))
            .expression_attribute_values(":sk", text(row.sort_key()))
            .limit(i32::try_from(limit).unwrap_or(i32::MAX))
            .send()
            .await
            .map_err(failed)?;
        Ok(Some(u64::try_from(before.count()).unwrap_or(0)))
    }

    async fn in_backlog(&self, account: AccountKey, row: &BacklogRow) -> PortResult<bool> {
        Ok(self.get(keys::backlog(account), &row.sort_key(), true).await?.is_some())
    }

    async fn delete_backlog(&self, account: AccountKey, rows: &[BacklogRow]) -> PortResult<()> {
        let names: Vec<String> = rows.iter().map(BacklogRow::sort_key).collect();
        self.delete_all(&keys::backlog(account), &names).await
    }
}

impl DynamoStore {
    /// The first rows whose sort key begins with `prefix`.
    pub(super) async fn get_backlog(
        &self,
        account: AccountKey,
        prefix: &str,
        limit: usize,
    ) -> PortResult<Vec<BacklogRow>> {
        let items = self.first_of(keys::backlog(account), prefix, limit).await?;
        items.iter().map(read_row).collect()
    }

    /// Deletes rows of one partition.
    pub(super) async fn delete_all(&self, pk: &str, sort_keys: &[String]) -> PortResult<()> {
        let rows: Vec<_> = sort_keys.iter().map(|sk| (pk.to_owned(), sk.clone())).collect();
        self.delete_rows(&rows).await
    }

    /// Deletes rows, named by partition and sort key.
    pub(super) async fn delete_rows(&self, rows: &[(String, String)]) -> PortResult<()> {
        for chunk in rows.chunks(ROWS_PER_WRITE) {
            let mut deletes = Vec::with_capacity(chunk.len());
            for (pk, sk) in chunk {
                let key = Builder::keyed(pk.clone(), sk).build();
                let delete = DeleteRequest::builder().set_key(Some(key)).build();
                let delete = delete.map_err(|_| unreadable("key"))?;
                deletes.push(WriteRequest::builder().delete_request(delete).build());
            }
            self.write_all(deletes).await?;
        }
        Ok(())
    }

    /// Writes rows over any existing ones.
    pub(super) async fn put_all(&self, items: Vec<Item>) -> PortResult<()> {
        for chunk in items.chunks(ROWS_PER_WRITE) {
            let mut puts = Vec::with_capacity(chunk.len());
            for item in chunk {
                let put = PutRequest::builder().set_item(Some(item.clone())).build();
                let put = put.map_err(|_| unreadable("item"))?;
                puts.push(WriteRequest::builder().put_request(put).build());
            }
            self.write_all(puts).await?;
        }
        Ok(())
    }

    async fn write_all(&self, requests: Vec<WriteRequest>) -> PortResult<()> {
        let mut rest = HashMap::from([(self.table.clone(), requests)]);
        for attempt in 0..REST_ATTEMPTS {
            pause_before(attempt).await;
            let write = self.client.batch_write_item().set_request_items(Some(rest));
            let answer = write.send().await.map_err(failed)?;
            rest = answer.unprocessed_items.unwrap_or_default();
            if rest.is_empty() {
                return Ok(());
            }
        }
        Err(PortError::Unavailable { port: super::PORT, reason: "a batch write was done in part only".into() })
    }
}
