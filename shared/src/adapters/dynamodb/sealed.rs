//! Rows of sealed tokens (envelope mode). `adapters/envelope` seals and opens them.

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;

use super::item::{Builder, Item, Reader, bytes, text, unreadable};
use super::{DynamoStore, failed, keys};
use crate::domain::ids::AccountKey;
use crate::domain::repeated_write::is_same_write;
use crate::ports::PortResult;

/// One version of tokens, sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedTokens {
    pub version: String,
    /// The data key's id.
    pub key_id: String,
    pub sealed: Vec<u8>,
}

/// The row of an account's sealed tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedRow {
    pub current: SealedTokens,
    /// Newer tokens that aren't current yet.
    pub pending: Option<SealedTokens>,
    /// Names the last write. (A counter would not do: a row that was deleted and created again would count from 1
    /// again.)
    pub nonce: String,
}

fn item(account: AccountKey, row: &SealedRow) -> Item {
    let SealedTokens { version, key_id, sealed } = &row.current;
    let item = Builder::keyed(keys::account(account), keys::TOKENS)
        .text("v", version)
        .text("k", key_id)
        .value("c", bytes(sealed.clone()))
        .text("n", &row.nonce);
    match &row.pending {
        None => item,
        Some(SealedTokens { version, key_id, sealed }) => {
            item.text("pv", version).text("pk_id", key_id).value("pc", bytes(sealed.clone()))
        }
    }
    .build()
}

fn read(item: &Item) -> PortResult<SealedRow> {
    let row = Reader(item);
    let current = SealedTokens { version: row.text("v")?, key_id: row.text("k")?, sealed: row.bytes("c")? };
    let pending = match row.maybe_text("pv") {
        None => None,
        Some(version) => Some(SealedTokens { version, key_id: row.text("pk_id")?, sealed: row.bytes("pc")? }),
    };
    Ok(SealedRow { current, pending, nonce: row.text("n")? })
}

impl DynamoStore {
    /// Reads the row, consistently.
    ///
    /// # Errors
    /// When the table is unavailable or the row is unreadable.
    pub async fn sealed_row(&self, account: AccountKey) -> PortResult<Option<SealedRow>> {
        let item = self.get(keys::account(account), keys::TOKENS, true).await?;
        item.as_ref().map(read).transpose()
    }

    /// Writes the row if the stored one's last write is still `seen` (`None`: there is no row); returns whether it was
    /// written.
    ///
    /// # Errors
    /// When the table is unavailable.
    pub async fn write_sealed_row(&self, account: AccountKey, row: &SealedRow, seen: Option<&str>) -> PortResult<bool> {
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item(account, row)))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let put = match seen {
            None => put.condition_expression("attribute_not_exists(pk)"),
            Some(seen) => put.condition_expression("n = :seen").expression_attribute_values(":seen", text(seen)),
        };
        match put.send().await {
            Ok(_) => Ok(true),
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(refusal)) => {
                    let stored = refusal.item().and_then(|item| Reader(item).maybe_text("n"));
                    // The SDK repeats a write whose answer it lost: then the conflicting row is our own.
                    Ok(stored.is_some_and(|stored| is_same_write(&stored, &row.nonce)))
                }
                _ => Err(failed(error)),
            },
        }
    }

    /// # Errors
    /// When the table is unavailable.
    pub async fn delete_sealed_row(&self, account: AccountKey) -> PortResult<()> {
        let delete = self
            .client
            .delete_item()
            .table_name(&self.table)
            .set_key(Some(Builder::keyed(keys::account(account), keys::TOKENS).build()));
        delete.send().await.map_err(failed)?;
        Ok(())
    }

    /// Every account of the whole table that has a row of sealed tokens. For an operator: it scans the table.
    ///
    /// # Errors
    /// When the table is unavailable.
    pub async fn scan_sealed(&self) -> PortResult<Vec<AccountKey>> {
        let found = self.scan("sk = :wanted", keys::TOKENS).await?;
        found.iter().map(|(pk, _)| keys::parse_account(pk).ok_or_else(|| unreadable("pk"))).collect()
    }

    /// Every account of the whole table, by a scan too.
    ///
    /// # Errors
    /// When the table is unavailable.
    pub async fn scan_accounts(&self) -> PortResult<Vec<AccountKey>> {
        let found = self.scan("contains(pk, :wanted)", keys::ACCOUNTS_SUFFIX).await?;
        let keys = found.iter().filter(|(pk, _)| pk.ends_with(keys::ACCOUNTS_SUFFIX));
        keys.map(|(pk, sk)| keys::parse_listed_account(pk, sk).ok_or_else(|| unreadable("sk"))).collect()
    }

    pub(super) async fn scan(&self, filter: &str, wanted: &str) -> PortResult<Vec<(String, String)>> {
        let mut pages = self
            .client
            .scan()
            .table_name(&self.table)
            .consistent_read(true)
            .filter_expression(filter)
            .expression_attribute_values(":wanted", text(wanted))
            .projection_expression("pk, sk")
            .into_paginator()
            .send();
        let mut found = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(failed)?;
            for item in page.items() {
                found.push((Reader(item).text("pk")?, Reader(item).text("sk")?));
            }
        }
        Ok(found)
    }
}
