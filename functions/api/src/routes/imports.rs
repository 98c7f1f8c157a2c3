//! Imports: submit many pins, and read their outcomes.

pub mod answers;
pub mod csv_rows;
mod errors;
pub mod import_file;

use std::collections::{BTreeMap, BTreeSet};

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use pinbridge_shared::context::Context;
use pinbridge_shared::domain::ids::AccountId;
use pinbridge_shared::domain::import::{Ask, ImportKey, ImportStatus, ROWS_MAX, Row, RowError, Source};
use pinbridge_shared::domain::pin::{IDEMPOTENCY_KEY_MAX, Priority};
use pinbridge_shared::domain::time::Moment;
use pinbridge_shared::flows::imports::dry_run::report;
use pinbridge_shared::flows::imports::{self, ImportFilter, ImportView, Submission, Submitted};
use pinbridge_shared::flows::pacing::forecast::forecast;
use schemars::json_schema;
use serde_json::{Map, Value, json};

use super::examples::{ACCOUNT, IMPORT};
use super::pins;
use super::pins::fields;
use super::pins::list::Relation;
use crate::activity::Resource;
use crate::answer;
use crate::auth::Caller;
use crate::endpoint::{Endpoint, READ, WRITE, get, post, tagged};
use crate::error::codes::{IMPORT_KEY_REUSED, IMPORT_NOT_STOPPED, VALIDATION_ERROR};
use crate::error::{ApiError, FieldError};
use crate::openapi::schema::{Flag, Limit, Offset, inline_schema};
use crate::request::query as page;
use crate::request::{KEY_HEADERS, path_id};
use crate::routes::imports::import_file::{CsvFile, ImportFile, JsonRows, RawRow};
use answers::{DryRun, Forecast, Import, SourceType};

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
            .header::<fields::Priority>("X-Pinbridge-Priority", "The rows' priority, where they have none.")
            .answers::<Import>(202, "The import is taken in.")
            .with_header::<Flag>("Idempotent-Replayed", false, "`true`: it was taken in before.")
            .answers::<DryRun>(200, "What would become of the rows.")
            .fails(&[IMPORT_KEY_REUSED])
    };
    tagged(
        "Imports",
        vec![
            submit(
                post("/v1/pins/imports/json", WRITE, create_json)
                    .operation("import_json", "Import pins from a list")
                    .audited("import.created", Resource::Answer("id"), &["source_type", "total_rows"]),
            )
            .takes_content::<Rows>("application/json", true, || json!([row()])),
            submit(
                post("/v1/pins/imports/csv", WRITE, create_csv)
                    .operation("import_csv", "Import pins from a CSV file")
                    .audited("import.created", Resource::Answer("id"), &["source_type", "total_rows"]),
            )
            .takes_content::<Form>(
                "multipart/form-data",
                true,
                || json!({"file": "account_id,board_id,title,idempotency_key,image_url\n…"}),
            ),
            get("/v1/pins/imports", READ, list)
                .operation("list_imports", "List imports, newest first")
                .about("`results` are empty here. The newest 1,000 imports are looked through.")
                .query::<Limit>("limit", "Imports of a page.")
                .query::<Offset>("offset", "Imports left out before the page.")
                .query::<answers::ImportStatus>("status", "Only imports of this status.")
                .query::<SourceType>("source_type", "Only imports of this kind.")
                .answers::<Vec<Import>>(200, "A page of imports.")
                .with_header::<u64>("X-Total-Count", true, "How many imports there are.")
                .with_header::<Relation>("X-Total-Count-Relation", false, "There are at least as many.")
                .fails(&[VALIDATION_ERROR]),
            get("/v1/pins/imports/{id}", READ, read)
                .of_one("The import's id.", IMPORT)
                .operation("get_import", "Read an import and its rows' results")
                .query::<Flag>(
                    "forecast",
                    "Once every row is done: also when its accounts' waiting pins will be published.",
                )
                .answers::<Import>(200, "The import."),
            post("/v1/pins/imports/{id}/resume", WRITE, resume)
                .of_one("The import's id.", IMPORT)
                .operation("resume_import", "Let a failed import go on")
                .audited("import.resumed", Resource::Path, &["status"])
                .about("Extension. An import fails only for a reason of this system's, never for its rows.")
                .answers::<Import>(200, "The import, which goes on.")
                .fails(&[IMPORT_NOT_STOPPED]),
        ],
    )
}

