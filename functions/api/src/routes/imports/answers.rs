//! An import and its dry run: `ImportJobResponse` of the hosted API, with extensions.

use std::collections::BTreeMap;

use pinbridge_shared::domain::ids::PinId;
use pinbridge_shared::domain::import::{self, ImportStatus as Status, Made, Outcome, RowError, Source, StopReason};
use pinbridge_shared::domain::pin::image_url::ImageProblem;
use pinbridge_shared::flows::boards::board_access::Obstacle;
use pinbridge_shared::flows::imports::ImportView;
use pinbridge_shared::flows::imports::dry_run::{BoardReport, ImportReport, RowForecast};
use pinbridge_shared::flows::pacing::forecast;
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use crate::answer::LIST_BYTES_MAX;
use crate::named_board::NamedBoard;
use crate::openapi::schema::{Time, names};
use crate::routes::board_access::BoardAccess;
use crate::routes::pins::pin::Meant;
use crate::routes::pins::warnings::BOARD_NOT_CHECKED;

names!(ImportStatus, "The status of an import.", Status::ALL.map(Status::name));
names!(SourceType, "The type of the source.", Source::ALL.map(Source::name));
names!(RowStatus, "The result of a row: created, already existing, or failed.", ["created", "existing", "failed"]);
names!(StopCode, "Why the system stopped an import.", StopReason::ALL.map(StopReason::code));
names!(
    BoardStatus,
    "The result of the check of a board. `skipped`: the board could not be checked.",
    ["ok", "failed", "skipped"]
);

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
    /// The results so far, in the order of the file.
    pub results: Vec<RowResult>,
    /// Extension: `true` if the messages and fields of the results are shortened, because the answer would be too large
    /// with them. Otherwise absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub results_shortened: Option<bool>,
    /// Why the system stopped the import.
    pub error_message: Option<&'static str>,
    pub started_at: Option<Time>,
    pub completed_at: Option<Time>,
    pub created_at: Time,
    pub updated_at: Time,
    /// Extension: the code of `error_message`.
    pub error_code: Option<StopCode>,
    /// Extension: unknown columns or fields. They were ignored.
    pub unknown_columns: Vec<String>,
    /// Extension: when the pins of the import will be published.
    pub forecast: Option<Forecast>,
}

