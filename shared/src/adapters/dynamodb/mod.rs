//! The ports of the table, among them [`Store`](crate::ports::Store), on one DynamoDB table.
//!
//! Read [`keys`] first, which has the table's layout, then `rows` with the two large rows. Each other file holds the
//! requests of one kind of row.

mod accounts;
mod activity;
mod addresses;
mod api_keys;
mod backlog;
mod board_checks;
mod board_lists;
mod budget;
mod credits;
mod deliveries;
mod imports;
mod invitations;
mod item;
pub mod keys;
mod lease;
mod listing;
#[cfg(any(test, feature = "testing"))]
mod load;
mod logins;
mod markers;
mod oauth_states;
mod pacing;
mod pin_index;
mod pins;
mod purge;
mod reconciliation;
mod request_fields;
mod rollups;
pub mod row_kinds;
mod rows;
mod schedules;
mod sealed;
mod simulated;
mod task_tokens;
mod tenants;
mod transaction;
mod users;
mod webhooks;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::put_item::{PutItemError, PutItemOutput};

use crate::ports::{Ping, PortError, PortResult};

pub use sealed::{SealedRow, SealedTokens};
pub use webhooks::{DELETED_KEPT_MS, HEALTH_KEPT_MS, SealedSecrets};

pub(crate) const PORT: &str = "table";

/// The rest of a batch that the table didn't accept is tried again this often, in three seconds or so.
pub(super) const REST_ATTEMPTS: u32 = 8;
const REST_PAUSE_MS: u64 = 50;
const REST_PAUSE_MAX_MS: u64 = 800;

/// Pauses before the rest of a batch is tried again. DynamoDB asks for a growing pause, which the SDK doesn't make,
/// because the batch call succeeded.
pub(super) async fn pause_before(attempt: u32) {
    if attempt > 0 {
        let longest = (REST_PAUSE_MS << (attempt - 1).min(REST_ATTEMPTS)).min(REST_PAUSE_MAX_MS);
        tokio::time::sleep(std::time::Duration::from_millis(fastrand::u64(longest / 2..=longest))).await;
    }
}

/// The one table, by which all of its ports are implemented.
pub struct DynamoStore {
    client: Client,
    table: String,
}

impl DynamoStore {
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        Self { client, table: table.into() }
    }
}

/// Turns an SDK error of any operation into a port error. A row in another writer's transaction is contention, not an
/// outage.
fn failed<E: ProvideErrorMetadata>(error: SdkError<E>) -> PortError {
    if error.code() == Some(transaction::CONFLICT) {
        return PortError::Contended { row: "row of a transaction", writes: transaction::WRITE_TRIES_MAX };
    }
    crate::adapters::aws::port_error(PORT, &error)
}

/// Returns the row that made a condition fail; any other error is passed on.
fn refused_by(error: SdkError<PutItemError>) -> PortResult<Option<item::Item>> {
    match error.as_service_error() {
        Some(PutItemError::ConditionalCheckFailedException(refusal)) => Ok(refusal.item().cloned()),
        _ => Err(failed(error)),
    }
}

/// Whether the write was made; `false` when its condition failed.
fn written_or_refused(answer: Result<PutItemOutput, SdkError<PutItemError>>) -> PortResult<bool> {
    match answer {
        Ok(_) => Ok(true),
        Err(error) if error.as_service_error().is_some_and(|e| e.is_conditional_check_failed_exception()) => Ok(false),
        Err(error) => Err(failed(error)),
    }
}

#[async_trait]
impl Ping for DynamoStore {
    async fn ping(&self) -> PortResult<()> {
        self.read_mark(keys::WATERMARK).await.map(|_| ())
    }
}
