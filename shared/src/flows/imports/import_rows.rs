//! Works on an import, chunk by chunk. Each chunk's results are written once.
//!
//! When a worker dies, the next one begins with the first chunk that has no results. The pins that the dead worker
//! accepted from that chunk name this import and their row, so they count as created by it.

use std::collections::BTreeSet;

use crate::context::Context;
use crate::domain::ids::{AccountId, PinId};
use crate::domain::import::{
    Ask, ChunkResult, Import, Made, Outcome, Row, RowError, RowResult, Stop, StopReason, Totals,
};
use crate::domain::message::{Disposition, ImportMessage};
use crate::domain::pin::failure::Failure;
use crate::domain::pin::idempotency;
use crate::domain::pin::origin::Origin;
use crate::domain::tenant::WorkspaceState;
use crate::domain::time::SECOND_MS;
use crate::flows::accept::accept_pin::{AcceptError, Acceptance};
use crate::flows::accept::accept_pins::{PublishRequest, accept_pins};
use crate::flows::accept::duplicate_content::{self, Candidate, Verdict};
use crate::flows::boards::board_preflight::Preflights;
use crate::flows::schedules::{self, Created, ScheduleError, ScheduleRequest};
use crate::ports::PortResult;
use crate::telemetry::{self, Metric};

/// A chunk that is begun with less time than this left might be cut off.
const CHUNK_NEEDS_MS: i64 = 20 * SECOND_MS;

/// What a schedule's row needs: its board may have to be checked at a Pinterest that doesn't answer.
const ROW_NEEDS_MS: i64 = 12 * SECOND_MS;

/// Works on the import until it is finished or the time is over.
///
/// # Errors
/// When a port is unavailable; the message is redelivered.
pub async fn work_on_import(context: &Context, message: ImportMessage, ends_at_ms: i64) -> PortResult<Disposition> {
    let key = message.key();
    let Some(import) = context.imports.import(key).await? else {
        // The import was never accepted, or is deleted.
        return Ok(Disposition::Done);
    };
    if import.finished.is_some() || import.stopped.is_some() {
        return Ok(Disposition::Done);
    }
    let results = context.imports.import_results(key).await?;
    let done: BTreeSet<u32> = results.iter().map(|result| result.chunk).collect();
    for chunk in (0..import.chunks).filter(|chunk| !done.contains(chunk)) {
        if ends_at_ms - context.system.monotonic_ms() < CHUNK_NEEDS_MS {
            report_continued(&message, chunk);
            context.queue.send_import(&message).await?;
            return Ok(Disposition::Done);
        }
        // Pins that are accepted in a workspace that is being deleted would stay behind.
        let workspace = context.tenants.workspace(key.workspace).await?;
        if workspace.is_none_or(|workspace| workspace.state != WorkspaceState::Active) {
            return Ok(Disposition::Done);
        }
        let began_at = context.system.now();
        let Some(rows) = context.imports.import_chunk(&import, chunk).await? else {
            stop(context, &import, StopReason::RowsMissing).await?;
            return Ok(Disposition::Done);
        };
        let Some(rows) = work_on_rows(context, &import, rows, ends_at_ms).await? else {
            // Time ran out. The next worker finds what was made of these rows.
            report_continued(&message, chunk);
            context.queue.send_import(&message).await?;
            return Ok(Disposition::Done);
        };
        let result = ChunkResult { chunk, began_at, done_at: context.system.now(), rows };
        context.imports.put_import_result(&import, &result).await?;
    }
    // Read, not added up here: another worker may have written the results of a chunk first.
    let results = context.imports.import_results(key).await?;
    let totals = Totals::of(&results);
    context.imports.finish_import(key, &totals).await?;
    let Totals { created, existing, failed, .. } = totals;
    tracing::info!(
        workspace_id = %key.workspace, import_id = %key.import, created, existing, failed,
        "import finished"
    );
    Ok(Disposition::Done)
}

fn report_continued(message: &ImportMessage, chunk: u32) {
    tracing::info!(
        workspace_id = %message.workspace, import_id = %message.import, chunk,
        "import continues in another invocation"
    );
}

