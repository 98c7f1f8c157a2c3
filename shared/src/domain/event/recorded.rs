//! Which events an entry of a pin's history records.

use super::EventType;
use crate::domain::pin::failure::Failure;
use crate::domain::pin::history::{Event, EventKind};

/// The types of the events that an entry records, in their order. `failure` is the row's at that time.
pub fn types_of(entry: &Event, failure: Option<Failure>) -> &'static [EventType] {
    use EventType as T;
    let is_open_end = [Failure::OutcomeAmbiguous, Failure::OutcomeUnverifiable]
        .iter()
        .any(|end| entry.note.as_deref() == Some(end.code()));
    match entry.kind {
        EventKind::Deferred => &[T::PinDeferred],
        EventKind::RetryPlanned => &[T::PinRetrying],
        EventKind::AnswerUnknown => &[T::PinOutcomeUnknown],
        EventKind::NotOnPinterest | EventKind::NoneByPerson => &[T::PinOutcomeResolved],
        EventKind::Published => &[T::PinPublished],
        EventKind::Adopted | EventKind::ResolvedByPerson => &[T::PinOutcomeResolved, T::PinPublished],
        EventKind::Failed if is_open_end => &[T::PinOutcomeResolved, T::PinFailed],
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

/// How many events an entry records. `failure` is the row's at that time.
pub fn recorded_by(entry: &Event, failure: Option<Failure>) -> u32 {
    u32::try_from(types_of(entry, failure).len()).unwrap_or(u32::MAX)
}

/// The count of a row from before rows counted their events: those that its history still shows.
pub fn counted(history: &[Event], failure: Option<Failure>) -> u32 {
    history.iter().map(|entry| recorded_by(entry, failure)).sum()
}
