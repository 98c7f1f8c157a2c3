//! Pin, attempt and sibling rows.

use std::collections::HashMap;

use async_trait::async_trait;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{KeysAndAttributes, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem};

use super::item::{Builder, Item, Reader, moment, number, text, unreadable};
use super::rows::{attempt_item, is_of, listing, pin_item, read_attempt, read_pin, read_said, said_item};
use super::transaction::beside_transactions;
use super::{DynamoStore, REST_ATTEMPTS, failed, keys, pause_before, refused_by};
use crate::domain::ids::{AccountKey, PinId, PinKey, WorkspaceId};
use crate::domain::pin::Pin;
use crate::domain::pin::attempt::Attempt;
use crate::domain::pin::said::{ROWS_MAX, Said};
use crate::domain::repeated_write::is_same_write;
use crate::domain::time::Moment;
use crate::ports::{Pins, PortError, PortResult, Write};

/// `BatchGetItem` takes a hundred keys, and a pin has two rows.
const PINS_PER_READ: usize = 50;
/// A pin whose two rows are of different edits is read again this often: a batch read isn't atomic.
const TORN_ATTEMPTS: usize = 4;

#[async_trait]
impl Pins for DynamoStore {
    async fn put_pin(&self, pin: &Pin) -> PortResult<Write<Box<Pin>>> {
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(pin_item(pin)))
            .condition_expression("attribute_not_exists(pk)")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        match beside_transactions(|| put.clone().send()).await {
            Ok(_) => Ok(Write::Done),
            Err(error) => {
                let existing = read_pin(pin.key, &refused_by(error)?.unwrap_or_default())?;
                // The SDK repeats a write whose answer it lost: then the conflicting row is our own.
                let ours = is_same_write(&existing.nonce, &pin.nonce);
                Ok(if ours { Write::Done } else { Write::Conflict(Box::new(existing)) })
            }
        }
    }

    async fn pins(&self, wanted: &[PinKey]) -> PortResult<Vec<Option<(Pin, Attempt)>>> {
        let mut pins = Vec::with_capacity(wanted.len());
        for chunk in wanted.chunks(PINS_PER_READ) {
            let items = self.get_both_rows(chunk).await?;
            for key in chunk {
                pins.push(assemble(*key, &items)?);
            }
        }
        let is_torn = |found: &Option<(Pin, Attempt)>| found.as_ref().is_some_and(|(pin, now)| pin.edit != now.edit);
        for _ in 0..TORN_ATTEMPTS {
            let torn: Vec<usize> = (0..pins.len()).filter(|index| is_torn(&pins[*index])).collect();
            if torn.is_empty() {
                return Ok(pins);
            }
            for chunk in torn.chunks(PINS_PER_READ) {
                let again: Vec<PinKey> = chunk.iter().map(|index| wanted[*index]).collect();
                let items = self.get_both_rows(&again).await?;
                for index in chunk {
                    pins[*index] = assemble(wanted[*index], &items)?;
                }
            }
        }
        if pins.iter().any(is_torn) {
            return Err(PortError::Contended { row: "pin", writes: TORN_ATTEMPTS + 1 });
        }
        Ok(pins)
    }

    async fn save_attempt(&self, pin: &Pin, next: &Attempt) -> PortResult<Write<Option<Box<Attempt>>>> {
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(attempt_item(pin, next)))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let put = match next.rev {
            0 | 1 => put.condition_expression("attribute_not_exists(pk) OR pn <> :pn"),
            rev => put
                .condition_expression("rev = :seen AND pn = :pn")
                .expression_attribute_values(":seen", number(rev - 1)),
        };
        let put = put.expression_attribute_values(":pn", text(&pin.nonce));
        match beside_transactions(|| put.clone().send()).await {
            Ok(_) => Ok(Write::Done),
            Err(error) => match refused_by(error)? {
                Some(item) if is_of(pin, &item) => {
                    let current = read_attempt(pin, &item)?;
                    let ours = current.rev == next.rev && is_same_write(&current.nonce, &next.nonce);
                    Ok(if ours { Write::Done } else { Write::Conflict(Some(Box::new(current))) })
                }
                _ => Ok(Write::Conflict(None)),
            },
        }
    }

    async fn save_attempts(&self, writes: &[(Pin, Attempt)]) -> PortResult<Write<()>> {
        let mut call = self.client.transact_write_items();
        for (pin, next) in writes {
            call = call.transact_items(TransactWriteItem::builder().put(self.conditional(pin, next)?).build());
        }
        self.commit(call, writes).await
    }

    async fn save_pin(&self, pin: &Pin, next: &Attempt) -> PortResult<Write<()>> {
        let put = Put::builder()
            .table_name(&self.table)
            .set_item(Some(pin_item(pin)))
            .condition_expression("n = :pn AND attribute_not_exists(hid)")
            .expression_attribute_values(":pn", text(&pin.nonce))
            .build()
            .map_err(|error| PortError::Broken { port: super::PORT, reason: error.to_string() })?;
        let call = self
            .client
            .transact_write_items()
            .transact_items(TransactWriteItem::builder().put(put).build())
            .transact_items(TransactWriteItem::builder().put(self.conditional(pin, next)?).build());
        self.commit(call, &[(pin.clone(), next.clone())]).await
    }

    async fn hide_pin(&self, pin: &Pin) -> PortResult<()> {
        let Some(at) = pin.hidden_at else { return Ok(()) };
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(Builder::keyed(keys::pin(pin.key), keys::REQUEST).build()))
            .update_expression("SET hid = :at, lpk = :lpk")
            .condition_expression("n = :pn AND attribute_not_exists(hid)")
            .expression_attribute_values(":at", moment(at))
            .expression_attribute_values(":lpk", text(listing(pin)))
            .expression_attribute_values(":pn", text(&pin.nonce));
        match beside_transactions(|| update.clone().send()).await {
            Ok(_) => Ok(()),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(()),
                _ => Err(failed(error)),
            },
        }
    }

    async fn put_said(&self, pin: &Pin, said: &Said) -> PortResult<()> {
        self.put(said_item(pin, said)).await
    }

    async fn said(&self, pin: &Pin) -> PortResult<Vec<Said>> {
        let rows = self.first_of(keys::pin(pin.key), keys::SAID_PREFIX, ROWS_MAX).await?;
        rows.iter().filter(|row| is_of(pin, row)).map(read_said).collect()
    }

    async fn put_sibling(
        &self,
        account: AccountKey,
        content_hash: &str,
        pin: PinId,
        expires_at: Moment,
    ) -> PortResult<()> {
        let row = Builder::keyed(keys::sibling(account, content_hash), pin.to_string())
            .number("expires_at", expires_at.unix_seconds());
        self.put(row.build()).await
    }

    async fn siblings(&self, account: AccountKey, content_hash: &str) -> PortResult<Vec<PinId>> {
        let rows = self.partition(keys::sibling(account, content_hash)).await?;
        rows.iter().map(|row| Reader(row).text("sk")?.parse().map_err(|_| unreadable("sk"))).collect()
    }

    async fn first_siblings(&self, account: AccountKey, content_hash: &str, limit: usize) -> PortResult<Vec<PinId>> {
        let query = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("pk = :pk")
            .expression_attribute_values(":pk", text(keys::sibling(account, content_hash)))
            .limit(i32::try_from(limit).unwrap_or(i32::MAX));
        let page = query.send().await.map_err(failed)?;
        page.items().iter().map(|row| Reader(row).text("sk")?.parse().map_err(|_| unreadable("sk"))).collect()
    }

    async fn listing_after(
        &self,
        workspace: WorkspaceId,
        after: Option<(Moment, PinId)>,
        by: Moment,
        limit: usize,
    ) -> PortResult<Vec<(Moment, PinId)>> {
        self.get_listing_after(&|shard| keys::listing(workspace, shard), after, by, limit).await
    }

    async fn deleted_after(
        &self,
        workspace: WorkspaceId,
        after: Option<(Moment, PinId)>,
        by: Moment,
        limit: usize,
    ) -> PortResult<Vec<(Moment, PinId)>> {
        self.get_listing_after(&|shard| keys::hidden_listing(workspace, shard), after, by, limit).await
    }
}

