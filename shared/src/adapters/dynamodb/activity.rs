//! The activity log's rows.

use async_trait::async_trait;
use uuid::Uuid;

use super::item::{Builder, Item, Reader, moment, text, unreadable};
use super::{DynamoStore, failed, keys};
use crate::domain::ids::WorkspaceId;
use crate::domain::stats::activity::{Action, By, Entry, Outcome};
use crate::domain::time::Moment;
use crate::ports::{ActivityLog, PortError, PortResult};

fn item(workspace: WorkspaceId, entry: &Entry, expires_at: Moment) -> PortResult<Item> {
    let broken = |error: serde_json::Error| PortError::Broken { port: super::PORT, reason: error.to_string() };
    let row = Builder::keyed(keys::activity(workspace), keys::activity_sort(entry.at, entry.id))
        .value("at", moment(entry.at))
        .text("by", entry.by.kind())
        .maybe_text("who", entry.by.id().map(|id| id.to_string()))
        .maybe_text("label", entry.label.as_deref())
        .text("action", entry.action.name)
        .text("st", entry.outcome.name())
        .maybe_text("res", entry.resource_id.as_deref())
        .maybe_text("acct", entry.account.map(|account| account.to_string()))
        .maybe_text("req", entry.request_id.as_deref())
        .number("expires_at", expires_at.unix_seconds());
    let row = match entry.details.is_empty() {
        true => row,
        false => row.text("more", serde_json::to_string(&entry.details).map_err(broken)?),
    };
    Ok(row.build())
}

/// `None`: the entry's action is known to a later build only.
fn read(item: &Item) -> PortResult<Option<Entry>> {
    let row = Reader(item);
    let Some(action) = Action::parse(&row.text("action")?) else { return Ok(None) };
    let uuid = |name: &'static str| -> PortResult<Option<Uuid>> {
        row.maybe_text(name).map(|text| text.parse().map_err(|_| unreadable(name))).transpose()
    };
    let by = By::parse(&row.text("by")?, uuid("who")?).ok_or_else(|| unreadable("by"))?;
    let sk = row.text("sk")?;
    let id = sk.split_once('#').and_then(|(_, id)| id.parse().ok()).ok_or_else(|| unreadable("sk"))?;
    let details = row.maybe_text("more").map(|text| serde_json::from_str(&text).map_err(|_| unreadable("more")));
    Ok(Some(Entry {
        id,
        at: row.moment("at")?,
        by,
        label: row.maybe_text("label"),
        action,
        outcome: Outcome::parse(&row.text("st")?).ok_or_else(|| unreadable("st"))?,
        resource_id: row.maybe_text("res"),
        account: uuid("acct")?.map(crate::domain::ids::AccountId),
        request_id: row.maybe_text("req"),
        details: details.transpose()?.unwrap_or_default(),
    }))
}

#[async_trait]
impl ActivityLog for DynamoStore {
    async fn record(&self, workspace: WorkspaceId, entry: &Entry, expires_at: Moment) -> PortResult<()> {
        self.put(item(workspace, entry, expires_at)?).await
    }

    async fn entries(
        &self,
        workspace: WorkspaceId,
        since: Moment,
        before: Option<(Moment, Option<Uuid>)>,
        limit: usize,
    ) -> PortResult<Vec<Entry>> {
        let low = keys::activity_sort_begin(since);
        let high = match before {
            None => keys::activity_sort_begin(Moment(9_999_999_999_999)),
            Some((at, None)) => keys::activity_sort_begin(at),
            Some((at, Some(id))) => keys::activity_sort(at, id),
        };
        // DynamoDB refuses a range that ends before it begins.
        if low >= high {
            return Ok(Vec::new());
        }
        let mut pages = self
            .client
            .query()
            .table_name(&self.table)
            .consistent_read(true)
            .scan_index_forward(false)
            .key_condition_expression("pk = :pk AND sk BETWEEN :low AND :high")
            .expression_attribute_values(":pk", text(keys::activity(workspace)))
            .expression_attribute_values(":low", text(low))
            .expression_attribute_values(":high", text(&high))
            // One more, because the end of the range itself is not wanted.
            .limit(i32::try_from(limit + 1).unwrap_or(i32::MAX))
            .into_paginator()
            .send();
        let mut entries = Vec::new();
        while entries.len() < limit
            && let Some(page) = pages.next().await
        {
            let page = page.map_err(failed)?;
            for item in page.items().iter().filter(|item| Reader(item).text("sk").is_ok_and(|sk| sk != high)) {
                entries.extend(read(item)?);
            }
        }
        entries.truncate(limit);
        Ok(entries)
    }
}
