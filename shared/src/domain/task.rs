//! Tasks of Step Functions that wait for the end of a pin or of an import. Whoever has a task's token can end the task,
//! so the token is a secret.

use serde::Deserialize;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::event::pin_events::PinEvent;
use super::event::{EventId, EventType};
use super::ids::{ImportId, PinId, PinKey, WorkspaceId};
use super::import::ImportKey;
use super::pin::LIFETIME_MS;
use super::pin::attempt::Attempt;
use super::secret::Secret;
use super::time::DAY_MS;
use super::webhook::delivery::DeliveryId;
use super::webhook::endpoint::EndpointKey;

/// The longest token, in characters. It is Step Functions' limit.
pub const TASK_TOKEN_MAX: usize = 2_048;
/// So many tasks may wait for one pin, or for one import.
pub const TASKS_MAX: usize = 10;
/// A token is kept for this time, in milliseconds: a pin's longest life, and the time in which its end is delivered. An
/// import ends within minutes, unless it stops.
pub const TOKEN_KEPT_MS: i64 = LIFETIME_MS + 7 * DAY_MS;
/// The longest name of an error, in characters. It is Step Functions' limit.
const ERROR_MAX: usize = 256;
/// Of a token's hash, so many bytes name it.
const ID_BYTES: usize = 16;

/// What a task waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Awaited {
    Pin(PinKey),
    Import(ImportKey),
}

impl Awaited {
    /// The import that is over with an event; `None` for an event that ends no import. `body` is the event's.
    pub fn import_of(workspace: WorkspaceId, event: EventType, body: &str) -> Option<Self> {
        #[derive(Deserialize)]
        struct OfImport {
            import_id: ImportId,
        }
        if !matches!(event, EventType::ImportCompleted | EventType::ImportFailed) {
            return None;
        }
        let OfImport { import_id: import } = serde_json::from_str(body).ok()?;
        Some(Self::Import(ImportKey { workspace, import }))
    }

    /// What it is, in a word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pin(_) => "pin",
            Self::Import(_) => "import",
        }
    }

    pub fn workspace(self) -> WorkspaceId {
        match self {
            Self::Pin(key) => key.workspace,
            Self::Import(key) => key.workspace,
        }
    }

    /// The id of the pin or of the import. No pin has that of an import: both are random, or hashes of different names.
    pub fn id(self) -> Uuid {
        match self {
            Self::Pin(key) => key.pin.0,
            Self::Import(key) => key.import.0,
        }
    }

    pub fn pin(self) -> Option<PinId> {
        match self {
            Self::Pin(key) => Some(key.pin),
            Self::Import(_) => None,
        }
    }

    pub fn import(self) -> Option<ImportId> {
        match self {
            Self::Pin(_) => None,
            Self::Import(key) => Some(key.import),
        }
    }
}

/// Names a token without being one: the beginning of its SHA-256, in lower-case hex.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskTokenId(pub String);

impl TaskTokenId {
    pub fn of(token: &Secret) -> Self {
        let hash = Sha256::digest(token.expose().as_bytes());
        Self(hash.iter().take(ID_BYTES).map(|byte| format!("{byte:02x}")).collect())
    }

    /// The delivery of an event to the task.
    pub fn delivery(&self, endpoint: EndpointKey, event: EventId) -> DeliveryId {
        let own = EventId::derived(endpoint.workspace, &["task", &event.to_string(), &self.0]);
        DeliveryId::of(endpoint, own)
    }
}

/// How a task ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TaskEnd {
    /// The state's output, as JSON.
    Success { output: String },
    /// A name that the state machine catches, and a sentence.
    Failure { error: String, cause: String },
}

/// What Step Functions answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskAnswer {
    Ended,
    /// The token has expired, its task has ended before, or it is no token.
    Gone,
}

/// The events that end a task.
pub const ENDS: [EventType; 5] = [
    EventType::PinPublished,
    EventType::PinFailed,
    EventType::PinCanceled,
    EventType::ImportCompleted,
    EventType::ImportFailed,
];

/// The event that ends the tasks of the pin; `None` while it isn't over. `events` are all that its rows show, in order.
/// Others may follow it, such as a person's decision that a failed pin made no Pin.
pub fn end_event<'a>(attempt: &Attempt, events: &'a [PinEvent]) -> Option<&'a PinEvent> {
    events.iter().rev().find(|event| attempt.status.is_terminal() && ENDS.contains(&event.event))
}

