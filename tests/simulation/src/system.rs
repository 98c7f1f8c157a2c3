//! The clock and the random numbers of a process.

use std::sync::Arc;

use async_trait::async_trait;
use pinbridge_shared::domain::time::Moment;
use pinbridge_shared::ports::System;

use crate::kernel::Kernel;

/// The clocks of the process that runs. The wall clock is off by the skew; the monotonic clock may stop while the
/// process is frozen.
pub struct ProcessClock(pub Arc<Kernel>);

#[async_trait]
impl System for ProcessClock {
    fn now(&self) -> Moment {
        let skew_ms = self.0.process().map_or(0, |process| process.skew_ms);
        Moment(self.0.now() + skew_ms)
    }

    fn monotonic_ms(&self) -> i64 {
        let slept_ms = self.0.process().map_or(0, |process| process.slept_ms);
        // The origin differs widely from the wall clock's, so that a flow that mixes up the two clocks fails at once.
        self.0.now() - 1_700_000_000_000 - slept_ms
    }

    fn jitter(&self) -> f64 {
        self.0.draw(fastrand::Rng::f64)
    }

    fn nonce(&self) -> String {
        format!("{:016x}", self.0.draw(|rng| rng.u64(..)))
    }

    fn random(&self) -> [u8; 32] {
        self.0.draw(|rng| std::array::from_fn(|_| rng.u8(..)))
    }

    async fn sleep_ms(&self, ms: i64) {
        self.0.sleep(ms).await;
    }
}

/// The true time, which the fakes use.
pub struct TrueClock(pub Arc<Kernel>);

#[async_trait]
impl System for TrueClock {
    fn now(&self) -> Moment {
        Moment(self.0.now())
    }

    fn monotonic_ms(&self) -> i64 {
        self.0.now()
    }

    fn jitter(&self) -> f64 {
        self.0.draw(fastrand::Rng::f64)
    }

    fn nonce(&self) -> String {
        format!("{:016x}", self.0.draw(|rng| rng.u64(..)))
    }

    fn random(&self) -> [u8; 32] {
        self.0.draw(|rng| std::array::from_fn(|_| rng.u8(..)))
    }

    async fn sleep_ms(&self, ms: i64) {
        self.0.sleep(ms).await;
    }
}
