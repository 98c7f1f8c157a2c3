//! The token of a task of Step Functions that waits for a pin or an import: where a request has it, and how it is
//! stored.

use pinbridge_shared::context::Context;
use pinbridge_shared::domain::task::{Awaited, TASKS_MAX};
use pinbridge_shared::flows::webhooks::wait_for_end::{WaitError, WaitingTask, wait_for_end};
use serde_json::Value;

use super::fields::TaskToken;
use super::options::{Options, TASK_TOKEN, TASK_TOKEN_HEADER};
use crate::error::{ApiError, FieldError};
use crate::request::field::{Field, Wrong};

/// A token, and where the request has it.
pub struct Given {
    token: TaskToken,
    place: &'static str,
    name: &'static str,
}

impl Given {
    /// The token of the body or else of the header.
    pub fn of(in_body: Option<TaskToken>, options: &Options) -> Option<Self> {
        let in_body = in_body.map(|token| Self { token, place: "body", name: TASK_TOKEN });
        let in_header = || {
            let token = options.task_token.clone()?;
            Some(Self { token, place: "header", name: TASK_TOKEN_HEADER })
        };
        in_body.or_else(in_header)
    }

    /// The error that this token can't be taken.
    pub fn refused(&self, msg: &str, kind: &'static str) -> ApiError {
        ApiError::invalid(self.place, self.name, msg, kind)
    }
}

/// The token in the body's field.
///
/// # Errors
/// When it is no token.
pub fn in_body(value: &Value) -> Result<TaskToken, FieldError> {
    TaskToken::parse(value).map_err(|Wrong { msg, kind }| FieldError::new("body", TASK_TOKEN, msg, kind))
}

/// Stores the token for the pin or the import that is going to be accepted.
///
/// # Errors
/// When no task may wait for it, or the table is unavailable.
pub async fn wait(context: &Context, awaited: Awaited, given: &Given) -> Result<WaitingTask, ApiError> {
    let invalid = |msg: String| given.refused(&msg, "value_error");
    let name = awaited.name();
    wait_for_end(context, awaited, &given.token.0).await.map_err(|error| match error {
        WaitError::NotConfigured => invalid(format!(
            "No task of a state machine can wait for the {name} here: the parameter StateMachineArns names none"
        )),
        WaitError::TooMany => invalid(format!("At most {TASKS_MAX} tasks can wait for one {name}")),
        WaitError::Port(error) => error.into(),
    })
}
