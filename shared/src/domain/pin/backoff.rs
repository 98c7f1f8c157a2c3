//! Exponential backoff with full jitter and a cap.
//!
//! Full jitter (a uniform draw from zero to the exponential bound) spreads a crowd of retries best; see the AWS
//! Architecture Blog, "Exponential Backoff And Jitter". The floor keeps a retry from being immediate.

use crate::domain::time::{MINUTE_MS, SECOND_MS};

/// The shortest wait, in milliseconds.
pub const FLOOR_MS: i64 = SECOND_MS;
/// The bound of the wait after the first attempt, in milliseconds. It doubles with each further attempt.
pub const BASE_MS: i64 = 4 * SECOND_MS;
/// The largest bound, in milliseconds.
pub const CAP_MS: i64 = 10 * MINUTE_MS;

/// The wait before the next attempt in milliseconds, given the number of attempts spent and a draw from `[0, 1)`.
pub fn wait_ms(attempts_spent: u32, jitter: f64) -> i64 {
    let doublings = attempts_spent.saturating_sub(1).min(30);
    let bound = BASE_MS.saturating_mul(1 << doublings).min(CAP_MS);
    FLOOR_MS + ((bound - FLOOR_MS) as f64 * jitter.clamp(0.0, 1.0)) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_doubles_up_to_the_cap() {
        let bounds: Vec<i64> = (1..=9).map(|spent| wait_ms(spent, 1.0) / SECOND_MS).collect();
        assert_eq!(bounds, [4, 8, 16, 32, 64, 128, 256, 512, 600]);
        assert_eq!(wait_ms(u32::MAX, 1.0), CAP_MS);
    }

    #[test]
    fn the_draw_spreads_over_the_whole_range() {
        assert_eq!(wait_ms(3, 0.0), FLOOR_MS);
        assert!(wait_ms(3, 0.5) > wait_ms(3, 0.4));
    }
}
