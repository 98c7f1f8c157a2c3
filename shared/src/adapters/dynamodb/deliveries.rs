//! Rows of webhook deliveries: `open#…` of one that waits, `log#…` of one that ended.
//!
//! DynamoDB can't make a write of one row depend on another row, except in a transaction, which costs twice as much. So
//! a waiting row is written without a look at the ended one, and may lie beside it: a worker that was slow writes it
//! after another one has delivered, or a process dies between the two writes that end a delivery. Readers decide:
//! - the one that ended counts, unless it was requested again later.
//!
//! A waiting row that doesn't count is removed where it is met, in the list of those that wait. In this way the first
//! try that succeeds costs one write, of one row, and a delivery that waits costs one write for each change.

use std::collections::HashMap;

use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::delete_item::builders::DeleteItemFluentBuilder;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::KeysAndAttributes;

use super::item::{Builder, Item, Reader, bytes, moment, text, unreadable};
use super::{DynamoStore, PORT, REST_ATTEMPTS, failed, keys, pause_before, written_or_refused};
use crate::domain::event::EventType;
use crate::domain::event::told::{self, Told};
use crate::domain::ids::AccountId;
use crate::domain::time::Moment;
use crate::domain::webhook::delivery::{Delivery, DeliveryKey, LastTry, Source, State};
use crate::domain::webhook::endpoint::EndpointKey;
use crate::ports::{Listed, PortError, PortResult};

/// `BatchGetItem` takes a hundred keys.
const ROWS_PER_READ: usize = 100;

const WAITING: &str = "waiting";
const DELIVERED: &str = "delivered";
const FAILED: &str = "failed";

fn prefix(state: State) -> &'static str {
    match state {
        State::Waiting { .. } => keys::WAITING_DELIVERY,
        State::Delivered | State::Failed => keys::ENDED_DELIVERY,
    }
}

/// A delivery has a row of each at most.
const PREFIXES: [&str; 2] = [keys::WAITING_DELIVERY, keys::ENDED_DELIVERY];

/// The key of a delivery's row.
fn name(prefix: &str, key: DeliveryKey) -> (String, String) {
    (keys::deliveries(key.endpoint), keys::delivery_sort(prefix, key))
}

/// The keys of all rows that these deliveries may have.
fn names_of(wanted: &[DeliveryKey]) -> Vec<(String, String)> {
    wanted.iter().flat_map(|key| PREFIXES.map(|prefix| name(prefix, *key))).collect()
}

fn item(delivery: &Delivery) -> Item {
    let (pk, sk) = name(prefix(delivery.state), delivery.key);
    let row = Builder::keyed(pk, sk)
        .text("ev", delivery.event.name())
        .number("tries", delivery.tries)
        .maybe_text("sha", delivery.body_sha256.as_deref())
        .value("at", moment(delivery.created_at))
        .value("upd", moment(delivery.updated_at))
        .number("expires_at", delivery.expires_at.unix_seconds());
    let row = match delivery.state {
        State::Waiting { next_at } => row.text("st", WAITING).maybe_moment("next", next_at),
        State::Delivered => row.text("st", DELIVERED),
        State::Failed => row.text("st", FAILED),
    };
    let row = match &delivery.source {
        Source::Pin { pin, sequence, told } => {
            let row = row.text("pin", pin.to_string()).number("seq", sequence);
            match told {
                Some(told) => with_told(row, told, delivery.key.event_at),
                None => row,
            }
        }
        Source::Stored { payload } => row.text("body", payload),
    };
    let row = if delivery.is_replayed { row.number("re", 1) } else { row };
    let row = row.maybe_moment("dlv", delivery.delivered_before);
    let row = if delivery.is_changed { row.number("chg", 1) } else { row };
    let Some(last) = &delivery.last else { return row.build() };
    // The answer is kept for failures only: it takes more room than all the rest.
    let answer = last.answer.as_deref().filter(|_| delivery.state != State::Delivered);
    let row = row
        .value("last", moment(last.at))
        .maybe_text("err", last.error.as_deref())
        .maybe_text("ans", answer)
        .number("ms", last.latency_ms);
    match last.status {
        Some(status) => row.number("http", status).build(),
        None => row.build(),
    }
}

/// Short names, and the account as bytes: the row is to stay below a kilobyte.
fn with_told(row: Builder, told: &Told, at: Moment) -> Builder {
    row.value("acc", bytes(told.account.0.as_bytes().to_vec()))
        .text("brd", &told.board_id)
        .maybe_text("ent", told.entry_text(at))
        .maybe_text("pub", told.pinterest_pin_id.as_deref())
}

