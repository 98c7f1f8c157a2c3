//! Imports.

use pinbridge_shared::domain::import::{ImportStatus as Status, ROWS_MAX, Source, StopReason};
use pinbridge_shared::domain::pin::IDEMPOTENCY_KEY_MAX;
use schemars::{JsonSchema, json_schema};
use serde_json::{Value, json};
use uuid::Uuid;

use super::pins::ACCOUNT;
use super::pins::schemas::{Priority, Relation};
use super::schema::{Flag, Limit, Offset, Time, inline_schema, names};
use crate::activity::Resource;
use crate::endpoint::{Endpoint, get, post, tagged};
use crate::error::codes::{ACCOUNT_NOT_PERMITTED, IMPORT_KEY_REUSED, IMPORT_NOT_STOPPED, NOT_FOUND, VALIDATION_ERROR};
use crate::routes::*;

/// The import of the examples.
const IMPORT: &str = "0b1f6a52-5f0e-4a52-9c1b-6f1f6f0d7c11";
const ABOUT: &str = "At most 500 rows. Answered at once; the rows become pins (with `run_at` schedules) one after the other, and \
    `GET /v1/pins/imports/{id}` tells of each what became of it. A wrong row fails by itself. A row whose `idempotency_key` \
    stands for the same pin already is `existing`. Unless a row (or the header) says otherwise its priority is `bulk`. With \
    `dry_run=true` nothing is created and the answer (200) is what would become of each row.";

pub fn endpoints() -> Vec<Endpoint> {
    let submit = |operation: Endpoint| {
        operation
            .about(ABOUT)
            .query::<Flag>("dry_run", "Create nothing, and tell what would become of each row.")
            .header::<Key>(
                "Idempotency-Key",
                "The same key and rows are the same import (`Idempotent-Replayed: true`).",
            )
            .header::<Key>("X-Pinbridge-Idempotency-Key", "The same, for clients that can't send the other.")
            .header::<Priority>("X-Pinbridge-Priority", "The rows' priority, where they have none.")
            .answers::<Import>(202, "The import is taken in.")
            .with_header::<Flag>("Idempotent-Replayed", false, "`true`: it was taken in before.")
            .answers::<DryRun>(200, "What would become of the rows.")
            .fails(&[IMPORT_KEY_REUSED])
    };
    let of_one = |operation: Endpoint| {
        operation.path::<Uuid>("id", "The import's id.", IMPORT).fails(&[
            NOT_FOUND,
            VALIDATION_ERROR,
            ACCOUNT_NOT_PERMITTED,
        ])
    };
    tagged(
        "Imports",
        vec![
            submit(
                post("/v1/pins/imports/json", WRITE, imports::create_json)
                    .operation("import_json", "Import pins from a list")
                    .audited("import.created", Resource::Answer("id"), &["source_type", "total_rows"]),
            )
            .takes_content::<Rows>("application/json", true, || json!([row()])),
            submit(
                post("/v1/pins/imports/csv", WRITE, imports::create_csv)
                    .operation("import_csv", "Import pins from a CSV file")
                    .audited("import.created", Resource::Answer("id"), &["source_type", "total_rows"]),
            )
            .takes_content::<Form>(
                "multipart/form-data",
                true,
                || json!({"file": "account_id,board_id,title,idempotency_key,image_url\n…"}),
            ),
            get("/v1/pins/imports", READ, imports::list)
                .operation("list_imports", "List imports, newest first")
                .about("`results` are empty here. The newest 1,000 imports are looked through.")
                .query::<Limit>("limit", "Imports of a page.")
                .query::<Offset>("offset", "Imports left out before the page.")
                .query::<ImportStatus>("status", "Only imports of this status.")
                .query::<SourceType>("source_type", "Only imports of this kind.")
                .answers::<Vec<Import>>(200, "A page of imports.")
                .with_header::<u64>("X-Total-Count", true, "How many imports there are.")
                .with_header::<Relation>("X-Total-Count-Relation", false, "There are at least as many.")
                .fails(&[VALIDATION_ERROR]),
            of_one(
                get("/v1/pins/imports/{id}", READ, imports::read)
                    .operation("get_import", "Read an import and its rows' results"),
            )
            .query::<Flag>(
                "forecast",
                "Once every row is done: also when its accounts' waiting pins will be published.",
            )
            .answers::<Import>(200, "The import."),
            of_one(
                post("/v1/pins/imports/{id}/resume", WRITE, imports::resume)
                    .operation("resume_import", "Let a failed import go on")
                    .audited("import.resumed", Resource::Path, &["status"]),
            )
            .about("Ours. An import fails only for a reason of this system's, never for its rows.")
            .answers::<Import>(200, "The import, which goes on.")
            .fails(&[IMPORT_NOT_STOPPED]),
        ],
    )
}

names!(ImportStatus, "Where an import stands.", Status::ALL.map(Status::name));
names!(SourceType, "How the rows came.", Source::ALL.map(Source::name));
names!(RowStatus, "What became of a row.", ["created", "existing", "failed"]);
names!(StopCode, "Why an import stopped.", StopReason::ALL.map(StopReason::code));
names!(BoardStatus, "`skipped`: the board could not be looked at.", ["ok", "failed", "skipped"]);
inline_schema!(
    /// A name of the client's own.
    Key = json_schema!({"type": "string", "minLength": 1, "maxLength": IDEMPOTENCY_KEY_MAX})
);
inline_schema!(
    /// Each a pin to be published, perhaps with `run_at` (a time with an offset). A wrong one fails by itself.
    Rows = json_schema!({"type": "array", "minItems": 1, "maxItems": ROWS_MAX, "items": {}})
);
inline_schema!(
    /// UTF-8, commas; the first row names the columns, of which account_id, board_id, title and idempotency_key must be there.
    Form = json_schema!({
        "type": "object", "required": ["file"],
        "properties": {"file": {"type": "string", "contentMediaType": "text/csv"}},
    })
);

fn row() -> Value {
    json!({
        "account_id": ACCOUNT,
        "board_id": "1000000000000000001",
        "title": "Ten ways to fold a paper crane",
        "image_url": "https://images.example.com/crane.jpg",
        "idempotency_key": "cranes-2026-11-23",
    })
}

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
    /// Ours: the code of the error.
    pub error_code: Option<StopCode>,
    /// Ours: columns or fields that mean nothing here.
    pub unknown_columns: Vec<String>,
    /// Ours: when its pins will have been published, as things stand.
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
    /// Ours: the fields that are wrong.
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
