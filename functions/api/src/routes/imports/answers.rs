//! An import and its dry run: the contract's `ImportJobResponse`, with a few fields of ours.

use std::collections::BTreeMap;

use pinbridge_shared::domain::import::{self, ImportStatus as Status, Made, Outcome, RowError, Source, StopReason};
use pinbridge_shared::flows::imports::ImportView;
use pinbridge_shared::flows::imports::dry_run::{BoardReport, ImportReport, RowForecast};
use pinbridge_shared::flows::pacing::forecast;
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use crate::openapi::schema::{Time, names};
use crate::routes::board_access::BoardAccess;

names!(ImportStatus, "Where an import stands.", Status::ALL.map(Status::name));
names!(SourceType, "How the rows came.", Source::ALL.map(Source::name));
names!(RowStatus, "What became of a row.", ["created", "existing", "failed"]);
names!(StopCode, "Why an import stopped.", StopReason::ALL.map(StopReason::code));
names!(BoardStatus, "`skipped`: the board could not be looked at.", ["ok", "failed", "skipped"]);

/// An import.
#[derive(Serialize, JsonSchema)]
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
    pub error_message: Option<&'static str>,
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

impl From<&ImportView> for Import {
    /// Without a forecast.
    fn from(view: &ImportView) -> Self {
        let (import, totals) = (&view.import, &view.totals);
        let stopped = import.stopped.as_ref().filter(|_| import.finished.is_none());
        let updated_at = import.created_at.max(totals.done_at.unwrap_or_default());
        Self {
            id: import.key.import.0,
            workspace_id: import.key.workspace.0,
            source_type: SourceType(import.source.name()),
            status: ImportStatus(view.status().name()),
            source_filename: import.filename.clone(),
            total_rows: import.rows,
            processed_rows: totals.processed(),
            created_rows: totals.created,
            existing_rows: totals.existing,
            failed_rows: totals.failed,
            results: view.results.iter().flat_map(|chunk| &chunk.rows).map(RowResult::from).collect(),
            error_message: stopped.map(|stop| stop.reason.message()),
            started_at: totals.began_at.map(Time),
            completed_at: import.finished.and_then(|totals| totals.done_at).map(Time),
            created_at: Time(import.created_at),
            updated_at: Time(stopped.map_or(updated_at, |stop| stop.at.max(updated_at))),
            error_code: stopped.map(|stop| StopCode(stop.reason.code())),
            unknown_columns: import.unknown_columns.clone(),
            forecast: None,
        }
    }
}

/// What became of a row.
#[derive(Serialize, JsonSchema)]
pub struct RowResult {
    /// From 1; the row of the columns' names isn't counted.
    pub row_number: u32,
    pub status: RowStatus,
    /// The id that the pin has; in a dry run, the one that it would have.
    pub pin_id: Option<Uuid>,
    pub schedule_id: Option<Uuid>,
    pub idempotency_key: Option<String>,
    pub error_code: Option<String>,
    pub error_message: Option<String>,
    /// Extension: the fields that are wrong.
    pub fields: Vec<String>,
}

impl From<&import::RowResult> for RowResult {
    fn from(row: &import::RowResult) -> Self {
        Self::of(row.number, row.key.clone(), &row.outcome)
    }
}

impl RowResult {
    fn of(row_number: u32, idempotency_key: Option<String>, outcome: &Outcome) -> Self {
        let (made, error) = match outcome {
            Outcome::Created(made) | Outcome::Existing(made) => (Some(*made), None),
            Outcome::Failed(error) => (None, Some(error.clone())),
        };
        let (pin_id, schedule_id) = match made {
            Some(Made::Pin(id)) => (Some(id.0), None),
            Some(Made::Schedule(id)) => (None, Some(id.0)),
            None => (None, None),
        };
        let (error_code, error_message, fields) = match error {
            Some(RowError { code, message, fields }) => (Some(code), Some(message), fields),
            None => (None, None, Vec::new()),
        };
        let status = RowStatus(outcome.name());
        Self { row_number, status, pin_id, schedule_id, idempotency_key, error_code, error_message, fields }
    }
}

/// When pins will have been published, as things stand: without what others hand in later, Pinterest's refusals to come
/// and the day's budget.
#[derive(Serialize, JsonSchema)]
pub struct Forecast {
    /// `null` while an account is on hold.
    pub finishes_at: Option<Time>,
    /// More wait than were counted, so it takes longer.
    pub is_at_least: bool,
    pub accounts: Vec<AccountForecast>,
}

