//! Imports: many pins in one request, created later in chunks.
//!
//! The rows of a chunk are written once, and the chunk's results are written once. An import's totals are the sum over
//! the chunks' results, so a redelivered message or a worker that died can't count a row twice.

pub mod timeline;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::ids::{AccountId, ImportId, PinId, ScheduleId, WorkspaceId};
use super::pin::PinRequest;
use super::pin::image_url::ImageProblem;
use super::pin::origin::Actor;
use super::time::Moment;

/// The most rows in one import; the limit is that of PinBridge's API.
pub const ROWS_MAX: usize = 500;
/// The most rows in a chunk. The pins of one chunk share a recovery marker.
pub const CHUNK_ROWS: usize = 25;
/// The most bytes of rows in one chunk. DynamoDB's limit for an item is 400 KiB.
pub const CHUNK_BYTES_MAX: usize = 300 * 1024;
/// A file name is cut to this length.
pub const FILENAME_MAX: usize = 255;

/// The options beside the rows that change what becomes of them, by name. None that has its default.
pub type RowOptions = BTreeMap<String, String>;

/// An import together with its tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImportKey {
    pub workspace: WorkspaceId,
    pub import: ImportId,
}

impl ImportKey {
    /// Derives the import's id: the same key in the same workspace is the same import.
    pub fn of(workspace: WorkspaceId, idempotency_key: &str) -> Self {
        let name = format!("import\0{idempotency_key}");
        Self { workspace, import: ImportId(Uuid::new_v5(&workspace.0, name.as_bytes())) }
    }
}

/// The format in which the rows were submitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    Json,
    Csv,
}

impl Source {
    pub const ALL: [Self; 2] = [Self::Json, Self::Csv];

    pub fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Csv => "csv",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|source| source.name() == text)
    }
}

/// The status of an import. The names are those of the public API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImportStatus {
    Queued,
    Processing,
    Completed,
    CompletedWithErrors,
    /// It stopped because of a failure in this system. It continues when the caller resumes it.
    Failed,
}

impl ImportStatus {
    pub const ALL: [Self; 5] =
        [Self::Queued, Self::Processing, Self::Completed, Self::CompletedWithErrors, Self::Failed];

    pub fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Processing => "processing",
            Self::Completed => "completed",
            Self::CompletedWithErrors => "completed_with_errors",
            Self::Failed => "failed",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == text)
    }
}

/// Why a row created nothing: a public code, a message for the user, and the columns concerned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowError {
    #[serde(rename = "c")]
    pub code: String,
    #[serde(rename = "m")]
    pub message: String,
    #[serde(rename = "f", default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<String>,
}

impl RowError {
    pub fn new(code: &str, message: impl Into<String>, fields: &[&str]) -> Self {
        let fields = fields.iter().map(|field| (*field).to_owned()).collect();
        Self { code: code.to_owned(), message: message.into(), fields }
    }
}

/// What a row requests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ask {
    /// A pin, published as soon as possible.
    #[serde(rename = "p")]
    Pin(Box<PinRequest>),
    /// A pin, published at that time.
    #[serde(rename = "s")]
    Schedule(Box<PinRequest>, Moment),
    /// Nothing: the row was found invalid when the file was submitted.
    #[serde(rename = "x")]
    Refused(RowError),
}

impl Ask {
    /// The pin that the row requests, unless it was refused.
    pub fn request(&self) -> Option<&PinRequest> {
        match self {
            Self::Pin(request) | Self::Schedule(request, _) => Some(request),
            Self::Refused(_) => None,
        }
    }

    /// When its pin is to start, if it has such a time.
    pub fn run_at(&self) -> Option<Moment> {
        match self {
            Self::Schedule(_, run_at) => Some(*run_at),
            Self::Pin(_) | Self::Refused(_) => None,
        }
    }
}

