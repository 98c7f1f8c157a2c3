//! What a refusal, or an exhausted limit, changes in a bucket.

use super::Bucket;
use crate::domain::pacing::pace::{Pace, SLOWED_FOR_MS, SLOWED_MOST};
use crate::domain::pin::WaitReason;
use crate::domain::pin::failure::Failure;
use crate::domain::time::Moment;

/// The account doesn't publish until the end of the pause, and no tokens accumulate meanwhile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pause {
    pub until: Moment,
    /// The `tat` of a bucket that is empty at `until`.
    pub tat: Moment,
    pub reason: String,
    /// The failure that the pause comes of, as far as it comes of one.
    pub failure: Option<Failure>,
    /// Until when the account is slowed down after the pause.
    pub slow_until: Option<Moment>,
}

impl Pause {
    pub fn new(configured: &Pace, until: Moment, reason: WaitReason) -> Self {
        let tat = Bucket::tat_when_empty_at(configured, until);
        Self { until, tat, reason: reason.code().to_owned(), failure: None, slow_until: None }
    }

    /// Keeps the failure that the pause comes of, so that the account can say it as long as it is paused.
    #[must_use]
    pub fn because(self, failure: Failure) -> Self {
        Self { failure: Some(failure), ..self }
    }

    /// Also slows the account down, by one doubling more than `seen` (the bucket as read when the call was decided).
    /// Calls that are refused together have all seen the same bucket, so they slow the account down once.
    pub fn slowing(self, seen: &Bucket, now: Moment) -> Self {
        let doublings = (seen.doublings(now) + 1).min(SLOWED_MOST);
        Self { slow_until: Some(self.until.plus_ms(i64::from(doublings) * SLOWED_FOR_MS)), ..self }
    }

    /// Which parts of this pause must be written to a bucket: the pause, the `tat`, the slowdown. A part is `false`
    /// where the bucket already has the same or more.
    pub fn beyond(&self, bucket: &Bucket) -> (bool, bool, bool) {
        let is_later = bucket.paused_until.is_none_or(|until| until < self.until);
        (is_later, is_later && bucket.tat < self.tat, bucket.slow_until < self.slow_until)
    }

    /// The later pause wins, with its reason, and so does the later end of the slowdown. The bucket is empty when the
    /// pause ends; a bucket with a later `tat` keeps it. This is the reference that adapters must match.
    pub fn apply(&self, bucket: &Bucket) -> Bucket {
        let (pauses, empties, slows) = self.beyond(bucket);
        let mut after = bucket.clone();
        if pauses {
            after.paused_until = Some(self.until);
            after.pause_reason = Some(self.reason.clone());
            after.pause_failure = self.failure;
        }
        if empties {
            after.tat = self.tat;
        }
        if slows {
            after.slow_until = self.slow_until;
        }
        after
    }
}
