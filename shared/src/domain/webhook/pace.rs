//! How fast one sender makes requests to an endpoint.

use crate::domain::time::SECOND_MS;

/// A notifier makes at most this many requests a second to an endpoint.
pub const REQUESTS_PER_SECOND_MAX: i64 = 10;
/// The time between two requests to an endpoint, in milliseconds.
const APART_MS: i64 = SECOND_MS / REQUESTS_PER_SECOND_MAX;

/// When one sender may make its next request to an endpoint. Times are those of a monotonic clock, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pace {
    /// `None`: no request was made yet.
    free_ms: Option<i64>,
}

impl Pace {
    /// Takes the next slot, and returns its time: now or soon. `None` when that is later than `latest_ms`; then no slot
    /// is taken.
    pub fn take(&mut self, now_ms: i64, latest_ms: i64) -> Option<i64> {
        let slot_ms = self.free_ms.map_or(now_ms, |free_ms| free_ms.max(now_ms));
        if slot_ms > latest_ms {
            return None;
        }
        self.free_ms = Some(slot_ms + APART_MS);
        Some(slot_ms)
    }

    /// Whether a request made now would be too early. A pace that isn't busy may be forgotten.
    pub fn is_busy(&self, now_ms: i64) -> bool {
        self.free_ms.is_some_and(|free_ms| free_ms > now_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 7_000;
    const NEVER: i64 = i64::MAX;

    #[test]
    fn slots_are_a_tenth_of_a_second_apart_and_the_first_one_is_now() {
        let mut pace = Pace::default();
        let slots: Vec<Option<i64>> = (0..3).map(|_| pace.take(NOW, NEVER)).collect();
        assert_eq!(slots, [Some(NOW), Some(NOW + 100), Some(NOW + 200)]);
        assert_eq!(pace.take(NOW + 250, NEVER), Some(NOW + 300), "in part over");
        assert_eq!(pace.take(NOW + 5_000, NEVER), Some(NOW + 5_000), "what wasn't used is not made up for");
        assert_eq!(pace.take(NOW + 5_000, NEVER), Some(NOW + 5_100));
    }

    #[test]
    fn a_slot_that_comes_too_late_is_not_taken() {
        let mut pace = Pace::default();
        assert_eq!(pace.take(NOW, NOW - 1), None);
        assert!(!pace.is_busy(NOW));
        assert_eq!(pace.take(NOW, NOW), Some(NOW));
        assert_eq!(pace.take(NOW, NOW + 99), None);
        assert_eq!(pace.take(NOW, NOW + 100), Some(NOW + 100), "the slot is still there");
        assert!(pace.is_busy(NOW + 199) && !pace.is_busy(NOW + 200));
    }
}
