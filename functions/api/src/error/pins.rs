//! What accepting, pacing and retrying pins refuses.

use http::StatusCode;
use pinbridge_shared::domain::ids::PinId;
use pinbridge_shared::domain::pin::attempt::Status;
use pinbridge_shared::domain::pin::failure::Failure;
use pinbridge_shared::domain::time::Moment;
use pinbridge_shared::flows::accept::accept_pin::AcceptError;
use pinbridge_shared::flows::accept::duplicate_content::Duplicate;
use pinbridge_shared::flows::boards::board_access::Obstacle;
use pinbridge_shared::flows::boards::board_preflight::PreflightError;
use pinbridge_shared::flows::pacing::rate_meter::MeterError;
use pinbridge_shared::flows::pins::delete_pin::DeleteError;
use pinbridge_shared::flows::pins::edit_pin::EditError;
use pinbridge_shared::flows::pins::list_pins::ListError;
use pinbridge_shared::flows::pins::retry_pin::RetryError;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{ApiError, FieldError};

/// See [`super::samples`].
pub fn samples() -> Vec<ApiError> {
    vec![
        ApiError::assets_not_enabled(),
        ApiError::idempotency_key_reused(PinId(Uuid::nil())),
        ApiError::key_of_deleted(PinId(Uuid::nil())),
        ApiError::duplicate_content(&Duplicate {
            pin: PinId(Uuid::nil()),
            created_at: Moment(0),
            status: Status::Published,
        }),
        EditError::AlreadyPublished.into(),
        ApiError::pin_publishing(),
        PreflightError::Obstacle(Obstacle::NotFound).into(),
        PreflightError::Obstacle(Obstacle::Deleted).into(),
        RetryError::NotFailed(Status::Published).into(),
        RetryError::MayDuplicate.into(),
        RetryError::Superseded.into(),
        RetryError::Overdue.into(),
        RetryError::AccountDisconnected.into(),
    ]
}

impl ApiError {
    /// What it says of one item of many: the code, and what a person needs.
    pub fn of_item(&self) -> Value {
        let errors: Vec<Value> =
            self.errors.iter().map(|e| json!({"loc": e.loc, "msg": e.msg, "type": e.kind})).collect();
        json!({
            "code": self.code,
            "message": self.message,
            "remediation": self.remediation,
            "retry_after_seconds": self.retry_after_s,
            "errors": errors,
        })
    }

    pub fn remediation(&self) -> &'static str {
        self.remediation
    }

    pub fn duplicate_content(duplicate: &Duplicate) -> Self {
        let message =
            format!("Pin {} of the last 24 hours has the same account, board, title, link and image.", duplicate.pin);
        let remedy = "Read that pin. If a second one is what you want, send this without on_duplicate=refuse.";
        Self::new(StatusCode::CONFLICT, "duplicate_content", message, remedy)
    }

    /// Of a batch whose items are refused when they are alike.
    pub fn duplicate_in_call() -> Self {
        let message = "Another pin of this call has the same account, board, title, link and image.";
        let remedy = "Leave it out. If a second one is what you want, send it without on_duplicate=refuse.";
        Self::new(StatusCode::CONFLICT, "duplicate_content", message, remedy)
    }

    fn key_of_deleted(existing: PinId) -> Self {
        let message = format!("The idempotency key stands for pin {existing}, which was deleted.");
        Self::new(StatusCode::CONFLICT, "pin_deleted", message, "Use a new key for a new pin.")
    }

    /// Of an item of a bulk call: there is nothing left to do.
    pub fn deleted_before() -> Self {
        let message = "The pin was deleted before.";
        Self::new(StatusCode::CONFLICT, "pin_deleted", message, "Nothing is left to do.")
    }

    pub fn pin_publishing() -> Self {
        let message = "The pin is being published at this moment.";
        let remedy = "Read the pin until it is published or failed, then decide again.";
        Self::new(StatusCode::CONFLICT, "pin_publishing", message, remedy)
    }
}

impl From<EditError> for ApiError {
    fn from(error: EditError) -> Self {
        match error {
            EditError::NotFound => Self::not_found("pin"),
            EditError::AlreadyPublished => {
                let message = "The pin is published; Pinterest doesn't let us change it any more.";
                let remedy = "Delete it and publish a corrected one under a new key.";
                Self::new(StatusCode::CONFLICT, "pin_already_published", message, remedy)
            }
            EditError::Publishing => Self::pin_publishing(),
            EditError::Port(error) => error.into(),
        }
    }
}

impl From<DeleteError> for ApiError {
    fn from(error: DeleteError) -> Self {
        match error {
            DeleteError::NotFound => Self::not_found("pin"),
            DeleteError::Publishing => Self::pin_publishing(),
            DeleteError::Published => {
                let message = "The pin was published at this moment.";
                Self::new(StatusCode::CONFLICT, "pin_publishing", message, "Send the same request again.")
            }
            DeleteError::Port(error) => error.into(),
        }
    }
}

impl From<PreflightError> for ApiError {
    fn from(error: PreflightError) -> Self {
        match error {
            PreflightError::AccountNotFound => Self::not_found("account"),
            PreflightError::Obstacle(obstacle) => {
                let is_boards = matches!(obstacle, Obstacle::NotFound | Obstacle::Deleted | Obstacle::Denied);
                let status = if is_boards { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::CONFLICT };
                Self::new(status, obstacle.code(), obstacle.message(), obstacle.remedy())
            }
            PreflightError::Port(error) => error.into(),
        }
    }
}

impl From<AcceptError> for ApiError {
    fn from(error: AcceptError) -> Self {
        match error {
            AcceptError::KeyReused { existing } => Self::idempotency_key_reused(existing),
            AcceptError::KeyOfDeleted { existing } => Self::key_of_deleted(existing),
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
            RetryError::Superseded => conflict(
                "pin_superseded",
                "The pin's schedule was retried with another pin.".into(),
                "Read the schedule; if it failed again, retry it.",
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
            RetryError::AccountNotFound => Self::not_found("account"),
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
