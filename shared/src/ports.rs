//! What the flows need of the world, in domain words.
//!
//! Adapters implement these against AWS and Pinterest, `testing` implements them in memory, and one contract suite
//! checks both. No SDK type appears in a signature.

use async_trait::async_trait;
use thiserror::Error;

use crate::domain::account::Account;
use crate::domain::api_key::{PresentedKey, Workspace};
use crate::domain::attempt::Attempt;
use crate::domain::attempt::Upstream;
use crate::domain::backlog::BacklogRow;
use crate::domain::board_scan::BoardScan;
use crate::domain::clock_row::ClockRow;
use crate::domain::daily_budget::DaySpending;
use crate::domain::failure::Failure;
use crate::domain::ids::{AccountKey, BoardKey, PinId, PinKey, WorkspaceId};
use crate::domain::lookup::BoardPin;
use crate::domain::message::{LookMessage, PublishMessage};
use crate::domain::pin::{Pin, PinRequest, Priority};
use crate::domain::rules::{Rule, Rules};
use crate::domain::time::Moment;
use crate::domain::token_bucket::{Bucket, Pause, Take, Token};

/// A port could not do its work. What happened to the call is unknown unless the kind says otherwise.
#[derive(Debug, Error)]
pub enum PortError {
    /// Throttled, timed out or broken: the same call may work later. It may also have taken effect.
    #[error("{port} is unavailable: {reason}")]
    Unavailable { port: &'static str, reason: String },
    /// Refused or unreadable: repeating the call won't help.
    #[error("{port} failed: {reason}")]
    Broken { port: &'static str, reason: String },
}

pub type PortResult<T> = Result<T, PortError>;

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

/// A page of a workspace's pins, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    pub pins: Vec<PinId>,
    /// How many match in all.
    pub total: u64,
    /// Whether counting stopped at its limit, so that `total` is a lower bound.
    pub total_is_at_least: bool,
}

/// The one table.
#[async_trait]
pub trait Store: Send + Sync {
    /// A cheap read that proves the table answers.
    async fn ping(&self) -> PortResult<()>;

    // Tenants.
    async fn put_workspace(&self, workspace: &Workspace) -> PortResult<()>;
    async fn workspace(&self, id: WorkspaceId) -> PortResult<Option<Workspace>>;
    async fn put_api_key(&self, key: &PresentedKey, name: &str, now: Moment) -> PortResult<()>;
    async fn api_key_exists(&self, key: &PresentedKey) -> PortResult<bool>;
    async fn put_account(&self, account: &Account) -> PortResult<()>;
    async fn account(&self, key: AccountKey) -> PortResult<Option<Account>>;
    async fn accounts(&self, workspace: WorkspaceId) -> PortResult<Vec<Account>>;

    // Pins.
    /// Writes the pin unless its id is taken.
    async fn put_pin(&self, pin: &Pin) -> PortResult<Accepted>;
    /// Consistent reads, in the order of the keys; a pin nobody has touched has [`Attempt::untouched`]'s state.
    async fn pins(&self, keys: &[PinKey]) -> PortResult<Vec<Option<(Pin, Attempt)>>>;
    /// Writes the attempt row if the stored one still has the revision before `next.rev`.
    async fn save_attempt(&self, pin: &Pin, next: &Attempt) -> PortResult<Saved>;
    /// The same for several pins (at most [`SAVED_TOGETHER_MAX`]) in one transaction: all, or none and `false`.
    async fn save_attempts(&self, writes: &[(Pin, Attempt)]) -> PortResult<bool>;
    async fn put_sibling(
        &self,
        account: AccountKey,
        content_hash: &str,
        pin: PinId,
        expires_at: Moment,
    ) -> PortResult<()>;
    /// The pins of the same content, read consistently.
    async fn siblings(&self, account: AccountKey, content_hash: &str) -> PortResult<Vec<PinId>>;
    /// Newest first; `skip` and `limit` in pins.
    async fn listing(&self, workspace: WorkspaceId, skip: usize, limit: usize) -> PortResult<Listing>;

    // Doubts.
    /// Notes that the pin's outcome has to be looked for on the board.
    async fn put_doubt(&self, board: &BoardKey, pin: PinId, expires_at: Moment) -> PortResult<()>;
    /// The first pins that are noted, read consistently.
    async fn doubts(&self, board: &BoardKey, limit: usize) -> PortResult<Vec<PinId>>;
    async fn delete_doubts(&self, board: &BoardKey, pins: &[PinId]) -> PortResult<()>;
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
    async fn backlog_place(&self, account: AccountKey, row: &BacklogRow, limit: u64) -> PortResult<Option<u64>>;
    async fn in_backlog(&self, account: AccountKey, row: &BacklogRow) -> PortResult<bool>;
    async fn delete_backlog(&self, account: AccountKey, rows: &[BacklogRow]) -> PortResult<()>;

    // The watchdog's clock.
    async fn put_clock(&self, row: &ClockRow) -> PortResult<()>;
    async fn delete_clock(&self, row: &ClockRow) -> PortResult<()>;
    /// Every row of one minute and shard, read consistently.
    async fn clock(&self, minute: i64, shard: u32) -> PortResult<Vec<ClockRow>>;
    /// The minute up to which the watchdog has worked.
    async fn watermark(&self) -> PortResult<Option<i64>>;
    /// Moves the watermark forward, never back.
    async fn set_watermark(&self, minute: i64) -> PortResult<()>;
    /// Takes the dispatcher's lease until `until`, unless somebody else holds one.
    async fn take_lease(&self, holder: &str, now: Moment, until: Moment) -> PortResult<bool>;
    async fn release_lease(&self, holder: &str) -> PortResult<()>;
}

/// The queues that messages are received from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum QueueName {
    Publish,
    /// Boards to be looked at.
    Look,
    /// Publish messages that nobody could work on.
    DeadLetters,
}

