//! Throttling of logins, per email address, whether or not the address has a user.
//!
//! An attempt is counted before its password is checked, so that simultaneous guesses can't pass together.

use crate::domain::ids::UserId;
use crate::domain::time::{MINUTE_MS, Moment, SECOND_MS};

/// The most wrong passwords within the window; a right password resets the count.
pub const FAILURES_MAX: u32 = 5;
/// The length of the window, from the first wrong password, in milliseconds.
pub const WINDOW_MS: i64 = 15 * MINUTE_MS;

/// The attempts for one address since its last successful login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginAttempts {
    pub user: UserId,
    pub since: Moment,
    pub count: u32,
    /// Counts the row's writes; each write is conditional on the `rev` before it.
    pub rev: u64,
    /// Identifies the last write, so that the SDK's repetition of it is recognised.
    pub nonce: String,
}

/// There were too many attempts; when the next one is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooMany {
    pub until: Moment,
}

impl TooMany {
    /// In whole seconds, at least one.
    pub fn retry_after_s(self, now: Moment) -> u64 {
        u64::try_from((self.until.since_ms(now) + SECOND_MS - 1).div_euclid(SECOND_MS)).unwrap_or(0).max(1)
    }
}

impl LoginAttempts {
    /// The state before any attempt.
    pub fn none(user: UserId) -> Self {
        Self { user, since: Moment(0), count: 0, rev: 0, nonce: String::new() }
    }

    /// The state with one more attempt.
    ///
    /// # Errors
    /// When there were too many attempts in the window.
    pub fn next(&self, now: Moment, nonce: String) -> Result<Self, TooMany> {
        let is_fresh = self.count == 0 || now >= self.expires_at();
        if !is_fresh && self.count >= FAILURES_MAX {
            return Err(TooMany { until: self.expires_at() });
        }
        let (since, count) = if is_fresh { (now, 1) } else { (self.since, self.count + 1) };
        Ok(Self { user: self.user, since, count, rev: self.rev + 1, nonce })
    }

    /// The state after a right password.
    #[must_use]
    pub fn forgiven(&self, nonce: String) -> Self {
        Self { count: 0, rev: self.rev + 1, nonce, ..self.clone() }
    }

    pub fn expires_at(&self) -> Moment {
        self.since.plus_ms(WINDOW_MS)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn after_five_failures_the_sixth_waits_for_the_window() {
        let start = Moment(1_000_000);
        let mut attempts = LoginAttempts::none(UserId(Uuid::from_u128(1)));
        for n in 0..i64::from(FAILURES_MAX) {
            attempts = attempts.next(start.plus_ms(n), "n".into()).expect("accepted");
        }
        let now = start.plus_ms(10);
        let refused = attempts.next(now, "n".into()).expect_err("too many");
        assert_eq!((refused.until, refused.retry_after_s(now)), (start.plus_ms(WINDOW_MS), 900));
        assert_eq!(refused.retry_after_s(refused.until.plus_ms(-1)), 1);
        let again = attempts.next(refused.until, "n".into()).expect("accepted again");
        assert_eq!((again.count, again.since), (1, refused.until));
    }

    #[test]
    fn a_success_resets_the_count() {
        let mut attempts = LoginAttempts::none(UserId(Uuid::from_u128(1)));
        for n in 0..i64::from(FAILURES_MAX) {
            attempts = attempts.next(Moment(n), "n".into()).expect("accepted");
        }
        let forgiven = attempts.forgiven("m".into());
        assert_eq!((forgiven.count, forgiven.rev), (0, attempts.rev + 1));
        assert_eq!(forgiven.next(Moment(9), "n".into()).expect("accepted").count, 1);
    }
}
