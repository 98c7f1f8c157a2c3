//! An import and its dry run as the document describes them.

use pinbridge_shared::domain::import::{ImportStatus as Status, Source, StopReason};
use schemars::JsonSchema;
use uuid::Uuid;

use crate::openapi::schema::{Time, names};

names!(ImportStatus, "Where an import stands.", Status::ALL.map(Status::name));
names!(SourceType, "How the rows came.", Source::ALL.map(Source::name));
names!(RowStatus, "What became of a row.", ["created", "existing", "failed"]);
names!(StopCode, "Why an import stopped.", StopReason::ALL.map(StopReason::code));
names!(BoardStatus, "`skipped`: the board could not be looked at.", ["ok", "failed", "skipped"]);

/// An import.
#[derive(JsonSchema)]
pub struct Import {
    pub id: Uuid,
    pub workspace_id: Uuid,
    pub source_type: SourceType,
    pub status: ImportStatus,
    pub source_filename: Option<String>,
    pub total_rows: u32,
    pub processed_rows: u32,
    pub created_rows: u32,
    pub existing_rows: u32,
    pub failed_rows: u32,
    /// In the file's order, as far as they are done.
    pub results: Vec<RowResult>,
    /// Why it stopped, if it did.
    pub error_message: Option<String>,
    pub started_at: Option<Time>,
    pub completed_at: Option<Time>,
    pub created_at: Time,
    pub updated_at: Time,
    /// Extension: the code of the error.
    pub error_code: Option<StopCode>,
    /// Extension: columns or fields that mean nothing here.
    pub unknown_columns: Vec<String>,
    /// Extension: when its pins will have been published, as things stand.
    pub forecast: Option<Forecast>,
}

/// What became of a row.
#[derive(JsonSchema)]
pub struct RowResult {
    /// From 1; the row of the columns' names isn't counted.
    pub row_number: u32,
    pub status: RowStatus,
    pub pin_id: Option<Uuid>,
    pub schedule_id: Option<Uuid>,
    pub idempotency_key: Option<String>,
    pub error_code: Option<String>,
    pub error_message: Option<String>,
    /// Extension: the fields that are wrong.
    pub fields: Vec<String>,
}

/// When pins will have been published, as things stand: without what others hand in later, Pinterest's refusals to come and
/// the day's budget.
#[derive(JsonSchema)]
pub struct Forecast {
    /// `null` while an account is on hold.
    pub finishes_at: Option<Time>,
    /// More wait than were counted, so it takes longer.
    pub is_at_least: bool,
    pub accounts: Vec<AccountForecast>,
}

/// One account's share.
#[derive(JsonSchema)]
pub struct AccountForecast {
    pub account_id: Uuid,
    /// Pins that join.
    pub pins: u64,
    /// Pins that wait before them.
    pub waiting: u64,
    pub waiting_is_at_least: bool,
    pub pins_per_second: f64,
    pub finishes_at: Option<Time>,
    /// Why the account waits, if it does.
    pub reason: Option<String>,
}

/// What an import would come to.
#[derive(JsonSchema)]
pub struct DryRun {
    pub dry_run: bool,
    pub source_type: SourceType,
    pub total_rows: u64,
    pub created_rows: u64,
    pub existing_rows: u64,
    pub failed_rows: u64,
    pub results: Vec<RowVerdict>,
    /// Every board that new pins are for.
    pub boards: Vec<BoardVerdict>,
    pub unknown_columns: Vec<String>,
    pub forecast: Option<Forecast>,
}

/// What would become of a row.
#[derive(JsonSchema)]
pub struct RowVerdict {
    pub row_number: u32,
    pub status: RowStatus,
    /// The id that the pin has or would have.
    pub pin_id: Option<Uuid>,
    pub schedule_id: Option<Uuid>,
    pub idempotency_key: Option<String>,
    pub error_code: Option<String>,
    pub error_message: Option<String>,
    pub fields: Vec<String>,
    /// The row's pin would be accepted and fail: why.
    pub warning_code: Option<String>,
    pub warning_message: Option<String>,
    /// The first row of the file with the same key.
    pub duplicate_of_row: Option<u32>,
    /// The first row of the file with the same account, board, title and link.
    pub same_content_as_row: Option<u32>,
    /// The newest pin of the last 24 hours with the same account, board, title, link and image.
    pub same_content_as_pin: Option<Uuid>,
}

/// Whether a board takes its rows.
#[derive(JsonSchema)]
pub struct BoardVerdict {
    pub account_id: Uuid,
    pub board_id: String,
    pub status: BoardStatus,
    pub code: Option<String>,
    pub message: String,
    pub remediation: Option<String>,
    pub rows: Vec<u32>,
}
