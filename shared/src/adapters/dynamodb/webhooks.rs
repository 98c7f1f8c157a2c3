//! Rows of webhook endpoints, and of how they stand. `adapters/webhook_store.rs` seals and opens their secrets.

use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use uuid::Uuid;

use super::item::{Builder, Item, Reader, bytes, moment, number, text, unreadable};
use super::pacing::Updated;
use super::{DynamoStore, failed, keys};
use crate::domain::event::EventType;
use crate::domain::ids::{EndpointId, WorkspaceId};
use crate::domain::repeated_write::is_same_write;
use crate::domain::time::{DAY_MS, Moment};
use crate::domain::webhook::delivery::DeliveryId;
use crate::domain::webhook::destination::Destination;
use crate::domain::webhook::endpoint::{DisabledBy, Disabling, Endpoint, EndpointKey};
use crate::domain::webhook::health::Health;
use crate::domain::webhook::replay::{Only, ReplayCounts, ReplayId, ReplayRun, ReplayState};
use crate::ports::{PortResult, Write};

/// The mark of a deleted endpoint stays for this time, in milliseconds: longer than any delivery that it leads to.
pub const DELETED_KEPT_MS: i64 = 400 * DAY_MS;
/// How an endpoint stands is forgotten this long after it last changed, in milliseconds. Nothing is left to know then:
/// an endpoint that fails is tried every day, and disabled after days.
pub const HEALTH_KEPT_MS: i64 = 60 * DAY_MS;
/// A step of a purge looks at so many endpoints, and deletes about so many of their rows.
const ENDPOINTS_AT_ONCE: usize = 10;
const ROWS_AT_ONCE: usize = 500;

/// Attributes of an endpoint that may be absent. An update removes them by name.
const OPTIONAL: [&str; 3] = ["off", "offs", "until"];

/// The secrets of an endpoint, sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedSecrets {
    /// The data key's id.
    pub key_id: String,
    pub sealed: Vec<u8>,
}

/// The attributes of an endpoint's row, without its key.
fn endpoint_values(endpoint: &Endpoint, secrets: Option<&SealedSecrets>) -> Item {
    let events = endpoint.events.iter().map(|event| text(event.name())).collect();
    let values = Builder::default()
        .number("rev", endpoint.rev)
        .text("n", &endpoint.nonce)
        .text("url", &endpoint.url)
        .value("events", AttributeValue::L(events))
        .maybe_text("off", endpoint.disabled.map(DisabledBy::name))
        .maybe_text("offs", disablings_text(&endpoint.disablings))
        .maybe_moment("until", endpoint.previous_secret_until)
        .value("at", moment(endpoint.created_at))
        .value("upd", moment(endpoint.updated_at));
    match secrets {
        Some(secrets) => values.text("k", &secrets.key_id).value("c", bytes(secrets.sealed.clone())).build(),
        None => values.build(),
    }
}

/// The revision and the time of each, such as `7@1795394096000,3@1795390000000`.
fn disablings_text(disablings: &[Disabling]) -> Option<String> {
    let texts: Vec<String> = disablings.iter().map(|one| format!("{}@{}", one.rev, one.at.0)).collect();
    (!texts.is_empty()).then(|| texts.join(","))
}

fn read_disablings(text: &str) -> Option<Vec<Disabling>> {
    let read = |one: &str| {
        let (rev, at) = one.split_once('@')?;
        Some(Disabling { rev: rev.parse().ok()?, at: Moment(at.parse().ok()?) })
    };
    text.split(',').map(read).collect()
}

fn read_endpoint(key: EndpointKey, item: &Item) -> PortResult<Endpoint> {
    let row = Reader(item);
    let disabled = row.maybe_text("off").map(|name| DisabledBy::parse(&name).ok_or_else(|| unreadable("off")));
    Ok(Endpoint {
        key,
        rev: row.number("rev")?,
        nonce: row.text("n")?,
        url: row.text("url")?,
        // What only a later build knows is left out.
        events: row.texts("events").iter().filter_map(|name| EventType::parse(name)).collect(),
        disabled: disabled.transpose()?,
        // Earlier rows have none.
        disablings: match row.maybe_text("offs") {
            Some(text) => read_disablings(&text).ok_or_else(|| unreadable("offs"))?,
            None => Vec::new(),
        },
        previous_secret_until: row.maybe_moment("until"),
        created_at: row.moment("at")?,
        updated_at: row.moment("upd")?,
    })
}

