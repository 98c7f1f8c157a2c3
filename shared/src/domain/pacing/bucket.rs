//! Pacing per account: a token bucket in its GCRA form, which needs only two numbers.
//!
//! `tat` (the "theoretical arrival time") is the moment at which every token taken so far is paid for. Each take
//! advances it by one interval per token, and never starts before the end of a token's minimum validity. A token is
//! used at its slot at the earliest, and by the `tat` before it at the latest. A take only adds to `tat`, so it is one
//! conditional write that needs no exact read before it.
//!
//! **The bound holds strictly at the moment of use**: any window `[a, b]` has at most `capacity + rate · (b − a)` uses,
//! however late each token is used within its validity.
//! - The uses in the window are of tokens whose validity ends at `a` or later. Each of them has advanced `tat` from
//!   there by one interval, so before the last of them `tat` was at least `a + (n − 1) · interval`. The last token's
//!   slot is at least that minus `lead` (`(capacity − 1) · interval`), and at most `b`. So
//!   `n ≤ capacity + (b − a) / interval`.
//! - A bucket whose `tat` has passed is *settled*: no token taken before can be used any more. Its next tokens begin a
//!   burst. Until the burst's first token can be stale (during the minimum validity from the burst's beginning),
//!   `capacity` of its tokens may be used at once: before them, the window has at most `(begin − a) / interval` uses.
//!
//! A bucket has two parts. What Pinterest limits belongs to the Pinterest user: `tat`, the slowdown, and the pauses
//! that Pinterest asks for. What ends only with the connection belongs to the account: its hold, its backlog. Accounts
//! of the same user, in other workspaces, share the first part by their [`Pacer`].

mod bad_clock;
mod link;
mod own_write;
mod pause;
mod present;
mod take;

pub use link::Link;
pub use own_write::OwnWrite;
pub use pause::Pause;
pub use take::{Take, TakeFrom};

use super::pace::{Pace, SLOWED_FOR_MS, SLOWED_MOST, TOKEN_VALID_AT_LEAST_MS};
use super::pacer::Pacer;
use crate::domain::ids::PinId;
use crate::domain::pin::WaitReason;
use crate::domain::pin::failure::Failure;
use crate::domain::time::{Moment, SECOND_MS};

/// Acceptance takes slots up to this far ahead. Pins beyond it go to the backlog, where they are visible and
/// reorderable.
pub const ACCEPT_HORIZON_MS: i64 = 90 * SECOND_MS;
/// The dispatcher runs every minute and releases slots up to this far ahead. A tick may be 40 s late before the queue
/// runs dry. A pin that becomes urgent just after a tick gets its turn within this time plus one slot.
pub const DISPATCH_HORIZON_MS: i64 = 100 * SECOND_MS;
/// A token is not used later than this after its slot, however long its validity: an outage ends without a burst.
pub const TOKEN_VALID_AT_MOST_MS: i64 = 30 * SECOND_MS;
/// A `waiting_at` younger than this need not be written again. The dispatcher clears the mark only after an empty query
/// that began at least [`WAITING_CLEARS_AFTER_MS`] after the mark; the distance covers the slowest acceptance.
pub const WAITING_FRESH_MS: i64 = 20 * SECOND_MS;
/// How old a mark must be before the dispatcher clears it: see [`WAITING_FRESH_MS`].
pub const WAITING_CLEARS_AFTER_MS: i64 = 60 * SECOND_MS;
/// How long a tick that had too few tokens for a user's accounts keeps all of them to their backlogs, so that the next
/// tick deals the tokens out: the ticks' distance, and the time that one may be late.
pub const CROWDED_FOR_MS: i64 = 100 * SECOND_MS;

/// The right to make one call, from its slot on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    pub slot: Moment,
    pub valid_until: Moment,
}

/// A pause that Pinterest asked for. It ends by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paused {
    pub until: Moment,
    /// The refusal that caused the pause, if one did.
    pub failure: Option<Failure>,
}

