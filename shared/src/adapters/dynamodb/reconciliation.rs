//! Unresolved pins: which pins' outcomes have to be reconciled on a board, and how far the board has been read.

use async_trait::async_trait;

use super::item::{Builder, Reader, text, unreadable};
use super::{DynamoStore, failed, keys};
use crate::domain::ids::{BoardKey, PinId};
use crate::domain::reconcile::board_scan::BoardScan;
use crate::domain::time::{DAY_MS, Moment};
use crate::ports::{PortError, PortResult, Reconciliation, Write};

/// Outcomes are unresolved for 72 hours at most; a board's row that hasn't been written for this long is of no use.
const SCAN_KEPT_MS: i64 = 8 * DAY_MS;

#[async_trait]
impl Reconciliation for DynamoStore {
    async fn put_unresolved(&self, board: &BoardKey, pin: PinId, expires_at: Moment) -> PortResult<()> {
        let row = Builder::keyed(keys::unresolved(board), pin.to_string());
        self.put(row.number("expires_at", expires_at.unix_seconds()).build()).await
    }

    async fn unresolved(&self, board: &BoardKey, limit: usize) -> PortResult<Vec<PinId>> {
        let items = self.first_of(keys::unresolved(board), "", limit).await?;
        items.iter().map(|item| Reader(item).text("sk")?.parse().map_err(|_| unreadable("sk"))).collect()
    }

    async fn delete_unresolved(&self, board: &BoardKey, pins: &[PinId]) -> PortResult<()> {
        let names: Vec<String> = pins.iter().map(PinId::to_string).collect();
        self.delete_all(&keys::unresolved(board), &names).await
    }

    async fn board_scan(&self, board: &BoardKey) -> PortResult<BoardScan> {
        match self.get(keys::board_scan(board), keys::SCAN, true).await? {
            None => Ok(BoardScan::default()),
            Some(item) => serde_json::from_str(&Reader(&item).text("scan")?).map_err(|_| unreadable("scan")),
        }
    }

    async fn save_board_scan(&self, board: &BoardKey, next: &BoardScan) -> PortResult<Write<()>> {
        let broken = |error: serde_json::Error| PortError::Broken { port: super::PORT, reason: error.to_string() };
        let row = Builder::keyed(keys::board_scan(board), keys::SCAN)
            .number("rev", next.rev)
            .text("n", &next.nonce)
            .text("scan", serde_json::to_string(next).map_err(broken)?);
        // Without a plan there is no time to count from; the next plan gives the row its expiry.
        let row = match next.planned_for {
            Some(at) => row.number("expires_at", at.plus_ms(SCAN_KEPT_MS).unix_seconds()),
            None => row,
        };
        self.put_revision(row.build(), next.rev, &next.nonce).await
    }
}

impl DynamoStore {
    /// Reads the first rows of a partition whose sort keys begin with `prefix`, consistently.
    pub(super) async fn first_of(
        &self,
        pk: String,
        prefix: &str,
        limit: usize,
    ) -> PortResult<Vec<crate::adapters::dynamodb::item::Item>> {
        let query = self.client.query().table_name(&self.table).consistent_read(true);
        let query = if prefix.is_empty() {
            query.key_condition_expression("pk = :pk")
        } else {
            query
                .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
                .expression_attribute_values(":prefix", text(prefix))
        };
        let mut pages = query
            .expression_attribute_values(":pk", text(pk))
            .limit(i32::try_from(limit).unwrap_or(i32::MAX).max(1))
            .into_paginator()
            .send();
        let mut rows = Vec::new();
        while rows.len() < limit
            && let Some(page) = pages.next().await
        {
            let page = page.map_err(failed)?;
            rows.extend(page.items.unwrap_or_default());
        }
        rows.truncate(limit);
        Ok(rows)
    }
}
