//! Which events an entry of a pin's history records.

use super::EventType;
use crate::domain::pin::failure::Failure;
use crate::domain::pin::history::{Event, EventKind};

/// The types of the events that an entry records, in their order. `before` is the entry before it, `failure` the row's
/// at that time.
pub fn types_of(entry: &Event, before: Option<&Event>, failure: Option<Failure>) -> &'static [EventType] {
    use EventType as T;
    match entry.kind {
        EventKind::Deferred => &[T::PinDeferred],
        EventKind::RetryPlanned => &[T::PinRetrying],
        EventKind::AnswerUnknown => &[T::PinOutcomeUnknown],
        EventKind::NotOnPinterest | EventKind::NoneByPerson => &[T::PinOutcomeResolved],
        EventKind::Published => &[T::PinPublished],
        EventKind::Adopted | EventKind::ResolvedByPerson => &[T::PinOutcomeResolved, T::PinPublished],
        EventKind::Failed if ends_an_unknown_outcome(entry, before) => &[T::PinOutcomeResolved, T::PinFailed],
        // By the cancellation of its schedule.
        EventKind::Failed if reason(entry) == Some(Failure::ScheduleCanceled) => &[T::PinCanceled],
        EventKind::Failed => &[T::PinFailed],
        EventKind::Deleted if failure == Some(Failure::PinDeleted) => &[T::PinCanceled],
        EventKind::Deleted
        | EventKind::AttemptStarted
        | EventKind::NotSent
        | EventKind::ReconcileInconclusive
        | EventKind::Retried
        | EventKind::DuplicateFound
        | EventKind::DuplicateRemoved
        | EventKind::Edited
        | EventKind::RemovedFromPinterest
        | EventKind::Superseded
        | EventKind::Undeliverable
        | EventKind::Omitted => &[],
    }
}

/// Why the pin has failed by this entry.
fn reason(failed: &Event) -> Option<Failure> {
    failed.note.as_deref().and_then(Failure::parse)
}

/// Whether the failure is the end of an unknown outcome: a person must decide it, or its Pin is certainly absent.
fn ends_an_unknown_outcome(failed: &Event, before: Option<&Event>) -> bool {
    match reason(failed) {
        Some(failure) if failure.is_left_to_a_person() => true,
        // Pinterest also answers calls with it, and refused calls exhaust the attempts. If the history has dropped the
        // entry before, this one is the oldest that it numbers: the last of its events keeps its number.
        Some(Failure::BoardNotFound | Failure::AttemptsExhausted) => before
            .is_some_and(|before| matches!(before.kind, EventKind::AnswerUnknown | EventKind::ReconcileInconclusive)),
        _ => false,
    }
}

/// How many events an entry records. `before` is the entry before it, `failure` the row's at that time.
pub fn recorded_by(entry: &Event, before: Option<&Event>, failure: Option<Failure>) -> u32 {
    u32::try_from(types_of(entry, before, failure).len()).unwrap_or(u32::MAX)
}

/// The count of a row from before rows counted their events: those that its history still shows.
pub fn counted(history: &[Event], failure: Option<Failure>) -> u32 {
    with_before(history).map(|(entry, before)| recorded_by(entry, before, failure)).sum()
}

/// Each entry with the one before it.
pub fn with_before(history: &[Event]) -> impl Iterator<Item = (&Event, Option<&Event>)> {
    let before = std::iter::once(None).chain(history.iter().map(Some));
    history.iter().zip(before)
}
