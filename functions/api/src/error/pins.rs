//! What reading the rate meter refuses.

use pinbridge_shared::flows::pacing::rate_meter::MeterError;

use super::ApiError;

impl From<MeterError> for ApiError {
    fn from(error: MeterError) -> Self {
        match error {
            MeterError::AccountNotFound => Self::not_found("account"),
            MeterError::Port(error) => error.into(),
        }
    }
}
