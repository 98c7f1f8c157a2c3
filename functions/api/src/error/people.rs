//! What logging in, people and projects refuse.

use pinbridge_shared::flows::tenants::authenticate::Refused;
use pinbridge_shared::flows::tenants::log_in::LoginError;
use pinbridge_shared::flows::tenants::people::PeopleError;
use pinbridge_shared::flows::tenants::projects::SandboxError;

use super::{ApiError, codes};

impl From<Refused> for ApiError {
    fn from(error: Refused) -> Self {
        match error {
            Refused::Key => codes::INVALID_API_KEY.into(),
            Refused::Session => codes::INVALID_SESSION.into(),
            Refused::Port(error) => error.into(),
        }
    }
}

impl From<LoginError> for ApiError {
    fn from(error: LoginError) -> Self {
        match error {
            LoginError::Wrong => codes::INVALID_CREDENTIALS.into(),
            LoginError::TooMany { retry_after_s } => Self::from(codes::LOGIN_RATE_LIMITED).retried(Some(retry_after_s)),
            LoginError::NoWorkspace => codes::NO_WORKSPACE.into(),
            LoginError::Port(error) => error.into(),
        }
    }
}

impl From<PeopleError> for ApiError {
    fn from(error: PeopleError) -> Self {
        match error {
            PeopleError::EmailTaken => codes::EMAIL_TAKEN.into(),
            PeopleError::RegistrationClosed => codes::REGISTRATION_CLOSED.into(),
            // Gone between the session's check and now.
            PeopleError::NotFound => codes::INVALID_SESSION.into(),
            PeopleError::Login(error) => error.into(),
            PeopleError::Port(error) => error.into(),
        }
    }
}

impl From<SandboxError> for ApiError {
    fn from(error: SandboxError) -> Self {
        match error {
            SandboxError::NotFound => codes::SANDBOX_NOT_FOUND.into(),
            SandboxError::Deleted => codes::WORKSPACE_DELETED.into(),
            SandboxError::Port(error) => error.into(),
        }
    }
}
