//! The row of a day's requests.

use std::collections::BTreeMap;

use async_trait::async_trait;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};

use super::item::{Builder, Item, Reader, number, unreadable};
use super::{DynamoStore, failed, keys};
use crate::domain::ids::WorkspaceId;
use crate::domain::pacing::budget::DaySpending;
use crate::ports::{Budget, PortResult, Write};

fn read_day(day: i64, item: &Item) -> PortResult<DaySpending> {
    let row = Reader(item);
    Ok(DaySpending {
        day,
        rev: row.number("rev")?,
        reconciliations: row.number("look_ups")?,
        creates: counts(item, "creates")?.ok_or_else(|| unreadable("creates"))?,
        // Only with a budget that counts them.
        reads: counts(item, "reads")?.unwrap_or_default(),
        nonce: row.text("nonce")?,
    })
}

/// A number for each workspace; `None` without the attribute.
fn counts(item: &Item, name: &'static str) -> PortResult<Option<BTreeMap<WorkspaceId, u32>>> {
    let Some(counts) = item.get(name).and_then(|value| value.as_m().ok()) else { return Ok(None) };
    let counts = counts.iter().map(|(workspace, count)| {
        let count = count.as_n().ok().and_then(|digits| digits.parse().ok());
        Some((workspace.parse().ok()?, count?))
    });
    counts.collect::<Option<_>>().map(Some).ok_or_else(|| unreadable(name))
}

fn counts_value(counts: &BTreeMap<WorkspaceId, u32>) -> AttributeValue {
    AttributeValue::M(counts.iter().map(|(workspace, count)| (workspace.to_string(), number(*count))).collect())
}

#[async_trait]
impl Budget for DynamoStore {
    async fn day_spending(&self, day: i64) -> PortResult<DaySpending> {
        let item = self.get(keys::DAILY_BUDGET.to_owned(), &keys::day(day), true).await?;
        item.map_or_else(|| Ok(DaySpending::nothing(day)), |item| read_day(day, &item))
    }

    async fn save_day_spending(&self, next: &DaySpending) -> PortResult<Write<DaySpending>> {
        let row = Builder::keyed(keys::DAILY_BUDGET.to_owned(), keys::day(next.day))
            .number("rev", next.rev)
            .number("look_ups", next.reconciliations)
            .value("creates", counts_value(&next.creates))
            .text("nonce", &next.nonce)
            .number("expires_at", next.expires_at().unix_seconds());
        let row = if next.reads.is_empty() { row } else { row.value("reads", counts_value(&next.reads)) };
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(row.build()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let put = if next.rev == 1 {
            put.condition_expression("attribute_not_exists(pk)")
        } else {
            put.condition_expression("rev = :seen").expression_attribute_values(":seen", number(next.rev - 1))
        };
        match put.send().await {
            Ok(_) => Ok(Write::Done),
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(refusal)) => {
                    let current = refusal.item().map(|item| read_day(next.day, item)).transpose()?;
                    let current = current.unwrap_or_else(|| DaySpending::nothing(next.day));
                    // The SDK repeated a write whose answer it lost: it has already happened.
                    Ok(if current.nonce == next.nonce { Write::Done } else { Write::Conflict(current) })
                }
                _ => Err(failed(error)),
            },
        }
    }
}