/// Stops the import: it doesn't continue by itself.
pub async fn stop(context: &Context, import: &Import, reason: StopReason) -> PortResult<()> {
    let at = context.system.now();
    context.imports.stop_import(import.key, Some(&Stop { reason, at })).await?;
    telemetry::count(Metric::ImportStopped, 1, Some(reason.code()), at);
    tracing::error!(
        workspace_id = %import.key.workspace, import_id = %import.key.import, error_code = reason.code(),
        "import stopped"
    );
    Ok(())
}

/// The results of the rows; `None` if the time was too short for them.
async fn work_on_rows(
    context: &Context,
    import: &Import,
    mut rows: Vec<Row>,
    ends_at_ms: i64,
) -> PortResult<Option<Vec<RowResult>>> {
    let workspace = import.key.workspace;
    let origin =
        |row: &Row| Origin { by: import.by, import: Some((import.key.import, row.number)), ..Origin::default() };
    let mut verdicts = duplicate_content::judge(context, workspace, &candidates(&rows)).await.into_iter();
    let mut others = Vec::with_capacity(rows.len());
    for row in &mut rows {
        let verdict = if row.ask.request().is_some() { verdicts.next().transpose()? } else { None };
        others.push(other_or_refused(row, verdict));
    }
    let publish_requests = rows.iter().filter_map(|row| match &row.ask {
        Ask::Pin(request) => {
            Some(PublishRequest { request: (**request).clone(), origin: origin(row), not_before: None })
        }
        Ask::Schedule(..) | Ask::Refused(_) => None,
    });
    let mut accepted = accept_pins(context, workspace, publish_requests.collect()).await?.into_iter();
    let (mut results, mut boards) = (Vec::with_capacity(rows.len()), Preflights::default());
    for (row, other) in rows.into_iter().zip(others) {
        let origin = origin(&row);
        if matches!(row.ask, Ask::Schedule(..)) && ends_at_ms - context.system.monotonic_ms() < ROW_NEEDS_MS {
            return Ok(None);
        }
        let outcome = match row.ask {
            Ask::Refused(error) => Outcome::Failed(error),
            Ask::Pin(_) => of_pin(accepted.next(), origin, &import.accounts)?,
            Ask::Schedule(request, run_at) => {
                let asked = ScheduleRequest { request: *request, run_at, origin };
                let made = schedules::create_of_many(context, workspace, asked, &mut boards).await;
                of_schedule(made, origin, &import.accounts)?
            }
        };
        let same_content_as_pin = other.filter(|_| matches!(outcome, Outcome::Created(_)));
        results.push(RowResult { number: row.number, key: row.key, outcome, same_content_as_pin });
    }
    Ok(Some(results))
}

/// The rows that could be read, to be compared with pins of the same content.
pub fn candidates(rows: &[Row]) -> Vec<Candidate<'_>> {
    let readable = rows.iter().filter_map(|row| Some((row, row.ask.request()?)));
    let candidate = |(row, request): (&Row, _)| {
        let is_schedule = matches!(row.ask, Ask::Schedule(..));
        Candidate { request, is_schedule, refuses: row.refuses_duplicates }
    };
    readable.map(candidate).collect()
}

/// The other pin with the row's content. If the row refuses duplicates, it is refused.
pub fn other_or_refused(row: &mut Row, verdict: Option<Verdict>) -> Option<PinId> {
    let message = match verdict? {
        Verdict::Accepted(other) => return other.map(|other| other.pin),
        Verdict::Refused(other) => other.message(),
        Verdict::Twin => "A row before has the same account, board, title, link and image.".to_owned(),
    };
    row.ask = Ask::Refused(RowError::new("duplicate_content", message, &[]));
    None
}

/// The outcome of accepting a row.
fn of_pin(
    accepted: Option<Result<Acceptance, AcceptError>>,
    origin: Origin,
    accounts: &[AccountId],
) -> PortResult<Outcome> {
    Ok(match accepted {
        Some(Ok(Acceptance::New(pin, _))) => Outcome::Created(Made::Pin(pin.key.pin)),
        // Accepted for this very row, by a worker that died before it could record it.
        Some(Ok(Acceptance::Replay(pin, _))) if pin.origin.import == origin.import => {
            Outcome::Created(Made::Pin(pin.key.pin))
        }
        Some(Ok(Acceptance::Replay(pin, _))) => Outcome::Existing(Made::Pin(pin.key.pin)),
        Some(Err(error)) => Outcome::Failed(refusal(error, Some(accounts))?),
        None => Outcome::Failed(RowError::new("internal_error", "The row was not worked on.", &[])),
    })
}