/// The queues.
#[async_trait]
pub trait Queue: Send + Sync {
    /// Sends messages with their delays (milliseconds, at most [`MAX_DELAY_MS`], rounded down to whole seconds). Answers
    /// which were not sent, by index.
    async fn send(&self, messages: &[(PublishMessage, i64)]) -> PortResult<Vec<usize>>;
    /// Asks for a board to be looked at after that delay (rounded up to whole seconds).
    async fn send_look(&self, look: &LookMessage, delay_ms: i64) -> PortResult<()>;
    /// Keeps a dead letter where an operator's redrive finds it.
    async fn park(&self, letter: &str) -> PortResult<()>;
    /// Lets a received message become visible again after that many milliseconds (rounded up to whole seconds).
    async fn change_visibility(&self, queue: QueueName, receipt: &str, after_ms: i64) -> PortResult<()>;
}

/// A parked dead letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    pub receipt: String,
    pub body: String,
}

/// The dead letters that were parked, as an operator sees them.
#[async_trait]
pub trait ParkedLetters: Send + Sync {
    /// Some of the letters, hidden from others for `hidden_ms`; empty when there are no more.
    async fn receive(&self, hidden_ms: i64) -> PortResult<Vec<Letter>>;
    async fn delete(&self, letter: &Letter) -> PortResult<()>;
    /// Sends its text to the publish queue, as it is.
    async fn send_again(&self, letter: &Letter) -> PortResult<()>;
    /// Shows a letter again.
    async fn put_back(&self, letter: &Letter) -> PortResult<()>;
}

/// Pins that are settled together: `TransactWriteItems` takes a hundred writes, and each row has at most some kilobytes.
pub const SAVED_TOGETHER_MAX: usize = 50;
/// SQS delays a message by at most 15 minutes.
pub const MAX_DELAY_MS: i64 = 900_000;

/// An access token. Shown nowhere: no `Display`, and a `Debug` that says nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessToken(pub String);

impl std::fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AccessToken(..)")
    }
}

/// The pair of tokens of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tokens {
    pub access: AccessToken,
    pub refresh: Option<AccessToken>,
}

/// Custody of the tokens.
#[async_trait]
pub trait Secrets: Send + Sync {
    /// `None` when the account has no stored tokens. May answer from memory unless `fresh`.
    async fn tokens(&self, account: AccountKey, fresh: bool) -> PortResult<Option<Tokens>>;
    async fn store_tokens(&self, account: AccountKey, tokens: &Tokens) -> PortResult<()>;
}

/// What came of asking Pinterest to create a Pin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Creation {
    Created {
        pinterest_pin_id: String,
        upstream: Upstream,
        /// The answer says that nothing remains of the rate limit for so many milliseconds.
        nothing_left_for_ms: Option<i64>,
    },
    /// Surely not created.
    Refused { failure: Failure, upstream: Upstream, retry_after_ms: Option<i64> },
    /// Perhaps created.
    Unknown { upstream: Upstream },
}

/// A read or a deletion that Pinterest refused or that did not get through.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{}", failure.message())]
pub struct ReadFailure {
    pub failure: Failure,
    pub upstream: Upstream,
    pub retry_after_ms: Option<i64>,
}

/// One page of a board's Pins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BoardPage {
    pub pins: Vec<BoardPin>,
    pub next: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Board {
    pub id: String,
    pub name: String,
    pub description: Option<String>,
    pub privacy: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PinterestUser {
    pub id: String,
    pub username: Option<String>,
    pub business_name: Option<String>,
}

/// Pinterest's API, as far as publishing needs it.
#[async_trait]
pub trait Pinterest: Send + Sync {
    async fn create_pin(&self, token: &AccessToken, request: &PinRequest) -> Creation;
    async fn board_pins(
        &self,
        token: &AccessToken,
        board_id: &str,
        bookmark: Option<&str>,
    ) -> Result<BoardPage, ReadFailure>;
    /// Deletes a Pin; one that isn't there any more is as good.
    async fn delete_pin(&self, token: &AccessToken, pinterest_pin_id: &str) -> Result<(), ReadFailure>;
    async fn boards(&self, token: &AccessToken) -> Result<Vec<Board>, ReadFailure>;
    async fn user(&self, token: &AccessToken) -> Result<PinterestUser, ReadFailure>;
}

/// Time and chance: the only places where a flow meets either.
#[async_trait]
pub trait System: Send + Sync {
    fn now(&self) -> Moment;
    /// A clock that never jumps, in milliseconds from an arbitrary origin.
    fn monotonic_ms(&self) -> i64;
    /// A uniform draw from `[0, 1)`.
    fn jitter(&self) -> f64;
    /// A fresh name for a write.
    fn nonce(&self) -> String;
    async fn sleep_ms(&self, ms: i64);
}

/// Everything a flow works with.
#[derive(Clone)]
pub struct World {
    pub store: std::sync::Arc<dyn Store>,
    pub queue: std::sync::Arc<dyn Queue>,
    pub secrets: std::sync::Arc<dyn Secrets>,
    pub pinterest: std::sync::Arc<dyn Pinterest>,
    pub system: std::sync::Arc<dyn System>,
    pub settings: crate::config::Settings,
    pub rules: Rules,
}

impl World {
    /// A fresh name for a write. (An empty one names nothing: no write is ever recognised by it.)
    pub fn nonce(&self) -> String {
        if self.rules.hold(Rule::Nonce) { self.system.nonce() } else { String::new() }
    }
}
