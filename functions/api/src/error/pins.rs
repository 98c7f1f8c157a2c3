//! What accepting, pacing and retrying pins refuses.

use pinbridge_shared::flows::accept::accept_pin::AcceptError;
use pinbridge_shared::flows::boards::board_access::Obstacle;
use pinbridge_shared::flows::boards::board_preflight::PreflightError;
use pinbridge_shared::flows::pacing::rate_meter::MeterError;
use pinbridge_shared::flows::pins::delete_pin::DeleteError;
use pinbridge_shared::flows::pins::edit_pin::EditError;
use pinbridge_shared::flows::pins::list_pins::ListError;
use pinbridge_shared::flows::pins::retry_pin::RetryError;
use serde_json::{Value, json};

use super::{ApiError, FieldError, codes};

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
}

impl From<EditError> for ApiError {
    fn from(error: EditError) -> Self {
        match error {
            EditError::NotFound => Self::not_found("pin"),
            EditError::AlreadyPublished => codes::PIN_ALREADY_PUBLISHED.into(),
            EditError::Publishing => codes::PIN_PUBLISHING.into(),
            EditError::Port(error) => error.into(),
        }
    }
}

impl From<DeleteError> for ApiError {
    fn from(error: DeleteError) -> Self {
        match error {
            DeleteError::NotFound => Self::not_found("pin"),
            DeleteError::Publishing => codes::PIN_PUBLISHING.into(),
            DeleteError::Published => codes::PIN_JUST_PUBLISHED.into(),
            DeleteError::Port(error) => error.into(),
        }
    }
}

impl From<Obstacle> for ApiError {
    fn from(obstacle: Obstacle) -> Self {
        let code = match &obstacle {
            Obstacle::NotFound => codes::PREFLIGHT_BOARD_NOT_FOUND,
            Obstacle::Deleted => codes::PREFLIGHT_BOARD_DELETED,
            Obstacle::Denied => codes::PREFLIGHT_BOARD_ACCESS_DENIED,
            Obstacle::TokenExpired => codes::TOKEN_EXPIRED,
            Obstacle::TokenRevoked => codes::TOKEN_REVOKED,
            Obstacle::ScopeMissing(_) => codes::SCOPE_MISSING,
            // A check that could not be made stops nothing; neither comes here.
            Obstacle::RateLimited { .. } => codes::PINTEREST_RATE_LIMITED,
            Obstacle::Unreachable => codes::PINTEREST_UNREACHABLE,
        };
        Self::from(code).worded(obstacle.message(), obstacle.remedy())
    }
}

impl From<PreflightError> for ApiError {
    fn from(error: PreflightError) -> Self {
        match error {
            PreflightError::AccountNotFound => Self::not_found("account"),
            PreflightError::Obstacle(obstacle) => obstacle.into(),
            PreflightError::Port(error) => error.into(),
        }
    }
}

impl From<AcceptError> for ApiError {
    fn from(error: AcceptError) -> Self {
        match error {
            AcceptError::KeyReused { existing } => codes::IDEMPOTENCY_KEY_REUSED.with("existing", existing),
            AcceptError::KeyOfDeleted { existing } => codes::PIN_DELETED.with("existing", existing),
            AcceptError::AccountNotFound => Self::not_found("account"),
            AcceptError::AccountDisconnected => codes::TOKEN_REVOKED.into(),
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
        match error {
            RetryError::NotFound => Self::not_found("pin"),
            RetryError::NotFailed(status) => codes::PIN_NOT_FAILED.with("status", status.name()),
            RetryError::Superseded => codes::PIN_SUPERSEDED.into(),
            RetryError::MayDuplicate => codes::RETRY_MAY_DUPLICATE.into(),
            RetryError::Overdue => codes::EXPIRED_UNPUBLISHED.into(),
            RetryError::AccountDisconnected => codes::ACCOUNT_DISCONNECTED.into(),
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
