//! Works on an import, chunk by chunk. Each chunk's results are written once.
//!
//! When a worker dies, the next one begins with the first chunk that has no results. The pins that the dead worker
//! accepted from that chunk name this import and their row, so they count as created by it.

use std::collections::BTreeSet;

use crate::context::Context;
use crate::domain::ids::{AccountId, PinId};
use crate::domain::import::{
    Ask, ChunkResult, Import, Made, NamedBoard, Outcome, Row, RowError, RowResult, Stop, StopReason, Totals,
};
use crate::domain::message::{Disposition, ImportMessage};
use crate::domain::pin::failure::Failure;
use crate::domain::pin::idempotency;
use crate::domain::pin::image_url;
use crate::domain::pin::origin::{Actor, Origin};
use crate::domain::tenant::WorkspaceState;
use crate::domain::time::SECOND_MS;
use crate::flows::accept::accept_pin::{AcceptError, Acceptance};
use crate::flows::accept::duplicate_content::Duplicate;
use crate::flows::accept::submit_pins::{self, Refusal, Submission, submit_pins};
use crate::flows::boards::resolve_boards::{Found, Unfit};
use crate::flows::schedules::submit_schedule::{self, Shared, submit_schedule};
use crate::flows::schedules::{Created, ScheduleError, ScheduleRequest};
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
///
/// # Errors
/// When the table is unavailable.
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
    rows: Vec<Row>,
    ends_at_ms: i64,
) -> PortResult<Option<Vec<RowResult>>> {
    let workspace = import.key.workspace;
    let origin =
        |row: &Row| Origin { by: import.by, import: Some((import.key.import, row.number)), ..Origin::default() };
    let submission = |row: &Row| match &row.ask {
        Ask::Pin(request) => {
            let (request, refuses_duplicates) = ((**request).clone(), row.refuses_duplicates);
            Some(Submission { request, origin: origin(row), refuses_duplicates })
        }
        Ask::Schedule(..) | Ask::Refused(_) => None,
    };
    let submissions = rows.iter().filter_map(submission).collect();
    let mut submitted = submit_pins(context, workspace, submissions).await?.into_iter();
    let (mut results, mut shared) = (Vec::with_capacity(rows.len()), Shared::new(context));
    let mut caller = Submitter { context, import, limited_to: None };
    for row in rows {
        let origin = origin(&row);
        let (run_at, now) = (row.ask.run_at(), context.system.now());
        let image = row.ask.request().and_then(|request| image_url::problem_of(request, run_at, now));
        if matches!(row.ask, Ask::Schedule(..)) && ends_at_ms - context.system.monotonic_ms() < ROW_NEEDS_MS {
            return Ok(None);
        }
        let done = match row.ask {
            Ask::Refused(error) => Done::failed(error),
            Ask::Pin(_) => of_pin(submitted.next(), origin, &mut caller).await?,
            Ask::Schedule(request, run_at) => {
                let asked = ScheduleRequest { request: *request, run_at, origin };
                let submission = submit_schedule::Submission { asked, refuses_duplicates: row.refuses_duplicates };
                let made = submit_schedule(context, workspace, submission, &mut shared).await;
                of_schedule(made, origin, &import.accounts)?
            }
        };
        let Done { outcome, other, board } = done;
        let is_new = matches!(outcome, Outcome::Created(_));
        let (same_content_as_pin, image) = (other.filter(|_| is_new), image.filter(|_| is_new));
        results.push(RowResult { number: row.number, key: row.key, outcome, same_content_as_pin, board, image });
    }
    Ok(Some(results))
}

/// The result of a row.
struct Done {
    outcome: Outcome,
    /// Another pin with its content.
    other: Option<PinId>,
    /// The board that its name meant.
    board: Option<NamedBoard>,
}

impl Done {
    fn failed(error: RowError) -> Self {
        Self { outcome: Outcome::Failed(error), other: None, board: None }
    }

    fn of(outcome: Outcome, other: Option<&Duplicate>, board: Found) -> Self {
        let board = board.name.map(|name| NamedBoard { id: board.id, name });
        Self { outcome, other: other.map(|other| other.pin), board }
    }
}