/// `None`: the row is from before rows had it, or its entry is of a form that only a later build knows.
fn read_told(row: Reader<'_>, at: Moment) -> PortResult<Option<Box<Told>>> {
    let Some(board_id) = row.maybe_text("brd") else { return Ok(None) };
    let account = uuid::Uuid::from_slice(&row.bytes("acc")?).map_err(|_| unreadable("acc"))?;
    let text = row.maybe_text("ent");
    let entry = text.as_deref().and_then(|text| told::parse_entry(text, at));
    if text.is_some() && entry.is_none() {
        return Ok(None);
    }
    let pinterest_pin_id = row.maybe_text("pub");
    Ok(Some(Box::new(Told { entry, account: AccountId(account), board_id, pinterest_pin_id })))
}

/// `None`: the delivery's event is known to a later build only.
fn read(endpoint: EndpointKey, item: &Item) -> PortResult<Option<Delivery>> {
    let row = Reader(item);
    let Some(event) = EventType::parse(&row.text("ev")?) else { return Ok(None) };
    let state = match row.text("st")?.as_str() {
        WAITING => State::Waiting { next_at: row.maybe_moment("next") },
        DELIVERED => State::Delivered,
        FAILED => State::Failed,
        _ => return Err(unreadable("st")),
    };
    let sort = keys::parse_delivery_sort(prefix(state), &row.text("sk")?);
    let (event_at, id) = sort.ok_or_else(|| unreadable("sk"))?;
    let source = match row.maybe_text("pin") {
        Some(pin) => Source::Pin {
            pin: pin.parse().map_err(|_| unreadable("pin"))?,
            sequence: row.number("seq")?,
            told: read_told(Reader(item), event_at)?,
        },
        None => Source::Stored { payload: row.text("body")? },
    };
    let last = row.maybe_moment("last").map(|at| -> PortResult<LastTry> {
        Ok(LastTry {
            at,
            status: row.maybe_number("http"),
            error: row.maybe_text("err"),
            answer: row.maybe_text("ans"),
            latency_ms: row.number("ms")?,
        })
    });
    Ok(Some(Delivery {
        key: DeliveryKey { endpoint, event_at, id },
        event,
        source,
        state,
        tries: row.number("tries")?,
        last: last.transpose()?,
        body_sha256: row.maybe_text("sha"),
        is_replayed: row.maybe_number::<u32>("re").is_some(),
        delivered_before: row.maybe_moment("dlv"),
        is_changed: row.maybe_number::<u32>("chg").is_some(),
        created_at: row.moment("at")?,
        updated_at: row.moment("upd")?,
        expires_at: row.maybe_expiry("expires_at").ok_or_else(|| unreadable("expires_at"))?,
    }))
}

fn read_all(endpoint: EndpointKey, items: &[Item]) -> PortResult<Vec<Delivery>> {
    let read = items.iter().map(|item| read(endpoint, item));
    read.filter_map(Result::transpose).collect()
}

/// Whether a waiting row counts for nothing beside the row of the same delivery that ended.
fn is_leftover(waiting: &Delivery, ended: &Delivery) -> bool {
    match ended.state {
        State::Delivered | State::Failed => !waiting.is_replayed || waiting.updated_at <= ended.updated_at,
        State::Waiting { .. } => true,
    }
}

impl DynamoStore {
    /// Writes a delivery, as [`Webhooks::put_delivery`](crate::ports::Webhooks::put_delivery) says.
    ///
    /// # Errors
    /// When the table is unavailable. A waiting row may be left beside the ended one.
    pub async fn write_delivery(&self, delivery: &Delivery) -> PortResult<()> {
        match delivery.state {
            State::Waiting { .. } => {
                self.put(item(delivery)).await?;
                if delivery.is_replayed { self.reopen(delivery).await } else { Ok(()) }
            }
            State::Delivered => {
                self.put(item(delivery)).await?;
                if is_first_write(delivery) {
                    return Ok(());
                }
                // By itself: the notifier's role has no batch writes.
                deleted(self.delete_of(keys::WAITING_DELIVERY, delivery.key)).await.map(|_| ())
            }
            State::Failed => {
                self.put_unless_delivered(delivery).await?;
                if is_first_write(delivery) {
                    return Ok(());
                }
                // One that was requested again meanwhile stays.
                let delete = self
                    .delete_of(keys::WAITING_DELIVERY, delivery.key)
                    .condition_expression("attribute_not_exists(re) OR upd <= :upd")
                    .expression_attribute_values(":upd", moment(delivery.updated_at));
                deleted(delete).await.map(|_| ())
            }
        }
    }

