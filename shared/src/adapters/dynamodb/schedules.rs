//! [`Schedules`] on the table: schedules, their list, and the release rows.

use std::collections::HashMap;

use async_trait::async_trait;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::{KeysAndAttributes, ReturnValuesOnConditionCheckFailure};
use futures_util::future::try_join_all;

use super::item::{Builder, Item, Reader, bytes, moment, number, text, unreadable};
use super::pin_index::share;
use super::request_fields::{read_request, with_request};
use super::{DynamoStore, REST_ATTEMPTS, failed, keys, pause_before};
use crate::domain::ids::{ScheduleId, ScheduleKey, WorkspaceId};
use crate::domain::pin::failure::Failure;
use crate::domain::pin::idempotency::PayloadHash;
use crate::domain::pin::origin::Origin;
use crate::domain::repeated_write::{Trail, is_same_write};
use crate::domain::schedule::edits::Change;
use crate::domain::schedule::{ReleaseRow, Schedule, Stage};
use crate::domain::time::Moment;
use crate::ports::{ByTime, PortError, PortResult, Schedules, Write};

/// `BatchGetItem` takes a hundred keys.
const ROWS_PER_READ: usize = 100;
/// A page of one shard has at most this many index entries.
const PAGE_MAX: usize = 1_000;

const SCHEDULED: &str = "scheduled";
const RELEASED: &str = "released";
const CANCELED: &str = "canceled";
const FAILED: &str = "failed";

fn item(schedule: &Schedule) -> Item {
    let key = schedule.key;
    let shard = keys::schedules_shard(key.schedule);
    let lpk = match schedule.removed_at {
        None => keys::schedules(key.workspace, shard),
        Some(_) => keys::removed_schedules(key.workspace, shard),
    };
    let row = Builder::keyed(keys::schedule(key), keys::SCHEDULE)
        .text("lpk", lpk)
        .text("lsk", keys::schedules_sort(schedule.run_at, key.schedule))
        .value("run_at", moment(schedule.run_at))
        .value("due", moment(schedule.not_before))
        .number("run", schedule.run)
        .number("mv", schedule.moves)
        .number("v", schedule.version)
        .value("hash", bytes(schedule.payload_hash.0.clone()))
        .value("at", moment(schedule.created_at))
        .value("upd", moment(schedule.updated_at))
        .maybe_moment("rel", schedule.released_at)
        .maybe_moment("gone", schedule.removed_at)
        .text("n", &schedule.nonce)
        .maybe_text("n_before", schedule.trail.text())
        .number("expires_at", schedule.expires_at.unix_seconds());
    let row = match schedule.origin.is_empty() {
        true => row,
        false => row.value("o", bytes(schedule.origin.to_bytes())),
    };
    let row = match schedule.canceled_by {
        None => row,
        Some(actor) => row.value("cby", bytes(Origin::by(actor).to_bytes())),
    };
    let row = match schedule.changes.is_empty() {
        true => row,
        false => row.text("chs", changes_text(&schedule.changes)),
    };
    let row = match schedule.stage {
        Stage::Scheduled => row.text("st", SCHEDULED),
        Stage::Released => row.text("st", RELEASED),
        Stage::Canceled => row.text("st", CANCELED),
        Stage::Failed(failure) => row.text("st", FAILED).text("fail", failure.code()),
    };
    with_request(row, &schedule.request).build()
}

fn read(key: ScheduleKey, item: &Item) -> PortResult<Schedule> {
    let row = Reader(item);
    let failure = || row.maybe_text("fail").and_then(|code| Failure::parse(&code)).ok_or_else(|| unreadable("fail"));
    let stage = match row.text("st")?.as_str() {
        SCHEDULED => Stage::Scheduled,
        RELEASED => Stage::Released,
        CANCELED => Stage::Canceled,
        FAILED => Stage::Failed(failure()?),
        _ => return Err(unreadable("st")),
    };
    Ok(Schedule {
        key,
        request: read_request(&row)?,
        run_at: row.moment("run_at")?,
        not_before: row.moment("due")?,
        stage,
        run: row.number("run")?,
        moves: row.number("mv")?,
        version: row.number("v")?,
        payload_hash: PayloadHash(row.bytes("hash")?),
        origin: row.bytes("o").map(|bytes| Origin::from_bytes(&bytes)).unwrap_or_default(),
        created_at: row.moment("at")?,
        updated_at: row.moment("upd")?,
        released_at: row.maybe_moment("rel"),
        canceled_by: row.bytes("cby").ok().and_then(|actor| Origin::from_bytes(&actor).by),
        changes: row.maybe_text("chs").map(|text| read_changes(&text)).unwrap_or_default(),
        removed_at: row.maybe_moment("gone"),
        expires_at: row.maybe_expiry("expires_at").ok_or_else(|| unreadable("expires_at"))?,
        nonce: row.text("n")?,
        trail: row.maybe_text("n_before").map(|text| Trail::parse(&text)).unwrap_or_default(),
    })
}

