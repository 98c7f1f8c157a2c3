//! [`Imports`] on the table: an import's own row, its rows in chunks, and their results.

use async_trait::async_trait;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::item::{Builder, Item, Reader, bytes, moment, number, text, unreadable};
use super::{DynamoStore, failed, keys, refused_by};
use crate::domain::ids::{AccountId, ImportId, WorkspaceId};
use crate::domain::import::{
    ChunkResult, Import, ImportKey, ROWS_MAX, Row, RowOptions, Source, Stop, StopReason, Totals,
};
use crate::domain::pin::origin::Origin;
use crate::domain::repeated_write::is_same_write;
use crate::ports::{Imports, PortResult, Write};

/// Imports that are removed before the caller checks again whether there is time.
const WIPED_AT_ONCE: usize = 10;
const UUID_BYTES: usize = 16;

fn import_item(import: &Import) -> Item {
    let accounts = import.accounts.iter().flat_map(|account| account.0.into_bytes()).collect::<Vec<u8>>();
    let columns = import.unknown_columns.iter().map(text).collect();
    let by = import.by.map(Origin::by).unwrap_or_default().to_bytes();
    let item = Builder::keyed(keys::import(import.key), keys::IMPORT)
        .text("lpk", keys::imports(import.key.workspace))
        .text("lsk", keys::imports_sort(import.created_at, import.key.import))
        .text("src", import.source.name())
        .maybe_text("file", import.filename.as_deref())
        .number("total", import.rows)
        .number("chunks", import.chunks)
        .value("hash", bytes(import.content_hash.clone()))
        .value("cols", AttributeValue::L(columns))
        .value("accts", bytes(accounts))
        .maybe_text("unk", import.has_unknown_accounts.then_some("1"))
        .value("by", bytes(by))
        .value("at", moment(import.created_at))
        .text("n", &import.nonce)
        .number("expires_at", import.expires_at.unix_seconds());
    match &import.options {
        Some(options) => item.value("opts", options_value(options)).build(),
        None => item.build(),
    }
}

fn options_value(options: &RowOptions) -> AttributeValue {
    AttributeValue::M(options.iter().map(|(name, value)| (name.clone(), text(value))).collect())
}

fn read_options(item: &Item) -> Option<RowOptions> {
    let options = item.get("opts")?.as_m().ok()?.iter();
    Some(options.filter_map(|(name, value)| Some((name.clone(), value.as_s().ok()?.clone()))).collect())
}

fn read_import(key: ImportKey, item: &Item) -> PortResult<Import> {
    let row = Reader(item);
    let account = |id: &[u8]| Uuid::from_slice(id).map(AccountId).map_err(|_| unreadable("accts"));
    let stopped = row.maybe_text("stop").and_then(|code| StopReason::parse(&code)).zip(row.maybe_moment("stop_at"));
    let finished = row.maybe_number("fin_c").map(|created| -> PortResult<Totals> {
        Ok(Totals {
            created,
            existing: row.number("fin_e")?,
            failed: row.number("fin_x")?,
            began_at: row.maybe_moment("began"),
            done_at: row.maybe_moment("done"),
        })
    });
    Ok(Import {
        key,
        source: Source::parse(&row.text("src")?).ok_or_else(|| unreadable("src"))?,
        filename: row.maybe_text("file"),
        rows: row.number("total")?,
        chunks: row.number("chunks")?,
        content_hash: row.bytes("hash")?,
        unknown_columns: row.texts("cols"),
        options: read_options(item),
        accounts: row.bytes("accts")?.chunks(UUID_BYTES).map(account).collect::<PortResult<_>>()?,
        has_unknown_accounts: row.maybe_text("unk").is_some(),
        by: Origin::from_bytes(&row.bytes("by")?).by,
        created_at: row.moment("at")?,
        expires_at: row.maybe_expiry("expires_at").ok_or_else(|| unreadable("expires_at"))?,
        nonce: row.text("n")?,
        stopped: stopped.map(|(reason, at)| Stop { reason, at }),
        finished: finished.transpose()?,
    })
}

