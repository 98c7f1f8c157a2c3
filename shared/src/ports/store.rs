//! The one table, as far as publishing needs it.

use async_trait::async_trait;

use super::PortResult;
use crate::domain::account::Account;
use crate::domain::ids::{AccountKey, BoardKey, PinId, PinKey, WorkspaceId};
use crate::domain::pacing::backlog::BacklogRow;
use crate::domain::pacing::bucket::{Bucket, Pause, Resume, Take, Token};
use crate::domain::pacing::budget::DaySpending;
use crate::domain::pin::attempt::Attempt;
use crate::domain::pin::{Pin, Priority};
use crate::domain::reconcile::board_scan::BoardScan;
use crate::domain::recovery::RecoveryMarker;
use crate::domain::time::Moment;

/// The answer to writing a pin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Accepted {
    New,
    /// The key is taken; the row as it was written by whoever came first.
    Existing(Box<Pin>),
}

/// The answer to a write that is conditional on the row being the one that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Saved {
    Yes,
    /// Somebody else wrote; the row as it is now (`None`: it has expired).
    Lost(Option<Box<Attempt>>),
}

/// The answer to a take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    /// In the order of their slots.
    Tokens(Vec<Token>),
    /// The condition failed; the bucket as it is.
    Refused(Bucket),
}

/// The answer to counting a request of the day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Counted {
    Yes,
    /// Somebody else counted; the row as it is now.
    Lost(DaySpending),
}

/// Pins that are settled together: `TransactWriteItems` takes a hundred writes, and each row has at most some kilobytes.
pub const SAVED_TOGETHER_MAX: usize = 50;

/// The one table.
#[async_trait]
pub trait Store: Send + Sync {
    /// A cheap read that proves the table answers.
    async fn ping(&self) -> PortResult<()>;

    // Accounts.
    /// Writes the row if the stored one still has the revision before `next.rev` (1: there is none); answers whether it had.
    async fn save_account(&self, next: &Account) -> PortResult<bool>;
    async fn account(&self, key: AccountKey) -> PortResult<Option<Account>>;
    async fn accounts(&self, workspace: WorkspaceId) -> PortResult<Vec<Account>>;
    /// The first accounts whose tokens are to be refreshed, or removed, by then, the most overdue first; eventually consistent.
    async fn accounts_due(&self, by: Moment, limit: usize) -> PortResult<Vec<AccountKey>>;

    // Pins.
    /// Writes the pin unless its id is taken.
    async fn put_pin(&self, pin: &Pin) -> PortResult<Accepted>;
    /// Consistent reads, in the order of the keys; a pin nobody has touched has [`Attempt::untouched`]'s state.
    async fn pins(&self, keys: &[PinKey]) -> PortResult<Vec<Option<(Pin, Attempt)>>>;
    /// Writes the attempt row if the stored one still has the revision before `next.rev`.
    async fn save_attempt(&self, pin: &Pin, next: &Attempt) -> PortResult<Saved>;
    /// The same for several pins (at most [`SAVED_TOGETHER_MAX`]) in one transaction: all, or none and `false`.
    async fn save_attempts(&self, writes: &[(Pin, Attempt)]) -> PortResult<bool>;
    /// Writes a pin's row, changed or hidden, and its attempt row in one transaction: both, if the stored attempt row still
    /// has the revision before `next.rev` and nobody has hidden the pin, or none and `false`.
    async fn save_pin(&self, pin: &Pin, next: &Attempt) -> PortResult<bool>;
    /// Hides the pin as its `hidden_at` says, and nothing else of it; one that is hidden or gone stays so.
    async fn hide_pin(&self, pin: &Pin) -> PortResult<()>;
    async fn put_sibling(
        &self,
        account: AccountKey,
        content_hash: &str,
        pin: PinId,
        expires_at: Moment,
    ) -> PortResult<()>;
    /// The pins of the same content, read consistently.
    async fn siblings(&self, account: AccountKey, content_hash: &str) -> PortResult<Vec<PinId>>;
    /// Some of them, up to `limit`, the very newest perhaps not yet.
    async fn first_siblings(&self, account: AccountKey, content_hash: &str, limit: usize) -> PortResult<Vec<PinId>>;
    /// The first pins, oldest first, that were created after `after` (pins of one moment in the order of their ids) and not
    /// after `by`; eventually consistent.
    async fn listing_after(
        &self,
        workspace: WorkspaceId,
        after: Option<(Moment, PinId)>,
        by: Moment,
        limit: usize,
    ) -> PortResult<Vec<(Moment, PinId)>>;
    /// The same of deleted pins.
    async fn deleted_after(
        &self,
        workspace: WorkspaceId,
        after: Option<(Moment, PinId)>,
        by: Moment,
        limit: usize,
    ) -> PortResult<Vec<(Moment, PinId)>>;

