//! [`PinIndex`] on the sharded index `listing`: each shard is read for its part of a span, and the parts are merged.

use async_trait::async_trait;
use futures_util::future::try_join_all;

use super::item::{Reader, text, unreadable};
use super::{DynamoStore, failed, keys};
use crate::domain::ids::WorkspaceId;
use crate::domain::pin::listing::{Entry, Order, Partition, Position, Span, Start, Stretch};
use crate::domain::time::Moment;
use crate::ports::{PinIndex, PortResult};

/// Sort keys have thirteen digits of milliseconds.
const LAST: Moment = Moment(9_999_999_999_999);

/// The result of reading one shard.
struct Part {
    entries: Vec<Entry>,
    /// The last key that was read, if there are more after it.
    end: Option<Position>,
}

/// The number of keys to read from a shard for `limit` keys in all. Pins are spread by their ids' hashes, so a shard's
/// share plus four standard deviations is nearly always enough to fill the whole.
pub(super) fn share(limit: usize) -> usize {
    let even = limit.div_ceil(keys::LISTING_SHARDS as usize);
    even + 4 * even.isqrt() + 2
}

/// The first and the last sort key of the span, if it isn't empty.
fn bounds(span: &Span) -> Option<(String, String)> {
    let within = |moment: Moment| Moment(moment.0.clamp(0, LAST.0));
    let mut low = keys::listing_sort_begin(within(span.since.unwrap_or_default()));
    // Without the separator it sorts before every pin of that moment.
    let mut high = span.until.map_or_else(|| keys::listing_sort_end(LAST), |at| keys::listing_sort_begin(within(at)));
    match (span.start, span.order) {
        (None, _) => {}
        (Some(Start::At(position)), Order::NewestFirst) => {
            high = high.min(keys::position_end(position.at, position.pin))
        }
        (Some(Start::Behind(position)), Order::NewestFirst) => {
            high = high.min(keys::position(position.at, position.pin))
        }
        (Some(Start::At(position)), Order::OldestFirst) => low = low.max(keys::position(position.at, position.pin)),
        (Some(Start::Behind(position)), Order::OldestFirst) => {
            low = low.max(keys::position_end(position.at, position.pin))
        }
    }
    // DynamoDB refuses a range that ends before it begins.
    (low < high).then_some((low, high))
}

impl DynamoStore {
    async fn part(
        &self,
        workspace: WorkspaceId,
        span: &Span,
        shard: u32,
        (low, high): (&str, &str),
        limit: usize,
    ) -> PortResult<Part> {
        let sort = match span.partition {
            Partition::Every => keys::REQUEST,
            Partition::Failed => keys::ATTEMPT,
        };
        let mut pages = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(keys::LISTING_INDEX)
            .scan_index_forward(span.order == Order::OldestFirst)
            .key_condition_expression("lpk = :lpk AND lsk BETWEEN :low AND :high")
            .expression_attribute_values(":lpk", text(keys::partition(workspace, span.partition, shard)))
            .expression_attribute_values(":low", text(low))
            .expression_attribute_values(":high", text(high))
            // One more shows whether there are more.
            .limit(i32::try_from(limit + 1).unwrap_or(i32::MAX))
            .into_paginator()
            .send();
        let mut part = Part { entries: Vec::new(), end: None };
        let (mut last, mut read) = (None, 0);
        while let Some(page) = pages.next().await {
            let page = page.map_err(failed)?;
            for item in page.items() {
                if read == limit {
                    part.end = last;
                    return Ok(part);
                }
                let (row, lsk) = (Reader(item), Reader(item).text("lsk")?);
                // A tombstone, which a purge leaves for a while, has a position and no entry.
                if row.text("sk")? == sort {
                    part.entries.push(keys::parse_entry(&lsk).ok_or_else(|| unreadable("lsk"))?);
                }
                last = Some(keys::parse_position(&lsk).ok_or_else(|| unreadable("lsk"))?);
                read += 1;
            }
        }
        Ok(part)
    }
}

#[async_trait]
impl PinIndex for DynamoStore {
    async fn stretch(&self, workspace: WorkspaceId, span: &Span, limit: usize) -> PortResult<Stretch> {
        let Some((low, high)) = bounds(span) else {
            return Ok(Stretch::default());
        };
        let limit = share(limit);
        let shards = (0..keys::LISTING_SHARDS).map(|shard| self.part(workspace, span, shard, (&low, &high), limit));
        let parts = try_join_all(shards).await?;
        // After the first end of a part that has more, entries of that part may be missing.
        let end = parts.iter().filter_map(|part| part.end).min_by(|a, b| span.order.compare(a, b));
        let mut entries: Vec<Entry> = parts.into_iter().flat_map(|part| part.entries).collect();
        entries.retain(|entry| end.is_none_or(|end| span.order.compare(&entry.position, &end).is_le()));
        entries.sort_unstable_by(|a, b| span.order.compare(&a.position, &b.position));
        Ok(Stretch { entries, end })
    }
}
