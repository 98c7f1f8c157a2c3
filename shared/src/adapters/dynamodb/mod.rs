//! [`Store`] on one DynamoDB table.
//!
//! [`keys`] has the table's layout, [`rows`] the two big rows; each other file holds the requests of one kind of row,
//! and this one lists them all.

mod accounts;
mod activity;
mod api_keys;
mod backlog;
mod board_checks;
mod bucket;
mod daily_budget;
mod imports;
mod item;
pub mod keys;
mod ledger;
mod listing;
#[cfg(any(test, feature = "testing"))]
mod load;
mod markers;
mod oauth_states;
mod pause;
mod pin_index;
mod pins;
mod purge;
mod request_fields;
mod rollups;
pub mod row_kinds;
mod rows;
mod schedules;
mod sealed;
mod simulated;
mod tenants;
mod transaction;
mod unresolved;
mod users;

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};

pub use ledger::Ledger;
use ledger::Meter;
pub use sealed::{SealedRow, SealedTokens};

use crate::domain::account::Account;
use crate::domain::ids::{AccountKey, BoardKey, PinId, PinKey, WorkspaceId};
use crate::domain::pacing::backlog::BacklogRow;
use crate::domain::pacing::bucket::{Bucket, Pause, Resume, Take};
use crate::domain::pacing::budget::DaySpending;
use crate::domain::pin::attempt::Attempt;
use crate::domain::pin::{Pin, Priority};
use crate::domain::reconcile::board_scan::BoardScan;
use crate::domain::recovery::RecoveryMarker;
use crate::domain::time::Moment;
use crate::ports::{Accepted, Counted, PortError, PortResult, Saved, Store, Taken};

pub(crate) const PORT: &str = "table";

/// How often the rest of a batch that the table didn't take is tried again, in three seconds or so.
pub(super) const REST_ATTEMPTS: u32 = 8;
const REST_PAUSE_MS: u64 = 50;
const REST_PAUSE_MAX_MS: u64 = 800;

/// Before the rest of a batch: DynamoDB asks for a growing pause, which the SDK knows nothing of, because the batch succeeded.
pub(super) async fn pause_before(attempt: u32) {
    if attempt > 0 {
        let longest = (REST_PAUSE_MS << (attempt - 1).min(REST_ATTEMPTS)).min(REST_PAUSE_MAX_MS);
        tokio::time::sleep(std::time::Duration::from_millis(fastrand::u64(longest / 2..=longest))).await;
    }
}

pub struct DynamoStore {
    client: Client,
    table: String,
    meter: Meter,
}

impl DynamoStore {
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        Self { client, table: table.into(), meter: Meter::default() }
    }

    /// Also counts what every request costs.
    pub fn metered(client: Client, table: impl Into<String>) -> (Self, Arc<Ledger>) {
        let ledger = Arc::new(Ledger::default());
        let store = Self { client, table: table.into(), meter: Meter(Some(Arc::clone(&ledger))) };
        (store, ledger)
    }
}

/// Turns an SDK error of any operation into a port error.
fn failed<E: ProvideErrorMetadata>(error: SdkError<E>) -> PortError {
    crate::adapters::aws::port_error(PORT, &error)
}

#[async_trait]
impl Store for DynamoStore {
    async fn ping(&self) -> PortResult<()> {
        self.read_mark(keys::WATERMARK).await.map(|_| ())
    }

    async fn save_account(&self, next: &Account) -> PortResult<bool> {
        self.write_account(next).await
    }

    async fn account(&self, key: AccountKey) -> PortResult<Option<Account>> {
        self.get_account(key).await
    }

    async fn accounts(&self, workspace: WorkspaceId) -> PortResult<Vec<Account>> {
        self.list_accounts(workspace).await
    }

    async fn accounts_due(&self, by: Moment, limit: usize) -> PortResult<Vec<AccountKey>> {
        self.list_by(keys::refresh, by, limit).await
    }

    async fn put_pin(&self, pin: &Pin) -> PortResult<Accepted> {
        self.write_pin(pin).await
    }

    async fn pins(&self, keys: &[PinKey]) -> PortResult<Vec<Option<(Pin, Attempt)>>> {
        self.get_pins(keys).await
    }

    async fn save_attempt(&self, pin: &Pin, next: &Attempt) -> PortResult<Saved> {
        self.write_attempt(pin, next).await
    }

    async fn save_attempts(&self, writes: &[(Pin, Attempt)]) -> PortResult<bool> {
        self.write_attempts(writes).await
    }

    async fn save_pin(&self, pin: &Pin, next: &Attempt) -> PortResult<bool> {
        self.write_pin_and_attempt(pin, next).await
    }

    async fn hide_pin(&self, pin: &Pin) -> PortResult<()> {
        self.mark_hidden(pin).await
    }

    async fn first_siblings(&self, account: AccountKey, content_hash: &str, limit: usize) -> PortResult<Vec<PinId>> {
        self.get_first_siblings(account, content_hash, limit).await
    }

    async fn put_sibling(
        &self,
        account: AccountKey,
        content_hash: &str,
        pin: PinId,
        expires_at: Moment,
    ) -> PortResult<()> {
        self.write_sibling(account, content_hash, pin, expires_at).await
    }

