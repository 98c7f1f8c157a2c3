//! The errors of schedules as API errors.

use pinbridge_shared::domain::pin::idempotency::holder;
use pinbridge_shared::domain::schedule::AHEAD_MAX_MS;
use pinbridge_shared::domain::time::DAY_MS;
use pinbridge_shared::flows::schedules::ScheduleError;
use pinbridge_shared::flows::schedules::submit_schedule::Refusal;

use crate::auth::Caller;
use crate::error::pinterest::not_connected;
use crate::error::{ApiError, codes};
use crate::routes::pins::create::{TOO_SOON, publish_before};

fn run_at(msg: String) -> ApiError {
    ApiError::invalid("body", "run_at", msg, "value_error")
}

/// The error of a new schedule for the caller, who may not see every account.
pub fn refusal(refused: Refusal, caller: &Caller) -> ApiError {
    match refused {
        Refusal::Board(unfit) => unfit.into(),
        Refusal::Duplicate(duplicate) => codes::DUPLICATE_CONTENT.with("existing", duplicate.pin),
        Refusal::Create(error) => not_created(error, caller),
    }
}

fn not_created(error: ScheduleError, caller: &Caller) -> ApiError {
    let holder = |existing, account| holder("schedule", existing, account, caller.limited_to());
    match error {
        ScheduleError::KeyReused { existing, account } => {
            codes::SCHEDULE_KEY_REUSED.with("existing", holder(existing, account))
        }
        ScheduleError::KeyOfRemoved { existing, account } => {
            codes::SCHEDULE_REMOVED.with("existing", holder(existing, account))
        }
        error => error.into(),
    }
}

impl From<ScheduleError> for ApiError {
    fn from(error: ScheduleError) -> Self {
        match error {
            ScheduleError::NotFound => Self::not_found("schedule"),
            // Only a new schedule has a key to compare: see `refusal`.
            ScheduleError::KeyReused { .. } => codes::SCHEDULE_KEY_REUSED.with("existing", "another schedule"),
            ScheduleError::KeyOfRemoved { .. } => codes::SCHEDULE_REMOVED.with("existing", "another schedule"),
            ScheduleError::Past => run_at("run_at must be in the future".into()),
            ScheduleError::TooFar => run_at(format!("run_at must be within {} days from now", AHEAD_MAX_MS / DAY_MS)),
            ScheduleError::CameTooLate => codes::SCHEDULE_TOO_LATE.into(),
            ScheduleError::TooLate => publish_before(TOO_SOON),
            ScheduleError::AccountNotFound => Self::not_found("account"),
            ScheduleError::AccountDisconnected => not_connected(),
            ScheduleError::Board(obstacle) => obstacle.into(),
            ScheduleError::TimeSettled => codes::SCHEDULE_TIME_SETTLED.into(),
            ScheduleError::NotEditable(status) => codes::SCHEDULE_NOT_EDITABLE.with("status", status.name()),
            ScheduleError::WrongStatus(status) => codes::SCHEDULE_WRONG_STATUS.with("status", status.name()),
            ScheduleError::MayDuplicate => codes::RETRY_MAY_DUPLICATE.into(),
            ScheduleError::Port(error) => error.into(),
        }
    }
}
