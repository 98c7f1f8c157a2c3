//! What connections and boards refuse: connecting, disconnecting, and every call that goes through to Pinterest.

use http::StatusCode;
use pinbridge_shared::domain::pin::attempt::Upstream;
use pinbridge_shared::domain::pin::failure::Failure;
use pinbridge_shared::domain::sandbox::{ACCOUNTS_MAX, OWN_BOARDS_MAX};
use pinbridge_shared::flows::accounts::disconnect::DisconnectError;
use pinbridge_shared::flows::accounts::oauth::{FinishError, StartError};
use pinbridge_shared::flows::accounts::with_token::CallError;
use pinbridge_shared::flows::boards::board_access::AccessError;
use pinbridge_shared::ports::ReadFailure;

use super::{ApiError, RETRY_AFTER_S};

const RECONNECT: &str = "Reconnect the account.";
const BEGIN_AGAIN: &str = "Begin again at GET /v1/pinterest/oauth/start.";

/// See [`super::samples`].
pub fn samples() -> Vec<ApiError> {
    let refusals = Failure::ALL.map(|failure| {
        let (upstream, retry_after_ms) = (Upstream::default(), None);
        ApiError::refused_by_pinterest(&ReadFailure { failure, upstream, retry_after_ms })
    });
    let own = [
        CallError::TokenExpired.into(),
        CallError::TokenRevoked.into(),
        CallError::ScopeMissing(vec!["boards:write_secret".into()]).into(),
        CallError::RateLimited { retry_after_ms: Some(30_000) }.into(),
        StartError::AppMissing.into(),
        StartError::SandboxAccountLimit.into(),
        CallError::SandboxBoardLimit.into(),
        CallError::SandboxBoardFixed.into(),
        FinishError::StateInvalid.into(),
        FinishError::Denied.into(),
        FinishError::NoCode.into(),
        FinishError::CodeRefused.into(),
        FinishError::AppRefused.into(),
        FinishError::Pinterest(ReadFailure {
            failure: Failure::TokenRevoked,
            upstream: Upstream::default(),
            retry_after_ms: None,
        })
        .into(),
    ];
    own.into_iter().chain(refusals).collect()
}

impl ApiError {
    /// What a page for people says.
    pub fn texts(&self) -> (StatusCode, &str, &str) {
        (self.status, &self.message, self.remediation)
    }

    pub fn board_not_found() -> Self {
        let failure = Failure::BoardNotFound;
        Self::new(StatusCode::NOT_FOUND, failure.code(), failure.message(), failure.remedy())
    }

    fn scope_missing(scopes: &[String]) -> Self {
        let message = match scopes {
            [] => "The connection lacks a scope that this needs.".to_owned(),
            [one] => format!("The connection lacks the scope {one}."),
            more => format!("The connection lacks the scopes {}.", more.join(", ")),
        };
        let remedy = "Reconnect the account and grant every scope. A scope that Pinterest doesn't ask for is added by the \
                      operator (PINBRIDGE_PINTEREST_SCOPES).";
        Self::new(StatusCode::CONFLICT, Failure::ScopeMissing.code(), message, remedy)
    }

    fn rate_limited(retry_after_ms: Option<i64>) -> Self {
        let message = "Pinterest asks this account to slow down.";
        let remedy = "Send the same request again after retry_after_seconds.";
        let error = Self::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", message, remedy);
        Self { retry_after_s: whole_seconds(retry_after_ms), ..error }
    }

    fn refused_by_pinterest(read: &ReadFailure) -> Self {
        let failure = read.failure;
        let passing = |status, remedy| Self {
            retry_after_s: whole_seconds(read.retry_after_ms).or(Some(RETRY_AFTER_S)),
            ..Self::new(status, failure.code(), failure.message(), remedy)
        };
        match failure {
            Failure::BoardNotFound => Self::board_not_found(),
            Failure::BoardSectionNotFound => {
                Self::new(StatusCode::NOT_FOUND, failure.code(), failure.message(), failure.remedy())
            }
            Failure::BoardAccessDenied => {
                let message = with_words("Pinterest doesn't let this account do that to the board.", read);
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, failure.code(), message, failure.remedy())
            }
            Failure::InvalidRequest | Failure::InvalidUrl => {
                let message = with_words("Pinterest refused the request.", read);
                let remedy = "Correct what Pinterest names and send it again.";
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "validation_error", message, remedy)
            }
            Failure::TrialAccess | Failure::FeatureRestricted => Self::connection(failure),
            Failure::PinterestBusy => passing(StatusCode::SERVICE_UNAVAILABLE, "Send the same request again."),
            Failure::PinterestUnreachable => Self {
                message: "Pinterest could not be reached.".into(),
                ..passing(StatusCode::BAD_GATEWAY, "Send the same request again.")
            },
            Failure::OutcomeUnknown => {
                let message = "Pinterest's answer was lost; what was asked for may or may not have happened.";
                let remedy = "Read the boards before you send it again.";
                Self::new(StatusCode::BAD_GATEWAY, failure.code(), message, remedy)
            }
            _ => {
                let message = with_words("Pinterest refused the request for a reason this version doesn't know.", read);
                Self::new(StatusCode::BAD_GATEWAY, "pinterest_rejected", message, "Read Pinterest's message.")
            }
        }
    }
}

