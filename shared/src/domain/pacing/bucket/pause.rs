//! What a refusal, or a limit used up, does to a bucket.

use super::Bucket;
use crate::domain::pacing::pace::{Pace, SLOWED_FOR_MS, SLOWED_MOST};
use crate::domain::pin::WaitReason;
use crate::domain::time::Moment;

/// Nobody publishes until then, and nothing is saved up meanwhile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pause {
    pub until: Moment,
    /// The `tat` of a bucket that is empty at `until`.
    pub tat: Moment,
    pub reason: String,
    /// Until when the account is slowed beyond the pause.
    pub slow_until: Option<Moment>,
}

impl Pause {
    pub fn new(configured: &Pace, until: Moment, reason: WaitReason) -> Self {
        let tat = Bucket::tat_when_empty_at(configured, until);
        Self { until, tat, reason: reason.code().to_owned(), slow_until: None }
    }

    /// Also slows the account, by one doubling more than `seen` (the bucket when the call was decided on). Of calls that
    /// are refused together, each has seen the same, and they slow it once.
    pub fn slowing(self, seen: &Bucket, now: Moment) -> Self {
        let doublings = (seen.doublings(now) + 1).min(SLOWED_MOST);
        Self { slow_until: Some(self.until.plus_ms(i64::from(doublings) * SLOWED_FOR_MS)), ..self }
    }

    /// What is left of this pause to be written to a bucket: nothing where the bucket has the same or more.
    pub fn beyond(&self, bucket: &Bucket) -> (bool, bool, bool) {
        let is_later = bucket.paused_until.is_none_or(|until| until < self.until);
        (is_later, is_later && bucket.tat < self.tat, bucket.slow_until < self.slow_until)
    }

    /// The later pause stays, with its reason, and the later end of the slowing. The bucket is empty when the pause ends; one
    /// that is emptier still stays so. The reference that adapters must match.
    pub fn apply(&self, bucket: &Bucket) -> Bucket {
        let (pauses, empties, slows) = self.beyond(bucket);
        let mut after = bucket.clone();
        if pauses {
            after.paused_until = Some(self.until);
            after.pause_reason = Some(self.reason.clone());
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
