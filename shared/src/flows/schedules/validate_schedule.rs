//! Validates a schedule without writing anything: its pin's checks, and its own.

use serde_json::json;

use super::{ScheduleError, ScheduleRequest, check_end, check_time, stored};
use crate::context::Context;
use crate::domain::ids::{ScheduleId, ScheduleKey, WorkspaceId};
use crate::domain::pin::PinRequest;
use crate::domain::pin::idempotency::{self, PayloadHash};
use crate::domain::schedule::{Schedule, run_key};
use crate::flows::accept::validate_pin::{self, Check, DryRun, IDEMPOTENCY_KEY, PACING, Validation};
use crate::ports::PortResult;

/// The name of the check of the time.
pub const RUN_AT: &str = "run_at";

/// Checks a request that could be read; nothing is written.
///
/// # Errors
/// When a port is unavailable; never because of the request, the board or Pinterest.
pub async fn validate(
    context: &Context,
    workspace: WorkspaceId,
    asked: &ScheduleRequest,
    dry_run: DryRun<'_>,
) -> PortResult<Validation> {
    let client_key = &asked.request.idempotency_key;
    let schedule = if client_key.is_empty() {
        ScheduleId(context.uuid())
    } else {
        idempotency::schedule_id(workspace, client_key)
    };
    // The schedule's pin has a key of its own.
    let request = PinRequest { idempotency_key: run_key(schedule, 0), ..asked.request.clone() };
    let of_pin = DryRun { run_at: Some(asked.run_at), ..DryRun::default() };
    let mut validation = validate_pin::validate(context, workspace, &request, of_pin).await?;
    // The account's pacing now says nothing about the schedule's time.
    validation.checks.retain(|check| check.name != PACING && check.name != IDEMPOTENCY_KEY);
    validation.existing = None;
    let time = check_time(asked.run_at, context.system.now()).and_then(|()| check_end(&asked.request, asked.run_at));
    validation.checks.push(match time {
        Ok(()) => Check::passed(RUN_AT, "The time is in the future."),
        Err(error @ ScheduleError::TooLate) => {
            Check::failed(RUN_AT, "validation_error", error.to_string(), "Choose a publish_before after run_at.")
        }
        Err(error) => {
            Check::failed(RUN_AT, "validation_error", error.to_string(), "Choose a time from now on, within two years.")
        }
    });
    let key = ScheduleKey { workspace, schedule };
    let existing = if client_key.is_empty() { None } else { stored(context, key).await? };
    validation.checks.push(idempotency_key(existing.as_ref(), asked, dry_run));
    let refuses = dry_run.refuses_duplicates && existing.is_none();
    Ok(if refuses { validation.refusing_duplicates() } else { validation })
}

fn idempotency_key(existing: Option<&Schedule>, asked: &ScheduleRequest, dry_run: DryRun<'_>) -> Check {
    let Some(existing) = existing else {
        let is_without = asked.request.idempotency_key.is_empty();
        let without = "Without a key, sent twice it would be two schedules.";
        return Check::passed(IDEMPOTENCY_KEY, if is_without { without } else { "The key is new." });
    };
    let (id, account) = (existing.key.schedule, existing.request.account);
    let holder = idempotency::holder("schedule", id, account, dry_run.limited_to);
    let check = if existing.removed_at.is_some() {
        let message = format!("The key belongs to {holder}, which was removed.");
        Check::failed(IDEMPOTENCY_KEY, "schedule_removed", message, "Use a new key for a new schedule.")
    } else if existing.payload_hash.same_payload(&PayloadHash::of_schedule(&asked.request, asked.run_at)) {
        Check::passed(IDEMPOTENCY_KEY, "The key belongs to this schedule; the request would be answered with it.")
    } else {
        let message = format!("The key belongs to {holder}, which has other content or another time.");
        Check::failed(IDEMPOTENCY_KEY, "idempotency_key_reused", message, "Use a new key for a new schedule.")
    };
    let is_hidden = dry_run.limited_to.is_some_and(|allowed| !allowed.contains(&account));
    if is_hidden { check } else { check.with("schedule_id", json!(id)) }
}
