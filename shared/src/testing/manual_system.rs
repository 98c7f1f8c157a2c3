//! A clock that tests move, and randomness from a seed.

use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use crate::domain::time::Moment;
use crate::ports::System;

struct State {
    now_ms: i64,
    monotonic_ms: i64,
    rng: fastrand::Rng,
}

/// Both clocks move together, only by [`advance_ms`](Self::advance_ms) and by sleeping. The exception is
/// [`sleep_through_ms`](Self::sleep_through_ms).
pub struct ManualSystem(Mutex<State>);

impl ManualSystem {
    pub fn new(start: Moment, seed: u64) -> Self {
        // The monotonic origin is arbitrary on purpose: a flow that mixes the two clocks fails at once.
        Self(Mutex::new(State { now_ms: start.0, monotonic_ms: 7_000, rng: fastrand::Rng::with_seed(seed) }))
    }

    pub fn advance_ms(&self, ms: i64) {
        let mut state = self.state();
        state.now_ms += ms.max(0);
        state.monotonic_ms += ms.max(0);
    }

    /// The machine sleeps: only the wall clock advances.
    pub fn sleep_through_ms(&self, ms: i64) {
        self.state().now_ms += ms.max(0);
    }

    /// Advances to `moment`; a moment in the past changes nothing.
    pub fn advance_to(&self, moment: Moment) {
        self.advance_ms(moment.since_ms(self.now()));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl System for ManualSystem {
    fn now(&self) -> Moment {
        Moment(self.state().now_ms)
    }

    fn monotonic_ms(&self) -> i64 {
        self.state().monotonic_ms
    }

    fn jitter(&self) -> f64 {
        self.state().rng.f64()
    }

    fn nonce(&self) -> String {
        format!("{:016x}", self.state().rng.u64(..))
    }

    fn random(&self) -> [u8; 32] {
        let mut state = self.state();
        std::array::from_fn(|_| state.rng.u8(..))
    }

    /// The time passes at once. Other running tasks continue first, as while a process sleeps.
    async fn sleep_ms(&self, ms: i64) {
        self.advance_ms(ms);
        tokio::task::yield_now().await;
    }
}
