//! How long an endpoint that keeps failing is left alone between two requests.
//!
//! The waits are those of a delivery's tries. They go by how long the endpoint has failed, not by how often: a burst of
//! events fails within a second, and a receiver that was restarted must not be left alone for hours.

use super::schedule::{JITTER, WAITS_MS};

/// A wait that a draw has made shorter counts as passed.
const SHORTEST: f64 = 0.8;

/// The time until the next request, in milliseconds, to an endpoint that has failed for `failing_ms`. It is no longer
/// than the wait of a delivery whose first try was the first failure.
pub fn held_ms(failing_ms: i64) -> i64 {
    let mut passed_ms = 0;
    let mut next_ms = 0;
    for wait_ms in WAITS_MS {
        next_ms = wait_ms;
        passed_ms += wait_ms;
        if failing_ms < (passed_ms as f64 * SHORTEST) as i64 {
            break;
        }
    }
    (next_ms as f64 * (1.0 - JITTER)) as i64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::{DAY_MS, HOUR_MS, SECOND_MS};

    #[test]
    fn a_single_delivery_that_fails_is_not_delayed() {
        for share in [1.0 - JITTER, 1.0, 1.0 + JITTER] {
            let mut failing_ms = 0;
            for wait_ms in &WAITS_MS[1..] {
                let shortest_ms = (*wait_ms as f64 * (1.0 - JITTER)) as i64;
                assert_eq!(held_ms(failing_ms), shortest_ms, "after {failing_ms} ms, {share}");
                failing_ms += (*wait_ms as f64 * share) as i64;
            }
        }
    }

    #[test]
    fn a_burst_of_failures_is_one_step_and_days_of_them_are_a_day() {
        assert_eq!(held_ms(0), 4_500);
        assert_eq!(held_ms(6 * SECOND_MS), 54_000);
        assert_eq!(held_ms(HOUR_MS), 108 * 60 * SECOND_MS);
        assert_eq!(held_ms(30 * DAY_MS), 21 * HOUR_MS + HOUR_MS * 6 / 10);
    }
}
