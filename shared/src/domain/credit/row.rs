//! The row of a holder's bucket, in the form of a GCRA: one number says until when all that was taken is paid for.
//!
//! The number is in microseconds, because a credit may come back in less than a millisecond.

use super::purse::Ask;
use super::{Allowance, MINUTE_US, Spent};
use crate::domain::time::Moment;

/// The bucket. A missing row is a full bucket.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CreditRow {
    /// When everything that was taken so far will have come back, in Unix microseconds.
    pub paid_us: i64,
    /// Identifies the last write, so that the SDK's repetition of it is recognised.
    pub nonce: String,
}

fn us(now: Moment) -> i64 {
    now.0.saturating_mul(1_000)
}

/// Which of the conditional writes fits the row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaseFrom {
    /// Everything has come back, or there is no row. The write sets the number.
    Full,
    /// The write adds to the number, whatever other instances have added since it was read.
    Used,
    /// The number is further ahead than any lease makes it: a machine whose clock was ahead has written it. The write
    /// makes the bucket an empty one, and takes nothing.
    BadClock { seen_us: i64 },
}

/// One conditional write, which takes a block from the bucket and pays what the instance owes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    pub from: LeaseFrom,
    pub now: Moment,
    pub ask: Ask,
    pub allowance: Allowance,
    pub nonce: String,
}

impl Lease {
    /// Plans a lease on the row as last seen; `skew_ms` is how far the clocks of two machines may be apart.
    pub fn plan(seen_us: i64, allowance: Allowance, ask: Ask, now: Moment, skew_ms: i64, nonce: String) -> Self {
        let furthest_us = us(now) + MINUTE_US + 2 * skew_ms * 1_000;
        let from = match seen_us {
            seen_us if seen_us > furthest_us => LeaseFrom::BadClock { seen_us },
            seen_us if seen_us > us(now) => LeaseFrom::Used,
            _ => LeaseFrom::Full,
        };
        Self { from, now, ask, allowance, nonce }
    }

    /// [`Self::now`] in Unix microseconds.
    pub fn now_us(&self) -> i64 {
        us(self.now)
    }

    /// How far the write advances the number.
    pub fn advance_us(&self) -> i64 {
        self.allowance.us_of(self.ask.owed.saturating_add(self.ask.block))
    }

    /// The largest number before the write with which the bucket holds as much.
    pub fn latest_us_before(&self) -> i64 {
        us(self.now) + MINUTE_US - self.advance_us()
    }

    /// The number of a bucket that is empty now.
    pub fn empty_us(&self) -> i64 {
        us(self.now) + MINUTE_US
    }

    /// When the row isn't needed any more: a missing row is a full bucket.
    pub fn expires_at(&self) -> Moment {
        self.now.plus_ms(10 * MINUTE_US / 1_000)
    }

    /// What the write does to the row; `None` when its condition fails. This is the reference that adapters must match.
    pub fn apply(&self, row: Option<&CreditRow>) -> Option<CreditRow> {
        let before_us = row.map_or(0, |row| row.paid_us);
        let paid_us = match self.from {
            LeaseFrom::Full => (before_us <= us(self.now)).then(|| us(self.now) + self.advance_us()),
            LeaseFrom::Used => (before_us > us(self.now) && before_us <= self.latest_us_before())
                .then(|| before_us + self.advance_us()),
            LeaseFrom::BadClock { seen_us } => (row.is_some() && before_us == seen_us).then(|| self.empty_us()),
        };
        paid_us.map(|paid_us| CreditRow { paid_us, nonce: self.nonce.clone() })
    }

    /// When the bucket as it is will hold as much; `None`: it does now, so another form of the write fits.
    pub fn refused_until(&self, row: &CreditRow) -> Option<Spent> {
        let late_us = row.paid_us - self.latest_us_before();
        (late_us > 0).then(|| Spent { until: self.now.plus_ms((late_us + 999) / 1_000) })
    }

