//! The errors of the operations that call Pinterest.

use pinbridge_shared::domain::pin::failure::Failure;
use pinbridge_shared::domain::sandbox::OWN_BOARDS_MAX;
use pinbridge_shared::flows::accounts::with_token::CallError;
use pinbridge_shared::flows::boards::board_access::Obstacle;
use pinbridge_shared::ports::ReadFailure;

use super::codes::Code;
use super::{ApiError, codes};

pub fn scope_missing(scopes: &[String]) -> ApiError {
    let scopes = match scopes {
        [] => "a scope that the operation needs".to_owned(),
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
        Failure::RateLimited
        | Failure::SpamBlock
        | Failure::TokenExpired
        | Failure::TokenRevoked
        | Failure::ScopeMissing
        | Failure::ImageTooSmall
        | Failure::ImageBroken
        | Failure::ImageUnreachable
        | Failure::ImageFormatUnsupported
        | Failure::LinkBlocked
        | Failure::DescriptionBlocked
        | Failure::Unrecognised
        | Failure::AttemptsExhausted
        | Failure::OutcomeAmbiguous
        | Failure::OutcomeUnverifiable
        | Failure::ConfirmedAbsent
        | Failure::ExpiredUnpublished
        | Failure::AccountDisconnected
        | Failure::DeadLettered
        | Failure::PinDeleted
        | Failure::ScheduleCanceled
        | Failure::KeyTaken
        | Failure::TooLate => return rejected(read),
    };
    code.into()
}

/// A refusal for which the API has no code.
pub fn rejected(read: &ReadFailure) -> ApiError {
    in_its_words(codes::PINTEREST_REJECTED, read)
}

pub fn passing(code: Code, retry_after_ms: Option<i64>) -> ApiError {
    ApiError::from(code).retried(whole_seconds(retry_after_ms))
}

/// With Pinterest's message, if it has one about the request.
fn in_its_words(code: Code, read: &ReadFailure) -> ApiError {
    let mut error = ApiError::from(code);
    let words = read.upstream.message.as_deref().filter(|words| read.upstream.code.is_some() && !words.is_empty());
    if let Some(words) = words {
        error.message = format!("{} Pinterest said: {words}", error.message).into();
    }
    error
}

/// The account isn't connected any more, whoever ended it. The code is the one that clients of this API know.
pub fn not_connected() -> ApiError {
    ApiError::from(codes::TOKEN_REVOKED)
        .worded("The account is not connected any more.".into(), "Reconnect the account.")
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
            CallError::CallRefused => Obstacle::CallRefused.into(),
            CallError::Disconnected => not_connected(),
            CallError::ScopeMissing(scopes) => scope_missing(&scopes),
            CallError::SandboxBoardLimit => codes::SANDBOX_BOARD_LIMIT.with("limit", OWN_BOARDS_MAX),
            CallError::SandboxBoardFixed => codes::SANDBOX_BOARD_FIXED.into(),
            CallError::RateLimited { retry_after_ms } => passing(codes::PINTEREST_RATE_LIMITED, Some(retry_after_ms)),
            CallError::Paced { retry_after_ms } => passing(codes::ACCOUNT_PACING, Some(retry_after_ms)),
            CallError::BudgetSpent { retry_after_ms } => passing(codes::DAILY_BUDGET, Some(retry_after_ms)),
            CallError::Pinterest(read) => refused(&read),
            CallError::Port(error) => error.into(),
        }
    }
}