fn changes_text(changes: &[Change]) -> String {
    let texts: Vec<String> = changes.iter().map(Change::text).collect();
    texts.join(" ")
}

fn read_changes(text: &str) -> Vec<Change> {
    text.split(' ').filter_map(Change::parse).collect()
}

fn names(row: &ReleaseRow) -> (String, String) {
    (keys::release(row.minute(), row.shard()), keys::release_sort(row))
}

/// A smallest and a largest sort key: every schedule's is between them.
const BEFORE_ALL: &str = "0";
const BEHIND_ALL: &str = "9999999999999$";

impl DynamoStore {
    /// Writes the row if the condition holds; otherwise returns the conflicting row.
    async fn put_schedule_if(&self, schedule: &Schedule, seen: Option<u64>) -> PortResult<Option<Option<Schedule>>> {
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item(schedule)))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let put = match seen {
            None => put.condition_expression("attribute_not_exists(pk)"),
            Some(seen) => put.condition_expression("v = :seen").expression_attribute_values(":seen", number(seen)),
        };
        match put.send().await {
            Ok(_) => Ok(None),
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(refusal)) => {
                    let current = refusal.item().map(|item| read(schedule.key, item)).transpose()?;
                    // The SDK repeats a write whose answer it lost: then the conflicting row is our own.
                    let is_ours = current.as_ref().is_some_and(|current| {
                        current.version == schedule.version && is_same_write(&current.nonce, &schedule.nonce)
                    });
                    Ok((!is_ours).then_some(current))
                }
                _ => Err(failed(error)),
            },
        }
    }

    async fn read_schedules(&self, wanted: &[ScheduleKey]) -> PortResult<HashMap<String, Item>> {
        let mut names: Vec<String> = wanted.iter().map(|key| keys::schedule(*key)).collect();
        names.sort_unstable();
        names.dedup();
        let mut ask = KeysAndAttributes::builder().consistent_read(true);
        for pk in names {
            ask = ask.keys(Builder::keyed(pk, keys::SCHEDULE).build());
        }
        let ask = ask.build().map_err(|_| unreadable("keys"))?;
        let mut rest = HashMap::from([(self.table.clone(), ask)]);
        let mut items = HashMap::new();
        for attempt in 0..REST_ATTEMPTS {
            pause_before(attempt).await;
            let get = self.client.batch_get_item().set_request_items(Some(rest));
            let answer = get.send().await.map_err(failed)?;
            for item in answer.responses.into_iter().flatten().flat_map(|(_, rows)| rows) {
                items.insert(Reader(&item).text("pk")?, item);
            }
            rest = answer.unprocessed_keys.unwrap_or_default();
            if rest.is_empty() {
                return Ok(items);
            }
        }
        Err(PortError::Unavailable { port: super::PORT, reason: "a batch read was answered in part only".into() })
    }

    async fn shard_by_time(&self, lpk: String, range: &ByTime, limit: usize) -> PortResult<Vec<(Moment, ScheduleId)>> {
        let since = range.since.map(keys::schedules_sort_start);
        let until = range.until.map(keys::schedules_sort_start);
        let after = range.after.map(|(at, id)| keys::schedules_sort(at, id));
        let (mut from, mut to) =
            (since.unwrap_or_else(|| BEFORE_ALL.to_owned()), until.unwrap_or_else(|| BEHIND_ALL.to_owned()));
        match &after {
            Some(after) if range.latest_first => to = to.min(after.clone()),
            Some(after) => from = from.max(after.clone()),
            None => {}
        }
        // DynamoDB refuses a range that ends before it begins.
        if from > to {
            return Ok(Vec::new());
        }
        let mut pages = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(keys::LISTING_INDEX)
            .scan_index_forward(!range.latest_first)
            .key_condition_expression("lpk = :lpk AND lsk BETWEEN :from AND :to")
            .expression_attribute_values(":lpk", text(lpk))
            .expression_attribute_values(":from", text(from))
            .expression_attribute_values(":to", text(to))
            .limit(i32::try_from((limit + 1).clamp(1, PAGE_MAX)).unwrap_or(i32::MAX))
            .into_paginator()
            .send();
        let mut found = Vec::new();
        while found.len() < limit
            && let Some(page) = pages.next().await
        {
            let page = page.map_err(failed)?;
            for item in page.items() {
                let lsk = Reader(item).text("lsk")?;
                if after.as_ref() != Some(&lsk) {
                    found.push(keys::parse_schedules_sort(&lsk).ok_or_else(|| unreadable("lsk"))?);
                }
            }
        }
        Ok(found)
    }

    /// The first `limit` schedules of all shards, from the first `of_each` of each; `None` if those aren't enough to
    /// decide.
    async fn merged_by_time(
        &self,
        workspace: WorkspaceId,
        range: &ByTime,
        limit: usize,
        of_each: usize,
    ) -> PortResult<Option<Vec<(Moment, ScheduleId)>>> {
        let shards = (0..keys::LISTING_SHARDS)
            .map(|shard| self.shard_by_time(keys::schedules(workspace, shard), range, of_each));
        let parts = try_join_all(shards).await?;
        let in_order = |a: &(Moment, ScheduleId), b: &(Moment, ScheduleId)| match range.latest_first {
            true => b.cmp(a),
            false => a.cmp(b),
        };
        // After the end of a part that may have more, entries of that part may be missing.
        let ends = parts.iter().filter(|part| part.len() >= of_each).filter_map(|part| part.last().copied());
        let end = ends.min_by(in_order);
        let mut all: Vec<(Moment, ScheduleId)> = parts.into_iter().flatten().collect();
        all.sort_unstable_by(in_order);
        all.truncate(limit);
        let reaches = |end| all.len() >= limit && all.last().is_some_and(|last| in_order(last, &end).is_le());
        let is_told = end.is_none_or(reaches);
        Ok((is_told || of_each >= limit).then_some(all))
    }

    /// Deletes some schedules with their release rows; returns whether there was none.
    pub(super) async fn remove_schedules(&self, workspace: WorkspaceId, limit: usize) -> PortResult<bool> {
        let shown = (0..keys::LISTING_SHARDS).map(|shard| keys::schedules(workspace, shard));
        let removed = (0..keys::LISTING_SHARDS).map(|shard| keys::removed_schedules(workspace, shard));
        let mut listed = Vec::new();
        for lpk in shown.chain(removed) {
            listed.extend(self.shard_by_time(lpk, &ByTime::default(), limit.saturating_sub(listed.len())).await?);
        }
        listed.truncate(limit);
        let keys: Vec<ScheduleKey> =
            listed.iter().map(|(_, schedule)| ScheduleKey { workspace, schedule: *schedule }).collect();
        let found: Vec<Schedule> = self.schedules(&keys).await?.into_iter().flatten().collect();
        let rows: Vec<_> = found.iter().map(|schedule| names(&schedule.release_row())).collect();
        self.delete_rows(&rows).await?;
        let rows: Vec<_> = keys.iter().map(|key| (keys::schedule(*key), keys::SCHEDULE.to_owned())).collect();
        self.delete_rows(&rows).await?;
        Ok(listed.is_empty())
    }
}