/// The account's connection doesn't work. It is tried again at `until`, and the hold stays until a call succeeds or the
/// account is connected again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    pub until: Moment,
    pub failure: Option<Failure>,
    /// The account waits for its tokens to be refreshed, and not for a person.
    pub awaits_refresh: bool,
    /// The pin whose refusal brought the hold, if one did. It isn't the next one that tries the account.
    pub by: Option<PinId>,
}

/// An account's bucket. A missing row is the default: a full bucket, an empty backlog, neither pause nor hold. (A
/// missing row of a [`Pacer`] starts empty.)
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bucket {
    pub tat: Moment,
    /// When the current burst began: the tokens taken since the bucket was last settled.
    pub burst_from: Option<Moment>,
    pub pause: Option<Paused>,
    /// When the slowdown that Pinterest's 429s caused has ended. Until then, the interval is doubled once for each
    /// [`SLOWED_FOR_MS`] (or part of it) that is left.
    pub slow_until: Option<Moment>,
    /// The moment at which every write of the reserve is paid for.
    pub reserved_tat: Option<Moment>,
    /// Until when new pins of all accounts of the user join their backlogs, because there are too few tokens for all.
    pub crowded_until: Option<Moment>,
    /// Identifies the last take, so that the SDK's repetition of the write is recognised.
    pub nonce: Option<String>,
    /// `tat` as the last account that was linked has left it: further ahead than takes go.
    pub owed_tat: Option<Moment>,
    /// When the bucket was last emptied because a bad clock had written it.
    pub reset_at: Option<Moment>,
    pub hold: Option<Hold>,
    /// When the last hold was lifted.
    pub held_until: Option<Moment>,
    /// Counts the dispatcher's releases: of two dispatchers that have read the same, one releases. One that reads
    /// later, while the other's messages are not sent yet, may send them again; then only one of them counts.
    pub rel: u64,
    /// Set before a pin joins the backlog. While it is set, no later pin overtakes the backlog.
    pub waiting_at: Option<Moment>,
    /// Whose tokens the account takes; `None`: it has a bucket of its own.
    pub pacer: Option<Pacer>,
}

impl Bucket {
    /// The tokens free at `now`, with their fraction. Below one, the next token has to wait.
    pub fn tokens_available(&self, pace: &Pace, now: Moment) -> f64 {
        if self.is_paused(now) || self.is_crowded(now) {
            return 0.0;
        }
        let latest_before = self.latest_before(pace, now);
        let free_ms = latest_before.since_ms(self.paid_for(now)).max(-pace.interval_ms);
        (free_ms as f64 / pace.interval_ms as f64 + 1.0).min(f64::from(pace.capacity()))
    }

    /// This account's bucket, with the part that `shared` has for all accounts of the user.
    #[must_use]
    pub fn sharing(&self, shared: &Self) -> Self {
        let Self { hold, held_until, rel, waiting_at, pacer, .. } = self.clone();
        Self { hold, held_until, rel, waiting_at, pacer, ..shared.clone() }
    }

    /// The part that belongs to the account alone.
    #[must_use]
    pub fn own_part(&self) -> Self {
        self.sharing(&Self::default())
    }

    /// The part that accounts of a user share.
    #[must_use]
    pub fn shared_part(&self) -> Self {
        Self { hold: None, held_until: None, rel: 0, waiting_at: None, pacer: None, ..self.clone() }
    }

    /// Whether no call is made at `now`, because of a pause or a hold.
    pub fn is_paused(&self, now: Moment) -> bool {
        self.paused_until().is_some_and(|until| until > now)
    }

    /// Whether Pinterest has asked for a pause that lasts beyond `now`.
    pub fn is_paused_by_pinterest(&self, now: Moment) -> bool {
        self.pause_of_pinterest(now).is_some()
    }

    /// The later end of the pause and of the hold's first part, also if it has passed.
    pub fn paused_until(&self) -> Option<Moment> {
        let pause = self.pause.as_ref().map(|pause| pause.until);
        pause.max(self.hold.as_ref().map(|hold| hold.until))
    }

    /// Whether no pin starts until the connection works again, but for the one that tries it: from Pinterest's refusal
    /// until a call succeeds, a person reconnects the account, or a token refresh ends.
    /// [`needs_person`](Self::needs_person) is false while the hold is for a refresh.
    pub fn is_on_hold(&self) -> bool {
        self.hold.is_some()
    }

