//! Taking tokens from a bucket: one conditional write.

use super::{Bucket, TOKEN_VALID_AT_MOST_MS, Token, slot};
use crate::domain::pacing::pace::{Pace, TOKEN_VALID_AT_LEAST_MS};
use crate::domain::pacing::pacer::Pacer;
use crate::domain::time::Moment;

/// How `tat` relates to `now`, as read. It selects which of the conditional writes fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TakeFrom {
    /// `tat <= now`: the bucket is settled. The write sets `tat` and begins a burst.
    Settled,
    /// `tat` is in the future, but nearer than a token's minimum validity. The write sets `tat`.
    Near,
    /// `tat` is at least a token's minimum validity ahead. The write adds to it, whatever other takes have added since.
    Used,
    /// `tat` is further ahead than takes make it. The write takes nothing, and empties the bucket.
    BadClock { seen: Moment },
}

/// One conditional write that takes `count` tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Take {
    pub count: u32,
    pub now: Moment,
    pub from: TakeFrom,
    pub pace: Pace,
    /// The write is refused if the last token's slot would be later than this.
    pub latest_slot: Moment,
    /// Whose tokens they are, as [`Bucket::pacer`]. The write is refused when the account has got a pacer meanwhile;
    /// one that has changed its pacer still takes a token of the old one.
    pub pacer: Option<Pacer>,
    /// Also keeps the user's accounts to their backlogs until then.
    pub crowds_until: Option<Moment>,
    pub nonce: String,
}

impl Take {
    /// Plans a take against the bucket as last read.
    pub fn plan(bucket: &Bucket, pace: &Pace, now: Moment, count: u32, horizon_ms: i64, nonce: String) -> Self {
        let from = if bucket.tat <= now {
            TakeFrom::Settled
        } else if bucket.tat < now.plus_ms(TOKEN_VALID_AT_LEAST_MS) {
            TakeFrom::Near
        } else {
            TakeFrom::Used
        };
        let (latest_slot, pacer) = (now.plus_ms(horizon_ms), bucket.pacer.clone());
        Self { count, now, from, pace: *pace, latest_slot, pacer, crowds_until: None, nonce }
    }

    /// How far the write advances `tat`, in milliseconds.
    pub fn advance_ms(&self) -> i64 {
        i64::from(self.count) * self.pace.interval_ms
    }

    /// The smallest `tat` that a take starts from: a token taken now may be used until the end of its minimum validity.
    pub fn least_tat_before(&self) -> Moment {
        self.now.plus_ms(TOKEN_VALID_AT_LEAST_MS)
    }

    /// The largest `tat` before the write that keeps the last slot within the horizon.
    pub fn latest_tat_before(&self) -> Moment {
        self.latest_slot.plus_ms(self.pace.burst_ms() - self.advance_ms())
    }

    /// Whether the write begins a burst.
    pub fn begins_burst(&self) -> bool {
        self.from == TakeFrom::Settled
    }

    /// The tokens in order, given the bucket after the write.
    pub fn tokens(&self, after: &Bucket) -> Vec<Token> {
        let first_before = after.tat.plus_ms(-self.advance_ms());
        let token = |index: i64| {
            let before = first_before.plus_ms(index * self.pace.interval_ms);
            let slot = slot(&self.pace, self.now, before, after.burst_from);
            let (least, most) = (slot.plus_ms(TOKEN_VALID_AT_LEAST_MS), slot.plus_ms(TOKEN_VALID_AT_MOST_MS));
            Token { slot, valid_until: before.clamp(least, most) }
        };
        (0..i64::from(self.count)).map(token).collect()
    }

    /// What the write does to a bucket; `None` when its condition fails. This is the reference that adapters must
    /// match.
    ///
    /// A hold, and pins that wait, don't refuse it: they are the account's, not the user's. Flows look at them first.
    pub fn apply(&self, bucket: &Bucket) -> Option<Bucket> {
        let (least, latest) = (self.least_tat_before(), self.latest_tat_before());
        let allowed = !bucket.is_paused_by_pinterest(self.now)
            && bucket.pacer == self.pacer
            && match self.from {
                TakeFrom::Settled => bucket.tat <= self.now && least <= latest,
                TakeFrom::Near => bucket.tat > self.now && bucket.tat < least && least <= latest,
                TakeFrom::Used => bucket.tat >= least && bucket.tat <= latest,
                TakeFrom::BadClock { seen } => bucket.tat == seen,
            };
        allowed.then(|| {
            let mut after = bucket.clone();
            after.nonce = Some(self.nonce.clone());
            if let TakeFrom::BadClock { .. } = self.from {
                after.tat = self.reset_tat();
                after.reset_at = Some(self.now);
                return after;
            }
            after.tat = bucket.tat.max(least).plus_ms(self.advance_ms());
            if self.begins_burst() {
                after.burst_from = Some(self.now);
            }
            after.crowded_until = self.crowds_until.or(bucket.crowded_until);
            after
        })
    }
}
