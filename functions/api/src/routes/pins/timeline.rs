//! The timeline of a pin. Jobs, which are the hosted API's second name for pins.

use axum::Json;
use axum::extract::{Path, State};
use pinbridge_shared::context::Context;
use pinbridge_shared::domain::pin::blocker::Blocker;
use pinbridge_shared::domain::pin::{lateness, timeline};
use pinbridge_shared::domain::time::SECOND_MS;
use pinbridge_shared::flows::pins::read_pins::PinView;
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use super::pin::{PinErrorCode, PinStatus, code, message};
use super::{find, of_pin};
use crate::auth::Caller;
use crate::endpoint::{Endpoint, READ, get};
use crate::error::ApiError;
use crate::error::codes::PIN_GONE;
use crate::openapi::schema::{Time, names};
use crate::routes::examples::PIN;

pub fn timeline_endpoint() -> Endpoint {
    of_pin(get("/v1/pins/{id}/timeline", READ, timeline))
        .operation("get_pin_timeline", "Read the timeline of a pin")
        .about(
            "Lists the events of a pin in order, and the next action. Events say what held the pin at that time; \
             `error_code` and `next` say what holds it now.",
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
    pub attempts: u32,
    /// The number of attempts that count toward the limit.
    pub attempts_spent: u32,
    pub pinterest_pin_id: Option<String>,
    pub error_code: Option<PinErrorCode>,
    pub error_message: Option<String>,
    /// Extension: what you can do about the error.
    pub error_remediation: Option<&'static str>,
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

impl From<PinView> for Timeline {
    fn from(PinView { pin, attempt, blocker, next }: PinView) -> Self {
        Self {
            pin_id: pin.key.pin.0,
            job_id: pin.key.pin.0,
            account_id: pin.request.account.0,
            status: PinStatus(attempt.status.name()),
            attempts: attempt.attempt,
            attempts_spent: attempt.attempts_spent(),
            error_code: code(blocker),
            error_message: message(blocker, &attempt),
            error_remediation: blocker.map(Blocker::remedy),
            due_at: pin.due_at.map(Time),
            publish_before: pin.request.publish_before.map(Time),
            late_by_seconds: lateness::late_by_ms(&pin, &attempt).map(|late_ms| late_ms as f64 / SECOND_MS as f64),
            late_cause: attempt.late_cause.map(LateCause::from),
            events: timeline::events(&pin, &attempt).into_iter().map(TimelineEvent::from).collect(),
            next: next.into(),
            pinterest_pin_id: attempt.pinterest_pin_id,
            duplicate_pin_id: attempt.duplicate_pin_id,
        }
    }
}

names!(LateCause, "What made a pin late.", lateness::LateCause::ALL.map(lateness::LateCause::name));

impl From<lateness::LateCause> for LateCause {
    fn from(cause: lateness::LateCause) -> Self {
        Self(cause.name())
    }
}

/// One event of a pin.
#[derive(Serialize, JsonSchema)]
pub struct TimelineEvent {
    pub at: Time,
    pub event: &'static str,
    pub attempt: Option<u32>,
    /// The HTTP status of Pinterest's answer.
    pub upstream_status: Option<u16>,
    /// The error code of Pinterest's answer.
    pub upstream_code: Option<i64>,
    /// The request id of Pinterest's answer.
    pub upstream_request_id: Option<String>,
    /// The time for which the next step was planned.
    pub next_at: Option<Time>,
    /// The code of the reason, or the id of a Pin.
    pub note: Option<String>,
    /// Extension: Pinterest's own words about this attempt. (An export leaves them out.)
    pub upstream_message: Option<String>,
    /// Extension: what happened in place of an answer from Pinterest, such as a timeout.
    pub transport_error: Option<String>,
}

impl From<timeline::TimelineEvent> for TimelineEvent {
    fn from(event: timeline::TimelineEvent) -> Self {
        Self {
            at: Time(event.at),
            event: event.event,
            attempt: event.attempt,
            upstream_status: event.upstream_status,
            upstream_code: event.upstream_code,
            upstream_request_id: event.upstream_request_id,
            next_at: event.next_at.map(Time),
            note: event.note,
            upstream_message: event.upstream_message,
            transport_error: event.transport_error,
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
    let events = timeline::with_words(timeline::events(&view.pin, &view.attempt), words);
    let events = events.into_iter().map(TimelineEvent::from).collect();
    Ok(Json(Timeline { events, ..view.into() }))
}

async fn job(
    State(context): State<Context>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<JobStatus>, ApiError> {
    find(&context, &caller, &id).await.map(|view| Json(view.into()))
}
