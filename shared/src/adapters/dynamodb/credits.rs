//! The rows of callers' credit: one conditional update per lease.

use async_trait::async_trait;
use aws_sdk_dynamodb::types::{ReturnValue, ReturnValuesOnConditionCheckFailure};

use super::item::{Builder, Item, Reader, number, text};
use super::pacing::Updated;
use super::{DynamoStore, keys};
use crate::domain::credit::Holder;
use crate::domain::credit::row::{CreditRow, Lease, LeaseFrom};
use crate::domain::repeated_write::is_same_write;
use crate::ports::{Credits, Leased, PortResult};

fn read(item: &Item) -> CreditRow {
    let row = Reader(item);
    let paid_us = row.maybe_number("paid").unwrap_or_default();
    CreditRow { paid_us, nonce: row.maybe_text("n").unwrap_or_default() }
}

#[async_trait]
impl Credits for DynamoStore {
    async fn lease(&self, holder: &Holder, lease: &Lease) -> PortResult<Leased> {
        let request = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(Builder::keyed(keys::credit(holder), keys::CREDIT).build()))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .expression_attribute_values(":nonce", text(&lease.nonce))
            .expression_attribute_values(":expires", number(lease.expires_at().unix_seconds()));
        let (request, set, condition) = match lease.from {
            LeaseFrom::Full => (
                request
                    .expression_attribute_values(":now", number(lease.now_us()))
                    .expression_attribute_values(":paid", number(lease.now_us() + lease.advance_us())),
                "paid = :paid",
                "attribute_not_exists(paid) OR paid <= :now",
            ),
            LeaseFrom::Used => (
                request
                    .expression_attribute_values(":now", number(lease.now_us()))
                    .expression_attribute_values(":latest", number(lease.latest_us_before()))
                    .expression_attribute_values(":advance", number(lease.advance_us())),
                "paid = paid + :advance",
                "paid > :now AND paid <= :latest",
            ),
            LeaseFrom::BadClock { seen_us } => (
                request
                    .expression_attribute_values(":seen", number(seen_us))
                    .expression_attribute_values(":paid", number(lease.empty_us())),
                "paid = :paid",
                "paid = :seen",
            ),
        };
        let request = request
            .update_expression(format!("SET {set}, n = :nonce, expires_at = :expires"))
            .condition_expression(format!("({condition}) AND (attribute_not_exists(n) OR n <> :nonce)"));
        match self.update(request).await? {
            Updated::Now(item) => Ok(Leased::Done(read(&item))),
            // The SDK repeated a write whose answer it lost: it has already happened.
            Updated::Refused(item) => match read(&item) {
                row if is_same_write(&row.nonce, &lease.nonce) => Ok(Leased::Done(row)),
                row => Ok(Leased::Refused(row)),
            },
        }
    }
}
