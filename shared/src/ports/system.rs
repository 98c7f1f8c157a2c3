//! Time and chance.

use async_trait::async_trait;

use crate::domain::time::Moment;

/// Time and chance: the only places where a flow meets either.
#[async_trait]
pub trait System: Send + Sync {
    fn now(&self) -> Moment;
    /// A clock that never jumps, in milliseconds from an arbitrary origin.
    fn monotonic_ms(&self) -> i64;
    /// A uniform draw from `[0, 1)`.
    fn jitter(&self) -> f64;
    /// A fresh name for a write.
    fn nonce(&self) -> String;
    /// 32 bytes that nobody can guess.
    fn random(&self) -> [u8; 32];
    async fn sleep_ms(&self, ms: i64);
}