    /// The credit that the bucket holds now.
    pub fn left(allowance: Allowance, paid_us: i64, now: Moment) -> u32 {
        allowance.credits_in((us(now) + MINUTE_US - paid_us).min(MINUTE_US))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::{DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS};

    const NOW: Moment = Moment(1_000_000_000);
    const SKEW_MS: i64 = 10 * SECOND_MS;
    const ALLOWANCE: Allowance = Allowance { per_minute: 30_000 };

    fn plan(row: Option<&CreditRow>, owed: u32, now: Moment) -> Lease {
        let ask = Ask { owed, block: ALLOWANCE.block() };
        Lease::plan(row.map_or(0, |row| row.paid_us), ALLOWANCE, ask, now, SKEW_MS, "n".into())
    }

    #[test]
    fn a_full_bucket_gives_twenty_blocks_at_once_and_then_one_in_three_seconds() {
        let mut row = None;
        for block in 0..20 {
            row = plan(row.as_ref(), 0, NOW).apply(row.as_ref());
            assert!(row.is_some(), "block {block}");
        }
        let row = row.expect("leased");
        let lease = plan(Some(&row), 0, NOW);
        assert_eq!(lease.apply(Some(&row)), None);
        assert_eq!(lease.refused_until(&row), Some(Spent { until: NOW.plus_ms(3 * SECOND_MS) }));
        assert_eq!(Lease::left(ALLOWANCE, row.paid_us, NOW), 0);
        let later = NOW.plus_ms(3 * SECOND_MS);
        assert_eq!(Lease::left(ALLOWANCE, row.paid_us, later), 1_500);
        assert!(plan(Some(&row), 0, later).apply(Some(&row)).is_some());
        assert!(plan(Some(&row), 1, later).apply(Some(&row)).is_none(), "what is owed is paid first");
        let rested = NOW.plus_ms(HOUR_MS);
        assert_eq!(plan(Some(&row), 0, rested).from, LeaseFrom::Full, "and no more than a minute's credit collects");
        assert_eq!(Lease::left(ALLOWANCE, row.paid_us, rested), 30_000);
    }

    #[test]
    fn a_write_that_saw_an_older_row_takes_what_is_there_or_nothing() {
        let full = plan(None, 0, NOW);
        let row = full.apply(None).expect("leased");
        assert_eq!(full.apply(Some(&row)), None, "another instance came first");
        assert_eq!(full.refused_until(&row), None, "but there is more");
        let used = plan(Some(&row), 0, NOW);
        let twice = used.apply(Some(&row)).expect("added");
        assert_eq!(used.apply(Some(&twice)).expect("added").paid_us, NOW.0 * 1_000 + 9_000_000);
        assert_eq!(used.apply(None), None, "the row has expired");
    }

    #[test]
    fn a_number_that_no_lease_writes_is_taken_for_a_bad_clock() {
        let ahead = |ms: i64| CreditRow { paid_us: (NOW.0 + ms) * 1_000, nonce: "other".into() };
        for ms in [MINUTE_MS + 2 * SKEW_MS + 1, HOUR_MS, 365 * DAY_MS] {
            let row = ahead(ms);
            let lease = plan(Some(&row), 0, NOW);
            let reset = lease.apply(Some(&row)).expect("reset");
            assert_eq!(Lease::left(ALLOWANCE, reset.paid_us, NOW), 0, "an empty bucket, not a full one");
            assert_eq!(lease.apply(Some(&reset)), None, "once");
            assert_eq!(lease.apply(None), None);
            let next = plan(Some(&reset), 0, NOW).refused_until(&reset).expect("it is empty");
            assert_eq!(next.until.since_ms(NOW), 3 * SECOND_MS);
        }
        for ms in [0, MINUTE_MS, MINUTE_MS + 2 * SKEW_MS] {
            assert!(!matches!(plan(Some(&ahead(ms)), 0, NOW).from, LeaseFrom::BadClock { .. }), "{ms}");
        }
    }
}
