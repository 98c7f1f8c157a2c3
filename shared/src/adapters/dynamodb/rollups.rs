//! [`Rollups`] on the table.

use async_trait::async_trait;

use super::item::{Builder, Item, Reader, bytes, number, text, unreadable};
use super::{DynamoStore, failed, keys, written_or_refused};
use crate::domain::ids::WorkspaceId;
use crate::domain::stats::rollup::codec::{
    decode_recent, decode_samples, decode_sums, encode_recent, encode_samples, encode_sums,
};
use crate::domain::stats::rollup::recent::{RECENT_KEPT_MS, RecentSamples};
use crate::domain::stats::rollup::{RollupPage, SAMPLES_KEPT_MS, SUMS_KEPT_MS, Sample, Sums};
use crate::domain::time::{HOUR_MS, Moment};
use crate::ports::{BegunGroup, PortResult, Rollups, Write};

fn rollup_page_item(workspace: WorkspaceId, hour: i64, page: &RollupPage) -> Item {
    let kept_ms = if page.number == 0 { SUMS_KEPT_MS } else { SAMPLES_KEPT_MS };
    let expires_at = Moment(hour * HOUR_MS).plus_ms(kept_ms);
    let row = Builder::keyed(keys::rollups(workspace), keys::rollup_page(hour, page.number))
        .number("rev", page.rev)
        .value("facts", bytes(encode_samples(hour, &page.samples)))
        .number("expires_at", expires_at.unix_seconds());
    match &page.sums {
        Some(sums) => row.value("sums", bytes(encode_sums(hour, sums))),
        None => row,
    }
    .build()
}

fn read_sums(hour: i64, row: &Reader<'_>) -> PortResult<Option<Sums>> {
    if !row.0.contains_key("sums") {
        return Ok(None);
    }
    decode_sums(hour, &row.bytes("sums")?).map(Some).ok_or_else(|| unreadable("sums"))
}

fn read_rollup_page(item: &Item) -> PortResult<RollupPage> {
    let row = Reader(item);
    let (hour, number) = keys::parse_rollup_page(&row.text("sk")?).ok_or_else(|| unreadable("sk"))?;
    Ok(RollupPage {
        number,
        rev: row.number("rev")?,
        samples: decode_samples(hour, &row.bytes("facts")?).ok_or_else(|| unreadable("facts"))?,
        sums: read_sums(hour, &row)?,
    })
}

impl DynamoStore {
    async fn rollup_rows(
        &self,
        workspace: WorkspaceId,
        from: &str,
        to: &str,
        consistent: bool,
    ) -> PortResult<Vec<Item>> {
        let mut pages = self
            .client
            .query()
            .table_name(&self.table)
            .consistent_read(consistent)
            .key_condition_expression("pk = :pk AND sk BETWEEN :from AND :to")
            .expression_attribute_values(":pk", text(keys::rollups(workspace)))
            .expression_attribute_values(":from", text(from))
            .expression_attribute_values(":to", text(to))
            .into_paginator()
            .send();
        let mut rows = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(failed)?;
            rows.extend(page.items.unwrap_or_default());
        }
        Ok(rows)
    }
}

#[async_trait]
impl Rollups for DynamoStore {
    async fn rolled_up(&self) -> PortResult<Option<i64>> {
        self.read_mark(keys::ROLLED_UP).await
    }

    async fn set_rolled_up(&self, minute: i64) -> PortResult<()> {
        // A new row, without the group that was begun before.
        self.move_mark(keys::ROLLED_UP, minute).await
    }

    async fn begun_group(&self) -> PortResult<Option<BegunGroup>> {
        let item = self.get(keys::ROLLED_UP.to_owned(), keys::ROLLED_UP, true).await?;
        let Some(row) = item.as_ref().map(Reader) else { return Ok(None) };
        let (Some(last), Some(after)) = (row.maybe_number("begun"), row.maybe_text("after")) else { return Ok(None) };
        let workspace = after.parse().map_err(|_| unreadable("after"))?;
        let listed_to = match (row.maybe_number("listed_at"), row.maybe_text("listed_pin")) {
            (Some(at), Some(pin)) => Some((Moment(at), pin.parse().map_err(|_| unreadable("listed_pin"))?)),
            _ => None,
        };
        Ok(Some(BegunGroup { last, workspace, listed_to }))
    }

