//! What asking how pins and accounts did refuses.

use pinbridge_shared::flows::accounts::analytics::AnalyticsError;

use super::{ApiError, codes};

impl From<AnalyticsError> for ApiError {
    fn from(error: AnalyticsError) -> Self {
        match error {
            AnalyticsError::NotPublished(status) => codes::PIN_NOT_PUBLISHED.with("status", status.name()),
            AnalyticsError::Call(error) => error.into(),
        }
    }
}
