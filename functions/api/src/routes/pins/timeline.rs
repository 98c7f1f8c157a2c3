//! The timeline of a pin. Jobs, which are the hosted API's second name for pins.

use std::borrow::Cow;

use axum::Json;
use axum::extract::{Path, State};
use pinbridge_shared::context::Context;
use pinbridge_shared::domain::pin::attempt::{Attempt, Status};
use pinbridge_shared::domain::pin::history::EventKind;
use pinbridge_shared::domain::pin::sentences::summary::{Facts, summary};
use pinbridge_shared::domain::pin::{PinRequest, candidate, lateness, origin, sentences, timeline};
use pinbridge_shared::domain::time::{Moment, SECOND_MS};
use pinbridge_shared::domain::webhook::delivery::{Delivery, Source};
use pinbridge_shared::flows::pins::name_actors::name_actors;
use pinbridge_shared::flows::pins::read_pins::PinView;
use pinbridge_shared::flows::webhooks::of_pin::deliveries_of_pin;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;
use uuid::Uuid;

use super::candidate::Candidate;
use super::pin::{ActorType, PinErrorCode, PinStatus, code, message};
use super::{find, of_pin};
use crate::auth::Caller;
use crate::endpoint::{Endpoint, READ, get};
use crate::error::ApiError;
use crate::error::codes::PIN_GONE;
use crate::openapi::guide;
use crate::openapi::schema::{Time, names};
use crate::routes::examples::PIN;

pub fn timeline_endpoint() -> Endpoint {
    of_pin(get("/v1/pins/{id}/timeline", READ, timeline))
        .operation("get_pin_timeline", "Read the timeline of a pin")
        .about(
            "Lists the events of a pin in order, and the next action. Events say what held the pin at that time; \
             `error_code` and `next` say what holds it now. `summary` and each event's `text` are sentences for a reply \
             to a customer: plain English, with times in UTC.",
        )
        .answers::<Timeline>(200, "The events of the pin, and its next step.")
}

pub fn job_endpoint() -> Endpoint {
    get("/v1/jobs/{id}", READ, job)
        .operation("get_job", "Read the status of a job")
        .about("A job is the short form of a pin. The id of a job is the id of its pin.")
        .of_one("The id of the pin.", PIN)
        .fails(&[PIN_GONE])
        .answers::<JobStatus>(200, "The job.")
}

/// A job: the short form of a pin.
#[derive(Serialize, JsonSchema)]
pub struct JobStatus {
    pub job_id: Uuid,
    pub pin_id: Uuid,
    pub status: PinStatus,
    pub submitted_at: Time,
    pub completed_at: Option<Time>,
    pub pinterest_pin_id: Option<String>,
    pub error_code: Option<PinErrorCode>,
    pub error_message: Option<String>,
    /// Extension: the number of attempts to publish.
    pub attempts: u32,
    /// Extension: the time of the next action, if it is known.
    pub next_at: Option<Time>,
}

impl From<PinView> for JobStatus {
    fn from(PinView { pin, attempt, blocker, next }: PinView) -> Self {
        Self {
            job_id: pin.key.pin.0,
            pin_id: pin.key.pin.0,
            status: PinStatus(attempt.status.name()),
            submitted_at: Time(pin.created_at),
            completed_at: attempt.finished_at.map(Time),
            error_code: code(blocker),
            error_message: message(blocker, &attempt),
            pinterest_pin_id: attempt.pinterest_pin_id,
            attempts: attempt.attempt,
            next_at: next.at.map(Time),
        }
    }
}