    /// The failure that caused the hold, or else the pause.
    pub fn pause_failure(&self) -> Option<Failure> {
        match (&self.hold, &self.pause) {
            (Some(hold), _) => hold.failure,
            (None, pause) => pause.as_ref().and_then(|pause| pause.failure),
        }
    }

    /// Whether new pins join the backlog, so that the dispatcher deals out the tokens of the user's accounts.
    pub fn is_crowded(&self, now: Moment) -> bool {
        self.crowded_until.is_some_and(|until| until > now)
    }

    /// The first moment from `now` on that is neither paused nor held.
    pub fn opens_at(&self, now: Moment) -> Moment {
        self.paused_until().map_or(now, |until| until.max(now))
    }

    /// The first moment from `now` on at which Pinterest has asked for no pause: when the user's tokens can be used.
    pub fn pinterest_opens_at(&self, now: Moment) -> Moment {
        self.pause.as_ref().map_or(now, |pause| pause.until.max(now))
    }

    /// How many times the interval is doubled at `now`, or at the end of the pause.
    pub fn doublings(&self, now: Moment) -> u32 {
        let from = self.pinterest_opens_at(now);
        let left_ms = self.slow_until.map_or(0, |until| until.since_ms(from).max(0));
        u32::try_from((left_ms + SLOWED_FOR_MS - 1) / SLOWED_FOR_MS).unwrap_or(SLOWED_MOST).min(SLOWED_MOST)
    }

    /// The pace that applies at `now`: the configured one, slowed down.
    pub fn pace(&self, configured: &Pace, now: Moment) -> Pace {
        configured.slowed(self.doublings(now))
    }

    /// Why the account is paused or held: the wait reason of the pins that wait for its end.
    pub fn wait_reason(&self) -> WaitReason {
        match &self.hold {
            Some(Hold { awaits_refresh: true, .. }) => WaitReason::TokenRefresh,
            Some(_) => WaitReason::AccountOnHold,
            None => WaitReason::AccountPaused,
        }
    }

    /// The slot that the next token gets.
    pub fn next_slot(&self, pace: &Pace, now: Moment) -> Moment {
        slot(pace, now, self.paid_for(now), self.burst_at(now))
    }

    /// The moment at which a token taken now, used as late as possible, is paid for, less the token's own interval.
    fn paid_for(&self, now: Moment) -> Moment {
        self.tat.max(now.plus_ms(TOKEN_VALID_AT_LEAST_MS))
    }

    /// The burst that a token taken now belongs to.
    fn burst_at(&self, now: Moment) -> Option<Moment> {
        if self.tat <= now { Some(now) } else { self.burst_from }
    }

    /// The largest [`Self::paid_for`] with which a token gets its slot now.
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

    /// The slot of the last token taken so far.
    pub fn last_slot(&self, pace: &Pace) -> Moment {
        self.tat.plus_ms(-pace.burst_ms())
    }

    /// The `tat` of a bucket that is empty at `resume`: no tokens accumulate during a pause.
    pub fn tat_when_empty_at(pace: &Pace, resume: Moment) -> Moment {
        resume.plus_ms(pace.burst_ms())
    }
}

/// The largest `tat` before a token of the burst that began at `from` with which the token is still usable at once.
/// (Once the burst's first token can be stale, this is no more than the limit for any token.)
fn at_once_before(pace: &Pace, now: Moment, from: Moment) -> Option<Moment> {
    // A burst that began later than now was begun by a machine whose clock is ahead.
    (from <= now).then(|| from.plus_ms(TOKEN_VALID_AT_LEAST_MS + pace.lead_ms))
}

/// The slot of a token taken at `now`, given the `tat` before it and the burst that it belongs to.
fn slot(pace: &Pace, now: Moment, before: Moment, burst_from: Option<Moment>) -> Moment {
    let is_at_once = burst_from.and_then(|from| at_once_before(pace, now, from)).is_some_and(|latest| before <= latest);
    if is_at_once { now } else { before.plus_ms(-pace.lead_ms).max(now) }
}

#[cfg(test)]
mod bound_tests;
#[cfg(test)]
mod tests;
