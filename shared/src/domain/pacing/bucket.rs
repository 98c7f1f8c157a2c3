//! Pacing per account: a token bucket in its GCRA form, on two numbers.
//!
//! `tat` ("theoretical arrival time") is the moment at which every token given is paid for: each take moves it by an
//! interval per token, and never leaves it before the end of a token's least validity. A token is used at its slot at the
//! earliest and by the `tat` before it at the latest. Because a take only adds to `tat`, it is one conditional write that
//! needs no exact read before it.
//!
//! **The bound is strict at the moment of use**: in any window `[a, b]` there are at most `capacity + rate · (b − a)` uses,
//! however late each token is used within its validity.
//! - The uses in the window are of tokens whose validity ends at `a` or later. Each has moved `tat` from there by an
//!   interval, so before the last of them `tat` was at least `a + (n − 1) · interval`; its slot is at least that less
//!   `lead` (`(capacity − 1) · interval`), and at most `b`: `n ≤ capacity + (b − a) / interval`.
//! - A bucket whose `tat` has passed is *settled*: nothing given before can be used any more. Its next tokens begin a
//!   burst, and while none of the burst is stale yet (for the least validity from its beginning), `capacity` of them
//!   may go out at once: before them, the window has at most `(begin − a) / interval`.

mod pause;
mod resume;
mod take;

pub use pause::Pause;
pub use resume::Resume;
pub use take::{Take, TakeFrom};

use super::pace::{Pace, SLOWED_FOR_MS, SLOWED_MOST, TOKEN_VALID_AT_LEAST_MS};
use crate::domain::pin::WaitReason;
use crate::domain::time::{Moment, SECOND_MS};

/// Acceptance hands out slots this far ahead; what is further goes to the backlog, where it can be seen and reordered.
pub const ACCEPT_HORIZON_MS: i64 = 90 * SECOND_MS;
/// The dispatcher, which runs every minute, releases this far ahead: a tick may be 40 s late before the queue runs dry, and
/// what becomes urgent just after a tick has its turn within this time and a slot.
pub const DISPATCH_HORIZON_MS: i64 = 100 * SECOND_MS;
/// However long its validity, a token is not used later than this after its slot: an outage ends without a burst.
pub const TOKEN_VALID_AT_MOST_MS: i64 = 30 * SECOND_MS;
/// `waiting_at` younger than this need not be written again. The dispatcher clears the mark only after an empty query
/// that began at least [`WAITING_CLEARS_AFTER_MS`] after it; the distance covers the slowest acceptance.
pub const WAITING_FRESH_MS: i64 = 20 * SECOND_MS;
pub const WAITING_CLEARS_AFTER_MS: i64 = 60 * SECOND_MS;

/// The right to make one call from its slot on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    pub slot: Moment,
    pub valid_until: Moment,
}

/// The bucket row. A missing row is the default: full, nobody waiting, not paused.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bucket {
    pub tat: Moment,
    /// When the tokens began that were given since the bucket was last settled.
    pub burst_from: Option<Moment>,
    /// Counts the dispatcher's releases, so that two dispatchers can't release the same backlog twice.
    pub rel: u64,
    /// Set before a pin joins the backlog; while it is set, nobody overtakes.
    pub waiting_at: Option<Moment>,
    pub paused_until: Option<Moment>,
    /// The public code of the pause's reason.
    pub pause_reason: Option<String>,
    /// When nothing is left of the slowing that Pinterest's 429s brought about: it is by one doubling for each
    /// [`SLOWED_FOR_MS`] (or part of it) until then.
    pub slow_until: Option<Moment>,
    /// Names the last take, so that a write the SDK repeated is recognised as our own.
    pub nonce: Option<String>,
}

impl Bucket {
    /// Whole and fractional tokens free at `now`; below one, the next token has to wait.
    pub fn tokens_available(&self, pace: &Pace, now: Moment) -> f64 {
        if self.is_paused(now) {
            return 0.0;
        }
        let latest_before = self.latest_before(pace, now);
        let free_ms = latest_before.since_ms(self.paid_for(now)).max(-pace.interval_ms);
        (free_ms as f64 / pace.interval_ms as f64 + 1.0).min(f64::from(pace.capacity()))
    }

