//! What reading and changing boards refuses.

use http::StatusCode;
use pinbridge_shared::domain::failure::Failure;
use pinbridge_shared::flows::read_boards::BoardsError;

use super::ApiError;

impl From<BoardsError> for ApiError {
    fn from(error: BoardsError) -> Self {
        match error {
            BoardsError::AccountNotFound => Self::not_found("account"),
            BoardsError::Connection(failure) => Self::connection(failure),
            BoardsError::Port(error) => error.into(),
            BoardsError::Pinterest(read) => {
                let failure = read.failure;
                let (status, code) = match failure {
                    Failure::RateLimited | Failure::SpamBlock => (StatusCode::TOO_MANY_REQUESTS, "rate_limited"),
                    _ => (StatusCode::BAD_GATEWAY, failure.code()),
                };
                let retry_after_s = read.retry_after_ms.and_then(|ms| u64::try_from((ms + 999) / 1000).ok());
                Self { retry_after_s, ..Self::new(status, code, failure.message(), failure.remedy()) }
            }
        }
    }
}
