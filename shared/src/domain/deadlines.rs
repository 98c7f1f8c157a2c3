//! The time limits of the publishing protocol, and the rule that connects them.

use thiserror::Error;

use super::time::SECOND_MS;

/// The default of [`Deadlines::send_within_ms`].
pub const SEND_WITHIN_MS: i64 = 5 * SECOND_MS;

/// A call starts only if the invocation has this much time left beyond the client's timeout, in milliseconds: the
/// outcome must still be written.
pub const RECORD_RESERVE_MS: i64 = 3 * SECOND_MS;

/// The settings that decide when an unanswered call can no longer commit. All are in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadlines {
    /// The longest time between a write-ahead and the send of the call that it announces (a create or a token refresh).
    /// It bounds the distance between `started_at` and the real send, because `Tq` is counted from `started_at`.
    pub send_within_ms: i64,
    /// How long the Pinterest client waits for an answer to a create.
    pub client_timeout_ms: i64,
    /// How long after the client's timeout Pinterest may still commit. An assumption: Pinterest doesn't publish it.
    pub commit_lateness_ms: i64,
    /// How long a committed Pin may be missing from its board's list.
    pub list_lag_ms: i64,
    /// How far the clocks of two machines may differ.
    pub clock_skew_ms: i64,
    /// The quiesce period `Tq`: a call that started this long ago is either visible on its board or never happened.
    pub quiesce_ms: i64,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            send_within_ms: SEND_WITHIN_MS,
            client_timeout_ms: 15 * SECOND_MS,
            commit_lateness_ms: 60 * SECOND_MS,
            list_lag_ms: 20 * SECOND_MS,
            clock_skew_ms: 10 * SECOND_MS,
            quiesce_ms: 120 * SECOND_MS,
        }
    }
}

/// The configured quiesce period is shorter than the other limits require.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error(
    "the quiesce period Tq of {quiesce_ms} ms is below {least_ms} ms, the sum of the send limit, the client timeout, \
     the commit lateness, the list lag and twice the clock skew: a read of the board could miss a Pin and publish it \
     twice"
)]
pub struct QuiesceTooShort {
    pub quiesce_ms: i64,
    pub least_ms: i64,
}

impl Deadlines {
    /// The shortest `Tq` that the other settings allow.
    pub fn least_quiesce_ms(&self) -> i64 {
        self.send_within_ms
            + self.client_timeout_ms
            + self.commit_lateness_ms
            + self.list_lag_ms
            + 2 * self.clock_skew_ms
    }

    /// # Errors
    /// When `Tq` is shorter than the sum of the delays that it must cover.
    pub fn check(&self) -> Result<(), QuiesceTooShort> {
        let least_ms = self.least_quiesce_ms();
        if self.quiesce_ms < least_ms {
            return Err(QuiesceTooShort { quiesce_ms: self.quiesce_ms, least_ms });
        }
        Ok(())
    }

    /// Whether an invocation with `remaining_ms` left may still start a call.
    pub fn leaves_time_for_a_call(&self, remaining_ms: i64) -> bool {
        remaining_ms >= self.client_timeout_ms + RECORD_RESERVE_MS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_just_long_enough() {
        let defaults = Deadlines::default();
        assert_eq!(defaults.check(), Ok(()));
        assert_eq!(defaults.least_quiesce_ms(), defaults.quiesce_ms);
    }

    #[test]
    fn a_quiesce_period_one_millisecond_shorter_is_refused() {
        let short = Deadlines { quiesce_ms: 119_999, ..Deadlines::default() };
        assert_eq!(short.check(), Err(QuiesceTooShort { quiesce_ms: 119_999, least_ms: 120_000 }));
    }
}
