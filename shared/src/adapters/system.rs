//! The only real clock, random numbers and sleep.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use uuid::Uuid;

use crate::domain::time::Moment;
use crate::ports::System;

/// 32 bytes from the operating system's generator, for a key (244 of the bits are random: two version-4 UUIDs).
pub fn secret() -> [u8; 32] {
    let mut secret = [0; 32];
    secret[..16].copy_from_slice(Uuid::new_v4().as_bytes());
    secret[16..].copy_from_slice(Uuid::new_v4().as_bytes());
    secret
}

/// The machine's clocks, and randomness from the operating system's generator.
pub struct RealSystem {
    origin: Instant,
}

impl Default for RealSystem {
    fn default() -> Self {
        Self { origin: Instant::now() }
    }
}

#[async_trait]
impl System for RealSystem {
    fn now(&self) -> Moment {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Moment(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
    }

    fn monotonic_ms(&self) -> i64 {
        i64::try_from(self.origin.elapsed().as_millis()).unwrap_or(i64::MAX)
    }

    fn jitter(&self) -> f64 {
        fastrand::f64()
    }

    fn nonce(&self) -> String {
        // 64 random bits distinguish the writes of one row.
        let mut text = Uuid::new_v4().simple().to_string();
        text.truncate(16);
        text
    }

    fn random(&self) -> [u8; 32] {
        secret()
    }

    async fn sleep_ms(&self, ms: i64) {
        tokio::time::sleep(Duration::from_millis(u64::try_from(ms).unwrap_or(0))).await;
    }
}