impl DynamoStore {
    async fn get_both_rows(&self, wanted: &[PinKey]) -> PortResult<HashMap<(String, String), Item>> {
        let mut names: Vec<String> = wanted.iter().map(|key| keys::pin(*key)).collect();
        names.sort_unstable();
        names.dedup();
        let mut ask = KeysAndAttributes::builder().consistent_read(true);
        for pk in &names {
            for sk in [keys::REQUEST, keys::ATTEMPT] {
                ask = ask.keys(Builder::keyed(pk.clone(), sk).build());
            }
        }
        let ask = ask.build().map_err(|_| broken("a batch read without keys"))?;
        let mut rest = HashMap::from([(self.table.clone(), ask)]);
        let mut items = HashMap::new();
        for attempt in 0..REST_ATTEMPTS {
            pause_before(attempt).await;
            let answer = self.client.batch_get_item().set_request_items(Some(rest)).send().await.map_err(failed)?;
            for item in answer.responses.into_iter().flatten().flat_map(|(_, rows)| rows) {
                let row = Reader(&item);
                items.insert((row.text("pk")?, row.text("sk")?), item);
            }
            rest = answer.unprocessed_keys.unwrap_or_default();
            if rest.is_empty() {
                return Ok(items);
            }
        }
        Err(PortError::Unavailable { port: super::PORT, reason: "a batch read was answered in part only".into() })
    }

    /// Reads every row of a partition, consistently.
    pub(super) async fn partition(&self, pk: String) -> PortResult<Vec<Item>> {
        let mut pages = self
            .client
            .query()
            .table_name(&self.table)
            .consistent_read(true)
            .key_condition_expression("pk = :pk")
            .expression_attribute_values(":pk", text(pk))
            .into_paginator()
            .send();
        let mut rows = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(failed)?;
            rows.extend(page.items.unwrap_or_default());
        }
        Ok(rows)
    }

    /// Writes a row unconditionally.
    pub(super) async fn put(&self, item: Item) -> PortResult<()> {
        let put = self.client.put_item().table_name(&self.table).set_item(Some(item));
        put.send().await.map_err(failed)?;
        Ok(())
    }

    /// Reads one row.
    pub(super) async fn get(&self, pk: String, sk: &str, consistent: bool) -> PortResult<Option<Item>> {
        let get = self.client.get_item().table_name(&self.table).consistent_read(consistent);
        let get = get.set_key(Some(Builder::keyed(pk, sk).build()));
        let output = get.send().await.map_err(failed)?;
        Ok(output.item)
    }
}

fn assemble(key: PinKey, items: &HashMap<(String, String), Item>) -> PortResult<Option<(Pin, Attempt)>> {
    let pk = keys::pin(key);
    let Some(request) = items.get(&(pk.clone(), keys::REQUEST.to_owned())) else {
        return Ok(None);
    };
    let pin = read_pin(key, request)?;
    let attempt = match items.get(&(pk, keys::ATTEMPT.to_owned())) {
        Some(item) if is_of(&pin, item) => read_attempt(&pin, item)?,
        _ => Attempt::untouched(&pin),
    };
    Ok(Some((pin, attempt)))
}

fn broken(reason: &str) -> PortError {
    PortError::Broken { port: super::PORT, reason: reason.into() }
}