    pub fn is_paused(&self, now: Moment) -> bool {
        self.paused_until.is_some_and(|until| until > now)
    }

    /// Whether a person has to act, as far as is known: from a refusal on until a call succeeds, also when the pause that
    /// came with it is over.
    pub fn is_on_hold(&self) -> bool {
        self.pause_reason.as_deref().and_then(WaitReason::parse).is_some_and(WaitReason::is_hold)
    }

    /// The first moment, from `now` on, that isn't paused.
    pub fn opens_at(&self, now: Moment) -> Moment {
        self.paused_until.map_or(now, |until| until.max(now))
    }

    /// How often the interval is doubled at `now`, or at the end of the pause.
    pub fn doublings(&self, now: Moment) -> u32 {
        let left_ms = self.slow_until.map_or(0, |until| until.since_ms(self.opens_at(now)).max(0));
        u32::try_from((left_ms + SLOWED_FOR_MS - 1) / SLOWED_FOR_MS).unwrap_or(SLOWED_MOST).min(SLOWED_MOST)
    }

    /// The envelope that counts at `now`: the configured one, slowed.
    pub fn pace(&self, configured: &Pace, now: Moment) -> Pace {
        configured.slowed(self.doublings(now))
    }

    /// Why the account is paused, for those who wait for its end.
    pub fn wait_reason(&self) -> WaitReason {
        self.pause_reason.as_deref().and_then(WaitReason::parse).unwrap_or(WaitReason::AccountPaused)
    }

    /// The slot that the next token has.
    pub fn next_slot(&self, pace: &Pace, now: Moment) -> Moment {
        slot(pace, now, self.paid_for(now), self.burst_at(now))
    }

    /// When a token taken now and used as late as possible is paid for, less its own interval.
    fn paid_for(&self, now: Moment) -> Moment {
        self.tat.max(now.plus_ms(TOKEN_VALID_AT_LEAST_MS))
    }

    /// The burst that a token taken now belongs to.
    fn burst_at(&self, now: Moment) -> Option<Moment> {
        if self.tat <= now { Some(now) } else { self.burst_from }
    }

    /// The latest that [`Self::paid_for`] may be for a token to have its slot now.
    fn latest_before(&self, pace: &Pace, now: Moment) -> Moment {
        let anyway = now.plus_ms(pace.lead_ms);
        self.burst_at(now)
            .and_then(|from| at_once_before(pace, now, from))
            .map_or(anyway, |at_once| at_once.max(anyway))
    }

    /// How many tokens have their slot at or before `until`.
    pub fn tokens_until(&self, pace: &Pace, now: Moment, until: Moment) -> u32 {
        let room_ms = until.plus_ms(pace.burst_ms()).since_ms(self.paid_for(now));
        u32::try_from(room_ms.max(0) / pace.interval_ms).unwrap_or(u32::MAX)
    }

    /// When the last token given so far has its slot.
    pub fn last_slot(&self, pace: &Pace) -> Moment {
        self.tat.plus_ms(-pace.burst_ms())
    }

    /// The `tat` of a bucket that is empty at `resume`: after a pause the account starts with nothing saved up.
    pub fn tat_when_empty_at(pace: &Pace, resume: Moment) -> Moment {
        resume.plus_ms(pace.burst_ms())
    }
}

/// The latest `tat` after which a token of the burst from `from` may still go out at once. (Once the burst's first token
/// can be stale, this is no more than what any token may.)
fn at_once_before(pace: &Pace, now: Moment, from: Moment) -> Option<Moment> {
    // A burst that began later than now is another machine's, whose clock is ahead.
    (from <= now).then(|| from.plus_ms(TOKEN_VALID_AT_LEAST_MS + pace.lead_ms))
}

/// The slot of a token taken at `now`, given the `tat` before it and the burst it belongs to.
fn slot(pace: &Pace, now: Moment, before: Moment, burst_from: Option<Moment>) -> Moment {
    let is_at_once = burst_from.and_then(|from| at_once_before(pace, now, from)).is_some_and(|latest| before <= latest);
    if is_at_once { now } else { before.plus_ms(-pace.lead_ms).max(now) }
}

#[cfg(test)]
mod bound_tests;
#[cfg(test)]
mod tests;