/// A row of the file. Data rows are counted from 1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    #[serde(rename = "n")]
    pub number: u32,
    /// The row's idempotency key as submitted, also when the row is refused.
    #[serde(rename = "k", default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    #[serde(rename = "a")]
    pub ask: Ask,
    /// Whether the row fails if another pin has its content.
    #[serde(rename = "d", default, skip_serializing_if = "std::ops::Not::not")]
    pub refuses_duplicates: bool,
    /// The account of a refused row, if it is known and the submitter may use it. It isn't stored with the row: the
    /// import has the accounts of its rows.
    #[serde(skip)]
    pub refused_for: Option<AccountId>,
}

impl Row {
    pub fn new(number: u32, key: Option<String>, ask: Ask) -> Self {
        Self { number, key, ask, refuses_duplicates: false, refused_for: None }
    }

    /// The account that the row is for, if it is known.
    pub fn account(&self) -> Option<AccountId> {
        self.ask.request().map(|request| request.account).or(self.refused_for)
    }
}

/// The accounts that the rows are for, and whether a row may be for any other account: it was refused, and its account
/// is not known, or the submitter may not use it.
pub fn accounts_of(rows: &[Row]) -> (BTreeSet<AccountId>, bool) {
    let accounts = rows.iter().filter_map(Row::account).collect();
    (accounts, rows.iter().any(|row| row.account().is_none()))
}

/// What a row created, or what existed already under its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Made {
    #[serde(rename = "p")]
    Pin(PinId),
    #[serde(rename = "s")]
    Schedule(ScheduleId),
}

/// What a row resulted in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    #[serde(rename = "c")]
    Created(Made),
    #[serde(rename = "e")]
    Existing(Made),
    #[serde(rename = "x")]
    Failed(RowError),
}

impl Outcome {
    pub fn name(&self) -> &'static str {
        match self {
            Self::Created(_) => "created",
            Self::Existing(_) => "existing",
            Self::Failed(_) => "failed",
        }
    }
}

/// The result of a row, written once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowResult {
    #[serde(rename = "n")]
    pub number: u32,
    #[serde(rename = "k", default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    #[serde(rename = "o")]
    pub outcome: Outcome,
    /// For a created pin or schedule: a pin of the last 24 hours with the same content.
    #[serde(rename = "d", default, skip_serializing_if = "Option::is_none")]
    pub same_content_as_pin: Option<PinId>,
    /// The board that the row's name meant.
    #[serde(rename = "b", default, skip_serializing_if = "Option::is_none")]
    pub board: Option<NamedBoard>,
    /// For a created pin or schedule: what keeps Pinterest from fetching its image.
    #[serde(rename = "i", default, skip_serializing_if = "Option::is_none")]
    pub image: Option<ImageProblem>,
}

/// A board that a row named.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamedBoard {
    #[serde(rename = "i")]
    pub id: String,
    #[serde(rename = "n")]
    pub name: String,
}

/// The results of one chunk, written once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChunkResult {
    pub chunk: u32,
    pub began_at: Moment,
    pub done_at: Moment,
    pub rows: Vec<RowResult>,
}

/// The sum over the results of the chunks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    pub created: u32,
    pub existing: u32,
    pub failed: u32,
    pub began_at: Option<Moment>,
    pub done_at: Option<Moment>,
}

impl Totals {
    /// The sum over the results.
    pub fn of(results: &[ChunkResult]) -> Self {
        let mut totals = Self {
            began_at: results.iter().map(|result| result.began_at).min(),
            done_at: results.iter().map(|result| result.done_at).max(),
            ..Self::default()
        };
        for row in results.iter().flat_map(|result| &result.rows) {
            match row.outcome {
                Outcome::Created(_) => totals.created += 1,
                Outcome::Existing(_) => totals.existing += 1,
                Outcome::Failed(_) => totals.failed += 1,
            }
        }
        totals
    }

    /// The rows that have a result.
    pub fn processed(&self) -> u32 {
        self.created + self.existing + self.failed
    }
}

/// An import was stopped because of a failure in this system: a bug, or a long outage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stop {
    pub reason: StopReason,
    pub at: Moment,
}

/// Why an import stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// Its message was delivered too often without success.
    DeadLettered,
    /// Rows of the import are missing in the table.
    RowsMissing,
}

impl StopReason {
    pub const ALL: [Self; 2] = [Self::DeadLettered, Self::RowsMissing];