/// Whoever submitted the import, whose allow-list counts where a row leads to another account.
struct Submitter<'a> {
    context: &'a Context,
    import: &'a Import,
    /// Their allow-list, once it was read.
    limited_to: Option<Option<Vec<AccountId>>>,
}

impl Submitter<'_> {
    /// Whether they may see pins of the account. Their own rows show that they may use the import's.
    async fn sees(&mut self, account: AccountId) -> PortResult<bool> {
        if self.import.accounts.contains(&account) {
            return Ok(true);
        }
        if self.limited_to.is_none() {
            self.limited_to = Some(self.allow_list().await?);
        }
        let allowed = self.limited_to.as_ref().and_then(Option::as_ref);
        Ok(allowed.is_none_or(|allowed| allowed.contains(&account)))
    }

    async fn allow_list(&self) -> PortResult<Option<Vec<AccountId>>> {
        let Some(Actor::Key(id)) = self.import.by else { return Ok(None) };
        let key = self.context.tenants.api_key(self.import.key.workspace, id).await?;
        // A key that is gone sees nothing.
        Ok(key.map_or(Some(Vec::new()), |key| key.allowed))
    }
}

/// The error of a row whose content another pin has.
pub fn duplicate(other: &Duplicate) -> RowError {
    RowError::new("duplicate_content", other.message(), &[])
}

/// The error of a row whose content a row before it has.
pub fn twin() -> RowError {
    RowError::new("duplicate_content", "A row before has the same account, board, title, link and image.", &[])
}

/// The error of a row whose board it can't be published to.
pub fn unfit(unfit: &Unfit) -> RowError {
    RowError::new(unfit.code(), format!("board_id: {}", unfit.message()), &["board_id"])
}

/// The result of a row for a pin.
async fn of_pin(
    submitted: Option<submit_pins::Answer>,
    origin: Origin,
    caller: &mut Submitter<'_>,
) -> PortResult<Done> {
    let accounts = &caller.import.accounts;
    let submitted = match submitted {
        Some(Ok(submitted)) => submitted,
        Some(Err(refused)) => {
            let error = match refused {
                Refusal::Board(board) => unfit(&board),
                Refusal::Duplicate(other) => duplicate(&other),
                Refusal::Twin => twin(),
                Refusal::Accept(error) => refusal(error, Some(accounts))?,
            };
            return Ok(Done::failed(error));
        }
        None => {
            return Ok(Done::failed(RowError::new("internal_error", "The row was not worked on.", &[])));
        }
    };
    let outcome = match submitted.acceptance {
        Acceptance::New(pin, _) => Outcome::Created(Made::Pin(pin.key.pin)),
        // Accepted for this very row, by a worker that died before it could record it.
        Acceptance::Replay(pin, _) if pin.origin.import == origin.import => Outcome::Created(Made::Pin(pin.key.pin)),
        Acceptance::Replay(pin, _) if caller.sees(pin.request.account).await? => {
            Outcome::Existing(Made::Pin(pin.key.pin))
        }
        // A retry has sent it to an account that the import's caller doesn't see.
        Acceptance::Replay(pin, _) => {
            let (existing, account) = (pin.key.pin, pin.request.account);
            Outcome::Failed(refusal(AcceptError::KeyReused { existing, account }, Some(&caller.import.accounts))?)
        }
    };
    Ok(Done::of(outcome, submitted.duplicate.as_ref(), submitted.board))
}

/// The result of a row for a schedule.
fn of_schedule(
    submitted: Result<submit_schedule::Submitted, submit_schedule::Refusal>,
    origin: Origin,
    accounts: &[AccountId],
) -> PortResult<Done> {
    use submit_schedule::Refusal;
    let submitted = match submitted {
        Ok(submitted) => submitted,
        Err(refused) => {
            let error = match refused {
                Refusal::Board(board) => unfit(&board),
                Refusal::Duplicate(other) => duplicate(&other),
                Refusal::Create(error) => schedule_refusal(error, Some(accounts))?,
            };
            return Ok(Done::failed(error));
        }
    };
    let outcome = match submitted.created {
        Created::New(view) => Outcome::Created(Made::Schedule(view.schedule.key.schedule)),
        Created::Replay(view) if view.schedule.origin.import == origin.import => {
            Outcome::Created(Made::Schedule(view.schedule.key.schedule))
        }
        Created::Replay(view) => Outcome::Existing(Made::Schedule(view.schedule.key.schedule)),
    };
    Ok(Done::of(outcome, submitted.duplicate.as_ref(), submitted.board))
}

