//! Imports: submit many pins, and read their results.

pub mod answers;
pub mod csv_rows;
mod errors;
pub mod import_file;
mod timeline;

use std::collections::{BTreeMap, BTreeSet};

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use http::StatusCode;
use pinbridge_shared::context::Context;
use pinbridge_shared::domain::ids::AccountId;
use pinbridge_shared::domain::import::{
    self, Ask, ImportKey, ImportStatus, ROWS_MAX, Row, RowError, RowOptions, Source,
};
use pinbridge_shared::domain::pin::{IDEMPOTENCY_KEY_MAX, Priority};
use pinbridge_shared::domain::task::{Awaited, TASK_TOKEN_MAX};
use pinbridge_shared::domain::time::Moment;
use pinbridge_shared::flows::imports::dry_run::report;
use pinbridge_shared::flows::imports::{self, ImportFilter, ImportView, Submission, SubmitError, Submitted};
use pinbridge_shared::flows::pacing::forecast::forecast;
use pinbridge_shared::flows::pins::name_actors::named;
use pinbridge_shared::flows::webhooks::of_import::tasks_of_import;
use pinbridge_shared::flows::webhooks::wait_for_end::{end_if_finished, withdraw};
use schemars::json_schema;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::examples::{ACCOUNT, IMPORT};
use super::pins;
use super::pins::fields::TaskToken;
use super::pins::list::Relation;
use super::pins::options::{IDEMPOTENCY_KEY, Options, door};
use super::pins::task_token::{Given, wait};
use crate::activity::Resource;
use crate::answer;
use crate::auth::Caller;
use crate::endpoint::{Endpoint, READ, WRITE, WRITE_OR_DRY_RUN, get, post, tagged};
use crate::error::codes::{IMPORT_KEY_REUSED, IMPORT_NOT_STOPPED, VALIDATION_ERROR};
use crate::error::{ApiError, FieldError};
use crate::openapi::schema::{Flag, Limit, Offset, inline_schema};
use crate::request::field::{Field, no_time};
use crate::request::options::warn;
use crate::request::{path_id, query as page};
use crate::routes::imports::import_file::{CsvFile, ImportFile, JsonRows, RawRow};
use answers::{DryRun, Forecast, Import, SourceType};
use timeline::ImportTimeline;

const ABOUT: &str = "\
    Accepts up to 500 rows and answers at once. The system then creates a pin for each row in order, or a schedule if the \
    row has `run_at`. `GET /v1/pins/imports/{id}` reads the result of each row. An invalid row fails alone. The result of \
    a row whose pin exists already is `existing`. The default priority of a row is `bulk`. With `dry_run=true`, the \
    request creates nothing and answers 200 with the expected result of each row. A task of Step Functions that gives \
    its `task_token` ends when every row has a result, or the system stops the import; a repeated request adds its \
    token to those before.";
const KEY_HEADER: &str = "\
    The identifier of the import in your system. A repeated request with the same key and rows answers the existing \
    import. If its options differ, those of the first request count, and `X-Pinbridge-Warning` names them. Each row has \
    a key of its own in `idempotency_key`.";
const TASK_TOKEN_HEADER: &str = "\
    The token of a task of Step Functions that waits for the import. A form can have it as the field `task_token`, \
    which counts first. Rows have none, and a dry run takes none.";