/// The timeline of a pin.
#[derive(Serialize, JsonSchema)]
pub struct Timeline {
    pub pin_id: Uuid,
    pub job_id: Uuid,
    pub account_id: Uuid,
    pub status: PinStatus,
    /// Extension: whether the pin is published, and what explains it, in a sentence or two.
    pub summary: String,
    pub attempts: u32,
    /// The number of attempts that count toward the limit.
    pub attempts_spent: u32,
    pub pinterest_pin_id: Option<String>,
    /// Extension: the address of the Pin. `null` if there is none, and in a sandbox, whose Pins don't exist.
    pub pinterest_url: Option<String>,
    /// Extension: when this system learned that Pinterest has the Pin. `published_at_source` says from what.
    pub published_at: Option<Time>,
    /// Extension: `answer` if Pinterest answered with the Pin, `board` if that answer was lost and the Pin was found on
    /// its board, `person` if a person decided which Pin it is: Pinterest then created it earlier than `published_at`.
    pub published_at_source: Option<PublishedAtSource>,
    /// Extension: of a Pin that was found, when Pinterest created it, to the second, if the board showed that.
    pub created_on_pinterest_at: Option<Time>,
    pub error_code: Option<PinErrorCode>,
    pub error_message: Option<String>,
    /// Extension: what you can do about the error.
    pub error_remediation: Option<&'static str>,
    /// Extension: of a pin that failed with `outcome_ambiguous`, the Pins on its board that could be this one, at most
    /// ten. Absent otherwise. `POST /v1/pins/{id}/resolve` takes the decision.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub candidates: Option<Vec<Candidate>>,
    /// Extension: the id of a second Pin on Pinterest with the same content.
    pub duplicate_pin_id: Option<String>,
    /// Extension: the time at which the pin was to start, if its schedule set one.
    pub due_at: Option<Time>,
    /// Extension: no attempt starts at this time or later.
    pub publish_before: Option<Time>,
    /// Extension: the seconds from `due_at` to the start of the first attempt. `null` below one second.
    pub late_by_seconds: Option<f64>,
    /// Extension: what took most of the delay of a pin that started late, or that failed with `too_late`.
    pub late_cause: Option<LateCause>,
    /// Extension: the events in order. The first is `accepted`.
    pub events: Vec<TimelineEvent>,
    /// Extension: the next step.
    pub next: NextStep,
}

impl Timeline {
    /// The timeline with these events.
    fn of(
        view: PinView,
        events: Vec<timeline::TimelineEvent>,
        candidates: Vec<candidate::Candidate>,
        quiesce_ms: i64,
        now: Moment,
    ) -> Self {
        let PinView { pin, attempt, blocker, next } = view;
        let failed = timeline::last_of(&events, &[EventKind::Failed]);
        let words = failed.and_then(|event| event.upstream_message.as_deref());
        let subject = failed.and_then(|event| event.subject.as_deref());
        let decided = timeline::last_of(&events, &[EventKind::ResolvedByPerson, EventKind::NoneByPerson]);
        let facts = Facts {
            pin: &pin,
            attempt: &attempt,
            blocker,
            next: &next,
            words,
            subject,
            decided_by: decided.and_then(|event| event.by.as_ref()),
            candidates: &candidates,
            quiesce_ms,
            now,
        };
        let summary = summary(&facts);
        let is_published = attempt.status == Status::Published;
        let id_on_pinterest = attempt.pinterest_pin_id.as_ref().filter(|_| !pin.request.account.is_simulated());
        Self {
            pin_id: pin.key.pin.0,
            job_id: pin.key.pin.0,
            account_id: pin.request.account.0,
            status: PinStatus(attempt.status.name()),
            summary,
            attempts: attempt.attempt,
            attempts_spent: attempt.attempts_spent(),
            pinterest_url: id_on_pinterest.map(|id| format!("https://www.pinterest.com/pin/{id}/")),
            published_at: attempt.finished_at.filter(|_| is_published).map(Time),
            published_at_source: is_published.then(|| PublishedAtSource::from(&attempt)),
            created_on_pinterest_at: timeline::created_on_pinterest_at(&attempt).map(Time),
            error_code: code(blocker),
            error_message: message(blocker, &attempt),
            error_remediation: blocker.map(|blocker| blocker.remedy(attempt.status)),
            candidates: Candidate::all(&pin.request, candidates),
            due_at: pin.due_at.map(Time),
            publish_before: pin.request.publish_before.map(Time),
            late_by_seconds: lateness::late_by_ms(&pin, &attempt).map(|late_ms| late_ms as f64 / SECOND_MS as f64),
            late_cause: attempt.late_cause.map(LateCause::from),
            events: events.into_iter().map(|event| TimelineEvent::of(&pin.request, event)).collect(),
            next: next.into(),
            pinterest_pin_id: attempt.pinterest_pin_id,
            duplicate_pin_id: attempt.duplicate_pin_id,
        }
    }
}