fn read_secrets(item: &Item) -> PortResult<Option<SealedSecrets>> {
    let row = Reader(item);
    let Some(key_id) = row.maybe_text("k") else { return Ok(None) };
    Ok(Some(SealedSecrets { key_id, sealed: row.bytes("c")? }))
}

fn health_item(key: EndpointKey, health: &Health, expires_at: Moment) -> Item {
    let failing: Vec<AttributeValue> = health.failing.iter().map(|id| text(id.0.simple().to_string())).collect();
    let row = Builder::keyed(keys::deliveries(key), keys::ENDPOINT_HEALTH)
        .number("rev", health.rev)
        .text("n", &health.nonce)
        .number("fails", health.failures)
        .maybe_moment("since", health.failing_since)
        .maybe_moment("held", health.held_until)
        .maybe_moment("turn", health.turn_at)
        .number("expires_at", expires_at.unix_seconds());
    let row = if failing.is_empty() { row } else { row.value("failing", AttributeValue::L(failing)) };
    let row = if health.is_slow { row.value("slow", AttributeValue::Bool(true)) } else { row };
    row.build()
}

fn read_health(item: &Item) -> PortResult<Health> {
    let row = Reader(item);
    Ok(Health {
        rev: row.number("rev")?,
        nonce: row.text("n")?,
        failures: row.number("fails")?,
        failing_since: row.maybe_moment("since"),
        failing: row.texts("failing").iter().filter_map(|id| Uuid::try_parse(id).ok()).map(DeliveryId).collect(),
        is_slow: item.get("slow").and_then(|value| value.as_bool().ok()).copied().unwrap_or_default(),
        held_until: row.maybe_moment("held"),
        turn_at: row.maybe_moment("turn"),
    })
}

fn replay_item(run: &ReplayRun) -> Item {
    let counts = run.counts;
    let row = Builder::keyed(keys::deliveries(run.endpoint), keys::REPLAY)
        .text("id", run.id.0.to_string())
        .number("rev", run.rev)
        .text("n", &run.nonce)
        .text("st", run.state.name())
        .text("only", run.only.name())
        .value("since", moment(run.since))
        .value("until", moment(run.until))
        .maybe_text("cur", run.cursor.as_deref())
        .number("part", run.progress)
        .number("missing", counts.missing)
        .number("failed", counts.failed)
        .number("sent", counts.delivered)
        .number("pins", counts.pins)
        .number("log", counts.deliveries)
        .value("at", moment(run.started_at))
        .value("upd", moment(run.updated_at))
        .number("expires_at", run.expires_at().unix_seconds());
    let row = if counts.gone > 0 { row.number("gone", counts.gone) } else { row };
    let events = run.events.iter().flatten().map(|event| text(event.name())).collect();
    match run.events {
        Some(_) => row.value("events", AttributeValue::L(events)).build(),
        None => row.build(),
    }
}

fn read_run(endpoint: EndpointKey, item: &Item) -> PortResult<ReplayRun> {
    let row = Reader(item);
    let events = item.contains_key("events").then(|| row.texts("events"));
    Ok(ReplayRun {
        endpoint,
        id: ReplayId(row.text("id")?.parse().map_err(|_| unreadable("id"))?),
        rev: row.number("rev")?,
        nonce: row.text("n")?,
        state: ReplayState::parse(&row.text("st")?).ok_or_else(|| unreadable("st"))?,
        only: Only::parse(&row.text("only")?).ok_or_else(|| unreadable("only"))?,
        since: row.moment("since")?,
        until: row.moment("until")?,
        // What only a later build knows is left out.
        events: events.map(|names| names.iter().filter_map(|name| EventType::parse(name)).collect()),
        cursor: row.maybe_text("cur"),
        progress: row.number("part")?,
        counts: ReplayCounts {
            missing: row.number("missing")?,
            failed: row.number("failed")?,
            delivered: row.number("sent")?,
            gone: row.maybe_number("gone").unwrap_or_default(),
            pins: row.number("pins")?,
            deliveries: row.number("log")?,
        },
        started_at: row.moment("at")?,
        updated_at: row.moment("upd")?,
    })
}