pub fn endpoints() -> Vec<Endpoint> {
    let submit = |operation: Endpoint| {
        door(operation, KEY_HEADER)
            .about(ABOUT)
            .header::<TaskToken>("X-Pinbridge-Task-Token", TASK_TOKEN_HEADER)
            .query::<Flag>("dry_run", "Create nothing, and answer the expected result of each row.")
            .answers::<Import>(202, "The import is accepted.")
            .with_header::<Flag>("Idempotent-Replayed", false, "`true`: the import existed already.")
            .answers::<DryRun>(200, "With `dry_run=true`: the expected result of each row.")
            .with_header::<Flag>(
                "Idempotent-Replayed",
                false,
                "`true`: the import exists, and its rows have these results.",
            )
            .fails(&[IMPORT_KEY_REUSED])
    };
    tagged(
        "Imports",
        vec![
            submit(
                post("/v1/pins/imports/json", WRITE_OR_DRY_RUN, create_json)
                    .operation("import_json", "Import pins from JSON")
                    .audited("import.created", Resource::Answer("id"), &["source_type", "total_rows"]),
            )
            .takes_content::<Rows>("application/json", true, || json!([row()])),
            submit(
                post("/v1/pins/imports/csv", WRITE_OR_DRY_RUN, create_csv)
                    .operation("import_csv", "Import pins from a CSV file")
                    .audited("import.created", Resource::Answer("id"), &["source_type", "total_rows"]),
            )
            .takes_content::<Form>(
                "multipart/form-data",
                true,
                || json!({"file": "account_id,board_id,title,idempotency_key,image_url\n…"}),
            ),
            get("/v1/pins/imports", READ, list)
                .operation("list_imports", "List imports")
                .costs(50)
                .about(
                    "Lists the newest imports first, without their `results`. The list reaches the newest 1,000 \
                     imports; with `status` `queued`, `processing` or `failed`, the newest 5,000.",
                )
                .query::<Limit>("limit", "The maximum number of imports of the page.")
                .query::<Offset>("offset", "The number of imports to skip.")
                .query::<answers::ImportStatus>("status", "Only imports with this status.")
                .query::<SourceType>("source_type", "Only imports with this type of source.")
                .answers::<Vec<Import>>(200, "A page of imports.")
                .with_header::<u64>("X-Total-Count", true, "The number of matching imports.")
                .with_header::<Relation>("X-Total-Count-Relation", false, "`gte`: the number is a lower bound.")
                .fails(&[VALIDATION_ERROR]),
            get("/v1/pins/imports/{id}", READ, read)
                .of_one("The id of the import.", IMPORT)
                .operation("get_import", "Read an import and the results of its rows")
                .query::<Flag>(
                    "forecast",
                    "Also answer when the waiting pins of the import's accounts will be published. Available when \
                     every row has a result.",
                )
                .answers::<Import>(200, "The import."),
            get("/v1/pins/imports/{id}/timeline", READ, read_timeline)
                .of_one("The id of the import.", IMPORT)
                .operation("get_import_timeline", "Read the timeline of an import")
                .about(
                    "Extension. Lists what is recorded of the import, in sentences for a reply to a customer, with \
                     times in UTC. The first rows that failed are named; `GET /v1/pins/imports/{id}` has all of them. \
                     The timeline of each pin says what became of it.",
                )
                .answers::<ImportTimeline>(200, "The events of the import."),
            post("/v1/pins/imports/{id}/resume", WRITE, resume)
                .exact()
                .of_one("The id of the import.", IMPORT)
                .operation("resume_import", "Resume a failed import")
                .audited("import.resumed", Resource::Path, &["status"])
                .about(
                    "Extension: continues an import that the system stopped because of an internal error. Invalid \
                     rows never stop an import.",
                )
                .answers::<Import>(200, "The resumed import.")
                .fails(&[IMPORT_NOT_STOPPED]),
        ],
    )
}