names!(PublishedAtSource, "How this system learned that Pinterest has the Pin.", ["answer", "board", "person"]);

impl From<&Attempt> for PublishedAtSource {
    /// Of a published pin.
    fn from(attempt: &Attempt) -> Self {
        Self(if timeline::was_found(attempt) {
            "board"
        } else if timeline::was_decided(attempt) {
            "person"
        } else {
            "answer"
        })
    }
}

names!(LateCause, "What made a pin late.", lateness::LateCause::ALL.map(lateness::LateCause::name));

impl From<lateness::LateCause> for LateCause {
    fn from(cause: lateness::LateCause) -> Self {
        Self(cause.name())
    }
}

/// What an event is. The schema explains each.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(transparent)]
pub struct EventType(pub &'static str);

impl JsonSchema for EventType {
    fn schema_name() -> Cow<'static, str> {
        "PinEventType".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let events = guide::events();
        let names: Vec<&str> = events.iter().map(|(name, _)| *name).collect();
        let means: Vec<String> = events.iter().map(|(name, means)| format!("`{name}`: {means}")).collect();
        let description = means.join(" ");
        json_schema!({"type": "string", "description": description, "enum": names})
    }
}

/// Who caused an event.
#[derive(Serialize, JsonSchema)]
pub struct EventActor {
    #[serde(rename = "type")]
    pub kind: ActorType,
    /// The id of the key or the person. Of a change, a retry and a decision, its first eight digits, if the key or the
    /// person is gone or has no name.
    pub id: String,
    /// The name of the key or the person. `null` if it has none, or if the key or the person is gone. (An export leaves
    /// it out.)
    pub name: Option<String>,
}

impl From<timeline::By> for EventActor {
    fn from(by: timeline::By) -> Self {
        let kind = ActorType(if by.is_key() { "api_key" } else { "user" });
        Self { kind, id: by.id(), name: by.name }
    }
}

/// Where an accepted pin came from.
#[derive(Serialize, JsonSchema)]
pub struct EventOrigin {
    pub schedule_id: Option<Uuid>,
    /// The run of the schedule, from 0: the number of its pins before this one. A retry publishes the same pin again,
    /// unless it is gone.
    pub schedule_run: Option<u32>,
    pub import_id: Option<Uuid>,
    /// The number of the row in the import, from 1.
    pub import_row: Option<u32>,
    /// The `x-request-id` of the request that submitted the pin. `null` for pins of schedules and imports, and for
    /// those that earlier versions accepted.
    pub request_id: Option<String>,
    /// The pin with the same content that the answer warned of (`duplicate_content`). `null` if it did not warn, and
    /// for the pins of schedules and of earlier versions.
    pub duplicate_pin_id: Option<Uuid>,
}

impl From<origin::Origin> for EventOrigin {
    fn from(origin: origin::Origin) -> Self {
        Self {
            schedule_id: origin.schedule.map(|(id, _)| id.0),
            schedule_run: origin.schedule.map(|(_, run)| run),
            import_id: origin.import.map(|(id, _)| id.0),
            import_row: origin.import.map(|(_, row)| row),
            request_id: origin.request.map(|id| id.as_str().to_owned()),
            duplicate_pin_id: origin.twin.map(|pin| pin.0),
        }
    }
}

