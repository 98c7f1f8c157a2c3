//! The dispatcher's lease: one row, taken by a conditional write.

use async_trait::async_trait;

use super::item::{Builder, moment, text};
use super::{DynamoStore, failed, keys, written_or_refused};
use crate::domain::time::Moment;
use crate::ports::{DispatcherLease, PortResult};

#[async_trait]
impl DispatcherLease for DynamoStore {
    async fn take_lease(&self, holder: &str, now: Moment, until: Moment) -> PortResult<bool> {
        let row =
            Builder::keyed(keys::LEASE.to_owned(), keys::LEASE).text("holder", holder).value("until", moment(until));
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(row.build()))
            // The holder's own name lets a write that the SDK repeated succeed.
            .condition_expression("attribute_not_exists(pk) OR #until <= :now OR holder = :holder")
            .expression_attribute_names("#until", "until")
            .expression_attribute_values(":now", moment(now))
            .expression_attribute_values(":holder", text(holder));
        written_or_refused(put.send().await)
    }

    async fn release_lease(&self, holder: &str) -> PortResult<()> {
        let delete = self
            .client
            .delete_item()
            .table_name(&self.table)
            .set_key(Some(Builder::keyed(keys::LEASE.to_owned(), keys::LEASE).build()))
            .condition_expression("holder = :holder")
            .expression_attribute_values(":holder", text(holder));
        match delete.send().await {
            Ok(_) => Ok(()),
            // Another holder has the lease by now, and releases it.
            Err(error) if error.as_service_error().is_some_and(|e| e.is_conditional_check_failed_exception()) => Ok(()),
            Err(error) => Err(failed(error)),
        }
    }
}
