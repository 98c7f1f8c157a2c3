//! The timeline of a schedule as JSON.

use pinbridge_shared::domain::pin::attempt::Status;
use pinbridge_shared::domain::pin::timeline::{By, created_on_pinterest_at};
use pinbridge_shared::domain::schedule::edits::Change;
use pinbridge_shared::domain::schedule::timeline::{self, Entry, Facts};
use pinbridge_shared::flows::schedules::ScheduleView;
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use super::answers::ScheduleStatus;
use crate::openapi::schema::{Time, names};
use crate::routes::pins::timeline::{EventActor, PublishedAtSource};

names!(
    ScheduleEventType,
    "What an event of a schedule is. `changed`: a caller changed it before it was handed over; the last five changes are \
     kept. (From then on a change is one of its pin, whose timeline has it.) \
     `released`: the schedule was handed over, shortly before its time. `started`: the first attempt to publish its pin \
     began. `failed`: the schedule, or its pin, failed.",
    Entry::ALL.map(Entry::name)
);

/// The timeline of a schedule.
#[derive(Serialize, JsonSchema)]
pub struct ScheduleTimeline {
    pub schedule_id: Uuid,
    pub status: ScheduleStatus,
    /// Whether the pin of the schedule is published, and what explains it, in a sentence or two.
    pub summary: String,
    pub run_at: Time,
    /// The id of the pin, whose own timeline says more. Set when the schedule is released.
    pub pin_id: Option<Uuid>,
    /// When this system learned that Pinterest has the Pin. `published_at_source` says from what.
    pub published_at: Option<Time>,
    /// `answer` if Pinterest answered with the Pin, `board` if that answer was lost and the Pin was found on its board,
    /// `person` if a person decided which Pin it is: Pinterest then created it earlier than `published_at`.
    pub published_at_source: Option<PublishedAtSource>,
    /// Of a Pin that was found, when Pinterest created it, to the second, if the board showed that.
    pub created_on_pinterest_at: Option<Time>,
    /// The events in order. The first is `created`.
    pub events: Vec<ScheduleEvent>,
}

/// One event of a schedule.
#[derive(Serialize, JsonSchema)]
pub struct ScheduleEvent {
    pub at: Time,
    #[serde(rename = "type")]
    pub kind: ScheduleEventType,
    /// The event as a sentence or a few.
    pub text: String,
    /// Of `created`, `changed` and `canceled`: who did it, if it is known.
    pub by: Option<EventActor>,
    /// Of `changed`, the fields that were changed. Not recorded by earlier versions.
    pub changed_fields: Option<Vec<&'static str>>,
    /// The pin of the present run, of events about it.
    pub pin_id: Option<Uuid>,
}

impl ScheduleTimeline {
    /// The timeline; `by` created the schedule, and `canceled_by` canceled it. `changes` are those of its row, with who
    /// made them.
    pub fn of(
        view: &ScheduleView,
        by: Option<&By>,
        changes: &[(Change, Option<By>)],
        canceled_by: Option<&By>,
    ) -> Self {
        let facts = Facts {
            schedule: &view.schedule,
            pin: view.pin.as_ref(),
            status: view.status(),
            late_by_ms: view.late_by_ms(),
            late_cause: view.late_cause(),
            by,
            changes,
            canceled_by,
        };
        let attempt = view.pin.as_ref().map(|(_, attempt)| attempt);
        let published = attempt.filter(|attempt| attempt.status == Status::Published);
        let pin = view.pin.as_ref().filter(|(pin, _)| pin.hidden_at.is_none());
        Self {
            schedule_id: view.schedule.key.schedule.0,
            status: ScheduleStatus(view.status().name()),
            summary: timeline::summary(&facts),
            run_at: Time(view.schedule.run_at),
            pin_id: pin.map(|(pin, _)| pin.key.pin.0),
            published_at: published.and_then(|attempt| attempt.finished_at).map(Time),
            published_at_source: published.map(PublishedAtSource::from),
            created_on_pinterest_at: published.and_then(created_on_pinterest_at).map(Time),
            events: timeline::events(&facts).into_iter().map(ScheduleEvent::from).collect(),
        }
    }
}

impl From<timeline::Event> for ScheduleEvent {
    fn from(event: timeline::Event) -> Self {
        Self {
            at: Time(event.at),
            kind: ScheduleEventType(event.entry.name()),
            text: event.text,
            by: event.by.map(EventActor::from),
            changed_fields: event.changed_fields,
            pin_id: event.pin.map(|pin| pin.0),
        }
    }
}
