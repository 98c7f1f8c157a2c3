//! The errors of every call that goes through to Pinterest.

use pinbridge_shared::domain::pin::failure::Failure;
use pinbridge_shared::domain::sandbox::OWN_BOARDS_MAX;
use pinbridge_shared::flows::accounts::with_token::CallError;
use pinbridge_shared::ports::ReadFailure;

use super::codes::Code;
use super::{ApiError, codes};

pub fn scope_missing(scopes: &[String]) -> ApiError {
    let scopes = match scopes {
        [] => "a scope that this needs".to_owned(),
        [one] => format!("the scope {one}"),
        more => format!("the scopes {}", more.join(", ")),
    };
    codes::SCOPE_MISSING.with("scopes", scopes)
}

pub fn refused(read: &ReadFailure) -> ApiError {
    let code = match read.failure {
        Failure::BoardNotFound => codes::BOARD_NOT_FOUND,
        Failure::BoardSectionNotFound => codes::BOARD_SECTION_NOT_FOUND,
        Failure::BoardAccessDenied => return in_its_words(codes::BOARD_ACCESS_DENIED, read),
        Failure::InvalidRequest | Failure::InvalidUrl => return in_its_words(codes::PINTEREST_VALIDATION_ERROR, read),
        Failure::TrialAccess => codes::TRIAL_ACCESS,
        Failure::FeatureRestricted => codes::FEATURE_RESTRICTED,
        Failure::PinterestBusy => return passing(codes::PINTEREST_BUSY, read.retry_after_ms),
        Failure::PinterestUnreachable => return passing(codes::PINTEREST_UNREACHABLE, read.retry_after_ms),
        Failure::OutcomeUnknown => codes::OUTCOME_UNKNOWN,
        _ => return in_its_words(codes::PINTEREST_REJECTED, read),
    };
    code.into()
}

pub fn passing(code: Code, retry_after_ms: Option<i64>) -> ApiError {
    ApiError::from(code).retried(whole_seconds(retry_after_ms))
}

/// With Pinterest's own words, where it has said something about the request.
fn in_its_words(code: Code, read: &ReadFailure) -> ApiError {
    let mut error = ApiError::from(code);
    let words = read.upstream.message.as_deref().filter(|words| read.upstream.code.is_some() && !words.is_empty());
    if let Some(words) = words {
        error.message = format!("{} Pinterest said: {words}", error.message);
    }
    error
}

pub fn whole_seconds(ms: Option<i64>) -> Option<u64> {
    ms.and_then(|ms| u64::try_from(ms.saturating_add(999).div_euclid(1_000)).ok())
}

impl From<CallError> for ApiError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::AccountNotFound => Self::not_found("account"),
            CallError::TokenExpired => codes::TOKEN_EXPIRED.into(),
            CallError::TokenRevoked => codes::TOKEN_REVOKED.into(),
            CallError::ScopeMissing(scopes) => scope_missing(&scopes),
            CallError::SandboxBoardLimit => codes::SANDBOX_BOARD_LIMIT.with("limit", OWN_BOARDS_MAX),
            CallError::SandboxBoardFixed => codes::SANDBOX_BOARD_FIXED.into(),
            CallError::RateLimited { retry_after_ms } => passing(codes::PINTEREST_RATE_LIMITED, retry_after_ms),
            CallError::Paced { retry_after_ms } => passing(codes::ACCOUNT_PACING, Some(retry_after_ms)),
            CallError::BudgetSpent { retry_after_ms } => passing(codes::DAILY_BUDGET, Some(retry_after_ms)),
            CallError::Pinterest(read) => refused(&read),
            CallError::Port(error) => error.into(),
        }
    }
}