inline_schema!(
    /// A name of the client's own.
    Key = json_schema!({"type": "string", "minLength": 1, "maxLength": IDEMPOTENCY_KEY_MAX})
);
inline_schema!(
    /// Each a pin to be published, perhaps with `run_at` (a time with an offset). A wrong one fails by itself.
    Rows = json_schema!({"type": "array", "minItems": 1, "maxItems": ROWS_MAX, "items": {}})
);
inline_schema!(
    /// UTF-8, commas; the first row names the columns, of which account_id, board_id, title and idempotency_key must be
    /// there.
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

async fn create_json(
    State(context): State<Context>,
    caller: Caller,
    Query(query): Query<page::Query>,
    headers: HeaderMap,
    JsonRows(file): JsonRows,
) -> Result<Response, ApiError> {
    create(&context, &caller, &query, &headers, file).await
}

async fn create_csv(
    State(context): State<Context>,
    caller: Caller,
    Query(query): Query<page::Query>,
    headers: HeaderMap,
    CsvFile(file): CsvFile,
) -> Result<Response, ApiError> {
    create(&context, &caller, &query, &headers, file).await
}

async fn create(
    context: &Context,
    caller: &Caller,
    query: &page::Query,
    headers: &HeaderMap,
    file: ImportFile,
) -> Result<Response, ApiError> {
    let (is_dry, idempotency_key) = (page::flag(query, "dry_run")?, idempotency_key(headers)?);
    let now = context.system.now();
    let mut rows: Vec<Row> = file.rows.iter().map(|row| judge(caller, row, headers, now)).collect();
    refuse_mixed_keys(&mut rows);
    if is_dry {
        let report = report(context, caller.workspace, rows).await?;
        return Ok(Json(DryRun::of(file.source, file.unknown_columns, report)).into_response());
    }
    let accounts = context.store.accounts(caller.workspace).await?;
    let known: BTreeSet<AccountId> = accounts.into_iter().map(|account| account.key.account).collect();
    let joining = joining(&rows, &known);
    let submission = Submission {
        content_hash: file.content_hash(),
        source: file.source,
        filename: file.filename,
        rows,
        unknown_columns: file.unknown_columns,
        by: Some(caller.who),
        idempotency_key,
    };
    let (view, is_replay) = match imports::submit(context, caller.workspace, submission).await? {
        Submitted::New(view) => (view, false),
        Submitted::Replay(view) => (view, true),
    };
    let mut body = Import::from(&view);
    if !is_replay {
        // It was taken in; a forecast that can't be made is none.
        let forecast = forecast(context, caller.workspace, &joining).await.ok().flatten();
        body.forecast = forecast.map(Forecast::from);
    }
    Ok(answer::made(StatusCode::ACCEPTED, body, is_replay))
}

/// Pins that join their accounts' queues now, each key once. Whether a key is known already only the importer will find
/// out.
fn joining(rows: &[Row], known: &BTreeSet<AccountId>) -> BTreeMap<AccountId, usize> {
    let (mut joining, mut keys) = (BTreeMap::new(), BTreeSet::new());
    for row in rows {
        if let Ask::Pin(request) = &row.ask
            && known.contains(&request.account)
            && keys.insert(&request.idempotency_key)
        {
            *joining.entry(request.account).or_default() += 1;
        }
    }
    joining
}

async fn read(
    State(context): State<Context>,
    caller: Caller,
    Path(id): Path<String>,
    Query(query): Query<page::Query>,
) -> Result<Json<Import>, ApiError> {
    let view = find(&context, &caller, &id).await?;
    let mut body = Import::from(&view);
    // Once every row is done, its pins are among those that wait.
    if page::flag(&query, "forecast")? && view.import.finished.is_some() {
        let nobody_new = view.import.accounts.iter().map(|account| (*account, 0)).collect();
        body.forecast = forecast(&context, caller.workspace, &nobody_new).await?.map(Forecast::from);
    }
    Ok(Json(body))
}

async fn resume(
    State(context): State<Context>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Import>, ApiError> {
    let view = find(&context, &caller, &id).await?;
    Ok(Json(Import::from(&imports::resume(&context, view.import.key).await?)))
}

async fn list(
    State(context): State<Context>,
    caller: Caller,
    Query(query): Query<page::Query>,
) -> Result<Response, ApiError> {
    let paging = page::paging(&query)?;
    let status = page::one_of(&query, "status", ImportStatus::parse, &ImportStatus::ALL.map(ImportStatus::name))?;
    let source = page::one_of(&query, "source_type", Source::parse, &Source::ALL.map(Source::name))?;
    let accounts = caller.limited_to().map(<[AccountId]>::to_vec);
    let filter = ImportFilter { status, source, accounts, who: Some(caller.who) };
    let page = imports::page(&context, caller.workspace, &filter, paging.offset, paging.limit).await?;
    let items: Vec<Import> = page.imports.iter().map(Import::from).collect();
    Ok(answer::page(&items, page.total as u64, page.total_is_at_least, None))
}

/// The caller's import of that id.
async fn find(context: &Context, caller: &Caller, id: &str) -> Result<ImportView, ApiError> {
    let key = ImportKey { workspace: caller.workspace, import: path_id(id, "id")? };
    let view = imports::read(context, key).await?.ok_or_else(|| ApiError::not_found("import"))?;
    view.import.accounts.iter().try_for_each(|account| caller.may_use(*account))?;
    if caller.limited_to().is_some_and(|allowed| !view.import.is_for(Some(caller.who), allowed)) {
        return Err(ApiError::not_found("import"));
    }
    Ok(view)
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, ApiError> {
    let Some((name, value)) = KEY_HEADERS.iter().find_map(|name| Some((*name, headers.get(*name)?))) else {
        return Ok(None);
    };
    let text = value.to_str().unwrap_or("").trim();
    if text.is_empty() || text.chars().count() > IDEMPOTENCY_KEY_MAX {
        let msg = format!("Header should have 1 to {IDEMPOTENCY_KEY_MAX} ASCII characters");
        return Err(ApiError::invalid("header", name, msg, "string_length"));
    }
    Ok(Some(text.to_owned()))
}

/// Reads a row as the pin that it is, or says what is wrong with it.
fn judge(caller: &Caller, row: &RawRow, headers: &HeaderMap, now: Moment) -> Row {
    let number = row.number;
    let fields = match &row.fields {
        Ok(fields) => fields,
        Err(reason) => {
            let ask = Ask::Refused(RowError::new("validation_error", reason.clone(), &[]));
            return Row { number, key: None, ask };
        }
    };
    let key = fields.get("idempotency_key").and_then(Value::as_str);
    let key = key.map(|key| key.chars().take(IDEMPOTENCY_KEY_MAX).collect());
    let ask = ask(caller, fields, headers, now).unwrap_or_else(|error| Ask::Refused(error.of_row()));
    Row { number, key, ask }
}

fn ask(caller: &Caller, fields: &Map<String, Value>, headers: &HeaderMap, now: Moment) -> Result<Ask, ApiError> {
    let mut fields = fields.clone();
    let run_at = fields.remove("run_at").filter(|value| !value.is_null()).map(|value| run_at(&value, now));
    // Who imports can wait, unless the row or the header says otherwise.
    let request = pins::parse(&fields, headers, Priority::Bulk);
    let (request, run_at) = match (request, run_at.transpose()) {
        (Ok(request), Ok(run_at)) => (request, run_at),
        (Err(error), Ok(_)) => return Err(error),
        (Ok(_), Err(wrong)) => return Err(ApiError::validation(vec![wrong])),
        (Err(error), Err(wrong)) => return Err(error.and(wrong)),
    };
    caller.may_use(request.account)?;
    let request = Box::new(request);
    Ok(match run_at {
        Some(at) => Ask::Schedule(request, at),
        None => Ask::Pin(request),
    })
}

/// A moment to come, with its offset.
fn run_at(value: &Value, now: Moment) -> Result<Moment, FieldError> {
    let wrong = |msg: &str, kind| FieldError::new("body", "run_at", msg, kind);
    let parsed = value.as_str().and_then(|text| Moment::parse_rfc3339(text.trim()));
    let at = parsed.ok_or_else(|| {
        wrong("run_at must be a time with an offset (for example 2026-03-06T10:00:00Z)", "datetime_parsing")
    })?;
    if at <= now { Err(wrong("run_at must be in the future", "datetime_future")) } else { Ok(at) }
}

/// A pin and a schedule of one key would be two pins, which nobody can have meant.
fn refuse_mixed_keys(rows: &mut [Row]) {
    let mut first: BTreeMap<String, (u32, bool)> = BTreeMap::new();
    for row in rows {
        let is_schedule = matches!(row.ask, Ask::Schedule(..));
        let Some(key) = row.ask.request().map(|request| request.idempotency_key.clone()) else { continue };
        let (number, is_same) = {
            let (number, kind) = *first.entry(key).or_insert((row.number, is_schedule));
            (number, kind == is_schedule)
        };
        if !is_same {
            let message = format!("idempotency_key: Row {number} has the same key, and only one of both has a run_at");
            row.ask = Ask::Refused(RowError::new("idempotency_key_reused", message, &["idempotency_key"]));
        }
    }
}
