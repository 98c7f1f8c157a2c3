//! Endpoints that take long to answer. Such an endpoint gets one request at a time, with pauses between them. So slow
//! endpoints don't occupy the notifiers, which others need.

use super::super::time::SECOND_MS;

/// A request that took longer than this is slow, in milliseconds.
pub const SLOW_AFTER_MS: i64 = 5 * SECOND_MS;
/// After a slow request, its endpoint gets none for so many times as long as the request took. So it occupies a
/// notifier for at most a third of the time, on average for a fifth.
pub const PAUSE_MIN: f64 = 2.0;
pub const PAUSE_MAX: f64 = 6.0;
/// A request counts as no longer than this, in milliseconds. It is the sender's timeout; a process that stood still
/// measures more.
pub const COUNTED_MAX_MS: i64 = 15 * SECOND_MS;

/// Whether a request that took so many milliseconds is slow.
pub fn is_slow(took_ms: i64) -> bool {
    took_ms > SLOW_AFTER_MS
}

/// The pause after a slow request, in milliseconds. `jitter` is a uniform draw from `[0, 1)`: endpoints that got an
/// event at the same time don't get the next one at the same time.
pub fn pause_ms(took_ms: i64, jitter: f64) -> i64 {
    let times = PAUSE_MIN + (PAUSE_MAX - PAUSE_MIN) * jitter.clamp(0.0, 1.0);
    (took_ms.min(COUNTED_MAX_MS) as f64 * times).round() as i64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::HOUR_MS;

    #[test]
    fn a_request_of_more_than_five_seconds_is_slow() {
        assert_eq!([0, 4_999, 5_000, 5_001, 15_000].map(is_slow), [false, false, false, true, true]);
    }

    #[test]
    fn a_pause_is_two_to_six_times_as_long_as_the_request_and_at_most_ninety_seconds() {
        assert_eq!([0.0, 0.5, 1.0].map(|jitter| pause_ms(6_000, jitter)), [12_000, 24_000, 36_000]);
        assert_eq!(pause_ms(HOUR_MS, 1.0), 90_000);
    }
}
