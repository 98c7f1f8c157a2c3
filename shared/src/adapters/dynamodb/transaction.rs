//! Several attempt rows in one transaction: all are written, or none.

use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::operation::transact_write_items::builders::TransactWriteItemsFluentBuilder;
use aws_sdk_dynamodb::types::Put;

use super::item::{number, text};
use super::rows::attempt_item;
use super::{DynamoStore, failed, keys};
use crate::domain::invariants::is_same_write;
use crate::domain::pin::Pin;
use crate::domain::pin::attempt::Attempt;
use crate::ports::{PortError, PortResult};

/// The reason that a cancelled transaction gives for a row whose condition failed.
const CONDITION_FAILED: &str = "ConditionalCheckFailed";

impl DynamoStore {
    pub(super) async fn commit(
        &self,
        call: TransactWriteItemsFluentBuilder,
        writes: &[(Pin, Attempt)],
    ) -> PortResult<bool> {
        match call.send().await {
            Ok(_) => Ok(true),
            Err(error) => match error.as_service_error() {
                Some(TransactWriteItemsError::TransactionCanceledException(cancelled))
                    if cancelled.cancellation_reasons().iter().any(|why| why.code() == Some(CONDITION_FAILED)) =>
                {
                    self.are_saved(writes).await
                }
                // Another transaction or write on one of the rows was under way: nothing is decided.
                _ => Err(failed(error)),
            },
        }
    }

    pub(super) fn conditional(&self, pin: &Pin, next: &Attempt) -> PortResult<Put> {
        let put = Put::builder()
            .table_name(&self.table)
            .set_item(Some(attempt_item(pin, next)))
            .expression_attribute_values(":pn", text(&pin.nonce));
        let put = match next.rev {
            0 | 1 => put.condition_expression("attribute_not_exists(pk) OR pn <> :pn"),
            rev => put
                .condition_expression("rev = :seen AND pn = :pn")
                .expression_attribute_values(":seen", number(rev - 1)),
        };
        put.build().map_err(|error| PortError::Broken { port: super::PORT, reason: error.to_string() })
    }

    /// Whether every row is the one that was to be written: an earlier try of the same call may have succeeded.
    async fn are_saved(&self, writes: &[(Pin, Attempt)]) -> PortResult<bool> {
        for (pin, next) in writes {
            let stored = self.get(keys::pin(pin.key), keys::ATTEMPT, true).await?;
            let is_ours = stored.as_ref().map(super::item::Reader).is_some_and(|row| {
                row.maybe_number("rev") == Some(next.rev)
                    && row.maybe_text("n").is_some_and(|stored| is_same_write(&stored, &next.nonce))
            });
            if !is_ours {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