inline_schema!(
    /// Pins to create. A row with `run_at` (a time with an offset) creates a schedule. An invalid row fails alone.
    Rows = json_schema!({"type": "array", "minItems": 1, "maxItems": ROWS_MAX, "items": {}})
);
inline_schema!(
    /// A CSV file in UTF-8, separated by commas. The first row names the columns. Required: account_id, board_id, title
    /// and idempotency_key. `task_token` is the token of a task of Step Functions that waits for the import.
    Form = json_schema!({
        "type": "object", "required": ["file"],
        "properties": {
            "file": {"type": "string", "contentMediaType": "text/csv"},
            "task_token": {"type": "string", "minLength": 1, "maxLength": TASK_TOKEN_MAX, "pattern": "^[!-~]+$"},
        },
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
    options: Options,
    JsonRows(file): JsonRows,
) -> Result<Response, ApiError> {
    create(&context, &caller, &query, options, file).await
}

async fn create_csv(
    State(context): State<Context>,
    caller: Caller,
    Query(query): Query<page::Query>,
    options: Options,
    CsvFile(file): CsvFile,
) -> Result<Response, ApiError> {
    create(&context, &caller, &query, options, file).await
}

async fn create(
    context: &Context,
    caller: &Caller,
    query: &page::Query,
    options: Options,
    file: ImportFile,
) -> Result<Response, ApiError> {
    let is_dry = page::flag(query, "dry_run")?;
    let given = Given::of(file.task_token.clone(), &options);
    if let Some(given) = given.as_ref().filter(|_| is_dry) {
        return Err(given.refused("A dry run has no import that a task could wait for", "extra_forbidden"));
    }
    let (now, of_items, of_rows) = (context.system.now(), options.of_items(), options.of_rows(Priority::Bulk));
    let read = file.read(|row| judge(caller, row, &of_items, now))?;
    let (mut rows, unknown_columns) = (read.rows, read.unknown_columns);
    refuse_mixed_keys(&mut rows);
    if is_dry {
        let before = match &options.key {
            Some(key) => imports::submitted(context, caller.workspace, key, &read.content_hash).await,
            None => Ok(None),
        };
        let before = before.map_err(|error| errors::refusal(error, caller))?;
        if let Some(view) = before.as_ref().filter(|view| !sees(caller, &view.import)) {
            let existing = Box::new(view.import.clone());
            return Err(errors::refusal(SubmitError::KeyReused { existing }, caller));
        }
        let report = report(context, caller.workspace, rows, caller.limited_to()).await?;
        let body = DryRun::of(file.source, unknown_columns, report, before.as_ref());
        let mut response = answer::made(StatusCode::OK, body, before.is_some());
        if let Some(view) = &before {
            warn_of_options(&mut response, &view.import, &of_rows);
        }
        return Ok(response);
    }
    let accounts = context.store.accounts(caller.workspace).await?;
    let known: BTreeSet<AccountId> = accounts.into_iter().map(|account| account.key.account).collect();
    let joining = joining(&rows, &known);
    let submission = Submission {
        content_hash: read.content_hash,
        source: file.source,
        filename: file.filename,
        rows,
        unknown_columns,
        options: of_rows.clone(),
        by: Some(caller.who),
        idempotency_key: options.key,
    };
    let (view, is_replay) = submit(context, caller, submission, given.as_ref()).await?;
    let mut body = Import::from(&view);
    if !is_replay {
        // The import is accepted. A failed forecast is no error.
        let forecast = forecast(context, caller.workspace, &joining).await.ok().flatten();
        body.forecast = forecast.map(Forecast::from);
    }
    let mut response = answer::made(StatusCode::ACCEPTED, body, is_replay);
    warn_of_options(&mut response, &view.import, &of_rows);
    Ok(response)
}

/// Submits the import, for whose end the task of the token waits. Returns it, and whether it existed before.
async fn submit(
    context: &Context,
    caller: &Caller,
    submission: Submission,
    given: Option<&Given>,
) -> Result<(ImportView, bool), ApiError> {
    let key = imports::key_of(context, caller.workspace, submission.idempotency_key.as_deref());
    let awaited = Awaited::Import(key);
    let task = match given {
        Some(given) => Some(wait(context, awaited, given).await?),
        None => None,
    };
    let submitted = imports::submit_as(context, key, submission).await;
    let seen = submitted.map_err(|error| errors::refusal(error, caller)).and_then(|one| seen(one, caller));
    let (view, is_replay) = match (seen, &task) {
        (Ok(seen), _) => seen,
        (Err(error), None) => return Err(error),
        (Err(error), Some(task)) => {
            withdraw(context, awaited, task).await;
            return Err(error);
        }
    };
    if is_replay && task.is_some() {
        end_if_finished(context, &view.import).await?;
    }
    Ok((view, is_replay))
}

/// The submitted import, and whether it existed before. The same file has other rows for a caller who may not use all
/// of its accounts.
fn seen(submitted: Submitted, caller: &Caller) -> Result<(ImportView, bool), ApiError> {
    match submitted {
        Submitted::New(view) => Ok((view, false)),
        Submitted::Replay(view) if sees(caller, &view.import) => Ok((view, true)),
        Submitted::Replay(view) => {
            Err(errors::refusal(SubmitError::KeyReused { existing: Box::new(view.import) }, caller))
        }
    }
}

/// Names the options that the request has otherwise than the first one with its key. They decide when and whether a
/// row is published, not what: as with pins, the request is a repetition all the same, and the first ones count.
fn warn_of_options(response: &mut Response, import: &import::Import, options: &RowOptions) {
    for name in import.other_options(options) {
        warn(response, &format!("option_ignored; option={name}"));
    }
}

/// The pins that join the queues of their accounts, each key once. The importer finds out later which keys exist
/// already.
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
    // When every row has a result, the pins of the import are among the waiting ones.
    if page::flag(&query, "forecast")? && view.import.finished.is_some() {
        let nobody_new = view.import.accounts.iter().map(|account| (*account, 0)).collect();
        body.forecast = forecast(&context, caller.workspace, &nobody_new).await?.map(Forecast::from);
    }
    Ok(Json(body))
}

async fn read_timeline(
    State(context): State<Context>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<ImportTimeline>, ApiError> {
    let view = find(&context, &caller, &id).await?;
    let by = named(&context, caller.workspace, view.import.by).await?;
    let tasks = tasks_of_import(&context, &view.import).await?;
    Ok(Json(ImportTimeline::of(&view, by.as_ref(), &tasks)))
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
    answer::page(&items, page.total as u64, page.total_is_at_least, None)
}

/// Reads the caller's import.
async fn find(context: &Context, caller: &Caller, id: &str) -> Result<ImportView, ApiError> {
    let key = ImportKey { workspace: caller.workspace, import: path_id(id, "id")? };
    let view = imports::read(context, key).await?.ok_or_else(|| ApiError::not_found("import"))?;
    view.import.accounts.iter().try_for_each(|account| caller.may_see(*account, "import"))?;
    if view.import.has_unknown_accounts {
        caller.touched.add_unknown();
    }
    if sees(caller, &view.import) { Ok(view) } else { Err(ApiError::not_found("import")) }
}

/// Whether the caller may use every account of the import.
fn sees(caller: &Caller, import: &import::Import) -> bool {
    caller.limited_to().is_none_or(|allowed| import.is_for(Some(caller.who), allowed))
}

/// Reads a row as a pin or a schedule, or as its error.
fn judge(caller: &Caller, row: &RawRow, options: &Options, now: Moment) -> Row {
    let number = row.number;
    let refused = |key: Option<String>, account: Option<AccountId>, error: RowError| {
        if account.is_none() {
            caller.touched.add_unknown();
        }
        Row { refused_for: account, ..Row::new(number, key, Ask::Refused(error)) }
    };
    let fields = match &row.fields {
        Ok(fields) => fields,
        Err(error) => return refused(None, None, error.clone()),
    };
    let key = fields.get(IDEMPOTENCY_KEY).and_then(Value::as_str);
    let key = key.map(|key| key.chars().take(IDEMPOTENCY_KEY_MAX).collect());
    match ask(caller, fields, options, now) {
        Ok((ask, refuses_duplicates)) => Row { refuses_duplicates, ..Row::new(number, key, ask) },
        Err(error) => refused(key, account_of(caller, fields), error.of_row()),
    }
}

/// The account of a refused row, if it names one that the caller may use. Any other counts as unknown: among the
/// accounts of the import, it would hide the import from the caller too.
fn account_of(caller: &Caller, fields: &Map<String, Value>) -> Option<AccountId> {
    let account = fields.get("account_id").and_then(|id| Uuid::parse(id).ok()).map(AccountId)?;
    caller.may_use(account).ok().map(|()| account)
}

/// What the row asks for, and whether it refuses duplicates.
fn ask(caller: &Caller, fields: &Map<String, Value>, options: &Options, now: Moment) -> Result<(Ask, bool), ApiError> {
    let mut fields = fields.clone();
    let run_at = fields.remove("run_at").filter(|value| !value.is_null()).map(|value| run_at(&value, now));
    // Rows wait behind other pins, unless the row or the request has another priority.
    let wanted = pins::parse(&fields, options, Priority::Bulk);
    let (wanted, run_at) = match (wanted, run_at.transpose()) {
        (Ok(wanted), Ok(run_at)) => (wanted, run_at),
        (Err(error), Ok(_)) => return Err(error),
        (Ok(_), Err(wrong)) => return Err(ApiError::validation(vec![wrong])),
        (Err(error), Err(wrong)) => return Err(error.and(wrong)),
    };
    caller.may_use(wanted.request.account)?;
    let request = Box::new(wanted.request);
    let ask = match run_at {
        Some(at) => Ask::Schedule(request, at),
        None => Ask::Pin(request),
    };
    Ok((ask, wanted.refuses_duplicates))
}

/// A future time with an offset.
fn run_at(value: &Value, now: Moment) -> Result<Moment, FieldError> {
    let wrong = |msg: &str, kind| FieldError::new("body", "run_at", msg, kind);
    let text = value.as_str().unwrap_or_default().trim();
    let at = Moment::parse_rfc3339(text).ok_or_else(|| wrong(&no_time(text).msg, "datetime_parsing"))?;
    if at <= now { Err(wrong("run_at must be in the future", "datetime_future")) } else { Ok(at) }
}

/// Refuses a pin and a schedule with the same key. They would become two pins.
fn refuse_mixed_keys(rows: &mut [Row]) {
    let mut first: BTreeMap<String, (u32, bool)> = BTreeMap::new();
    for row in rows {
        let is_schedule = matches!(row.ask, Ask::Schedule(..));
        let asked = row.ask.request().map(|request| (request.idempotency_key.clone(), request.account));
        let Some((key, account)) = asked else { continue };
        let (number, is_same) = {
            let (number, kind) = *first.entry(key).or_insert((row.number, is_schedule));
            (number, kind == is_schedule)
        };
        if !is_same {
            let message = format!(
                "idempotency_key: Row {number} has the same key, but only one of the two rows has \
                 run_at"
            );
            row.ask = Ask::Refused(RowError::new("idempotency_key_reused", message, &["idempotency_key"]));
            row.refused_for = Some(account);
        }
    }
}