/// Why scheduling refused the row. The error names no id of an account that `limited_to` leaves out.
///
/// # Errors
/// When scheduling failed because a port is unavailable: that is no reason of the row's.
pub fn schedule_refusal(error: ScheduleError, limited_to: Option<&[AccountId]>) -> PortResult<RowError> {
    let holder = |id, account| idempotency::holder("schedule", id, account, limited_to);
    Ok(match error {
        ScheduleError::KeyReused { existing, account } => {
            let holder = holder(existing, account);
            of_key("idempotency_key_reused", format!("belongs to {holder}, which has other content or another time"))
        }
        ScheduleError::KeyOfRemoved { existing, account } => {
            of_key("schedule_removed", format!("belongs to {}, which was removed", holder(existing, account)))
        }
        ScheduleError::Past => of_time("The time had passed when the row was worked on"),
        ScheduleError::TooFar => of_time("The time is too far ahead"),
        ScheduleError::TooLate => of_end("The time is less than a second after run_at"),
        ScheduleError::AccountNotFound => refusal(AcceptError::AccountNotFound, limited_to)?,
        ScheduleError::AccountDisconnected => refusal(AcceptError::AccountDisconnected, limited_to)?,
        ScheduleError::Board(obstacle) => {
            RowError::new(obstacle.code(), format!("board_id: {}", obstacle.message()), &["board_id"])
        }
        ScheduleError::Port(error) => return Err(error),
        // Errors of existing schedules, which creating one never meets.
        ScheduleError::NotFound
        | ScheduleError::NotEditable(_)
        | ScheduleError::TimeSettled
        | ScheduleError::WrongStatus(_)
        | ScheduleError::CameTooLate
        | ScheduleError::MayDuplicate => RowError::new("internal_error", "The row was not worked on.", &[]),
    })
}

/// The error of a row for its `run_at`.
pub fn of_time(text: &str) -> RowError {
    RowError::new("validation_error", format!("run_at: {text}"), &["run_at"])
}

/// The error of a row for its `publish_before`.
pub fn of_end(text: &str) -> RowError {
    RowError::new("validation_error", format!("publish_before: {text}"), &["publish_before"])
}

fn of_key(code: &str, text: String) -> RowError {
    RowError::new(code, format!("idempotency_key: The key {text}"), &["idempotency_key"])
}

/// Why accepting refused the row. The error names no id of an account that `limited_to` leaves out.
///
/// # Errors
/// When accepting failed because a port is unavailable: that is no reason of the row's.
pub fn refusal(error: AcceptError, limited_to: Option<&[AccountId]>) -> PortResult<RowError> {
    let holder = |id, account| idempotency::holder("pin", id, account, limited_to);
    Ok(match error {
        AcceptError::KeyReused { existing, account } => {
            let holder = holder(existing, account);
            of_key("idempotency_key_reused", format!("belongs to {holder}, which has other content"))
        }
        AcceptError::KeyOfDeleted { existing, account } => {
            of_key("pin_deleted", format!("belongs to {}, which was deleted", holder(existing, account)))
        }
        AcceptError::AccountNotFound => {
            RowError::new("not_found", "account_id: There is no such account in this workspace", &["account_id"])
        }
        AcceptError::AccountDisconnected => {
            let message = "account_id: The account is not connected any more";
            RowError::new(Failure::TokenRevoked.code(), message, &["account_id"])
        }
        AcceptError::TooLate => of_end("The time had passed, or left no second to start, when the row was worked on"),
        AcceptError::Port(error) => return Err(error),
    })
}