/// A delivery of an event of the pin to a webhook.
#[derive(Serialize, JsonSchema)]
pub struct EventDelivery {
    pub webhook_id: Uuid,
    pub delivery_id: Uuid,
    /// The event, such as `pin.published`.
    pub event_type: &'static str,
    /// The number of the event among those of the pin, from 1.
    pub sequence: Option<u32>,
    /// The requests that were made, since it was last requested.
    pub tries: u32,
    /// The status of the answer to the last request.
    pub last_status: Option<u16>,
    /// Why the last request was no success, such as `http_status`, `redirect` or `timeout`.
    pub last_error: Option<String>,
    /// Whether it was requested again.
    pub is_replayed: bool,
    /// When the request was made that the webhook first answered with a success. A repeat doesn't change it.
    pub first_delivered_at: Option<Time>,
}

impl From<Delivery> for EventDelivery {
    fn from(delivery: Delivery) -> Self {
        let first_delivered_at = delivery.first_delivered_at().map(Time);
        let last = delivery.last.unwrap_or_default();
        Self {
            webhook_id: delivery.key.endpoint.endpoint.0,
            delivery_id: delivery.key.id.0,
            event_type: delivery.event.name(),
            sequence: match delivery.source {
                Source::Pin { sequence, .. } => Some(sequence),
                Source::Stored { .. } => None,
            },
            tries: delivery.tries,
            last_status: last.status,
            last_error: last.error,
            is_replayed: delivery.is_replayed,
            first_delivered_at,
        }
    }
}

/// One event of a pin.
#[derive(Serialize, JsonSchema)]
pub struct TimelineEvent {
    pub at: Time,
    /// As `type`.
    pub event: &'static str,
    /// Extension: what the event is.
    #[serde(rename = "type")]
    pub kind: EventType,
    /// Extension: the event as a sentence or a few.
    pub text: String,
    /// The number of the attempt. `null` for `accepted`, `events_omitted` and deliveries to webhooks.
    pub attempt: Option<u32>,
    /// Extension: the number of events that `events_omitted` stands for.
    pub omitted_count: Option<u32>,
    /// The HTTP status of Pinterest's answer.
    pub upstream_status: Option<u16>,
    /// The error code of Pinterest's answer.
    pub upstream_code: Option<i64>,
    /// The request id of Pinterest's answer.
    pub upstream_request_id: Option<String>,
    /// Extension: the milliseconds from the call to Pinterest's answer, or to the end of the wait for it. `null` if
    /// there was no call, and for attempts of earlier versions. (An export has it for successes only, as the two
    /// below.)
    pub upstream_latency_ms: Option<u32>,
    /// Extension: of an event that says what came of a call, the SHA-256 of the content that it sent, as `content_hash`
    /// of a receipt. `null` for attempts of earlier versions that were no success, and after the fiftieth attempt.
    pub content_hash: Option<String>,
    /// Extension: with `content_hash`, the fields of the pin that have other values now than were sent.
    pub changed_since: Option<Vec<&'static str>>,
    /// Extension: of `edited`, the fields that were changed. Not recorded by earlier versions.
    pub changed_fields: Option<Vec<&'static str>>,
    /// Extension: of `published`, `found_on_pinterest` and `resolved_by_person`, the id of the Pin.
    pub pinterest_pin_id: Option<String>,
    /// The time for which the next step was planned.
    pub next_at: Option<Time>,
    /// Extension: of `found_on_pinterest` and `resolved_by_person`, when Pinterest created the Pin, if the board showed
    /// that.
    pub created_on_pinterest_at: Option<Time>,
    /// What else the event says, in one word or two: the code of a reason, the id of a Pin, or how many deliveries of
    /// the pin's message came to nothing. The explanation of each `type` says which.
    pub note: Option<String>,
    /// Extension: Pinterest's own words about this attempt. (An export leaves them out.)
    pub upstream_message: Option<String>,
    /// Extension: what happened in place of an answer from Pinterest, such as a timeout.
    pub transport_error: Option<String>,
    /// Extension: of a failure with `outcome_ambiguous`, the Pins on the board that could be this one. Absent
    /// otherwise. (An export leaves them out.)
    #[serde(skip_serializing_if = "Option::is_none")]
    pub candidates: Option<Vec<Candidate>>,
    /// Extension: of the events `webhook_…`, the delivery to a webhook. Absent otherwise. (An export has no such
    /// events.)
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delivery: Option<EventDelivery>,
    /// Extension: who sent, changed or retried the pin, or decided its outcome, if it is known.
    pub by: Option<EventActor>,
    /// Extension: of `accepted`, where the pin came from.
    pub origin: Option<EventOrigin>,
}

