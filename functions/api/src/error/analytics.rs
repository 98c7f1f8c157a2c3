//! What asking how pins and accounts did refuses.

use http::StatusCode;
use pinbridge_shared::flows::accounts::analytics::AnalyticsError;

use super::ApiError;

/// See [`super::samples`].
pub fn samples() -> Vec<ApiError> {
    vec![ApiError::analytics_not_stored()]
}

impl ApiError {
    pub fn analytics_not_stored() -> Self {
        let message = "This installation keeps no history of analytics.";
        let remedy = "Ask with source=auto or live, which reach 90 days back.";
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "analytics_not_stored", message, remedy)
    }
}

impl From<AnalyticsError> for ApiError {
    fn from(error: AnalyticsError) -> Self {
        match error {
            AnalyticsError::NotPublished(status) => {
                let message = format!("Only a published pin has analytics; this one is {}.", status.name());
                Self::new(StatusCode::CONFLICT, "conflict", message, "Ask again when the pin is published.")
            }
            AnalyticsError::Call(error) => error.into(),
        }
    }
}