impl DynamoStore {
    /// Writes an endpoint's row if the stored one has the revision before (1: if there is none). Without `secrets` the
    /// row keeps those that it has.
    ///
    /// # Errors
    /// When the table is unavailable.
    pub async fn write_endpoint(&self, next: &Endpoint, secrets: Option<&SealedSecrets>) -> PortResult<Write<()>> {
        let mut update = self.update_of_endpoint(next.key);
        let (mut set, mut removed) = (Vec::new(), Vec::new());
        let values = endpoint_values(next, secrets);
        for name in OPTIONAL.into_iter().filter(|name| !values.contains_key(*name)) {
            update = update.expression_attribute_names(format!("#{name}"), name);
            removed.push(format!("#{name}"));
        }
        // Some of the names are words that DynamoDB reserves.
        for (name, value) in values {
            update = update
                .expression_attribute_names(format!("#{name}"), &name)
                .expression_attribute_values(format!(":{name}"), value);
            set.push(format!("#{name} = :{name}"));
        }
        let mut expression = format!("SET {}", set.join(", "));
        if !removed.is_empty() {
            expression = format!("{expression} REMOVE {}", removed.join(", "));
        }
        let update = update.update_expression(expression);
        let update = match next.rev {
            0 | 1 => update.condition_expression("attribute_not_exists(pk)"),
            rev => update.condition_expression("#rev = :seen").expression_attribute_values(":seen", number(rev - 1)),
        };
        Ok(match self.update(update).await? {
            Updated::Now(_) => Write::Done,
            Updated::Refused(stored) => {
                let row = Reader(&stored);
                let is_ours = row.maybe_text("n").is_some_and(|nonce| is_same_write(&nonce, &next.nonce));
                Write::done_if(is_ours && row.maybe_number("rev") == Some(next.rev))
            }
        })
    }

