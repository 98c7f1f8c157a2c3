//! How long a request to an endpoint may take, and how much of the answer is read.

use std::time::Duration;

/// How long a connection may take, with DNS and TLS: receivers that are up answer in a fraction of it.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the whole request may take, until the last byte of the answer.
const TIMEOUT: Duration = Duration::from_secs(15);
/// How much of an answer's body is read. A receiver has nothing to say that is longer.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// How much of an answer's body is kept, for the log of deliveries.
const KEPT_BYTES_MAX: usize = 2_048;

/// What one request may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Until the connection is made, with DNS and TLS.
    pub connect: Duration,
    /// Until the answer is read.
    pub whole: Duration,
    /// Bytes of the answer's body that are read.
    pub answer_bytes: usize,
    /// Bytes of the answer's body that are kept.
    pub kept_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connect: CONNECT_TIMEOUT, whole: TIMEOUT, answer_bytes: ANSWER_BYTES_MAX, kept_bytes: KEPT_BYTES_MAX }
    }
}
