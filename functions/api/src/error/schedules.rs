//! What schedules refuse.

use http::StatusCode;
use pinbridge_shared::domain::ids::ScheduleId;
use pinbridge_shared::domain::pin::failure::Failure;
use pinbridge_shared::domain::schedule::{AHEAD_MAX_MS, ScheduleStatus};
use pinbridge_shared::domain::time::DAY_MS;
use pinbridge_shared::flows::boards::board_preflight::PreflightError;
use pinbridge_shared::flows::schedules::ScheduleError;
use uuid::Uuid;

use super::{ApiError, FieldError};

/// See [`super::samples`].
pub fn samples() -> Vec<ApiError> {
    vec![
        ScheduleError::NotEditable(ScheduleStatus::Queued).into(),
        ScheduleError::WrongStatus(ScheduleStatus::Done).into(),
        ScheduleError::MayDuplicate.into(),
        ScheduleError::KeyOfRemoved { existing: ScheduleId(Uuid::nil()) }.into(),
    ]
}

fn run_at(msg: String) -> ApiError {
    ApiError::validation(vec![FieldError { loc: vec!["body".into(), "run_at".into()], msg, kind: "value_error" }])
}

impl ApiError {
    /// Of an item of a bulk call: there is nothing left to do.
    pub fn removed_before() -> Self {
        let message = "The schedule was removed before.";
        Self::new(StatusCode::CONFLICT, "schedule_removed", message, "Nothing is left to do.")
    }
}

impl From<ScheduleError> for ApiError {
    fn from(error: ScheduleError) -> Self {
        let conflict = |code, message: String, remedy| Self::new(StatusCode::CONFLICT, code, message, remedy);
        match error {
            ScheduleError::NotFound => Self::not_found("schedule"),
            ScheduleError::KeyReused { existing } => conflict(
                "idempotency_key_reused",
                format!("The idempotency key already stands for schedule {existing}, which was asked for otherwise."),
                "Use a new key for a new schedule, or PATCH that one.",
            ),
            ScheduleError::KeyOfRemoved { existing } => conflict(
                "schedule_removed",
                format!("The idempotency key stands for schedule {existing}, which was removed."),
                "Use a new key for a new schedule.",
            ),
            ScheduleError::Past => run_at("run_at must be in the future".into()),
            ScheduleError::TooFar => run_at(format!("run_at must be within {} days from now", AHEAD_MAX_MS / DAY_MS)),
            ScheduleError::AccountNotFound => Self::not_found("account"),
            ScheduleError::AccountDisconnected => Self::connection(Failure::TokenRevoked),
            ScheduleError::Board(obstacle) => PreflightError::Obstacle(obstacle).into(),
            ScheduleError::NotEditable(status) => conflict(
                "schedule_not_editable",
                format!("Only a schedule that waits can be edited; this one is {}.", status.name()),
                "Read the schedule. While its pin waits, PATCH the pin; otherwise make another schedule.",
            ),
            ScheduleError::WrongStatus(status) => Self::new(
                StatusCode::BAD_REQUEST,
                "bad_request",
                format!("That isn't possible for a schedule that is {}.", status.name()),
                "Read the schedule. What waits can be canceled, what failed retried, and what is over removed.",
            ),
            ScheduleError::MayDuplicate => conflict(
                "retry_may_duplicate",
                "A Pin of it may exist already; publishing it again could make a second one.".into(),
                "Look at the board. If the Pin isn't there, or a second one is no harm, retry with accept_duplicate: true \
                 in the body or the header X-Pinbridge-Accept-Duplicate: true.",
            ),
            ScheduleError::Port(error) => error.into(),
        }
    }
}