fn json<T: Serialize>(value: &T) -> PortResult<AttributeValue> {
    serde_json::to_string(value).map(text).map_err(|_| unreadable("rows"))
}

fn parse<T: DeserializeOwned>(item: &Item) -> PortResult<T> {
    serde_json::from_str(&Reader(item).text("rows")?).map_err(|_| unreadable("rows"))
}

fn read_result(item: &Item) -> PortResult<ChunkResult> {
    let row = Reader(item);
    let sort = row.text("sk")?;
    let chunk = sort.strip_prefix(keys::IMPORT_RESULT).and_then(|number| number.parse().ok());
    Ok(ChunkResult {
        chunk: chunk.ok_or_else(|| unreadable("sk"))?,
        began_at: row.moment("began")?,
        done_at: row.moment("done")?,
        rows: parse(item)?,
    })
}

impl DynamoStore {
    fn update_import(&self, key: ImportKey) -> UpdateItemFluentBuilder {
        self.client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(Builder::keyed(keys::import(key), keys::IMPORT).build()))
    }

    async fn updated(&self, update: UpdateItemFluentBuilder) -> PortResult<()> {
        match update.send().await {
            Ok(_) => Ok(()),
            Err(error) if is_refused(&error) => Ok(()),
            Err(error) => Err(failed(error)),
        }
    }

    /// The keys of the newest imports.
    async fn newest_imports(&self, workspace: WorkspaceId, limit: usize) -> PortResult<Vec<ImportKey>> {
        let mut pages = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(keys::LISTING_INDEX)
            .scan_index_forward(false)
            .key_condition_expression("lpk = :lpk")
            .expression_attribute_values(":lpk", text(keys::imports(workspace)))
            .limit(i32::try_from(limit).unwrap_or(i32::MAX).max(1))
            .into_paginator()
            .send();
        let mut found = Vec::new();
        while found.len() < limit
            && let Some(page) = pages.next().await
        {
            let page = page.map_err(failed)?;
            for item in page.items() {
                let sort = Reader(item).text("lsk")?;
                let import = sort.split_once('#').and_then(|(_, id)| id.parse::<ImportId>().ok());
                found.push(ImportKey { workspace, import: import.ok_or_else(|| unreadable("lsk"))? });
            }
        }
        found.truncate(limit);
        Ok(found)
    }
}

fn is_refused(error: &SdkError<UpdateItemError>) -> bool {
    error.as_service_error().is_some_and(UpdateItemError::is_conditional_check_failed_exception)
}

#[async_trait]
impl Imports for DynamoStore {
    async fn put_import_chunks(&self, import: &Import, chunks: &[Vec<Row>]) -> PortResult<()> {
        let item = |(chunk, rows): (u32, &Vec<Row>)| -> PortResult<Item> {
            let row = Builder::keyed(keys::import(import.key), keys::import_chunk(&import.nonce, chunk))
                .value("rows", json(rows)?)
                .number("expires_at", import.expires_at.unix_seconds());
            Ok(row.build())
        };
        self.put_all((0..).zip(chunks).map(item).collect::<PortResult<_>>()?).await
    }