impl TimelineEvent {
    /// An event of that request's pin.
    pub fn of(request: &PinRequest, event: timeline::TimelineEvent) -> Self {
        Self {
            at: Time(event.at),
            event: event.entry.name(),
            kind: EventType(event.entry.name()),
            text: sentences::event(&event),
            attempt: event.attempt,
            omitted_count: event.omitted_count,
            upstream_status: event.upstream_status,
            upstream_code: event.upstream_code,
            upstream_request_id: event.upstream_request_id,
            upstream_latency_ms: event.latency_ms,
            content_hash: event.content_hash,
            changed_since: event.changed_since,
            changed_fields: event.changed_fields,
            pinterest_pin_id: event.pinterest_pin_id,
            next_at: event.next_at.map(Time),
            created_on_pinterest_at: event.created_on_pinterest_at.map(Time),
            note: event.note,
            upstream_message: event.upstream_message,
            transport_error: event.transport_error,
            candidates: Candidate::all(request, event.candidates),
            delivery: event.delivery.map(|delivery| EventDelivery::from(*delivery)),
            by: event.by.map(EventActor::from),
            origin: event.origin.map(EventOrigin::from),
        }
    }
}

/// The next step of a pin.
#[derive(Serialize, JsonSchema)]
pub struct NextStep {
    /// As `next_action` of the pin.
    pub action: &'static str,
    /// As `next_at` of the pin.
    pub at: Option<Time>,
    pub reason: String,
    /// The position in the backlog of the account; 1 is released next. Pins that already have a slot are not counted.
    /// `null` if the pin is not in the backlog.
    pub queue_position: Option<u64>,
    /// Whether the position is a lower bound.
    pub queue_position_is_at_least: Option<bool>,
}

impl From<timeline::NextStep> for NextStep {
    fn from(next: timeline::NextStep) -> Self {
        Self {
            action: next.action,
            at: next.at.map(Time),
            reason: next.reason,
            queue_position: next.position.map(|position| position.place),
            queue_position_is_at_least: next.position.map(|position| position.at_least),
        }
    }
}

async fn timeline(
    State(context): State<Context>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Timeline>, ApiError> {
    let view = find(&context, &caller, &id).await?;
    let has_words = timeline::has_words(&view.attempt);
    let words = if has_words { context.store.said(&view.pin).await? } else { Vec::new() };
    let candidates = timeline::open_candidates(&view.attempt, &words).to_vec();
    let events = timeline::with_words(timeline::events(&view.pin, &view.attempt), words, &view.pin.request);
    let events = name_actors(&context, caller.workspace, events).await?;
    let deliveries = deliveries_of_pin(&context, &view.pin, &view.attempt).await?;
    let events = timeline::with_deliveries(events, deliveries);
    let quiesce_ms = context.settings.deadlines.quiesce_ms;
    Ok(Json(Timeline::of(view, events, candidates, quiesce_ms, context.system.now())))
}

async fn job(
    State(context): State<Context>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<JobStatus>, ApiError> {
    find(&context, &caller, &id).await.map(|view| Json(view.into()))
}
