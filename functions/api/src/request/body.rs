//! The bytes of a body, up to its limit.

use axum::body::Body;
use http_body_util::{BodyExt, LengthLimitError, Limited};

use crate::error::{ApiError, codes};

/// The largest body, in bytes. A pin with every field at its limit is below 20 KiB.
pub const BODY_MAX: usize = 64 * 1024;

/// The largest body of a batch, in bytes: a hundred pins with every field at its limit.
pub const BATCH_BODY_MAX: usize = 2 * 1024 * 1024;

/// # Errors
/// When the body is larger, or its sender stops.
pub async fn read_up_to(body: Body, bytes_max: usize) -> Result<Vec<u8>, ApiError> {
    match Limited::new(body, bytes_max).collect().await {
        Ok(collected) => Ok(collected.to_bytes().to_vec()),
        Err(error) if error.is::<LengthLimitError>() => Err(codes::PAYLOAD_TOO_LARGE.with("bytes", bytes_max)),
        Err(_) => Err(codes::BODY_UNREADABLE.into()),
    }
}