impl From<&ImportView> for Import {
    /// Without a forecast.
    fn from(view: &ImportView) -> Self {
        let (import, totals) = (&view.import, &view.totals);
        let stopped = import.stopped.as_ref().filter(|_| import.finished.is_none());
        let updated_at = import.created_at.max(totals.done_at.unwrap_or_default());
        let results = view.results.iter().flat_map(|chunk| &chunk.rows).map(RowResult::from).collect();
        let (results, results_shortened) = bounded(results, LIST_BYTES_MAX);
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
            results,
            results_shortened,
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

/// What is left of a message, of the name of a field, and of the fields of a result that is shortened: in characters,
/// and fields. 500 of them are below a megabyte.
const SHORT_MESSAGE: usize = 200;
const SHORT_NAME: usize = 40;
const SHORT_FIELDS: usize = 5;

/// The results; shortened if they would be larger than an answer can be, as those of earlier versions may be.
fn bounded(mut results: Vec<RowResult>, bytes_max: usize) -> (Vec<RowResult>, Option<bool>) {
    let bytes: usize = results.iter().map(RowResult::bytes_at_most).sum();
    if bytes <= bytes_max {
        return (results, None);
    }
    results.iter_mut().for_each(RowResult::shorten);
    (results, Some(true))
}

/// The result of a row.
#[derive(Serialize, JsonSchema)]
pub struct RowResult {
    /// The number of the row, from 1. The row with the names of the columns does not count.
    pub row_number: u32,
    pub status: RowStatus,
    /// The id of the pin. In a dry run, the id that it would have.
    pub pin_id: Option<Uuid>,
    pub schedule_id: Option<Uuid>,
    pub idempotency_key: Option<String>,
    pub error_code: Option<String>,
    pub error_message: Option<String>,
    /// Extension: the invalid fields.
    pub fields: Vec<String>,
    /// Extension: the newest pin of the last 24 hours with the same account, board, title, link and image.
    pub same_content_as_pin: Option<Uuid>,
    /// Extension: what the name of a board means. `null` if the row has an id.
    pub resolved: Option<Meant>,
    /// Extension: the code of the error with which the pin would fail after it was accepted.
    pub warning_code: Option<String>,
    /// Extension: that error in a sentence.
    pub warning_message: Option<String>,
}

impl From<&import::RowResult> for RowResult {
    fn from(row: &import::RowResult) -> Self {
        let board = row.board.as_ref().map(|board| NamedBoard { id: board.id.clone(), name: board.name.clone() });
        let resolved = board.map(|board| Meant { board });
        let of = Self::of(row.number, row.key.clone(), &row.outcome, row.same_content_as_pin);
        Self { resolved, ..of.warning(row.image.map(about_image)) }
    }
}

impl RowResult {
    /// The size of its JSON, or a little more.
    fn bytes_at_most(&self) -> usize {
        serde_json::to_vec(self).map_or(0, |json| json.len() + 1)
    }

    fn shorten(&mut self) {
        let shorten = |text: &mut String, chars| *text = text.chars().take(chars).collect();
        if let Some(message) = &mut self.error_message {
            shorten(message, SHORT_MESSAGE);
        }
        self.fields.truncate(SHORT_FIELDS);
        self.fields.iter_mut().for_each(|name| shorten(name, SHORT_NAME));
    }

    fn of(row_number: u32, idempotency_key: Option<String>, outcome: &Outcome, other: Option<PinId>) -> Self {
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
        let (status, same_content_as_pin) = (RowStatus(outcome.name()), other.map(|pin| pin.0));
        Self {
            row_number,
            status,
            pin_id,
            schedule_id,
            idempotency_key,
            error_code,
            error_message,
            fields,
            same_content_as_pin,
            resolved: None,
            warning_code: None,
            warning_message: None,
        }
    }

    fn warning(self, warning: Option<RowError>) -> Self {
        let (warning_code, warning_message) = warning.map(|error| (error.code, error.message)).unzip();
        Self { warning_code, warning_message, ..self }
    }
}

fn about_image(problem: ImageProblem) -> RowError {
    RowError::new(problem.failure().code(), problem.message(), &["image_url"])
}

/// When pins will be published. The forecast considers the pins that wait now. It does not consider later requests,
/// limits that Pinterest sets later, and the daily budget.
#[derive(Serialize, JsonSchema)]
pub struct Forecast {
    /// The time of the last pin. `null` while an account is on hold.
    pub finishes_at: Option<Time>,
    /// Whether more pins wait than were counted. If so, publishing takes longer.
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

/// The forecast of one account.
#[derive(Serialize, JsonSchema)]
pub struct AccountForecast {
    pub account_id: Uuid,
    /// The number of pins of the import.
    pub pins: u64,
    /// The number of pins that wait before them.
    pub waiting: u64,
    pub waiting_is_at_least: bool,
    pub pins_per_second: f64,
    pub finishes_at: Option<Time>,
    /// The code of the reason, if the account is paused or on hold.
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

/// The expected result of an import.
#[derive(Serialize, JsonSchema)]
pub struct DryRun {
    pub dry_run: bool,
    pub source_type: SourceType,
    pub total_rows: u64,
    pub created_rows: u64,
    pub existing_rows: u64,
    pub failed_rows: u64,
    pub results: Vec<RowVerdict>,
    /// The boards of the new pins.
    pub boards: Vec<BoardVerdict>,
    pub unknown_columns: Vec<String>,
    pub forecast: Option<Forecast>,
}

impl DryRun {
    /// `before`: the import that the request repeats. Its rows that are done keep their results.
    pub fn of(source: Source, unknown_columns: Vec<String>, report: ImportReport, before: Option<&ImportView>) -> Self {
        let chunks = before.into_iter().flat_map(|view| &view.results);
        let done: BTreeMap<u32, &import::RowResult> =
            chunks.flat_map(|chunk| &chunk.rows).map(|row| (row.number, row)).collect();
        let boards: Vec<BoardVerdict> = report.boards.into_iter().map(BoardVerdict::from).collect();
        let refused: BTreeMap<u32, (bool, RowError)> = boards
            .iter()
            .flat_map(|board| board.rows.iter().filter_map(|row| Some((*row, board.refusal()?))))
            .collect();
        let verdict = |row: RowForecast| {
            let (by_board, done) = (refused.get(&row.number), done.get(&row.number));
            let verdict = RowVerdict::of(row, by_board);
            match done {
                Some(done) => RowVerdict { result: RowResult::from(*done), ..verdict },
                None => verdict,
            }
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

/// The expected result of a row.
#[derive(Serialize, JsonSchema)]
pub struct RowVerdict {
    #[serde(flatten)]
    pub result: RowResult,
    /// The first row of the file with the same key.
    pub duplicate_of_row: Option<u32>,
    /// The first row of the file with the same account, board, title and link.
    pub same_content_as_row: Option<u32>,
}

impl RowVerdict {
    /// The result that the import would have. If the board refuses pins, the import refuses the row. If only the
    /// account's connection keeps pins from it, the import refuses a schedule, and accepts a pin, which waits for the
    /// connection.
    fn of(row: RowForecast, by_board: Option<&(bool, RowError)>) -> Self {
        let image = row.image.map(about_image);
        let unchecked = row.board.as_ref().and_then(|board| board.unchecked.as_ref());
        let unchecked = unchecked.map(|why| RowError::new(BOARD_NOT_CHECKED, why.message(), &["board_id"]));
        let (outcome, warning) = match (row.outcome, by_board) {
            (Outcome::Created(_), Some((true, error))) => (Outcome::Failed(error.clone()), None),
            (Outcome::Created(Made::Schedule(_)), Some((_, error))) => (Outcome::Failed(error.clone()), None),
            (outcome @ Outcome::Created(_), by_board) => {
                let by_board = by_board.map(|(_, error)| error);
                (outcome, by_board.or(image.as_ref()).or(unchecked.as_ref()))
            }
            (outcome, _) => (outcome, None),
        };
        let resolved = row.board.as_ref().and_then(Meant::by);
        let result = RowResult::of(row.number, row.key, &outcome, row.same_content_as_pin).warning(warning.cloned());
        Self {
            result: RowResult { resolved, ..result },
            duplicate_of_row: row.repeats,
            same_content_as_row: row.same_content_as,
        }
    }
}

/// Whether pins can be published to a board.
#[derive(Serialize, JsonSchema)]
pub struct BoardVerdict {
    pub account_id: Uuid,
    pub board_id: String,
    pub status: BoardStatus,
    pub code: Option<&'static str>,
    pub message: String,
    pub remediation: Option<&'static str>,
    /// The numbers of the rows for the board.
    pub rows: Vec<u32>,
    #[serde(skip)]
    #[schemars(skip)]
    is_about_board: bool,
}

impl From<BoardReport> for BoardVerdict {
    fn from(BoardReport { board, rows, access }: BoardReport) -> Self {
        let obstacle = access.as_ref().and_then(|access| access.obstacle.as_ref());
        let is_about_board = obstacle.is_some_and(Obstacle::is_about_board);
        let (status, code, message, remediation) = match access.map(|access| BoardAccess::of(&board.board_id, &access))
        {
            Some(access) => (access.status.0, access.code, access.message, access.remediation),
            None => {
                let message =
                    "The board was not checked. The file has too many boards, or the check took too long.".to_owned();
                ("skipped", Some("too_many_boards"), message, None)
            }
        };
        let (account_id, status) = (board.account.account.0, BoardStatus(status));
        Self { account_id, board_id: board.board_id, status, code, message, remediation, rows, is_about_board }
    }
}

impl BoardVerdict {
    /// Why no pin reaches the board, if none does, and whether that is because of the board itself.
    fn refusal(&self) -> Option<(bool, RowError)> {
        let message = format!("board_id: {}", self.message);
        let error = RowError::new(self.code.unwrap_or_default(), message, &["board_id"]);
        (self.status.0 == "failed").then_some((self.is_about_board, error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_that_an_answer_has_no_room_for_are_shortened_and_none_is_left_out() {
        for name in ["x".repeat(1_000), "\u{1f600}".repeat(500), "\"".repeat(1_000)] {
            let error = RowError { code: "c".into(), message: name.repeat(20), fields: vec![name.clone(); 20] };
            let result = |n| RowResult::of(n, None, &Outcome::Failed(error.clone()), None);
            let (few, flag) = bounded((1..=3).map(result).collect(), LIST_BYTES_MAX);
            assert_eq!((few.len(), flag, few[0].fields.len()), (3, None, 20));
            let (all, flag) = bounded((1..=500).map(result).collect(), LIST_BYTES_MAX);
            let bytes: usize = all.iter().map(RowResult::bytes_at_most).sum();
            assert_eq!((all.len(), flag), (500, Some(true)));
            assert!(bytes < 1_500_000, "{bytes}");
        }
    }
}
