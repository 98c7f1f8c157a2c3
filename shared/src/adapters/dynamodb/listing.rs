//! Listing a workspace's pins, newest first, from the sharded index.

use aws_sdk_dynamodb::types::Select;
use futures_util::future::try_join_all;

use super::item::{Reader, text, unreadable};
use super::{DynamoStore, failed, keys};
use crate::domain::ids::{PinId, WorkspaceId};
use crate::domain::time::Moment;
use crate::ports::{Listing, PortResult};

/// Counting stops here per shard: a total above it is reported as a lower bound.
const COUNT_PAGES: usize = 1;
/// How many index entries one shard's page is asked for at most.
const PAGE_MAX: usize = 1_000;

impl DynamoStore {
    pub(super) async fn get_listing(&self, workspace: WorkspaceId, skip: usize, limit: usize) -> PortResult<Listing> {
        let shards = 0..keys::LISTING_SHARDS;
        let (newest, counts) = futures_util::future::try_join(
            try_join_all(shards.clone().map(|shard| self.newest(workspace, shard, skip + limit))),
            try_join_all(shards.map(|shard| self.count(workspace, shard))),
        )
        .await?;
        let mut all: Vec<String> = newest.into_iter().flatten().collect();
        all.sort_unstable_by(|a, b| b.cmp(a));
        let page = all.iter().skip(skip).take(limit);
        let pins = page.map(|lsk| keys::parse_listing_sort(lsk).ok_or_else(|| unreadable("lsk")));
        Ok(Listing {
            pins: pins.collect::<PortResult<_>>()?,
            total: counts.iter().map(|(count, _)| count).sum(),
            total_is_at_least: counts.iter().any(|(_, more)| *more),
        })
    }

    /// The oldest of each shard, merged: the oldest of all are among them.
    pub(super) async fn get_listing_after(
        &self,
        workspace: WorkspaceId,
        after: Option<(Moment, PinId)>,
        by: Moment,
        limit: usize,
    ) -> PortResult<Vec<(Moment, PinId)>> {
        // A range that ends before it begins is refused.
        if after.is_some_and(|(at, _)| at > by) {
            return Ok(Vec::new());
        }
        let shards = 0..keys::LISTING_SHARDS;
        let oldest = shards.map(|shard| self.oldest(workspace, shard, after, by, limit));
        let mut all: Vec<(Moment, PinId)> = try_join_all(oldest).await?.into_iter().flatten().collect();
        all.sort_unstable();
        all.truncate(limit);
        Ok(all)
    }

    async fn oldest(
        &self,
        workspace: WorkspaceId,
        shard: u32,
        after: Option<(Moment, PinId)>,
        by: Moment,
        limit: usize,
    ) -> PortResult<Vec<(Moment, PinId)>> {
        let from = after.map_or_else(String::new, |(at, pin)| keys::listing_sort(at, pin));
        let mut pages = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(keys::LISTING_INDEX)
            .key_condition_expression("lpk = :lpk AND lsk BETWEEN :from AND :by")
            .expression_attribute_values(":lpk", text(keys::listing(workspace, shard)))
            // An empty text is no value of a key; every sort key is behind this one.
            .expression_attribute_values(":from", text(if from.is_empty() { "0" } else { &from }))
            .expression_attribute_values(":by", text(keys::listing_sort_end(by)))
            .limit(i32::try_from((limit + 1).clamp(1, PAGE_MAX)).unwrap_or(i32::MAX))
            .set_return_consumed_capacity(self.meter.asked())
            .into_paginator()
            .send();
        let mut oldest = Vec::new();
        while oldest.len() < limit
            && let Some(page) = pages.next().await
        {
            let page = page.map_err(failed)?;
            self.meter.read(page.consumed_capacity());
            for item in page.items() {
                let row = Reader(item);
                let lsk = row.text("lsk")?;
                // The one that it begins behind, and what a purge leaves for a while.
                if lsk != from && row.text("sk")? == keys::REQUEST {
                    oldest.push(keys::parse_listing_place(&lsk).ok_or_else(|| unreadable("lsk"))?);
                }
            }
        }
        oldest.truncate(limit);
        Ok(oldest)
    }

    /// The newest sort keys of one shard.
    async fn newest(&self, workspace: WorkspaceId, shard: u32, limit: usize) -> PortResult<Vec<String>> {
        let mut pages = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(keys::LISTING_INDEX)
            .scan_index_forward(false)
            .key_condition_expression("lpk = :lpk")
            .expression_attribute_values(":lpk", text(keys::listing(workspace, shard)))
            .limit(i32::try_from(limit.clamp(1, PAGE_MAX)).unwrap_or(i32::MAX))
            .set_return_consumed_capacity(self.meter.asked())
            .into_paginator()
            .send();
        let mut sort_keys = Vec::new();
        while sort_keys.len() < limit
            && let Some(page) = pages.next().await
        {
            let page = page.map_err(failed)?;
            self.meter.read(page.consumed_capacity());
            for item in page.items() {
                sort_keys.push(Reader(item).text("lsk")?);
            }
        }
        sort_keys.truncate(limit);
        Ok(sort_keys)
    }

    /// How many pins a shard holds, and whether there are more than were counted.
    async fn count(&self, workspace: WorkspaceId, shard: u32) -> PortResult<(u64, bool)> {
        let mut pages = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(keys::LISTING_INDEX)
            .select(Select::Count)
            .key_condition_expression("lpk = :lpk")
            .expression_attribute_values(":lpk", text(keys::listing(workspace, shard)))
            .set_return_consumed_capacity(self.meter.asked())
            .into_paginator()
            .send();
        let (mut count, mut more) = (0, false);
        for _ in 0..COUNT_PAGES {
            let Some(page) = pages.next().await else {
                return Ok((count, false));
            };
            let page = page.map_err(failed)?;
            self.meter.read(page.consumed_capacity());
            count += u64::try_from(page.count()).unwrap_or(0);
            more = page.last_evaluated_key().is_some();
        }
        Ok((count, more))
    }
}