    async fn put_import(&self, import: &Import) -> PortResult<Write<Box<Import>>> {
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(import_item(import)))
            .condition_expression("attribute_not_exists(pk)")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        match put.send().await {
            Ok(_) => Ok(Write::Done),
            Err(error) => {
                let stored = read_import(import.key, &refused_by(error)?.unwrap_or_default())?;
                let is_ours = is_same_write(&stored.nonce, &import.nonce);
                Ok(if is_ours { Write::Done } else { Write::Conflict(Box::new(stored)) })
            }
        }
    }

    async fn import(&self, key: ImportKey) -> PortResult<Option<Import>> {
        let item = self.get(keys::import(key), keys::IMPORT, true).await?;
        item.map(|item| read_import(key, &item)).transpose()
    }

    async fn import_chunk(&self, import: &Import, chunk: u32) -> PortResult<Option<Vec<Row>>> {
        let sort = keys::import_chunk(&import.nonce, chunk);
        self.get(keys::import(import.key), &sort, true).await?.map(|item| parse(&item)).transpose()
    }

    async fn put_import_result(&self, import: &Import, result: &ChunkResult) -> PortResult<()> {
        let row = Builder::keyed(keys::import(import.key), keys::import_result(result.chunk))
            .value("began", moment(result.began_at))
            .value("done", moment(result.done_at))
            .value("rows", json(&result.rows)?)
            .number("expires_at", import.expires_at.unix_seconds());
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(row.build()))
            .condition_expression("attribute_not_exists(pk)");
        match put.send().await {
            Ok(_) => Ok(()),
            Err(error) => refused_by(error).map(|_| ()),
        }
    }

    async fn import_results(&self, key: ImportKey) -> PortResult<Vec<ChunkResult>> {
        let rows = self.first_of(keys::import(key), keys::IMPORT_RESULT, ROWS_MAX).await?;
        rows.iter().map(read_result).collect()
    }

    async fn finish_import(&self, key: ImportKey, totals: &Totals) -> PortResult<()> {
        let update = self
            .update_import(key)
            .update_expression("SET fin_c = :c, fin_e = :e, fin_x = :x, began = :began, done = :done")
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_values(":c", number(totals.created))
            .expression_attribute_values(":e", number(totals.existing))
            .expression_attribute_values(":x", number(totals.failed))
            .expression_attribute_values(":began", moment(totals.began_at.unwrap_or_default()))
            .expression_attribute_values(":done", moment(totals.done_at.unwrap_or_default()));
        self.updated(update).await
    }

    async fn stop_import(&self, key: ImportKey, stop: Option<&Stop>) -> PortResult<()> {
        // "stop" is a reserved word of DynamoDB.
        let update = self
            .update_import(key)
            .condition_expression("attribute_exists(pk) AND attribute_not_exists(fin_c)")
            .expression_attribute_names("#stop", "stop");
        let update = match stop {
            Some(stop) => update
                .update_expression("SET #stop = :stop, stop_at = :at")
                .expression_attribute_values(":stop", text(stop.reason.code()))
                .expression_attribute_values(":at", moment(stop.at)),
            None => update.update_expression("REMOVE #stop, stop_at"),
        };
        self.updated(update).await
    }

    async fn drop_import_chunks(&self, key: ImportKey, nonce: &str) -> PortResult<()> {
        let pk = keys::import(key);
        let rows = self.first_of(pk.clone(), &keys::import_chunks(nonce), ROWS_MAX).await?;
        let names = rows.iter().map(|row| Reader(row).text("sk")).collect::<PortResult<Vec<_>>>()?;
        self.delete_all(&pk, &names).await
    }

    async fn imports(&self, workspace: WorkspaceId, limit: usize) -> PortResult<Vec<Import>> {
        const AT_ONCE: usize = 32;
        let mut imports = Vec::new();
        for some in self.newest_imports(workspace, limit).await?.chunks(AT_ONCE) {
            let reads = some.iter().map(|key| async move {
                let item = self.get(keys::import(*key), keys::IMPORT, false).await?;
                item.map(|item| read_import(*key, &item)).transpose()
            });
            imports.extend(futures_util::future::try_join_all(reads).await?.into_iter().flatten());
        }
        Ok(imports)
    }

    async fn wipe_imports(&self, workspace: WorkspaceId) -> PortResult<bool> {
        let found = self.newest_imports(workspace, WIPED_AT_ONCE).await?;
        for key in &found {
            self.wipe_whole(keys::import(*key)).await?;
        }
        Ok(found.is_empty())
    }
}
