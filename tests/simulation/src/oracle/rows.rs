//! What must hold of every write of a pin's row.

use std::sync::{Mutex, PoisonError};

use pinbridge_shared::domain::pin::attempt::{Attempt, Status};
use pinbridge_shared::domain::pin::failure::Failure;
use pinbridge_shared::domain::pin::history::EventKind;
use pinbridge_shared::domain::pin::{Pin, WaitReason};
use pinbridge_shared::domain::time::{MINUTE_MS, Moment};

use super::{Violations, Wrong, report, story};
use crate::provider::ImageRefusals;

/// A process may stand still for this long between an answer and the record of it.
const STANDS_STILL_MS: i64 = 15 * MINUTE_MS;
/// A pin's image may be refused this often: at the first attempt and those that follow, and a few whose process lost
/// its fence.
const IMAGE_REFUSALS_MAX: u32 = 6 + 2;

/// The 429 that this write records: when the attempt was announced that it answered; or, of a reading, the moment
/// before which it wasn't made.
pub(super) fn heard_429(before: &Attempt, after: &Attempt) -> Option<Moment> {
    let is_answer = before.status == Status::Publishing && after.rev == before.rev + 1;
    let last = after.history.last().filter(|_| is_answer)?;
    let is_of_reading =
        last.kind == EventKind::ReconcileInconclusive && last.note.as_deref() == Some(Failure::RateLimited.code());
    if is_of_reading {
        return Some(last.at.plus_ms(-STANDS_STILL_MS));
    }
    before.started_at.filter(|_| last.status == Some(429))
}

/// Counts the refusals of a pin's image from one retry or edit by its client to the next.
pub(super) fn watch_images(violations: &Violations, refusals: &Mutex<ImageRefusals>, pin: &Pin, after: &Attempt) {
    let owner = &pin.request.idempotency_key;
    let mut refusals = refusals.lock().unwrap_or_else(PoisonError::into_inner);
    match after.history.last().map(|event| event.kind) {
        Some(EventKind::AttemptStarted) => refusals.begins(owner),
        Some(EventKind::Retried | EventKind::Edited) => refusals.reset(owner),
        Some(EventKind::AnswerUnknown) if refusals.is_pending(owner) => {
            refusals.begins(owner);
            let text = format!("{owner} is unknown, and was refused for its image: {}", story(after));
            report(violations, Wrong::Untrue, text);
        }
        Some(_) if refusals.answered(owner) > IMAGE_REFUSALS_MAX => {
            report(violations, Wrong::Endless, format!("{owner} is tried on and on for its image: {}", story(after)));
        }
        _ => {}
    }
}

fn records_duplicate_check(attempt: &Attempt) -> bool {
    let last = attempt.history.last().map(|event| event.kind);
    matches!(last, Some(EventKind::DuplicateFound | EventKind::DuplicateRemoved))
}

/// Whether the last event is an edit or a deletion, which is never allowed while the pin is being published.
fn records_owner_change(before: &Attempt, after: &Attempt) -> bool {
    match after.history.last().map(|event| event.kind) {
        Some(EventKind::Edited) => {
            after.edit == before.edit + 1 && matches!(before.status, Status::Queued | Status::Deferred | Status::Failed)
        }
        Some(EventKind::Deleted) => before.status.is_terminal(),
        _ => false,
    }
}

/// Checks every write of an attempt row.
pub(super) fn watch(violations: &Violations, pin: &Pin, before: &Attempt, after: &Attempt) {
    use Status as S;
    let key = &pin.request.idempotency_key;
    let is_legal = matches!(
        (before.status, after.status),
        (S::Queued | S::Deferred, S::Publishing | S::Deferred | S::Failed)
            | (S::Publishing, _)
            | (S::Failed, S::Queued | S::Deferred)
    ) || (before.status == after.status && before.orphan_pin_id != after.orphan_pin_id)
        || (before.status == S::Failed && after.status == S::Failed && !before.is_superseded && after.is_superseded)
        || (before.status == after.status && records_owner_change(before, after))
        || (before.status == S::Published && after.status == S::Published && records_duplicate_check(after));
    let is_ahead = after.rev == before.rev + 1
        && after.attempt >= before.attempt
        && after.generation >= before.generation
        && after.attempt_base >= before.attempt_base;
    if !is_legal || !is_ahead {
        report(violations, Wrong::Illegal, format!("{key}: {:?} -> {:?}", before.status, after.status));
    }
    let begins = after.attempt > before.attempt;
    // A hold ends when a refresh succeeds or a user connects the account. The pins that waited for it are then sent at
    // once.
    if begins && pin.not_before().is_some_and(|due| after.started_at.is_none_or(|started| started < due)) {
        report(violations, Wrong::Early, format!("{key} began at {:?}, before its time", after.started_at));
    }
    let was_held = before.wait.is_some_and(WaitReason::is_hold);
    if begins && !was_held && before.not_before.is_some_and(|at| after.started_at.is_none_or(|started| started < at)) {
        let text = format!("{key} began at {:?}, before {:?}", after.started_at, before.not_before);
        report(violations, Wrong::Early, text);
    }
}