/// How the event ends a task. `body` is the one that webhooks get.
pub fn end_of(event: EventType, body: &str) -> TaskEnd {
    #[derive(Default, Deserialize)]
    struct Failed {
        error_code: Option<String>,
        error_message: Option<String>,
    }
    if matches!(event, EventType::PinPublished | EventType::ImportCompleted) {
        return TaskEnd::Success { output: body.to_owned() };
    }
    let Failed { error_code, error_message } = serde_json::from_str(body).unwrap_or_default();
    let error = error_code.unwrap_or_else(|| event.name().to_owned());
    let error = error.chars().take(ERROR_MAX).collect();
    TaskEnd::Failure { error, cause: error_message.unwrap_or_default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::{occurrence, pin_events};
    use crate::domain::ids::EndpointId;
    use crate::domain::import::{Stop, StopReason, Totals};
    use crate::domain::pin::attempt::Upstream;
    use crate::domain::pin::failure::Failure;
    use crate::domain::testdata;
    use crate::domain::time::Moment;

    #[test]
    fn a_token_has_a_name_that_does_not_show_it() {
        let id = TaskTokenId::of(&Secret::new("AAAAKgAAAAIAAAAAAAAAAQ"));
        assert_eq!(id.0.len(), 32);
        assert_eq!(id, TaskTokenId::of(&Secret::new("AAAAKgAAAAIAAAAAAAAAAQ")));
        assert_ne!(id, TaskTokenId::of(&Secret::new("AAAAKgAAAAIAAAAAAAAAAR")));
        let workspace = WorkspaceId(Uuid::from_u128(1));
        let key = EndpointKey { workspace, endpoint: EndpointId(Uuid::from_u128(2)) };
        let event = EventId(Uuid::from_u128(3));
        assert_ne!(id.delivery(key, event), id.delivery(key, EventId(Uuid::from_u128(4))));
        assert_ne!(id.delivery(key, event), DeliveryId::of(key, event));
    }

    #[test]
    fn a_published_pin_is_a_success_and_any_other_end_a_failure_with_its_code() {
        let body = r#"{"event":"pin.published","error_code":null}"#;
        assert_eq!(end_of(EventType::PinPublished, body), TaskEnd::Success { output: body.to_owned() });
        let body = r#"{"error_code":"image_broken","error_message":"Pinterest could not read the image."}"#;
        let failed = TaskEnd::Failure {
            error: "image_broken".to_owned(),
            cause: "Pinterest could not read the image.".to_owned(),
        };
        assert_eq!(end_of(EventType::PinFailed, body), failed);
        let unnamed = TaskEnd::Failure { error: "pin.canceled".to_owned(), cause: String::new() };
        assert_eq!(end_of(EventType::PinCanceled, "{}"), unnamed);
    }

    #[test]
    fn an_import_with_results_is_a_success_and_one_that_stops_a_failure_with_its_reason() {
        let key = ImportKey::of(WorkspaceId(Uuid::from_u128(1)), "file");
        let totals = Totals { created: 1, failed: 2, done_at: Some(Moment(5)), ..Totals::default() };
        let completed = occurrence::of_import(key, &totals, Moment(9));
        let success = TaskEnd::Success { output: completed.payload.clone() };
        assert_eq!(end_of(completed.event, &completed.payload), success, "a row that fails fails no import");
        let stopped = occurrence::of_import_stop(key, &Stop { reason: StopReason::RowsMissing, at: Moment(5) });
        let failure = TaskEnd::Failure {
            error: "import_rows_missing".to_owned(),
            cause: StopReason::RowsMissing.message().to_owned(),
        };
        assert_eq!(end_of(stopped.event, &stopped.payload), failure);
        for end in [&completed, &stopped] {
            assert!(ENDS.contains(&end.event));
            assert_eq!(Awaited::import_of(key.workspace, end.event, &end.payload), Some(Awaited::Import(key)));
        }
        assert_eq!(Awaited::import_of(key.workspace, EventType::PinPublished, &completed.payload), None);
        assert_eq!(Awaited::import_of(key.workspace, EventType::ImportCompleted, "{}"), None);
    }

    #[test]
    fn only_the_end_of_a_pin_that_is_over_ends_its_tasks() {
        let (pin, nothing) = (testdata::pin(), Upstream::default());
        let later = |ms| Moment(pin.created_at.0 + ms);
        let end = |attempt: &Attempt| end_event(attempt, &pin_events::of(&pin, attempt)).map(|event| event.event);
        let begun = Attempt::untouched(&pin).begin(later(1), "b".into()).expect("begins");
        assert_eq!(end(&begun), None);
        let failed = begun.failed(later(2), Failure::ImageBroken, &nothing, &pin, "f".into()).expect("legal");
        assert_eq!(end(&failed), Some(EventType::PinFailed));
        let retried = failed.retried(later(3), None, "r".into()).expect("legal");
        assert_eq!(end(&retried), None, "it may be published yet");
        let published = retried
            .begin(later(4), "b".into())
            .and_then(|a| a.published(later(5), "9".into(), &nothing, &pin, "p".into()))
            .expect("legal");
        assert_eq!(end(&published), Some(EventType::PinPublished));
        let left = begun.failed(later(2), Failure::OutcomeAmbiguous, &nothing, &pin, "f".into()).expect("legal");
        let none = left.none_by_person(later(3), 0, "n".into()).expect("legal");
        assert_eq!(end(&none), Some(EventType::PinFailed), "it is over, whatever is said of it afterwards");
    }
}
