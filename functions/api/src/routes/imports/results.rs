//! Imports as the API shows them: the contract's `ImportJobResponse`, with a few fields of ours.

use std::collections::BTreeMap;

use pinbridge_shared::domain::ids::BoardKey;
use pinbridge_shared::domain::import::{Made, Outcome, RowError, RowResult, Source};
use pinbridge_shared::domain::time::Moment;
use pinbridge_shared::flows::imports::ImportView;
use pinbridge_shared::flows::imports::dry_run::{BoardReport, ImportReport, RowForecast};
use pinbridge_shared::flows::pacing::forecast::Forecast;
use serde_json::{Value, json};

use crate::routes::board_access::BoardAccess;

fn time(moment: Option<Moment>) -> Option<String> {
    moment.map(Moment::rfc3339)
}

pub fn import(view: &ImportView) -> Value {
    let (import, totals) = (&view.import, &view.totals);
    let results: Vec<Value> = view.results.iter().flat_map(|chunk| &chunk.rows).map(result).collect();
    let stopped = import.stopped.as_ref().filter(|_| import.finished.is_none());
    let updated_at = import.created_at.max(totals.done_at.unwrap_or_default());
    json!({
        "id": import.key.import,
        "workspace_id": import.key.workspace,
        "source_type": import.source.name(),
        "status": view.status().name(),
        "source_filename": import.filename,
        "total_rows": import.rows,
        "processed_rows": totals.processed(),
        "created_rows": totals.created,
        "existing_rows": totals.existing,
        "failed_rows": totals.failed,
        "results": results,
        "error_message": stopped.map(|stop| stop.reason.message()),
        "started_at": time(totals.began_at),
        "completed_at": time(import.finished.and_then(|totals| totals.done_at)),
        "created_at": import.created_at.rfc3339(),
        "updated_at": stopped.map_or(updated_at, |stop| stop.at.max(updated_at)).rfc3339(),
        "error_code": stopped.map(|stop| stop.reason.code()),
        "unknown_columns": import.unknown_columns,
        "forecast": null,
    })
}

fn result(row: &RowResult) -> Value {
    row_of(row.number, row.key.as_deref(), &row.outcome)
}

fn row_of(number: u32, key: Option<&str>, outcome: &Outcome) -> Value {
    let (made, error) = match outcome {
        Outcome::Created(made) | Outcome::Existing(made) => (Some(made), None),
        Outcome::Failed(error) => (None, Some(error)),
    };
    let (pin, schedule) = match made {
        Some(Made::Pin(id)) => (Some(id), None),
        Some(Made::Schedule(id)) => (None, Some(id)),
        None => (None, None),
    };
    json!({
        "row_number": number,
        "status": outcome.name(),
        "pin_id": pin,
        "schedule_id": schedule,
        "idempotency_key": key,
        "error_code": error.map(|error| error.code.as_str()),
        "error_message": error.map(|error| error.message.as_str()),
        "fields": error.map_or(&[][..], |error| &error.fields),
    })
}

/// What an import would come to.
pub fn report(source: Source, unknown_columns: &[String], report: &ImportReport) -> Value {
    let boards: Vec<Value> = report.boards.iter().map(board).collect();
    let refused = refused_by_board(&boards);
    let rows: Vec<Value> = report.rows.iter().map(|row| verdict(row, refused.get(&row.number))).collect();
    let count = |status: &str| rows.iter().filter(|row| row["status"] == status).count();
    json!({
        "dry_run": true,
        "source_type": source.name(),
        "total_rows": rows.len(),
        "created_rows": count("created"),
        "existing_rows": count("existing"),
        "failed_rows": count("failed"),
        "results": rows,
        "boards": boards,
        "unknown_columns": unknown_columns,
        "forecast": report.forecast.as_ref().map(forecast),
    })
}

/// Whether a board takes its rows, as far as is known.
fn board(report: &BoardReport) -> Value {
    let BoardKey { account, board_id } = &report.board;
    let told = report.access.as_ref().map(|access| BoardAccess::of(board_id, access));
    let (status, code, message, remediation) = match told {
        Some(told) => (told.status.0, told.code, told.message, told.remediation),
        None => {
            let message = "The file has too many boards to check all, or checking took too long.";
            ("skipped", Some("too_many_boards"), message.to_owned(), None)
        }
    };
    json!({
        "account_id": account.account,
        "board_id": board_id,
        "status": status,
        "code": code,
        "message": message,
        "remediation": remediation,
        "rows": report.rows,
    })
}

/// Rows whose board is known not to take them.
fn refused_by_board(boards: &[Value]) -> BTreeMap<u32, RowError> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut refused = BTreeMap::new();
    for board in boards.iter().filter(|board| board["status"] == "failed") {
        let message = format!("board_id: {}", text(&board["message"]));
        let error = RowError::new(&text(&board["code"]), message, &["board_id"]);
        for row in board["rows"].as_array().into_iter().flatten().filter_map(Value::as_u64) {
            refused.insert(u32::try_from(row).unwrap_or_default(), error.clone());
        }
    }
    refused
}

/// What the real import would say of the row; of a board that won't take its pin, accepting a pin says nothing and a schedule is
/// refused.
fn verdict(row: &RowForecast, by_board: Option<&RowError>) -> Value {
    let refused = match row.outcome {
        Outcome::Created(Made::Schedule(_)) => by_board.cloned().map(Outcome::Failed),
        _ => None,
    };
    let warning = by_board.filter(|_| matches!(row.outcome, Outcome::Created(Made::Pin(_))));
    let mut told = row_of(row.number, row.key.as_deref(), refused.as_ref().unwrap_or(&row.outcome));
    told["warning_code"] = json!(warning.map(|error| error.code.as_str()));
    told["warning_message"] = json!(warning.map(|error| error.message.as_str()));
    told["duplicate_of_row"] = json!(row.repeats);
    told["same_content_as_row"] = json!(row.same_content_as);
    told["same_content_as_pin"] = json!(row.same_content_as_pin);
    told
}

pub fn forecast(forecast: &Forecast) -> Value {
    let accounts: Vec<Value> = forecast
        .accounts
        .iter()
        .map(|account| {
            json!({
                "account_id": account.account,
                "pins": account.pins,
                "waiting": account.waiting,
                "waiting_is_at_least": account.waiting_is_at_least,
                "pins_per_second": account.rate_per_s,
                "finishes_at": time(account.finishes_at),
                "reason": account.reason.map(|reason| reason.code()),
            })
        })
        .collect();
    json!({"finishes_at": time(forecast.finishes_at), "is_at_least": forecast.is_at_least, "accounts": accounts})
}