    /// The public `error_code` of the import.
    pub fn code(self) -> &'static str {
        match self {
            Self::DeadLettered => "import_dead_lettered",
            Self::RowsMissing => "import_rows_missing",
        }
    }

    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.code() == code)
    }

    /// Two or three sentences for the user, with the remedy.
    pub fn message(self) -> &'static str {
        match self {
            Self::DeadLettered => {
                "The import failed repeatedly because of a bug or an outage of this system. The rows that have results \
                 are done. Resume it (POST /v1/pins/imports/{id}/resume) when the cause is fixed."
            }
            Self::RowsMissing => {
                "Rows of the import are missing from the table. The rows that have results are done; submit the others \
                 again."
            }
        }
    }
}

/// An import as stored. It doesn't change, except that it stops, resumes or finishes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import {
    pub key: ImportKey,
    pub source: Source,
    pub filename: Option<String>,
    pub rows: u32,
    pub chunks: u32,
    /// The hash of the rows. It distinguishes a repeated submission from another file under the same key.
    pub content_hash: Vec<u8>,
    /// Columns that the import ignores.
    pub unknown_columns: Vec<String>,
    /// Of the submission. `None`: it was stored by a build that did not keep them.
    pub options: Option<RowOptions>,
    /// The accounts that its rows are for, sorted. Refused rows count, if their account is known.
    pub accounts: Vec<AccountId>,
    /// A refused row may be for any other account. Builds that counted no refused rows stored nothing: it is `false`.
    pub has_unknown_accounts: bool,
    pub by: Option<Actor>,
    pub created_at: Moment,
    pub expires_at: Moment,
    /// Identifies the submission: its chunks are found by it, and the SDK's repetition of the write is recognised.
    pub nonce: String,
    pub stopped: Option<Stop>,
    /// Set when every chunk has results.
    pub finished: Option<Totals>,
}

impl Import {
    /// Whether a caller that is limited to the `allowed` accounts sees the import. All of its rows must be for allowed
    /// accounts. If it isn't known of every row which account it is for, or of none, the import is visible only to the
    /// caller who submitted it: the results show the keys of the rows.
    pub fn is_for(&self, who: Option<Actor>, allowed: &[AccountId]) -> bool {
        let is_own = who.is_some() && self.by == who;
        let are_known = !self.accounts.is_empty() && !self.has_unknown_accounts;
        self.accounts.iter().all(|account| allowed.contains(account)) && (is_own || are_known)
    }

    /// The names of the options that a repeated submission has otherwise. Those of the first one count.
    pub fn other_options(&self, options: &RowOptions) -> Vec<String> {
        let Some(first) = &self.options else { return Vec::new() };
        let names: BTreeSet<&String> = first.keys().chain(options.keys()).collect();
        names.into_iter().filter(|name| first.get(*name) != options.get(*name)).cloned().collect()
    }

    /// The status, given the totals of the results so far.
    pub fn status(&self, totals: &Totals) -> ImportStatus {
        match (self.finished, &self.stopped) {
            (Some(totals), _) if totals.failed == 0 => ImportStatus::Completed,
            (Some(_), _) => ImportStatus::CompletedWithErrors,
            (None, Some(_)) => ImportStatus::Failed,
            (None, None) if totals.processed() == 0 => ImportStatus::Queued,
            (None, None) => ImportStatus::Processing,
        }
    }
}

