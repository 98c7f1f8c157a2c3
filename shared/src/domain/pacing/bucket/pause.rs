//! What a refusal, or an exhausted limit, changes in a bucket.

use super::{Bucket, Hold, Paused};
use crate::domain::ids::PinId;
use crate::domain::pacing::pace::{Pace, SLOWED_FOR_MS, SLOWED_MOST};
use crate::domain::pin::WaitReason;
use crate::domain::pin::failure::Failure;
use crate::domain::time::Moment;

/// The account doesn't publish until the end of the pause.
///
/// A pause that Pinterest asks for belongs to the user: it pauses every account of the user, and no tokens accumulate
/// meanwhile. A hold belongs to the account, and leaves the user's tokens alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pause {
    pub until: Moment,
    /// The `tat` of a bucket that is empty at `until`; a hold doesn't change it.
    pub tat: Moment,
    /// A hold's reason makes it a hold.
    pub reason: WaitReason,
    /// The failure that caused the pause, if one did.
    pub failure: Option<Failure>,
    /// Until when the user's accounts are slowed down after the pause.
    pub slow_until: Option<Moment>,
    /// The pin whose call was refused.
    pub by: Option<PinId>,
}

/// The parts of a pause that must be written to a bucket: `false` where the bucket already has the same or more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Beyond {
    pub holds: bool,
    pub pauses: bool,
    pub empties: bool,
    pub slows: bool,
}

impl Pause {
    pub fn new(configured: &Pace, until: Moment, reason: WaitReason) -> Self {
        let tat = Bucket::tat_when_empty_at(configured, until);
        Self { until, tat, reason, failure: None, slow_until: None, by: None }
    }

    /// Keeps the failure that the pause comes of, so that the account can say it as long as it is paused.
    #[must_use]
    pub fn because(self, failure: Failure) -> Self {
        Self { failure: Some(failure), ..self }
    }

    /// Keeps the pin whose call was refused, so that another one tries the account next.
    #[must_use]
    pub fn by(self, pin: PinId) -> Self {
        Self { by: Some(pin), ..self }
    }

    /// Also slows the account down, by one doubling more than `seen` (the bucket as read when the call was decided).
    /// Calls that are refused together have all seen the same bucket, so they slow the account down once.
    #[must_use]
    pub fn slowing(self, seen: &Bucket, now: Moment) -> Self {
        let doublings = (seen.doublings(now) + 1).min(SLOWED_MOST);
        Self { slow_until: Some(self.until.plus_ms(i64::from(doublings) * SLOWED_FOR_MS)), ..self }
    }

    /// What this pause would change in the bucket.
    pub fn beyond(&self, bucket: &Bucket) -> Beyond {
        let is_hold = self.reason.is_hold();
        let is_held_as_long = bucket.hold.as_ref().is_some_and(|hold| hold.until >= self.until);
        let pauses = !is_hold && bucket.pause.as_ref().is_none_or(|pause| pause.until < self.until);
        Beyond {
            holds: is_hold && !is_held_as_long,
            pauses,
            empties: pauses && bucket.tat < self.tat,
            slows: bucket.slow_until < self.slow_until,
        }
    }

    /// The later pause wins, and the later hold, each with its failure, and so does the later end of the slowdown. The
    /// bucket is empty when the pause ends; a bucket with a later `tat` keeps it. This is the reference that adapters
    /// must match.
    #[must_use]
    pub fn apply(&self, bucket: &Bucket) -> Bucket {
        let beyond = self.beyond(bucket);
        let mut after = bucket.clone();
        if beyond.holds {
            let awaits_refresh = self.reason == WaitReason::TokenRefresh;
            // A hold that comes of a reading leaves the turn where it was.
            let by = self.by.or(bucket.hold.as_ref().and_then(|hold| hold.by));
            after.hold = Some(Hold { until: self.until, failure: self.failure, awaits_refresh, by });
        }
        if beyond.pauses {
            after.pause = Some(Paused { until: self.until, failure: self.failure });
        }
        if beyond.empties {
            after.tat = self.tat;
        }
        if beyond.slows {
            after.slow_until = self.slow_until;
        }
        after
    }
}
