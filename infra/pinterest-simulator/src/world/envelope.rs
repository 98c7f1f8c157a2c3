//! The rate limit: an exact token bucket in whole numbers.

use crate::config::Envelope;

/// Parts of one token. Small enough that the refill of a millisecond is never rounded to nothing.
const PARTS_PER_TOKEN: f64 = 1e9;

/// Capacity and refill of a bucket, with the slack included.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    capacity_parts: i64,
    parts_per_ms: i64,
    /// The capacity without the slack, for the headers.
    nominal_capacity: u64,
}

impl Pace {
    pub fn new(envelope: Envelope) -> Self {
        let stretch = 1.0 + envelope.slack;
        Self {
            capacity_parts: (envelope.capacity * stretch * PARTS_PER_TOKEN).round() as i64,
            parts_per_ms: (envelope.rate_per_s * stretch * PARTS_PER_TOKEN / 1000.0).round() as i64,
            nominal_capacity: envelope.capacity as u64,
        }
    }
}

/// The bucket of one account. Starts full.
#[derive(Debug, Clone, Copy)]
pub struct Bucket {
    parts: i64,
    refilled_at_ms: i64,
}

/// The remaining requests, for the rate-limit headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Left {
    /// Whole requests that would pass now, at most the nominal capacity.
    pub requests: u64,
    /// Milliseconds until the next request would pass; 0 when one would pass now.
    pub next_in_ms: i64,
}

impl Bucket {
    pub fn full(pace: Pace, now_ms: i64) -> Self {
        Self { parts: pace.capacity_parts, refilled_at_ms: now_ms }
    }

    /// Takes one token if there is one. A refused request takes none.
    pub fn take(&mut self, pace: Pace, now_ms: i64) -> bool {
        self.refill(pace, now_ms);
        let passes = self.parts >= PARTS_PER_TOKEN as i64;
        if passes {
            self.parts -= PARTS_PER_TOKEN as i64;
        }
        passes
    }

    pub fn left(&self, pace: Pace) -> Left {
        let token = PARTS_PER_TOKEN as i64;
        let lacking = (token - self.parts).max(0);
        Left {
            requests: ((self.parts / token) as u64).min(pace.nominal_capacity),
            next_in_ms: if pace.parts_per_ms > 0 {
                (lacking + pace.parts_per_ms - 1) / pace.parts_per_ms
            } else {
                i64::from(lacking > 0) * 1000
            },
        }
    }

    /// Adds the tokens of the elapsed time. A clock that goes backwards adds none.
    fn refill(&mut self, pace: Pace, now_ms: i64) {
        let elapsed_ms = (now_ms - self.refilled_at_ms).max(0);
        let gained = elapsed_ms.saturating_mul(pace.parts_per_ms);
        self.parts = self.parts.saturating_add(gained).min(pace.capacity_parts);
        self.refilled_at_ms = self.refilled_at_ms.max(now_ms);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed(pace: Pace, bucket: &mut Bucket, at_ms: impl Iterator<Item = i64>) -> Vec<i64> {
        at_ms.filter(|now_ms| bucket.take(pace, *now_ms)).collect()
    }

    #[test]
    fn an_unpaced_client_is_refused_after_capacity_and_slack() {
        let pace = Pace::new(Envelope::default());
        let mut bucket = Bucket::full(pace, 0);
        assert_eq!(passed(pace, &mut bucket, (0..200).map(|_| 0)).len(), 51);
    }

    #[test]
    fn a_paced_client_is_never_refused() {
        let pace = Pace::new(Envelope::default());
        let mut bucket = Bucket::full(pace, 0);
        let paced = (0..50).map(|_| 0).chain((1..5_000).map(|second| second * 1000));
        assert_eq!(passed(pace, &mut bucket, paced).len(), 50 + 4_999);
    }

    #[test]
    fn no_window_passes_more_than_the_envelope_allows() {
        let pace = Pace::new(Envelope::default());
        let mut bucket = Bucket::full(pace, 0);
        let passed = passed(pace, &mut bucket, (0..300_000).step_by(7));
        for (index, start_ms) in passed.iter().enumerate() {
            for (count, end_ms) in passed[index..].iter().enumerate() {
                let window_s = (end_ms - start_ms) as f64 / 1000.0;
                assert!((count + 1) as f64 <= 1.03 * (50.0 + window_s) + 1e-6);
            }
        }
    }

    #[test]
    fn left_reports_when_the_next_request_passes() {
        let pace = Pace::new(Envelope { capacity: 1.0, rate_per_s: 2.0, slack: 0.0 });
        let mut bucket = Bucket::full(pace, 0);
        assert_eq!(bucket.left(pace), Left { requests: 1, next_in_ms: 0 });
        assert!(bucket.take(pace, 0));
        assert_eq!(bucket.left(pace), Left { requests: 0, next_in_ms: 500 });
        assert!(!bucket.take(pace, 499));
        assert!(bucket.take(pace, 500));
    }
}
