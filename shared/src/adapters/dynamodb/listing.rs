//! Reads a workspace's pins from a position on, oldest first, from the sharded index.

use futures_util::future::try_join_all;

use super::item::{Reader, text, unreadable};
use super::{DynamoStore, failed, keys};
use crate::domain::ids::PinId;
use crate::domain::time::Moment;
use crate::ports::PortResult;

/// A page of one shard has at most this many index entries.
const PAGE_MAX: usize = 1_000;

impl DynamoStore {
    /// Reads the oldest of each shard and merges them: the oldest of all are among them.
    pub(super) async fn get_listing_after(
        &self,
        partition: &(dyn Fn(u32) -> String + Sync),
        after: Option<(Moment, PinId)>,
        by: Moment,
        limit: usize,
    ) -> PortResult<Vec<(Moment, PinId)>> {
        // DynamoDB refuses a range that ends before it begins.
        if after.is_some_and(|(at, _)| at > by) {
            return Ok(Vec::new());
        }
        let shards = 0..keys::LISTING_SHARDS;
        let oldest = shards.map(|shard| self.oldest(partition(shard), after, by, limit));
        let mut all: Vec<(Moment, PinId)> = try_join_all(oldest).await?.into_iter().flatten().collect();
        all.sort_unstable();
        all.truncate(limit);
        Ok(all)
    }

    async fn oldest(
        &self,
        lpk: String,
        after: Option<(Moment, PinId)>,
        by: Moment,
        limit: usize,
    ) -> PortResult<Vec<(Moment, PinId)>> {
        // Every sort key sorts after "0".
        let from = after.map_or_else(|| "0".to_owned(), |(at, pin)| keys::position_end(at, pin));
        let mut pages = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(keys::LISTING_INDEX)
            .key_condition_expression("lpk = :lpk AND lsk BETWEEN :from AND :by")
            .expression_attribute_values(":lpk", text(lpk))
            .expression_attribute_values(":from", text(from))
            .expression_attribute_values(":by", text(keys::listing_sort_end(by)))
            .limit(i32::try_from(limit.clamp(1, PAGE_MAX)).unwrap_or(i32::MAX))
            .into_paginator()
            .send();
        let mut oldest = Vec::new();
        while oldest.len() < limit
            && let Some(page) = pages.next().await
        {
            let page = page.map_err(failed)?;
            for item in page.items() {
                let row = Reader(item);
                let lsk = row.text("lsk")?;
                // Leaves out the tombstones, which a purge leaves for a while.
                if row.text("sk")? == keys::REQUEST {
                    let position = keys::parse_position(&lsk).ok_or_else(|| unreadable("lsk"))?;
                    oldest.push((position.at, position.pin));
                }
            }
        }
        oldest.truncate(limit);
        Ok(oldest)
    }
}