impl From<forecast::Forecast> for Forecast {
    fn from(forecast: forecast::Forecast) -> Self {
        Self {
            finishes_at: forecast.finishes_at.map(Time),
            is_at_least: forecast.is_at_least,
            accounts: forecast.accounts.into_iter().map(AccountForecast::from).collect(),
        }
    }
}

/// One account's share.
#[derive(Serialize, JsonSchema)]
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
    pub reason: Option<&'static str>,
}

impl From<forecast::AccountForecast> for AccountForecast {
    fn from(account: forecast::AccountForecast) -> Self {
        Self {
            account_id: account.account.0,
            pins: account.pins as u64,
            waiting: account.waiting as u64,
            waiting_is_at_least: account.waiting_is_at_least,
            pins_per_second: account.rate_per_s,
            finishes_at: account.finishes_at.map(Time),
            reason: account.reason.map(|reason| reason.code()),
        }
    }
}

/// What an import would come to.
#[derive(Serialize, JsonSchema)]
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

impl DryRun {
    pub fn of(source: Source, unknown_columns: Vec<String>, report: ImportReport) -> Self {
        let boards: Vec<BoardVerdict> = report.boards.into_iter().map(BoardVerdict::from).collect();
        let refused: BTreeMap<u32, RowError> = boards
            .iter()
            .flat_map(|board| board.rows.iter().filter_map(|row| Some((*row, board.refusal()?))))
            .collect();
        let verdict = |row: RowForecast| {
            let by_board = refused.get(&row.number);
            RowVerdict::of(row, by_board)
        };
        let results: Vec<RowVerdict> = report.rows.into_iter().map(verdict).collect();
        let count = |status: &str| results.iter().filter(|row| row.result.status.0 == status).count() as u64;
        Self {
            dry_run: true,
            source_type: SourceType(source.name()),
            total_rows: results.len() as u64,
            created_rows: count("created"),
            existing_rows: count("existing"),
            failed_rows: count("failed"),
            results,
            boards,
            unknown_columns,
            forecast: report.forecast.map(Forecast::from),
        }
    }
}

/// What would become of a row.
#[derive(Serialize, JsonSchema)]
pub struct RowVerdict {
    #[serde(flatten)]
    pub result: RowResult,
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

impl RowVerdict {
    /// What the real import would say of the row. Of a board that won't take its pin, accepting a pin says nothing, and
    /// a schedule is refused.
    fn of(row: RowForecast, by_board: Option<&RowError>) -> Self {
        let (outcome, warning) = match (row.outcome, by_board) {
            (Outcome::Created(Made::Schedule(_)), Some(error)) => (Outcome::Failed(error.clone()), None),
            (outcome @ Outcome::Created(Made::Pin(_)), warning) => (outcome, warning),
            (outcome, _) => (outcome, None),
        };
        Self {
            result: RowResult::of(row.number, row.key, &outcome),
            warning_code: warning.map(|error| error.code.clone()),
            warning_message: warning.map(|error| error.message.clone()),
            duplicate_of_row: row.repeats,
            same_content_as_row: row.same_content_as,
            same_content_as_pin: row.same_content_as_pin.map(|pin| pin.0),
        }
    }
}

/// Whether a board takes its rows.
#[derive(Serialize, JsonSchema)]
pub struct BoardVerdict {
    pub account_id: Uuid,
    pub board_id: String,
    pub status: BoardStatus,
    pub code: Option<&'static str>,
    pub message: String,
    pub remediation: Option<&'static str>,
    pub rows: Vec<u32>,
}

impl From<BoardReport> for BoardVerdict {
    fn from(BoardReport { board, rows, access }: BoardReport) -> Self {
        let (status, code, message, remediation) = match access.map(|access| BoardAccess::of(&board.board_id, &access))
        {
            Some(told) => (told.status.0, told.code, told.message, told.remediation),
            None => {
                let message = "The file has too many boards to check all, or checking took too long.".to_owned();
                ("skipped", Some("too_many_boards"), message, None)
            }
        };
        let (account_id, status) = (board.account.account.0, BoardStatus(status));
        Self { account_id, board_id: board.board_id, status, code, message, remediation, rows }
    }
}

impl BoardVerdict {
    /// Why the board doesn't take its rows, where that is known.
    fn refusal(&self) -> Option<RowError> {
        let message = format!("board_id: {}", self.message);
        (self.status.0 == "failed").then(|| RowError::new(self.code.unwrap_or_default(), message, &["board_id"]))
    }
}
