//! A schedule as JSON.

use pinbridge_shared::domain::pin::blocker::Blocker;
use pinbridge_shared::domain::pin::failure::Failure;
use pinbridge_shared::domain::schedule::{self, Stage};
use pinbridge_shared::domain::time::SECOND_MS;
use pinbridge_shared::flows::schedules::ScheduleView;
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use crate::openapi::schema::{Time, names};
use crate::routes::pins::pin::{Meant, Origin, PinErrorCode, SchedulePayload, message};
use crate::routes::pins::timeline::LateCause;
use crate::routes::pins::warnings::PinWarning;

names!(
    ScheduleStatus,
    "The status of a schedule. From `run_at` on, the status of its pin.",
    schedule::ScheduleStatus::ALL.map(schedule::ScheduleStatus::name)
);

/// A schedule.
#[derive(Serialize, JsonSchema)]
pub struct Schedule {
    pub id: Uuid,
    pub workspace_id: Uuid,
    pub pinterest_account_id: Uuid,
    pub run_at: Time,
    pub status: ScheduleStatus,
    pub payload: SchedulePayload,
    /// Why the schedule failed or its pin waits.
    pub last_error: Option<String>,
    /// The id of the pin. Set when the schedule is released.
    pub pin_id: Option<Uuid>,
    pub created_at: Time,
    pub updated_at: Time,
    /// Extension: the code of `last_error`.
    pub error_code: Option<PinErrorCode>,
    /// Extension: what you can do about the error.
    pub error_remediation: Option<&'static str>,
    /// Extension: the identifier of the schedule in your system.
    pub idempotency_key: Option<String>,
    /// Extension: the number of pins before this one. A retry publishes the same pin again, unless it is gone.
    pub run: u32,
    /// Extension: the time of the release.
    pub released_at: Option<Time>,
    /// Extension: the start of the first attempt to publish the pin.
    pub started_at: Option<Time>,
    /// Extension: the seconds from `run_at` to the start of the pin, or to its release if it has not started. `null`
    /// below one second.
    pub late_by_seconds: Option<f64>,
    /// Extension: what took most of the delay.
    pub late_cause: Option<LateCause>,
    /// Extension: who created the schedule, and the import that it came from.
    pub origin: Origin,
}

/// An accepted schedule.
#[derive(Serialize, JsonSchema)]
pub struct AcceptedSchedule {
    #[serde(flatten)]
    pub schedule: Schedule,
    /// Extension: what the name of a board means. `null` if the request has an id.
    pub resolved: Option<Meant>,
    /// Extension: other pins with the same content, unknown fields, and a board that could not be checked.
    pub warnings: Vec<PinWarning>,
}

impl From<&ScheduleView> for Schedule {
    fn from(view: &ScheduleView) -> Self {
        let schedule = &view.schedule;
        let (error_code, last_error, error_remediation) = error(view);
        let pin = view.pin.as_ref().filter(|(pin, _)| pin.hidden_at.is_none());
        let updated_at = pin.map_or(schedule.updated_at, |(_, attempt)| attempt.updated_at.max(schedule.updated_at));
        let key = &schedule.request.idempotency_key;
        Self {
            id: schedule.key.schedule.0,
            workspace_id: schedule.key.workspace.0,
            pinterest_account_id: schedule.request.account.0,
            run_at: Time(schedule.run_at),
            status: ScheduleStatus(view.status().name()),
            // While its pin waits, the pin's request may have been edited.
            payload: view.request().into(),
            last_error,
            pin_id: pin.map(|(pin, _)| pin.key.pin.0),
            created_at: Time(schedule.created_at),
            updated_at: Time(updated_at),
            error_code: error_code.map(PinErrorCode),
            error_remediation,
            idempotency_key: (!key.is_empty()).then(|| key.clone()),
            run: schedule.run,
            released_at: schedule.released_at.map(Time),
            started_at: view.started_at().map(Time),
            late_by_seconds: view.late_by_ms().map(|late_ms| late_ms as f64 / SECOND_MS as f64),
            late_cause: view.late_cause().map(LateCause::from),
            origin: Origin::from(&schedule.origin),
        }
    }
}

/// The code, message and remedy of the error or wait reason.
fn error(view: &ScheduleView) -> (Option<&'static str>, Option<String>, Option<&'static str>) {
    use schedule::ScheduleStatus::{Deferred, Failed, Running};
    let of = |failure: Failure| (Some(failure.code()), Some(failure.message().to_owned()), Some(failure.remedy()));
    match (view.schedule.stage, &view.pin, view.status()) {
        (Stage::Failed(failure), ..) => of(failure),
        (_, Some((_, attempt)), Failed | Deferred | Running) => {
            let remedy = view.blocker.map(|blocker| blocker.remedy(attempt.status));
            (view.blocker.map(Blocker::code), message(view.blocker, attempt), remedy)
        }
        _ => (None, None, None),
    }
}
