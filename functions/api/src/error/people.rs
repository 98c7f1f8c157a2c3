//! What logging in, people, keys and projects refuse.

use http::StatusCode;
use pinbridge_shared::flows::tenants::api_keys::KeyError;
use pinbridge_shared::flows::tenants::authenticate::Refused;
use pinbridge_shared::flows::tenants::log_in::LoginError;
use pinbridge_shared::flows::tenants::people::PeopleError;
use pinbridge_shared::flows::tenants::projects::SandboxError;

use super::{ApiError, FieldError};

/// See [`super::samples`].
pub fn samples() -> Vec<ApiError> {
    vec![
        ApiError::not_available_self_hosted("No mail is sent.", "Ask the operator."),
        LoginError::Wrong.into(),
        LoginError::TooMany { retry_after_s: 60 }.into(),
        LoginError::NoWorkspace.into(),
        PeopleError::EmailTaken.into(),
        PeopleError::RegistrationClosed.into(),
        KeyError::Revoked.into(),
        KeyError::TooMany.into(),
        SandboxError::Deleted.into(),
    ]
}

impl ApiError {
    /// Something of the hosted service that a system of one's own does otherwise, or has no need of.
    pub fn not_available_self_hosted(message: &'static str, remedy: &'static str) -> Self {
        Self::new(StatusCode::NOT_IMPLEMENTED, "not_available_self_hosted", message, remedy)
    }
}

impl From<Refused> for ApiError {
    fn from(error: Refused) -> Self {
        match error {
            Refused::Key => Self::invalid_api_key(),
            Refused::Session => Self::invalid_session(),
            Refused::Port(error) => error.into(),
        }
    }
}

impl From<LoginError> for ApiError {
    fn from(error: LoginError) -> Self {
        match error {
            LoginError::Wrong => {
                let remedy = "Check both. A password is set anew by the operator: operator set-password.";
                let message = "The email address or the password is wrong.";
                Self::new(StatusCode::UNAUTHORIZED, "invalid_credentials", message, remedy)
            }
            LoginError::TooMany { retry_after_s } => {
                let remedy = "Wait for retry_after_seconds, then log in with the right password.";
                let message = "There were too many attempts to log in with this email address.";
                let error = Self::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", message, remedy);
                Self { retry_after_s: Some(retry_after_s), ..error }
            }
            LoginError::NoWorkspace => {
                let remedy = "The operator creates one: operator create-workspace.";
                let message = "Your organisation has no workspace any more.";
                Self::new(StatusCode::CONFLICT, "no_workspace", message, remedy)
            }
            LoginError::Port(error) => error.into(),
        }
    }
}

impl From<PeopleError> for ApiError {
    fn from(error: PeopleError) -> Self {
        match error {
            PeopleError::EmailTaken => {
                let message = "The email address is taken.";
                Self::new(StatusCode::CONFLICT, "email_taken", message, "Log in, or use another address.")
            }
            PeopleError::RegistrationClosed => {
                let remedy = "Ask the operator for an account (operator create-user), or to open registration \
                              (PINBRIDGE_REGISTRATION=open).";
                Self::new(StatusCode::FORBIDDEN, "registration_closed", "Registration is closed.", remedy)
            }
            // Gone between the session's check and now.
            PeopleError::NotFound => Self::invalid_session(),
            PeopleError::Login(error) => error.into(),
            PeopleError::Port(error) => error.into(),
        }
    }
}

impl From<KeyError> for ApiError {
    fn from(error: KeyError) -> Self {
        let conflict = |code, message, remedy| Self::new(StatusCode::CONFLICT, code, message, remedy);
        match error {
            KeyError::NotFound => Self::not_found("key"),
            KeyError::Revoked => conflict("key_revoked", "The key is revoked.", "Create a new one."),
            KeyError::UnknownAccount(account) => Self::validation(vec![FieldError {
                loc: vec!["body".into(), "pinterest_account_ids".into()],
                msg: format!("There is no account {account} in this workspace"),
                kind: "value_error",
            }]),
            KeyError::TooMany => {
                let message = "The workspace has as many keys as it may have.";
                conflict("too_many_keys", message, "Revoke keys that nobody uses (see last_used_at).")
            }
            KeyError::Port(error) => error.into(),
        }
    }
}

impl From<SandboxError> for ApiError {
    fn from(error: SandboxError) -> Self {
        match error {
            SandboxError::NotFound => {
                let remedy = "Create one with POST /v1/projects/sandbox.";
                Self::new(StatusCode::NOT_FOUND, "not_found", "The organisation has no sandbox.", remedy)
            }
            SandboxError::Deleted => {
                let remedy = "Ask the operator whether its removal has finished.";
                Self::new(StatusCode::CONFLICT, "workspace_deleted", "The sandbox was deleted.", remedy)
            }
            SandboxError::Port(error) => error.into(),
        }
    }
}