/// Splits the rows into chunks of [`CHUNK_ROWS`], or fewer where the rows are long.
pub fn chunked(rows: Vec<Row>) -> Vec<Vec<Row>> {
    let mut chunks: Vec<Vec<Row>> = Vec::new();
    let mut bytes = usize::MAX;
    for row in rows {
        let weight = serde_json::to_vec(&row).map_or(CHUNK_BYTES_MAX, |text| text.len() + 1);
        match chunks.last_mut() {
            Some(chunk) if chunk.len() < CHUNK_ROWS && bytes.saturating_add(weight) <= CHUNK_BYTES_MAX => {
                bytes += weight;
                chunk.push(row);
            }
            _ => {
                bytes = weight;
                chunks.push(vec![row]);
            }
        }
    }
    chunks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::testdata;

    fn row(number: u32, description_chars: usize) -> Row {
        let request = PinRequest {
            description: Some("\u{1f426}".repeat(description_chars)),
            ..testdata::request(&format!("key-{number}"))
        };
        Row::new(number, Some(request.idempotency_key.clone()), Ask::Pin(Box::new(request)))
    }

    #[test]
    fn chunks_hold_every_row_once_and_in_order_and_fit_the_table() {
        let mut rows: Vec<Row> = (1..=60).map(|number| row(number, 10)).collect();
        // Much longer than the field's limit.
        rows.extend((61..=70).map(|number| row(number, 20_000)));
        let chunks = chunked(rows.clone());
        assert_eq!(chunks.concat(), rows);
        assert_eq!(chunks[..2].iter().map(Vec::len).collect::<Vec<_>>(), [25, 25]);
        for chunk in &chunks {
            let bytes = serde_json::to_vec(chunk).expect("plain data").len();
            assert!(chunk.len() <= CHUNK_ROWS && bytes <= CHUNK_BYTES_MAX + 2, "{} rows, {bytes} bytes", chunk.len());
        }
    }

    #[test]
    fn rows_and_results_are_read_back_from_their_json() {
        let refused = Ask::Refused(RowError::new("validation_error", "board_id: Field required", &["board_id"]));
        let request = Box::new(testdata::request("k"));
        for ask in [Ask::Pin(request.clone()), Ask::Schedule(request, Moment(5)), refused] {
            for refuses_duplicates in [false, true] {
                let row = Row { refuses_duplicates, ..Row::new(7, None, ask.clone()) };
                let text = serde_json::to_string(&row).expect("plain data");
                assert_eq!(serde_json::from_str::<Row>(&text).expect("its own JSON"), row);
                assert_eq!(text.contains(r#""d":true"#), refuses_duplicates, "its name stays: {text}");
            }
        }
        for outcome in [
            Outcome::Created(Made::Pin(PinId(Uuid::from_u128(1)))),
            Outcome::Existing(Made::Schedule(ScheduleId(Uuid::from_u128(2)))),
            Outcome::Failed(RowError::new("c", "m", &[])),
        ] {
            let same_content_as_pin = matches!(outcome, Outcome::Created(_)).then_some(PinId(Uuid::from_u128(3)));
            let board = Some(NamedBoard { id: "7".into(), name: "Cranes".into() });
            let image = Some(ImageProblem::SharePage);
            let result = RowResult { number: 1, key: Some("k".into()), outcome, same_content_as_pin, board, image };
            let text = serde_json::to_string(&result).expect("plain data");
            assert_eq!(serde_json::from_str::<RowResult>(&text).expect("its own JSON"), result);
        }
    }

    #[test]
    fn a_refused_row_counts_for_its_account_or_for_any() {
        let (account, other) = (testdata::account(), AccountId(Uuid::from_u128(9)));
        let first = row(1, 10);
        let refused = |refused_for| {
            let ask = Ask::Refused(RowError::new("validation_error", "title: Field required", &["title"]));
            Row { refused_for, ..Row::new(2, None, ask) }
        };
        for (row, accounts, has_unknown) in [
            (row(2, 10), vec![account], false),
            (refused(Some(account)), vec![account], false),
            (refused(Some(other)), vec![account, other], false),
            (refused(None), vec![account], true),
        ] {
            let accounts: BTreeSet<AccountId> = accounts.into_iter().collect();
            assert_eq!(accounts_of(&[first.clone(), row]), (accounts, has_unknown));
        }
        assert_eq!(accounts_of(&[refused(None)]), (BTreeSet::new(), true));
    }

    #[test]
    fn the_same_key_is_another_import_in_another_workspace() {
        let (a, b) = (WorkspaceId(Uuid::from_u128(1)), WorkspaceId(Uuid::from_u128(2)));
        assert_eq!(ImportKey::of(a, "k"), ImportKey::of(a, "k"));
        assert_ne!(ImportKey::of(a, "k"), ImportKey::of(b, "k"));
        assert_ne!(ImportKey::of(a, "k"), ImportKey::of(a, "l"));
    }
}