    async fn siblings(&self, account: AccountKey, content_hash: &str) -> PortResult<Vec<PinId>> {
        self.get_siblings(account, content_hash).await
    }

    async fn listing_after(
        &self,
        workspace: WorkspaceId,
        after: Option<(Moment, PinId)>,
        by: Moment,
        limit: usize,
    ) -> PortResult<Vec<(Moment, PinId)>> {
        self.get_listing_after(&|shard| keys::listing(workspace, shard), after, by, limit).await
    }

    async fn deleted_after(
        &self,
        workspace: WorkspaceId,
        after: Option<(Moment, PinId)>,
        by: Moment,
        limit: usize,
    ) -> PortResult<Vec<(Moment, PinId)>> {
        self.get_listing_after(&|shard| keys::hidden_listing(workspace, shard), after, by, limit).await
    }

    async fn put_unresolved(&self, board: &BoardKey, pin: PinId, expires_at: Moment) -> PortResult<()> {
        self.write_unresolved(board, pin, expires_at).await
    }

    async fn unresolved(&self, board: &BoardKey, limit: usize) -> PortResult<Vec<PinId>> {
        self.get_unresolved(board, limit).await
    }

    async fn delete_unresolved(&self, board: &BoardKey, pins: &[PinId]) -> PortResult<()> {
        self.remove_unresolved(board, pins).await
    }

    async fn board_scan(&self, board: &BoardKey) -> PortResult<BoardScan> {
        self.get_board_scan(board).await
    }

    async fn save_board_scan(&self, board: &BoardKey, next: &BoardScan) -> PortResult<bool> {
        self.write_board_scan(board, next).await
    }

    async fn bucket(&self, account: AccountKey) -> PortResult<Bucket> {
        self.get_bucket(account).await
    }

    async fn take(&self, account: AccountKey, take: &Take) -> PortResult<Taken> {
        self.take_tokens(account, take).await
    }

    async fn pause(&self, account: AccountKey, pause: &Pause) -> PortResult<()> {
        self.pause_account(account, pause).await
    }

    async fn lift_hold(&self, account: AccountKey, seen: Moment) -> PortResult<()> {
        self.unhold_account(account, seen).await
    }

    async fn resume(&self, account: AccountKey, resume: &Resume) -> PortResult<bool> {
        self.resume_account(account, resume).await
    }

    async fn mark_waiting(&self, account: AccountKey, now: Moment) -> PortResult<()> {
        self.set_waiting(account, now).await
    }

    async fn clear_waiting(&self, account: AccountKey, seen: Moment) -> PortResult<()> {
        self.unset_waiting(account, seen).await
    }

    async fn waiting_accounts(&self) -> PortResult<Vec<AccountKey>> {
        self.list_waiting().await
    }

    async fn day_spending(&self, day: i64) -> PortResult<DaySpending> {
        self.get_day_spending(day).await
    }

    async fn save_day_spending(&self, next: &DaySpending) -> PortResult<Counted> {
        self.write_day_spending(next).await
    }

    async fn put_backlog(&self, account: AccountKey, row: &BacklogRow) -> PortResult<()> {
        self.write_backlog(account, row).await
    }

    async fn backlog(&self, account: AccountKey, limit: usize) -> PortResult<Vec<BacklogRow>> {
        self.get_backlog(account, "", limit).await
    }

    async fn backlog_of(&self, account: AccountKey, priority: Priority, limit: usize) -> PortResult<Vec<BacklogRow>> {
        self.get_backlog(account, &format!("{}#", priority.rank()), limit).await
    }

    async fn backlog_position(&self, account: AccountKey, row: &BacklogRow, limit: u64) -> PortResult<Option<u64>> {
        self.get_backlog_position(account, row, limit).await
    }

    async fn in_backlog(&self, account: AccountKey, row: &BacklogRow) -> PortResult<bool> {
        Ok(self.get(keys::backlog(account), &row.sort_key(), true).await?.is_some())
    }

    async fn delete_backlog(&self, account: AccountKey, rows: &[BacklogRow]) -> PortResult<()> {
        self.remove_backlog(account, rows).await
    }

    async fn put_marker(&self, row: &RecoveryMarker) -> PortResult<()> {
        self.write_marker(row).await
    }

    async fn delete_marker(&self, row: &RecoveryMarker) -> PortResult<()> {
        self.remove_marker(row).await
    }

    async fn markers(&self, minute: i64, shard: u32) -> PortResult<Vec<RecoveryMarker>> {
        self.get_markers(minute, shard).await
    }

    async fn watermark(&self) -> PortResult<Option<i64>> {
        self.read_mark(keys::WATERMARK).await
    }

    async fn set_watermark(&self, minute: i64) -> PortResult<()> {
        self.move_mark(keys::WATERMARK, minute).await
    }

    async fn take_lease(&self, holder: &str, now: Moment, until: Moment) -> PortResult<bool> {
        self.acquire_lease(holder, now, until).await
    }

    async fn release_lease(&self, holder: &str) -> PortResult<()> {
        self.drop_lease(holder).await
    }
}