/// Pinterest's own words, where it has said something about the request.
fn with_words(message: &str, read: &ReadFailure) -> String {
    match read.upstream.message.as_deref().filter(|words| read.upstream.code.is_some() && !words.is_empty()) {
        Some(words) => format!("{message} Pinterest said: {words}"),
        None => message.to_owned(),
    }
}

pub fn whole_seconds(ms: Option<i64>) -> Option<u64> {
    ms.and_then(|ms| u64::try_from(ms.saturating_add(999).div_euclid(1_000)).ok())
}

impl From<CallError> for ApiError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::AccountNotFound => Self::not_found("account"),
            CallError::TokenExpired => {
                let message = "The account's access token has expired and could not be renewed.";
                Self::new(StatusCode::CONFLICT, "token_expired", message, RECONNECT)
            }
            CallError::TokenRevoked => Self::connection(Failure::TokenRevoked),
            CallError::ScopeMissing(scopes) => Self::scope_missing(&scopes),
            CallError::SandboxBoardLimit => {
                let message = format!("A simulated account can have {OWN_BOARDS_MAX} boards of its own, and has them.");
                let remedy = "Delete one of them, or reset the sandbox.";
                Self::new(StatusCode::FORBIDDEN, "sandbox_board_limit", message, remedy)
            }
            CallError::SandboxBoardFixed => {
                let message = "The boards that a sandbox begins with can't be changed or deleted.";
                Self::new(StatusCode::FORBIDDEN, "sandbox_board_fixed", message, "Create a board, and change that.")
            }
            CallError::RateLimited { retry_after_ms } => Self::rate_limited(retry_after_ms),
            CallError::Pinterest(read) => Self::refused_by_pinterest(&read),
            CallError::Port(error) => error.into(),
        }
    }
}

impl From<AccessError> for ApiError {
    fn from(error: AccessError) -> Self {
        match error {
            AccessError::AccountNotFound => Self::not_found("account"),
            AccessError::Port(error) => error.into(),
        }
    }
}

impl From<DisconnectError> for ApiError {
    fn from(error: DisconnectError) -> Self {
        match error {
            DisconnectError::AccountNotFound => Self::not_found("account"),
            DisconnectError::Port(error) => error.into(),
        }
    }
}

impl From<StartError> for ApiError {
    fn from(error: StartError) -> Self {
        match error {
            StartError::AppMissing => {
                let message = "No Pinterest app is configured, so nobody can agree to a connection.";
                let remedy = "The operator sets PINBRIDGE_PINTEREST_APP_ID and PINBRIDGE_OAUTH_REDIRECT_URL and stores the \
                              app's secret.";
                Self::new(StatusCode::CONFLICT, "pinterest_app_missing", message, remedy)
            }
            StartError::SandboxAccountLimit => {
                let message = format!("A sandbox has at most {ACCOUNTS_MAX} simulated accounts, and all of them work.");
                let remedy = "Use one of those at GET /v1/pinterest/accounts, or reset the sandbox.";
                Self::new(StatusCode::FORBIDDEN, "sandbox_account_limit", message, remedy)
            }
            StartError::Closed => Self::workspace_resetting(),
            StartError::Port(error) => error.into(),
        }
    }
}

impl From<FinishError> for ApiError {
    fn from(error: FinishError) -> Self {
        let bad = |code, message: &str, remedy| Self::new(StatusCode::BAD_REQUEST, code, message, remedy);
        match error {
            FinishError::StateInvalid => {
                let message =
                    "This connection attempt is unknown, has been used already, or is older than ten minutes.";
                bad("oauth_state_invalid", message, BEGIN_AGAIN)
            }
            FinishError::Denied => {
                let message = "Access was not granted on Pinterest; nothing was connected.";
                bad("oauth_denied", message, "Begin again and agree on Pinterest's page, if that was a mistake.")
            }
            FinishError::NoCode => bad("oauth_code_missing", "Pinterest sent no code.", BEGIN_AGAIN),
            FinishError::CodeRefused => {
                bad("oauth_code_refused", "Pinterest refused the code; nothing was connected.", BEGIN_AGAIN)
            }
            FinishError::AppRefused => {
                let message = "Pinterest refused this installation's app; nothing was connected.";
                let remedy = "The operator checks the app's id, secret and redirect URL.";
                Self::new(StatusCode::BAD_GATEWAY, "pinterest_app_refused", message, remedy)
            }
            FinishError::Unreachable { retry_after_ms } => {
                let message = "Pinterest could not be reached; nothing was connected.";
                let remedy = "Simply try again: begin again at GET /v1/pinterest/oauth/start.";
                let code = Failure::PinterestUnreachable.code();
                let error = Self::new(StatusCode::BAD_GATEWAY, code, message, remedy);
                Self { retry_after_s: whole_seconds(retry_after_ms).or(Some(RETRY_AFTER_S)), ..error }
            }
            FinishError::Pinterest(read) if read.failure == Failure::ScopeMissing => {
                Self::scope_missing(&["user_accounts:read".to_owned()])
            }
            FinishError::Pinterest(read) if read.failure == Failure::TokenRevoked => {
                let message = "Pinterest refuses the tokens that it has just issued; nothing was connected.";
                Self::new(StatusCode::BAD_GATEWAY, "oauth_code_refused", message, BEGIN_AGAIN)
            }
            FinishError::Pinterest(read) => Self::refused_by_pinterest(&read),
            FinishError::Port(error) => error.into(),
        }
    }
}
