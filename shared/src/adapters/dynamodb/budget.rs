//! The row of a day's requests.

use async_trait::async_trait;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};

use super::item::{Builder, Item, Reader, number, unreadable};
use super::{DynamoStore, failed, keys};
use crate::domain::pacing::budget::DaySpending;
use crate::ports::{Budget, PortResult, Write};

fn read_day(day: i64, item: &Item) -> PortResult<DaySpending> {
    let row = Reader(item);
    let creates = item.get("creates").and_then(|value| value.as_m().ok()).ok_or_else(|| unreadable("creates"))?;
    let creates = creates.iter().map(|(workspace, count)| {
        let count = count.as_n().ok().and_then(|digits| digits.parse().ok());
        Some((workspace.parse().ok()?, count?))
    });
    Ok(DaySpending {
        day,
        rev: row.number("rev")?,
        reconciliations: row.number("look_ups")?,
        creates: creates.collect::<Option<_>>().ok_or_else(|| unreadable("creates"))?,
        nonce: row.text("nonce")?,
    })
}

#[async_trait]
impl Budget for DynamoStore {
    async fn day_spending(&self, day: i64) -> PortResult<DaySpending> {
        let item = self.get(keys::DAILY_BUDGET.to_owned(), &keys::day(day), true).await?;
        item.map_or_else(|| Ok(DaySpending::nothing(day)), |item| read_day(day, &item))
    }

    async fn save_day_spending(&self, next: &DaySpending) -> PortResult<Write<DaySpending>> {
        let creates = next.creates.iter().map(|(workspace, count)| (workspace.to_string(), number(*count))).collect();
        let row = Builder::keyed(keys::DAILY_BUDGET.to_owned(), keys::day(next.day))
            .number("rev", next.rev)
            .number("look_ups", next.reconciliations)
            .value("creates", AttributeValue::M(creates))
            .text("nonce", &next.nonce)
            .number("expires_at", next.expires_at().unix_seconds());
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
