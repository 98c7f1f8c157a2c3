//! Taking tokens: one conditional write.

use super::{Bucket, TOKEN_VALID_AT_MOST_MS, Token, slot};
use crate::domain::pacing::pace::{Pace, TOKEN_VALID_AT_LEAST_MS};
use crate::domain::time::Moment;

/// What `tat` was found to be relative to `now`; it decides which of the conditional writes fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TakeFrom {
    /// `tat <= now`: the bucket is settled; the write sets `tat` and begins a burst.
    Settled,
    /// `tat` is in the future, but nearer than a token's least validity: the write sets `tat`.
    Near,
    /// `tat` is at least a token's least validity ahead: the write adds to it, whatever others added meanwhile.
    Used,
    /// The dispatcher's take: exactly the state it has seen, and counted.
    Seen { tat: Moment, rel: u64 },
}

/// One conditional write that takes `count` tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Take {
    pub count: u32,
    pub now: Moment,
    pub from: TakeFrom,
    pub pace: Pace,
    /// The write is refused if the last slot would be later than this.
    pub latest_slot: Moment,
    /// Whether it is refused while others wait in the backlog.
    pub behind_waiting: bool,
    pub nonce: String,
}

impl Take {
    /// Plans a take against a bucket as last seen.
    pub fn plan(bucket: &Bucket, pace: &Pace, now: Moment, count: u32, horizon_ms: i64, nonce: String) -> Self {
        let from = if bucket.tat <= now {
            TakeFrom::Settled
        } else if bucket.tat < now.plus_ms(TOKEN_VALID_AT_LEAST_MS) {
            TakeFrom::Near
        } else {
            TakeFrom::Used
        };
        let latest_slot = now.plus_ms(horizon_ms);
        Self { count, now, from, pace: *pace, latest_slot, behind_waiting: false, nonce }
    }

    /// The distance by which the write moves `tat`, in milliseconds.
    pub fn advance_ms(&self) -> i64 {
        i64::from(self.count) * self.pace.interval_ms
    }

    /// The least `tat` that a take starts from: a token taken now may still be used at the end of its least validity.
    pub fn least_tat_before(&self) -> Moment {
        self.now.plus_ms(TOKEN_VALID_AT_LEAST_MS)
    }

    /// The latest `tat` before the write that still leaves the last slot within the horizon.
    pub fn latest_tat_before(&self) -> Moment {
        self.latest_slot.plus_ms(self.pace.burst_ms() - self.advance_ms())
    }

    /// Whether the write begins a burst.
    pub fn begins_burst(&self) -> bool {
        match self.from {
            TakeFrom::Settled => true,
            TakeFrom::Near | TakeFrom::Used => false,
            TakeFrom::Seen { tat, .. } => tat <= self.now,
        }
    }

    /// The tokens, in order, given the bucket that the write left behind.
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

    /// What the write does to a bucket; `None` when its condition fails. The reference that adapters must match.
    pub fn apply(&self, bucket: &Bucket) -> Option<Bucket> {
        let (least, latest) = (self.least_tat_before(), self.latest_tat_before());
        let allowed = !bucket.is_paused(self.now)
            && (self.behind_waiting || bucket.waiting_at.is_none())
            && match self.from {
                TakeFrom::Settled => bucket.tat <= self.now && least <= latest,
                TakeFrom::Near => bucket.tat > self.now && bucket.tat < least && least <= latest,
                TakeFrom::Used => bucket.tat >= least && bucket.tat <= latest,
                TakeFrom::Seen { tat, rel } => bucket.tat == tat && bucket.rel == rel,
            };
        allowed.then(|| {
            let mut after = bucket.clone();
            after.tat = bucket.tat.max(least).plus_ms(self.advance_ms());
            if self.begins_burst() {
                after.burst_from = Some(self.now);
            }
            if let TakeFrom::Seen { rel, .. } = self.from {
                after.rel = rel + 1;
            }
            after.nonce = Some(self.nonce.clone());
            after
        })
    }
}
