//! The timeline of an import as JSON.

use pinbridge_shared::domain::import::timeline::{self, Entry, Facts};
use pinbridge_shared::domain::pin::timeline::By;
use pinbridge_shared::domain::webhook::delivery::Delivery;
use pinbridge_shared::flows::imports::ImportView;
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use super::answers::ImportStatus;
use crate::openapi::schema::{Time, names};
use crate::routes::pins::timeline::EventActor;

names!(
    ImportEventType,
    "What an event of an import is. `rows_done`: some rows have results. `stopped`: the system stopped the import, \
     which can be resumed. `completed`: every row has a result. `task_ended`, `task_waiting`, `task_gone`: a task of \
     Step Functions that waited for the import was ended, could not be ended yet, or was over before.",
    Entry::ALL.map(Entry::name)
);

/// The timeline of an import.
#[derive(Serialize, JsonSchema)]
pub struct ImportTimeline {
    pub import_id: Uuid,
    pub status: ImportStatus,
    /// What came of the rows, in a sentence or two.
    pub summary: String,
    /// The events in order. The first is `submitted`.
    pub events: Vec<ImportEvent>,
}

/// One event of an import.
#[derive(Serialize, JsonSchema)]
pub struct ImportEvent {
    pub at: Time,
    #[serde(rename = "type")]
    pub kind: ImportEventType,
    /// The event as a sentence or a few.
    pub text: String,
    /// Of `submitted`: who submitted the import, if it is known.
    pub by: Option<EventActor>,
}

impl ImportTimeline {
    /// The timeline; `by` submitted the import, and `tasks` waited for it.
    pub fn of(view: &ImportView, by: Option<&By>, tasks: &[Delivery]) -> Self {
        let facts = Facts { import: &view.import, results: &view.results, totals: &view.totals, by, tasks };
        Self {
            import_id: view.import.key.import.0,
            status: ImportStatus(view.status().name()),
            summary: timeline::summary(&facts),
            events: timeline::events(&facts).into_iter().map(ImportEvent::from).collect(),
        }
    }
}

impl From<timeline::Event> for ImportEvent {
    fn from(event: timeline::Event) -> Self {
        Self {
            at: Time(event.at),
            kind: ImportEventType(event.entry.name()),
            text: event.text,
            by: event.by.map(EventActor::from),
        }
    }
}
