//! Port: time and randomness.

use async_trait::async_trait;

use crate::domain::time::Moment;

/// Time and randomness; flows get both only from here.
#[async_trait]
pub trait System: Send + Sync {
    /// The wall-clock time. It may jump, back as well.
    fn now(&self) -> Moment;
    /// A monotonic clock, in milliseconds from an arbitrary origin.
    fn monotonic_ms(&self) -> i64;
    /// A uniform draw from `[0, 1)`.
    fn jitter(&self) -> f64;
    /// A fresh id for a write.
    fn nonce(&self) -> String;
    /// 32 cryptographically random bytes.
    fn random(&self) -> [u8; 32];
    /// Waits for so many milliseconds.
    async fn sleep_ms(&self, ms: i64);
}