    /// Reads a delivery. Consistent read.
    ///
    /// # Errors
    /// When the table is unavailable or a row is unreadable.
    pub async fn read_delivery(&self, key: DeliveryKey) -> PortResult<Option<Delivery>> {
        Ok(self.read_deliveries(&[key]).await?.pop().flatten())
    }

    /// Reads these deliveries, in the order of the keys. Consistent read.
    ///
    /// # Errors
    /// When the table is unavailable or a row is unreadable.
    pub async fn read_deliveries(&self, wanted: &[DeliveryKey]) -> PortResult<Vec<Option<Delivery>>> {
        let rows = self.rows_named(&names_of(wanted)).await?;
        let stands = |key: &DeliveryKey| -> PortResult<Option<Delivery>> {
            let [waiting, ended] = PREFIXES.map(|prefix| rows.get(&name(prefix, *key)));
            let [waiting, ended] = [waiting, ended].map(|row| row.map(|row| read(key.endpoint, row)));
            Ok(match (waiting.transpose()?.flatten(), ended.transpose()?.flatten()) {
                (Some(waiting), Some(ended)) if !is_leftover(&waiting, &ended) => Some(waiting),
                (waiting, ended) => ended.or(waiting),
            })
        };
        wanted.iter().map(stands).collect()
    }

    /// Which deliveries have a row, in the order of the keys. Consistent read.
    ///
    /// # Errors
    /// When the table is unavailable.
    pub async fn delivery_rows_exist(&self, wanted: &[DeliveryKey]) -> PortResult<Vec<bool>> {
        let rows = self.rows_named(&names_of(wanted)).await?;
        let has_row = |key: &DeliveryKey| PREFIXES.iter().any(|prefix| rows.contains_key(&name(prefix, *key)));
        Ok(wanted.iter().map(has_row).collect())
    }

    /// Lists deliveries of an endpoint: those that wait with the oldest event first (consistent read), those that ended
    /// with the newest first.
    ///
    /// # Errors
    /// When the table is unavailable or a row is unreadable.
    pub async fn list_deliveries(
        &self,
        endpoint: EndpointKey,
        listed: Listed,
        after: Option<DeliveryKey>,
        limit: usize,
    ) -> PortResult<Vec<Delivery>> {
        let mut found = match listed {
            Listed::Waiting => self.waiting_deliveries(endpoint, after, limit).await?,
            Listed::Ended => self.ended_deliveries(endpoint, after, limit).await?,
        };
        found.truncate(limit);
        Ok(found)
    }

    async fn waiting_deliveries(
        &self,
        endpoint: EndpointKey,
        after: Option<DeliveryKey>,
        limit: usize,
    ) -> PortResult<Vec<Delivery>> {
        let from = after.map(|key| keys::delivery_sort_end(keys::WAITING_DELIVERY, key));
        let mut pages = self
            .query_of(endpoint, from.as_deref().unwrap_or(keys::WAITING_DELIVERY), keys::WAITING_DELIVERIES_END)
            .consistent_read(true)
            .limit(i32::try_from(limit.clamp(1, ROWS_PER_READ)).unwrap_or(i32::MAX))
            .into_paginator()
            .send();
        let mut found = Vec::new();
        while found.len() < limit
            && let Some(page) = pages.next().await
        {
            let page = page.map_err(failed)?;
            let waiting = read_all(endpoint, page.items())?;
            let names: Vec<_> = waiting.iter().map(|delivery| name(keys::ENDED_DELIVERY, delivery.key)).collect();
            let ended = self.rows_named(&names).await?;
            for (delivery, name) in waiting.into_iter().zip(&names) {
                let ended = ended.get(name).map(|row| read(endpoint, row)).transpose()?.flatten();
                if ended.is_some_and(|ended| is_leftover(&delivery, &ended)) {
                    self.remove_leftover(&delivery).await?;
                } else {
                    found.push(delivery);
                }
            }
        }
        Ok(found)
    }

