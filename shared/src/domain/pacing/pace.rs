//! The pace of an account: its rate and its capacity.

use crate::domain::time::{MINUTE_MS, SECOND_MS};

/// The minimum validity of a token after its slot, in milliseconds: a message needs this long to reach its worker.
/// Whatever delay a token suffers within its validity, the bound of [`Pace`] holds at the moment of use.
pub const TOKEN_VALID_AT_LEAST_MS: i64 = 3 * SECOND_MS / 2;

/// Pins at once, and pins a second after that, of a deployment that sets neither. Pinterest lets pass 100 writes of a
/// user and app in any 60 s, and a call may arrive later than it was sent. A window of 60 s at Pinterest so has the
/// calls of up to 70 s here, if they are under way for up to 10 s: 25 + 70 pins, and 5 writes of the reserve
/// (3 + 70 / 30). Decision 0020.
pub const DEFAULT_CAPACITY: u32 = 25;
/// Publishes per second once the burst is spent.
pub const DEFAULT_RATE_PER_S: f64 = 1.0;

/// Writes at once of the reserve: for what a caller changes on Pinterest itself and waits for.
pub const RESERVED_WRITES: u32 = 3;
/// The reserve gets one write back in so many intervals of the account.
pub const RESERVED_EVERY: i64 = 30;

/// After a 429 an account's interval is doubled, up to this many times: to sixteen times the configured interval.
pub const SLOWED_MOST: u32 = 4;
/// How long without another 429 until one doubling is taken back.
pub const SLOWED_FOR_MS: i64 = 10 * MINUTE_MS;

/// An account's envelope: any window of `w` seconds has at most `capacity + rate · w` calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// The distance between two tokens, in whole milliseconds, rounded up: never faster than the configured rate.
    pub interval_ms: i64,
    /// How far a slot may lie before the moment at which the tokens before it are paid for: `capacity − 1` intervals,
    /// and never less than [`TOKEN_VALID_AT_LEAST_MS`].
    pub lead_ms: i64,
}

impl Pace {
    /// `rate_per_s` must be positive; configuration checks it.
    ///
    /// A rate that `capacity` can't carry is lowered. Tokens may be used late, so `capacity` of them can become due at
    /// the same moment. So at most `capacity − 1` tokens are given within the minimum validity (or one, with a capacity
    /// of one).
    pub fn new(capacity: u32, rate_per_s: f64) -> Self {
        let interval_ms = (SECOND_MS as f64 / rate_per_s).ceil().max(1.0) as i64;
        match i64::from(capacity) - 1 {
            ..=0 => Self { interval_ms: interval_ms + TOKEN_VALID_AT_LEAST_MS, lead_ms: TOKEN_VALID_AT_LEAST_MS },
            more => {
                let interval_ms = interval_ms.max((TOKEN_VALID_AT_LEAST_MS + more - 1) / more);
                Self { interval_ms, lead_ms: more * interval_ms }
            }
        }
    }

    /// The envelope with half the rate and half the capacity, `doublings` times.
    ///
    /// The length of the bucket stays, so the bound of the envelope before holds across the change: no token's slot
    /// comes nearer, and every token costs at least as much.
    pub fn slowed(&self, doublings: u32) -> Self {
        let interval_ms = self.interval_ms << doublings.min(SLOWED_MOST);
        Self { interval_ms, lead_ms: (self.burst_ms() - interval_ms).max(TOKEN_VALID_AT_LEAST_MS) }
    }

    /// The pace of the writes that callers wait for, beyond the tokens that no pin needs.
    ///
    /// It has a bucket of its own, because the slots of pins are given out ahead: an account whose pins wait has no
    /// token for now.
    pub fn reserve(&self) -> Self {
        Self::new(RESERVED_WRITES, SECOND_MS as f64 / (self.interval_ms * RESERVED_EVERY) as f64)
    }

    /// Tokens per second.
    pub fn rate_per_s(&self) -> f64 {
        SECOND_MS as f64 / self.interval_ms as f64
    }

    /// How many tokens a settled bucket gives at once.
    pub fn capacity(&self) -> u32 {
        u32::try_from(self.lead_ms / self.interval_ms + 1).unwrap_or(u32::MAX)
    }

    /// The length of a full bucket, in milliseconds.
    pub fn burst_ms(&self) -> i64 {
        self.lead_ms + self.interval_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ordinary_envelope_is_as_configured() {
        let pace = Pace::new(50, 1.0);
        assert_eq!((pace.capacity(), pace.interval_ms, pace.burst_ms()), (50, 1_000, 50_000));
        assert_eq!(Pace::new(3, 3.0).interval_ms, 750, "two intervals of 333 ms don't cover the minimum validity");
    }

    #[test]
    fn each_doubling_halves_rate_and_capacity() {
        let pace = Pace::new(50, 1.0);
        let envelopes = [0, 1, 2, 3, 4, 9].map(|doublings| pace.slowed(doublings));
        assert_eq!(envelopes.map(|pace| pace.interval_ms / 1_000), [1, 2, 4, 8, 16, 16]);
        assert_eq!(envelopes.map(|pace| pace.capacity()), [50, 25, 12, 6, 3, 3]);
        assert_eq!(Pace::new(1, 1.0).slowed(4).capacity(), 1);
    }

    #[test]
    fn the_defaults_and_the_reserve_fit_into_pinterests_window() {
        // Pinterest's own figures: writes in any 60 s; and how long a call may be under way.
        const WRITES: f64 = 100.0;
        let pace = Pace::new(DEFAULT_CAPACITY, DEFAULT_RATE_PER_S);
        let most = |pace: &Pace, window_s: f64| (f64::from(pace.capacity()) + window_s * pace.rate_per_s()).floor();
        let within = |window_s| most(&pace, window_s) + most(&pace.reserve(), window_s);
        assert!(within(60.0) <= 95.0, "{} by our clocks", within(60.0));
        assert!(within(70.0) <= WRITES, "{} may arrive in a minute", within(70.0));
        assert!(most(&Pace::new(50, 1.0), 60.0) > WRITES, "PinBridge's pace doesn't");
    }

    #[test]
    fn the_reserve_is_slowed_with_its_account() {
        let pace = Pace::new(DEFAULT_CAPACITY, DEFAULT_RATE_PER_S);
        assert_eq!((pace.reserve().capacity(), pace.reserve().interval_ms), (RESERVED_WRITES, 30_000));
        assert_eq!(pace.slowed(2).reserve().interval_ms, 120_000);
    }

    #[test]
    fn a_rate_beyond_what_the_capacity_carries_is_lowered() {
        let fast = Pace::new(50, 1_000.0);
        assert_eq!((fast.capacity(), fast.interval_ms), (50, 31));
        let single = Pace::new(1, 1.0);
        assert_eq!((single.capacity(), single.interval_ms), (1, 2_500));
    }
}