    /// Reads the endpoints of a workspace, the oldest first. Consistent read.
    ///
    /// # Errors
    /// When the table is unavailable or a row is unreadable.
    pub async fn read_endpoints(&self, workspace: WorkspaceId) -> PortResult<Vec<Endpoint>> {
        let mut pages = self
            .client
            .query()
            .table_name(&self.table)
            .consistent_read(true)
            .key_condition_expression("pk = :pk AND sk < :end")
            .expression_attribute_values(":pk", text(keys::endpoints(workspace)))
            .expression_attribute_values(":end", text(keys::ENDPOINTS_END))
            .into_paginator()
            .send();
        let mut endpoints = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(failed)?;
            for item in page.items() {
                let endpoint: EndpointId = Reader(item).text("sk")?.parse().map_err(|_| unreadable("sk"))?;
                endpoints.push(read_endpoint(EndpointKey { workspace, endpoint }, item)?);
            }
        }
        endpoints.sort_by_key(|endpoint| (endpoint.created_at, endpoint.key));
        Ok(endpoints)
    }

    /// Reads one endpoint. Consistent read.
    ///
    /// # Errors
    /// When the table is unavailable or the row is unreadable.
    pub async fn read_endpoint(&self, key: EndpointKey) -> PortResult<Option<Endpoint>> {
        let item = self.get(keys::endpoints(key.workspace), &key.endpoint.to_string(), true).await?;
        item.map(|item| read_endpoint(key, &item)).transpose()
    }

    /// Reads an endpoint's secrets; `None` when there are none. Consistent read.
    ///
    /// # Errors
    /// When the table is unavailable or the row is unreadable.
    pub async fn sealed_secrets(&self, key: EndpointKey) -> PortResult<Option<SealedSecrets>> {
        let item = self.get(keys::endpoints(key.workspace), &key.endpoint.to_string(), true).await?;
        item.map_or(Ok(None), |item| read_secrets(&item))
    }

    /// Writes an endpoint's secrets if the stored ones are still `seen`; returns whether they were written. The row's
    /// revision stays.
    ///
    /// # Errors
    /// When the table is unavailable.
    pub async fn replace_sealed_secrets(
        &self,
        key: EndpointKey,
        seen: &SealedSecrets,
        next: &SealedSecrets,
    ) -> PortResult<bool> {
        let update = self
            .update_of_endpoint(key)
            .update_expression("SET k = :k, c = :c")
            .condition_expression("c = :seen")
            .expression_attribute_values(":k", text(&next.key_id))
            .expression_attribute_values(":c", bytes(next.sealed.clone()))
            .expression_attribute_values(":seen", bytes(seen.sealed.clone()));
        Ok(match self.update(update).await? {
            Updated::Now(_) => true,
            // The SDK repeats a write whose answer it lost: then the stored ones are our own.
            Updated::Refused(stored) => read_secrets(&stored)?.is_some_and(|stored| stored == *next),
        })
    }

    /// Deletes an endpoint's row, its health and its replay. A mark stays, by which a purge finds its deliveries.
    ///
    /// # Errors
    /// When the table is unavailable. Some of it may have been done.
    pub async fn remove_endpoint(&self, key: EndpointKey, now: Moment) -> PortResult<()> {
        let pk = keys::endpoints(key.workspace);
        let mark = Builder::keyed(pk.clone(), keys::deleted_endpoint(key.endpoint))
            .number("expires_at", now.plus_ms(DELETED_KEPT_MS).unix_seconds());
        self.put(mark.build()).await?;
        let [health, replay] = [keys::ENDPOINT_HEALTH, keys::REPLAY].map(|sk| (keys::deliveries(key), sk.to_owned()));
        self.delete_rows(&[health, replay, (pk, key.endpoint.to_string())]).await
    }

    /// Reads how an endpoint stands; the default without a row. Consistent read.
    ///
    /// # Errors
    /// When the table is unavailable or the row is unreadable.
    pub async fn read_endpoint_health(&self, key: EndpointKey) -> PortResult<Health> {
        let item = self.get(keys::deliveries(key), keys::ENDPOINT_HEALTH, true).await?;
        item.map_or_else(|| Ok(Health::default()), |item| read_health(&item))
    }

    /// Writes how an endpoint stands if the stored row has the revision before `next.rev`.
    ///
    /// # Errors
    /// When the table is unavailable.
    pub async fn write_endpoint_health(&self, key: EndpointKey, next: &Health, now: Moment) -> PortResult<Write<()>> {
        let item = health_item(key, next, now.plus_ms(HEALTH_KEPT_MS));
        self.put_revision(item, next.rev, &next.nonce).await
    }

    /// Reads an endpoint's newest replay. Consistent read.
    ///
    /// # Errors
    /// When the table is unavailable or the row is unreadable.
    pub async fn read_replay(&self, key: EndpointKey) -> PortResult<Option<ReplayRun>> {
        let item = self.get(keys::deliveries(key), keys::REPLAY, true).await?;
        item.map(|item| read_run(key, &item)).transpose()
    }

    /// Writes an endpoint's replay if the stored row has the revision before `next.rev`.
    ///
    /// # Errors
    /// When the table is unavailable.
    pub async fn write_replay(&self, next: &ReplayRun) -> PortResult<Write<()>> {
        self.put_revision(replay_item(next), next.rev, &next.nonce).await
    }

    /// Deletes some rows of a workspace's webhooks; returns whether there was none.
    ///
    /// # Errors
    /// When the table is unavailable.
    pub async fn wipe_endpoints(&self, workspace: WorkspaceId) -> PortResult<bool> {
        let rows = self.first_of(keys::endpoints(workspace), "", ENDPOINTS_AT_ONCE).await?;
        let mut left = ROWS_AT_ONCE;
        // No row leads to what waits for the stack's destinations, nor to the tokens of tasks.
        let destinations = Destination::ALL.map(|one| EndpointKey { workspace, endpoint: one.endpoint_id() });
        for pk in destinations.map(keys::deliveries).into_iter().chain([keys::task_tokens(workspace)]) {
            left -= self.wipe_partition(pk, left).await?;
            if left == 0 {
                return Ok(false);
            }
        }
        let is_other_left = left < ROWS_AT_ONCE;
        for row in &rows {
            let (pk, sk) = (Reader(row).text("pk")?, Reader(row).text("sk")?);
            let (key, _) = keys::parse_endpoint(&pk, &sk).ok_or_else(|| unreadable("sk"))?;
            // The row that leads to the others goes last.
            left -= self.wipe_partition(keys::deliveries(key), left).await?;
            if left == 0 {
                return Ok(false);
            }
            self.delete_rows(&[(pk, sk)]).await?;
        }
        Ok(rows.is_empty() && !is_other_left)
    }

    /// Every webhook endpoint of the whole table. For an operator: it scans the table.
    ///
    /// # Errors
    /// When the table is unavailable.
    pub async fn scan_endpoints(&self) -> PortResult<Vec<EndpointKey>> {
        let found = self.scan("contains(pk, :wanted)", keys::ENDPOINTS_SUFFIX).await?;
        let rows = found.iter().filter_map(|(pk, sk)| keys::parse_endpoint(pk, sk));
        Ok(rows.filter(|(_, is_deleted)| !is_deleted).map(|(key, _)| key).collect())
    }

    fn update_of_endpoint(&self, key: EndpointKey) -> UpdateItemFluentBuilder {
        self.client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(Builder::keyed(keys::endpoints(key.workspace), key.endpoint.to_string()).build()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
    }
}