    async fn ended_deliveries(
        &self,
        endpoint: EndpointKey,
        after: Option<DeliveryKey>,
        limit: usize,
    ) -> PortResult<Vec<Delivery>> {
        let before = after.map(|key| keys::delivery_sort(keys::ENDED_DELIVERY, key));
        let mut pages = self
            .query_of(endpoint, keys::ENDED_DELIVERY, before.as_deref().unwrap_or(keys::ENDED_DELIVERIES_END))
            .scan_index_forward(false)
            // One more, because the end of the range itself is not wanted.
            .limit(i32::try_from(limit.saturating_add(1)).unwrap_or(i32::MAX))
            .into_paginator()
            .send();
        let mut found = Vec::new();
        while found.len() < limit
            && let Some(page) = pages.next().await
        {
            let page = page.map_err(failed)?;
            found.extend(read_all(endpoint, page.items())?.into_iter().filter(|delivery| Some(delivery.key) != after));
        }
        Ok(found)
    }

    /// Removes the row of a delivery that ended and is requested again. If it ended later, the waiting one goes.
    async fn reopen(&self, waiting: &Delivery) -> PortResult<()> {
        let delete = self
            .delete_of(keys::ENDED_DELIVERY, waiting.key)
            .condition_expression("attribute_not_exists(pk) OR upd <= :upd")
            .expression_attribute_values(":upd", moment(waiting.updated_at));
        if deleted(delete).await? { Ok(()) } else { self.remove_leftover(waiting).await }
    }

    /// Removes a waiting row, unless it was written again since.
    async fn remove_leftover(&self, waiting: &Delivery) -> PortResult<()> {
        let delete = self
            .delete_of(keys::WAITING_DELIVERY, waiting.key)
            .condition_expression("upd = :upd")
            .expression_attribute_values(":upd", moment(waiting.updated_at));
        deleted(delete).await.map(|_| ())
    }

    async fn put_unless_delivered(&self, delivery: &Delivery) -> PortResult<()> {
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item(delivery)))
            .condition_expression("attribute_not_exists(pk) OR st <> :delivered")
            .expression_attribute_values(":delivered", text(DELIVERED));
        written_or_refused(put.send().await).map(|_| ())
    }

    fn delete_of(&self, prefix: &str, key: DeliveryKey) -> DeleteItemFluentBuilder {
        let (pk, sk) = name(prefix, key);
        self.client.delete_item().table_name(&self.table).set_key(Some(Builder::keyed(pk, sk).build()))
    }

    fn query_of(&self, endpoint: EndpointKey, from: &str, to: &str) -> QueryFluentBuilder {
        self.client
            .query()
            .table_name(&self.table)
            .key_condition_expression("pk = :pk AND sk BETWEEN :from AND :to")
            .expression_attribute_values(":pk", text(keys::deliveries(endpoint)))
            .expression_attribute_values(":from", text(from))
            .expression_attribute_values(":to", text(to))
    }

    /// Reads rows by their keys, consistently. Those that aren't there are left out.
    async fn rows_named(&self, names: &[(String, String)]) -> PortResult<HashMap<(String, String), Item>> {
        let mut names = names.to_vec();
        names.sort_unstable();
        names.dedup();
        let mut items = HashMap::new();
        for chunk in names.chunks(ROWS_PER_READ) {
            let mut ask = KeysAndAttributes::builder().consistent_read(true);
            for (pk, sk) in chunk {
                ask = ask.keys(Builder::keyed(pk.clone(), sk).build());
            }
            let ask = ask.build().map_err(|_| unreadable("keys"))?;
            let mut rest = HashMap::from([(self.table.clone(), ask)]);
            for attempt in 0..=REST_ATTEMPTS {
                if rest.is_empty() {
                    break;
                }
                if attempt == REST_ATTEMPTS {
                    let reason = "a batch read was answered in part only".into();
                    return Err(PortError::Unavailable { port: PORT, reason });
                }
                pause_before(attempt).await;
                let answer = self.client.batch_get_item().set_request_items(Some(rest)).send().await.map_err(failed)?;
                for item in answer.responses.into_iter().flatten().flat_map(|(_, rows)| rows) {
                    let row = Reader(&item);
                    items.insert((row.text("pk")?, row.text("sk")?), item);
                }
                rest = answer.unprocessed_keys.unwrap_or_default();
            }
        }
        Ok(items)
    }
}

/// Whether a delivery has no row yet. Every later write changes `updated_at`; if the clock stood still, a waiting row
/// is left over.
fn is_first_write(delivery: &Delivery) -> bool {
    delivery.updated_at == delivery.created_at
}

/// Makes a conditional deletion; returns `false` when its condition failed.
async fn deleted(delete: DeleteItemFluentBuilder) -> PortResult<bool> {
    match delete.send().await {
        Ok(_) => Ok(true),
        Err(error) if error.as_service_error().is_some_and(DeleteItemError::is_conditional_check_failed_exception) => {
            Ok(false)
        }
        Err(error) => Err(failed(error)),
    }
}
