//! What the three AWS clients share: retries, timeouts, and the classification of errors.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, ConfigLoader, SdkConfig};
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};

use crate::ports::PortError;

/// The SDK tries a call this often. Conditional writes recognise their own repetition by a nonce.
const ATTEMPTS: u32 = 3;
const CONNECT_TIMEOUT: Duration = Duration::from_millis(1_500);
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(3);
/// A whole operation stays below the 5 seconds that may lie between a write-ahead and its call.
const OPERATION_TIMEOUT: Duration = Duration::from_millis(4_500);

/// Loads region, credentials and endpoint from the standard sources.
pub async fn sdk_config() -> SdkConfig {
    loader().load().await
}

/// The loader with retries and timeouts set, before anything is loaded.
pub fn loader() -> ConfigLoader {
    aws_config::defaults(BehaviorVersion::latest())
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
        .timeout_config(timeouts())
}

fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(OPERATION_TIMEOUT)
        .build()
}

/// Error codes after which the same call may work later.
const PASSING: [&str; 9] = [
    "ProvisionedThroughputExceededException",
    "ThrottlingException",
    "RequestLimitExceeded",
    "InternalServerError",
    "InternalServiceError",
    "ServiceUnavailable",
    "TransactionConflictException",
    "TransactionInProgressException",
    "RequestThrottled",
];

/// Classifies an SDK error as unavailable (may work later) or broken (won't). Keeps only codes and kinds, because
/// messages may quote data.
pub fn port_error<E>(port: &'static str, error: &SdkError<E>) -> PortError
where
    E: ProvideErrorMetadata,
{
    match error {
        SdkError::ServiceError(service) => {
            let code = service.err().code().unwrap_or("unknown");
            let reason = format!("{code} (HTTP {})", service.raw().status().as_u16());
            if PASSING.contains(&code) || service.raw().status().as_u16() >= 500 {
                PortError::Unavailable { port, reason }
            } else {
                PortError::Broken { port, reason }
            }
        }
        SdkError::TimeoutError(_) => PortError::Unavailable { port, reason: "timed out".into() },
        SdkError::DispatchFailure(failure) => {
            let kind = if failure.is_io() { "connection failed" } else { "request could not be sent" };
            PortError::Unavailable { port, reason: kind.into() }
        }
        SdkError::ResponseError(_) => PortError::Unavailable { port, reason: "unreadable answer".into() },
        _ => PortError::Broken { port, reason: "request could not be built".into() },
    }
}
