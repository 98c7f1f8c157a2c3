//! What accepting, pacing and retrying pins refuses.

use http::StatusCode;
use pinbridge_shared::domain::attempt::Status;
use pinbridge_shared::domain::failure::Failure;
use pinbridge_shared::domain::ids::PinId;
use pinbridge_shared::flows::accept_pin::AcceptError;
use pinbridge_shared::flows::list_pins::ListError;
use pinbridge_shared::flows::rate_meter::MeterError;
use pinbridge_shared::flows::retry_pin::RetryError;
use uuid::Uuid;

use super::{ApiError, FieldError};

/// See [`super::samples`].
pub fn samples() -> Vec<ApiError> {
    vec![
        ApiError::assets_not_enabled(),
        ApiError::idempotency_key_reused(PinId(Uuid::nil())),
        RetryError::NotFailed(Status::Published).into(),
        RetryError::MayDuplicate.into(),
        RetryError::Overdue.into(),
        RetryError::AccountDisconnected.into(),
    ]
}

impl From<AcceptError> for ApiError {
    fn from(error: AcceptError) -> Self {
        match error {
            AcceptError::KeyReused { existing } => Self::idempotency_key_reused(existing),
            AcceptError::AccountNotFound => Self::not_found("account"),
            AcceptError::AccountDisconnected => Self::connection(Failure::TokenRevoked),
            AcceptError::Port(error) => error.into(),
        }
    }
}

impl From<MeterError> for ApiError {
    fn from(error: MeterError) -> Self {
        match error {
            MeterError::AccountNotFound => Self::not_found("account"),
            MeterError::Port(error) => error.into(),
        }
    }
}

impl From<RetryError> for ApiError {
    fn from(error: RetryError) -> Self {
        let conflict = |code, message: String, remedy| Self::new(StatusCode::CONFLICT, code, message, remedy);
        match error {
            RetryError::NotFound => Self::not_found("pin"),
            RetryError::NotFailed(status) => conflict(
                "conflict",
                format!("Only a failed pin can be retried; this one is {}.", status.name()),
                "Read the pin: it is under way, or done.",
            ),
            RetryError::MayDuplicate => conflict(
                "retry_may_duplicate",
                "A Pin of it may exist already; publishing it again could make a second one.".into(),
                "Look at the board. If the Pin isn't there, or a second one is no harm, retry with accept_duplicate: true \
                 in the body or the header X-Pinbridge-Accept-Duplicate: true.",
            ),
            RetryError::Overdue => {
                let failure = Failure::ExpiredUnpublished;
                conflict(failure.code(), "The pin is older than 30 days.".into(), "Publish it again under a new key.")
            }
            RetryError::AccountDisconnected => Self::connection(Failure::AccountDisconnected),
            RetryError::Port(error) => error.into(),
        }
    }
}

impl From<ListError> for ApiError {
    fn from(error: ListError) -> Self {
        match error {
            ListError::OutOfReach { found } => {
                let msg = format!(
                    "These filters or this order reach {found} pins by offset; there may be more beyond. Go on with cursor \
                     (the X-Next-Cursor of the page before), or narrow since and until"
                );
                Self::validation(vec![FieldError {
                    loc: vec!["query".into(), "offset".into()],
                    msg,
                    kind: "offset_out_of_reach",
                }])
            }
            ListError::Port(error) => error.into(),
        }
    }
}
