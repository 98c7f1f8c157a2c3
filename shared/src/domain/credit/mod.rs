//! Limits per caller: a token bucket whose currency is what a call costs.
//!
//! A credit is one read unit of the table; calls to Pinterest cost [`PINTEREST_CALL_CREDITS`] each. The bucket of a
//! [`Holder`] is a row ([`row`]), which only says until when everything taken so far is paid for. An instance of the
//! API takes blocks of credit from it, one conditional write each ([`row::Lease`]), and spends them from its own memory
//! ([`purse`]).
//!
//! **What an instance may overshoot.** In any window, the calls that all instances answer cost at most what the bucket
//! allows, and for each instance
//! - what it holds from before the window: at most the grace, a tenth of a block, because a block that was leased more
//!   than a minute ago is cut down to that, and a younger one is missing in the bucket;
//! - what its last call cost beyond the credit that was left.
//!
//! That is a block, if no call costs more than nine tenths of one.

pub mod purse;
pub mod row;

use super::ids::{KeyId, UserId};
use super::pin::origin::Actor;
use super::tenant::login::Source;
use super::time::{MINUTE_MS, Moment};

/// What a call to Pinterest costs, in credits. Pinterest lets an app make 1,000 reads of a user in a minute; 200 of one
/// caller leave enough to the publishers and to other callers.
pub const PINTEREST_CALL_CREDITS: u64 = 150;
/// What a key or a person may spend in a minute, in credits, unless the setting says otherwise.
pub const CALLER_CREDITS: u32 = 30_000;
/// What callers without credentials may spend in a minute from one network, in credits, unless the setting says
/// otherwise.
pub const SOURCE_CREDITS: u32 = 6_000;
/// The smallest limit: a block has at least ten credits, so that its tenth is one.
pub const CREDITS_MIN: u32 = 200;
/// The largest limit: a credit is at least a few microseconds.
pub const CREDITS_MAX: u32 = 10_000_000;
/// The number of blocks in which a minute's credit is leased.
pub const BLOCKS_PER_MINUTE: u32 = 20;
/// A block has this many times the grace: the credit that a holder gets without a row.
const GRACES_PER_BLOCK: u32 = 10;
const MINUTE_US: i64 = MINUTE_MS * 1_000;

/// Whose credit it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Holder {
    Key(KeyId),
    Person(UserId),
    /// A network, for calls without valid credentials: its digest ([`Source::digest`]).
    Source(String),
}

impl Holder {
    /// The credit of a key or a person.
    pub fn of_caller(who: Actor) -> Self {
        match who {
            Actor::Key(id) => Self::Key(id),
            Actor::User(id) => Self::Person(id),
        }
    }

    /// The credit of a network.
    pub fn of_source(source: &Source) -> Self {
        Self::Source(source.digest())
    }

    /// The kind's name: that of the policy in the answer's headers, and in metrics.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Key(_) => "key",
            Self::Person(_) => "person",
            Self::Source(_) => "source",
        }
    }

    /// Names the row of the holder.
    pub fn name(&self) -> String {
        let id = match self {
            Self::Key(id) => id.to_string(),
            Self::Person(id) => id.to_string(),
            Self::Source(digest) => digest.clone(),
        };
        format!("{}#{id}", self.kind())
    }
}

/// What a holder may spend: a minute's credit at once, and that much in each minute after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    pub per_minute: u32,
}

impl Allowance {
    /// The credit that an instance takes from the row at once.
    pub fn block(self) -> u32 {
        self.per_minute / BLOCKS_PER_MINUTE
    }

    /// The credit that an instance gives without asking the row; the first block pays for it. So a caller who calls now
    /// and then has no row, and a network that was seen once has none either.
    pub fn grace(self) -> u32 {
        self.block() / GRACES_PER_BLOCK
    }

    /// The most that an instance may owe: with a block more, it is still less than a bucket holds.
    fn owed_max(self) -> u32 {
        self.per_minute - self.block()
    }

    /// The time in which so much credit comes back, in microseconds.
    fn us_of(self, credits: u32) -> i64 {
        let credits = i64::from(credits);
        (credits * MINUTE_US + i64::from(self.per_minute) - 1) / i64::from(self.per_minute)
    }

    /// The whole credits that come back in that time.
    fn credits_in(self, us: i64) -> u32 {
        u32::try_from(us.max(0) * i64::from(self.per_minute) / MINUTE_US).unwrap_or(u32::MAX)
    }
}

/// The limits of callers. `None`: there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Of each key and of each person.
    pub caller: Option<Allowance>,
    /// Of each network, for calls without valid credentials.
    pub source: Option<Allowance>,
}

impl Default for Limits {
    fn default() -> Self {
        let per_minute = |per_minute| Some(Allowance { per_minute });
        Self { caller: per_minute(CALLER_CREDITS), source: per_minute(SOURCE_CREDITS) }
    }
}

impl Limits {
    /// What the holder may spend; `None`: it has no limit.
    pub fn of(&self, holder: &Holder) -> Option<Allowance> {
        match holder {
            Holder::Key(_) | Holder::Person(_) => self.caller,
            Holder::Source(_) => self.source,
        }
    }
}

/// Why the credit is used up: when there is some again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spent {
    pub until: Moment,
}

impl Spent {
    /// In whole seconds, at least one.
    pub fn retry_after_s(self, now: Moment) -> u64 {
        u64::try_from((self.until.since_ms(now) + 999).div_euclid(1_000)).unwrap_or(0).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_a_twentieth_of_a_minute_and_the_grace_a_tenth_of_that() {
        for per_minute in [CREDITS_MIN, 999, SOURCE_CREDITS, CALLER_CREDITS, CREDITS_MAX] {
            let allowance = Allowance { per_minute };
            assert!(allowance.block() * BLOCKS_PER_MINUTE <= per_minute, "{per_minute}");
            assert!(allowance.grace() >= 1 && allowance.grace() * GRACES_PER_BLOCK <= allowance.block());
            assert!(allowance.us_of(per_minute) == MINUTE_US && allowance.us_of(1) >= 1);
            assert_eq!(allowance.credits_in(allowance.us_of(allowance.block())), allowance.block());
        }
    }

    #[test]
    fn the_defaults_carry_two_hundred_pinterest_calls_a_minute_and_ten_of_them_in_a_block() {
        let caller = Allowance { per_minute: CALLER_CREDITS };
        assert_eq!(u64::from(caller.per_minute) / PINTEREST_CALL_CREDITS, 200);
        assert_eq!(u64::from(caller.block()) / PINTEREST_CALL_CREDITS, 10, "a write unit for each ten calls");
    }

    #[test]
    fn a_wait_is_told_in_whole_seconds_and_never_as_none() {
        let spent = Spent { until: Moment(10_000) };
        let told = [10_000, 9_999, 9_000, 8_999, 0].map(|now| spent.retry_after_s(Moment(now)));
        assert_eq!(told, [1, 1, 1, 2, 10]);
        assert_eq!(spent.retry_after_s(Moment(99_000)), 1);
    }
}
