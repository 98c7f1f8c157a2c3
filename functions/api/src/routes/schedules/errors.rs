//! The errors of schedules as API errors.

use pinbridge_shared::domain::schedule::AHEAD_MAX_MS;
use pinbridge_shared::domain::time::DAY_MS;
use pinbridge_shared::flows::schedules::ScheduleError;

use crate::error::pinterest::not_connected;
use crate::error::{ApiError, codes};

fn run_at(msg: String) -> ApiError {
    ApiError::invalid("body", "run_at", msg, "value_error")
}

impl From<ScheduleError> for ApiError {
    fn from(error: ScheduleError) -> Self {
        match error {
            ScheduleError::NotFound => Self::not_found("schedule"),
            ScheduleError::KeyReused { existing } => codes::SCHEDULE_KEY_REUSED.with("existing", existing),
            ScheduleError::KeyOfRemoved { existing } => codes::SCHEDULE_REMOVED.with("existing", existing),
            ScheduleError::Past => run_at("run_at must be in the future".into()),
            ScheduleError::TooFar => run_at(format!("run_at must be within {} days from now", AHEAD_MAX_MS / DAY_MS)),
            ScheduleError::AccountNotFound => Self::not_found("account"),
            ScheduleError::AccountDisconnected => not_connected(),
            ScheduleError::Board(obstacle) => obstacle.into(),
            ScheduleError::NotEditable(status) => codes::SCHEDULE_NOT_EDITABLE.with("status", status.name()),
            ScheduleError::WrongStatus(status) => codes::SCHEDULE_WRONG_STATUS.with("status", status.name()),
            ScheduleError::MayDuplicate => codes::RETRY_MAY_DUPLICATE.into(),
            ScheduleError::Port(error) => error.into(),
        }
    }
}