#[async_trait]
impl Schedules for DynamoStore {
    async fn put_schedule(&self, schedule: &Schedule) -> PortResult<Write<Box<Schedule>>> {
        match self.put_schedule_if(schedule, None).await? {
            None => Ok(Write::Done),
            Some(Some(current)) => Ok(Write::Conflict(Box::new(current))),
            Some(None) => Err(unreadable("schedule")),
        }
    }

    async fn schedules(&self, wanted: &[ScheduleKey]) -> PortResult<Vec<Option<Schedule>>> {
        let mut schedules = Vec::with_capacity(wanted.len());
        for chunk in wanted.chunks(ROWS_PER_READ) {
            let items = self.read_schedules(chunk).await?;
            for key in chunk {
                schedules.push(items.get(&keys::schedule(*key)).map(|item| read(*key, item)).transpose()?);
            }
        }
        Ok(schedules)
    }

    async fn save_schedule(&self, next: &Schedule) -> PortResult<Write<Option<Box<Schedule>>>> {
        Ok(match self.put_schedule_if(next, Some(next.version.saturating_sub(1))).await? {
            None => Write::Done,
            Some(current) => Write::Conflict(current.map(Box::new)),
        })
    }

    async fn schedules_by_time(
        &self,
        workspace: WorkspaceId,
        range: &ByTime,
        limit: usize,
    ) -> PortResult<Vec<(Moment, ScheduleId)>> {
        match self.merged_by_time(workspace, range, limit, share(limit)).await? {
            Some(all) => Ok(all),
            // One shard has more than its share of the first schedules.
            None => Ok(self.merged_by_time(workspace, range, limit, limit).await?.unwrap_or_default()),
        }
    }

    async fn put_release_row(&self, row: &ReleaseRow) -> PortResult<()> {
        let (pk, sk) = names(row);
        self.put(Builder::keyed(pk, sk).number("expires_at", row.expires_at().unix_seconds()).build()).await
    }

    async fn delete_release_rows(&self, rows: &[ReleaseRow]) -> PortResult<()> {
        self.delete_rows(&rows.iter().map(names).collect::<Vec<_>>()).await
    }

    async fn release_rows(&self, minute: i64, shard: u32) -> PortResult<Vec<ReleaseRow>> {
        let rows = self.partition(keys::release(minute, shard)).await?;
        rows.iter()
            .map(|row| keys::parse_release_sort(&Reader(row).text("sk")?).ok_or_else(|| unreadable("sk")))
            .collect()
    }

    async fn release_watermark(&self) -> PortResult<Option<i64>> {
        self.read_mark(keys::RELEASE_WATERMARK).await
    }

    async fn set_release_watermark(&self, minute: i64) -> PortResult<()> {
        self.move_mark(keys::RELEASE_WATERMARK, minute).await
    }
}