    async fn set_begun_group(&self, group: &BegunGroup) -> PortResult<()> {
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(Builder::keyed(keys::ROLLED_UP.to_owned(), keys::ROLLED_UP).build()));
        let update = match group.listed_to {
            Some((at, pin)) => update
                .update_expression("SET begun = :last, #after = :after, listed_at = :at, listed_pin = :pin")
                .expression_attribute_values(":at", number(at.0))
                .expression_attribute_values(":pin", text(pin.to_string())),
            None => update.update_expression("SET begun = :last, #after = :after REMOVE listed_at, listed_pin"),
        };
        let update = update
            // The rolled-up minute was moved past a group that another run finished.
            .condition_expression("#minute < :last")
            .expression_attribute_names("#minute", "minute")
            .expression_attribute_names("#after", "after")
            .expression_attribute_values(":last", number(group.last))
            .expression_attribute_values(":after", text(group.workspace.to_string()));
        match update.send().await {
            Ok(_) => Ok(()),
            Err(error) if error.as_service_error().is_some_and(|e| e.is_conditional_check_failed_exception()) => Ok(()),
            Err(error) => Err(failed(error)),
        }
    }

    async fn sums(&self, workspace: WorkspaceId, first: i64, last: i64) -> PortResult<Vec<(i64, Sums)>> {
        // DynamoDB refuses a range that ends before it begins; no pin is older than the epoch.
        let first = first.max(0);
        if last < first {
            return Ok(Vec::new());
        }
        let (from, to) = (keys::rollup_page(first, 0), keys::rollup_page(last, 0));
        let mut hours = Vec::new();
        for item in self.rollup_rows(workspace, &from, &to, false).await? {
            let row = Reader(&item);
            let (hour, _) = keys::parse_rollup_page(&row.text("sk")?).ok_or_else(|| unreadable("sk"))?;
            hours.extend(read_sums(hour, &row)?.map(|sums| (hour, sums)));
        }
        Ok(hours)
    }

    async fn first_rollup_page(&self, workspace: WorkspaceId, hour: i64) -> PortResult<Option<RollupPage>> {
        let item = self.get(keys::rollups(workspace), &keys::rollup_page(hour, 0), true).await?;
        item.as_ref().map(read_rollup_page).transpose()
    }

    async fn other_rollup_pages(&self, workspace: WorkspaceId, hour: i64) -> PortResult<Vec<RollupPage>> {
        let (from, to) = (keys::rollup_page(hour, 1), keys::rollup_page(hour, u32::MAX));
        self.rollup_rows(workspace, &from, &to, true).await?.iter().map(read_rollup_page).collect()
    }

    async fn save_rollup_page(&self, workspace: WorkspaceId, hour: i64, next: &RollupPage) -> PortResult<Write<()>> {
        let put =
            self.client.put_item().table_name(&self.table).set_item(Some(rollup_page_item(workspace, hour, next)));
        let put = match next.rev {
            0 | 1 => put.condition_expression("attribute_not_exists(pk)"),
            rev => put.condition_expression("rev = :seen").expression_attribute_values(":seen", number(rev - 1)),
        };
        written_or_refused(put.send().await).map(Write::done_if)
    }

    async fn put_recent(&self, workspace: WorkspaceId, recent: &RecentSamples) -> PortResult<()> {
        let row = Builder::keyed(keys::recent_samples(workspace), keys::recent_samples_sort(recent.at, &recent.id))
            .value("facts", bytes(encode_recent(&recent.samples)))
            .number("expires_at", recent.at.plus_ms(RECENT_KEPT_MS).unix_seconds());
        self.put(row.build()).await
    }

    async fn recent(&self, workspace: WorkspaceId, since: Moment, rows_max: usize) -> PortResult<Vec<Sample>> {
        let mut pages = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("pk = :pk AND sk >= :from")
            .expression_attribute_values(":pk", text(keys::recent_samples(workspace)))
            .expression_attribute_values(":from", text(keys::recent_samples_sort(since, "")))
            .into_paginator()
            .send();
        let (mut samples, mut rows) = (Vec::new(), 0);
        while rows < rows_max
            && let Some(page) = pages.next().await
        {
            let page = page.map_err(failed)?;
            for item in page.items().iter().take(rows_max - rows) {
                let facts = Reader(item).bytes("facts")?;
                samples.extend(decode_recent(&facts).ok_or_else(|| unreadable("facts"))?);
            }
            rows += page.items().len();
        }
        Ok(samples)
    }
}