/// The outcome of scheduling a row.
fn of_schedule(created: Result<Created, ScheduleError>, origin: Origin, accounts: &[AccountId]) -> PortResult<Outcome> {
    Ok(match created {
        Ok(Created::New(view)) => Outcome::Created(Made::Schedule(view.schedule.key.schedule)),
        Ok(Created::Replay(view)) if view.schedule.origin.import == origin.import => {
            Outcome::Created(Made::Schedule(view.schedule.key.schedule))
        }
        Ok(Created::Replay(view)) => Outcome::Existing(Made::Schedule(view.schedule.key.schedule)),
        Err(error) => Outcome::Failed(schedule_refusal(error, Some(accounts))?),
    })
}

/// Why scheduling refused the row. The error names no id of an account that `limited_to` leaves out.
pub fn schedule_refusal(error: ScheduleError, limited_to: Option<&[AccountId]>) -> PortResult<RowError> {
    let holder = |id, account| idempotency::holder("schedule", id, account, limited_to);
    let of_time = |text: &str| RowError::new("validation_error", format!("run_at: {text}"), &["run_at"]);
    Ok(match error {
        ScheduleError::KeyReused { existing, account } => {
            let holder = holder(existing, account);
            of_key("idempotency_key_reused", format!("already stands for {holder}, which was asked for otherwise"))
        }
        ScheduleError::KeyOfRemoved { existing, account } => {
            of_key("schedule_removed", format!("stands for {}, which was removed", holder(existing, account)))
        }
        ScheduleError::Past => of_time("The time had passed when the row was worked on"),
        ScheduleError::TooFar => of_time("The time is too far ahead"),
        ScheduleError::TooLate => of_end("The time is not after run_at"),
        ScheduleError::AccountNotFound => refusal(AcceptError::AccountNotFound, limited_to)?,
        ScheduleError::AccountDisconnected => refusal(AcceptError::AccountDisconnected, limited_to)?,
        ScheduleError::Board(obstacle) => {
            RowError::new(obstacle.code(), format!("board_id: {}", obstacle.message()), &["board_id"])
        }
        ScheduleError::Port(error) => return Err(error),
        // Errors of existing schedules, which creating one never meets.
        ScheduleError::NotFound
        | ScheduleError::NotEditable(_)
        | ScheduleError::WrongStatus(_)
        | ScheduleError::MayDuplicate => RowError::new("internal_error", "The row was not worked on.", &[]),
    })
}

fn of_end(text: &str) -> RowError {
    RowError::new("validation_error", format!("publish_before: {text}"), &["publish_before"])
}

fn of_key(code: &str, text: String) -> RowError {
    RowError::new(code, format!("idempotency_key: The key {text}"), &["idempotency_key"])
}

/// Why accepting refused the row. The error names no id of an account that `limited_to` leaves out. An unavailable port
/// is an error, not a reason of the row's.
pub fn refusal(error: AcceptError, limited_to: Option<&[AccountId]>) -> PortResult<RowError> {
    let holder = |id, account| idempotency::holder("pin", id, account, limited_to);
    Ok(match error {
        AcceptError::KeyReused { existing, account } => {
            let holder = holder(existing, account);
            of_key("idempotency_key_reused", format!("already stands for {holder}, which has another payload"))
        }
        AcceptError::KeyOfDeleted { existing, account } => {
            of_key("pin_deleted", format!("stands for {}, which was deleted", holder(existing, account)))
        }
        AcceptError::AccountNotFound => {
            RowError::new("not_found", "account_id: There is no such account in this workspace", &["account_id"])
        }
        AcceptError::AccountDisconnected => {
            let message = "account_id: The account is not connected any more";
            RowError::new(Failure::TokenRevoked.code(), message, &["account_id"])
        }
        AcceptError::TooLate => of_end("The time had passed when the row was worked on"),
        AcceptError::Port(error) => return Err(error),
    })
}