    // Doubts.
    /// Notes that the pin's outcome has to be looked for on the board.
    async fn put_unresolved(&self, board: &BoardKey, pin: PinId, expires_at: Moment) -> PortResult<()>;
    /// The first pins that are noted, read consistently.
    async fn unresolved(&self, board: &BoardKey, limit: usize) -> PortResult<Vec<PinId>>;
    async fn delete_unresolved(&self, board: &BoardKey, pins: &[PinId]) -> PortResult<()>;
    async fn board_scan(&self, board: &BoardKey) -> PortResult<BoardScan>;
    /// Writes the row if the stored one still has the revision before `next.rev`; answers whether it had.
    async fn save_board_scan(&self, board: &BoardKey, next: &BoardScan) -> PortResult<bool>;

    // Pacing.
    async fn bucket(&self, account: AccountKey) -> PortResult<Bucket>;
    async fn take(&self, account: AccountKey, take: &Take) -> PortResult<Taken>;
    /// Moves the bucket as [`Pause::apply`] says, whatever others write meanwhile.
    async fn pause(&self, account: AccountKey, pause: &Pause) -> PortResult<()>;
    /// Forgets that the account was on hold, if its pause is still the one that was seen.
    async fn lift_hold(&self, account: AccountKey, seen: Moment) -> PortResult<()>;
    /// Ends a hold as [`Resume::apply`] says, if it is still as it was seen; answers whether it was.
    async fn resume(&self, account: AccountKey, resume: &Resume) -> PortResult<bool>;
    /// Marks that pins of the account wait.
    async fn mark_waiting(&self, account: AccountKey, now: Moment) -> PortResult<()>;
    /// Clears the mark if it is still the one that was seen.
    async fn clear_waiting(&self, account: AccountKey, seen: Moment) -> PortResult<()>;
    /// Accounts that are marked; eventually consistent.
    async fn waiting_accounts(&self) -> PortResult<Vec<AccountKey>>;

    // The app's daily budget.
    /// What was spent on that day (UTC, since the epoch), read consistently.
    async fn day_spending(&self, day: i64) -> PortResult<DaySpending>;
    /// Writes the row if the stored one still has the revision before `next.rev`.
    async fn save_day_spending(&self, next: &DaySpending) -> PortResult<Counted>;

    // Backlog.
    async fn put_backlog(&self, account: AccountKey, row: &BacklogRow) -> PortResult<()>;
    /// The first rows in the order of release, read consistently.
    async fn backlog(&self, account: AccountKey, limit: usize) -> PortResult<Vec<BacklogRow>>;
    /// The oldest rows of one priority, read consistently.
    async fn backlog_of(&self, account: AccountKey, priority: Priority, limit: usize) -> PortResult<Vec<BacklogRow>>;
    /// How many rows stand before `row`, counted up to `limit`; `None` when it isn't there.
    async fn backlog_position(&self, account: AccountKey, row: &BacklogRow, limit: u64) -> PortResult<Option<u64>>;
    async fn in_backlog(&self, account: AccountKey, row: &BacklogRow) -> PortResult<bool>;
    async fn delete_backlog(&self, account: AccountKey, rows: &[BacklogRow]) -> PortResult<()>;

    // The watchdog's clock.
    async fn put_marker(&self, row: &RecoveryMarker) -> PortResult<()>;
    async fn delete_marker(&self, row: &RecoveryMarker) -> PortResult<()>;
    /// Every row of one minute and shard, read consistently.
    async fn markers(&self, minute: i64, shard: u32) -> PortResult<Vec<RecoveryMarker>>;
    /// The minute up to which the watchdog has worked.
    async fn watermark(&self) -> PortResult<Option<i64>>;
    /// Moves the watermark forward, never back.
    async fn set_watermark(&self, minute: i64) -> PortResult<()>;
    /// Takes the dispatcher's lease until `until`, unless somebody else holds one.
    async fn take_lease(&self, holder: &str, now: Moment, until: Moment) -> PortResult<bool>;
    async fn release_lease(&self, holder: &str) -> PortResult<()>;
}
