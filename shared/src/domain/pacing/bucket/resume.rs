//! Ends a hold early: a person has reconnected the account.

use super::{Bucket, DISPATCH_HORIZON_MS};
use crate::domain::pacing::pace::Pace;
use crate::domain::pin::retry::HOLD_PAUSE_MS;
use crate::domain::time::Moment;

/// The early end of a hold, planned against the bucket as read.
///
/// No tokens accumulate during the hold: the bucket is empty at the new end. Tokens from before the hold may still be
/// in use, up to the dispatcher's horizon ahead. The new end lies after them, so that the bound holds. A hold that ends
/// within the horizon anyway keeps its end, because a token for after the hold may already be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resume {
    /// The bucket's values that the write requires.
    pub seen_until: Moment,
    pub seen_tat: Moment,
    pub paused_until: Moment,
    pub tat: Moment,
}

impl Resume {
    /// `None` when the account isn't on hold.
    pub fn plan(bucket: &Bucket, configured: &Pace, now: Moment) -> Option<Self> {
        let seen_until = bucket.paused_until.filter(|_| bucket.is_on_hold())?;
        let held_since = seen_until.plus_ms(-HOLD_PAUSE_MS);
        let pace = bucket.pace(configured, now);
        let behind_the_last_slot = held_since.plus_ms(DISPATCH_HORIZON_MS + pace.interval_ms);
        let is_soon_over = seen_until <= now.plus_ms(DISPATCH_HORIZON_MS + pace.interval_ms);
        // A bucket whose `tat` is later than the pause set it has given out tokens for after the pause.
        let has_given = bucket.tat > Bucket::tat_when_empty_at(configured, seen_until);
        let (paused_until, tat) = if is_soon_over || has_given {
            (seen_until, bucket.tat)
        } else {
            let at = now.max(behind_the_last_slot).min(seen_until);
            (at, bucket.tat.min(Bucket::tat_when_empty_at(configured, at)))
        };
        Some(Self { seen_until, seen_tat: bucket.tat, paused_until, tat })
    }

    /// What the write does; `None` when its condition fails. This is the reference that adapters must match.
    pub fn apply(&self, bucket: &Bucket) -> Option<Bucket> {
        let is_as_seen =
            bucket.is_on_hold() && bucket.paused_until == Some(self.seen_until) && bucket.tat == self.seen_tat;
        is_as_seen.then(|| Bucket {
            paused_until: Some(self.paused_until),
            pause_reason: None,
            pause_failure: None,
            tat: self.tat,
            ..bucket.clone()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::pacing::bucket::Pause;
    use crate::domain::pin::WaitReason;
    use crate::domain::time::MINUTE_MS;

    const HELD: Moment = Moment(1_000_000_000);

    fn pace() -> Pace {
        Pace::new(50, 1.0)
    }

    fn held(bucket: &Bucket) -> Bucket {
        Pause::new(&pace(), HELD.plus_ms(HOLD_PAUSE_MS), WaitReason::AccountOnHold).apply(bucket)
    }

    fn resumed(bucket: &Bucket, now: Moment) -> Bucket {
        Resume::plan(bucket, &pace(), now).and_then(|resume| resume.apply(bucket)).expect("was on hold")
    }

    #[test]
    fn a_hold_ends_at_once_with_an_empty_bucket() {
        let now = HELD.plus_ms(5 * MINUTE_MS);
        let bucket = resumed(&held(&Bucket::default()), now);
        assert!(!bucket.is_paused(now) && !bucket.is_on_hold());
        assert!((0..=2_000).contains(&bucket.next_slot(&pace(), now).since_ms(now)), "the next pin starts at once");
        assert_eq!(bucket.tokens_until(&pace(), now, now.plus_ms(10_000)), 10, "no tokens accumulated");
    }

    #[test]
    fn tokens_from_before_the_hold_are_waited_for() {
        // A hundred tokens were taken just before the hold; the last slot is a hundred seconds later.
        let before = Bucket { tat: HELD.plus_ms(DISPATCH_HORIZON_MS + pace().burst_ms()), ..Bucket::default() };
        let bucket = resumed(&held(&before), HELD.plus_ms(1_000));
        assert!(bucket.tat >= before.tat, "all of the tokens are still paid for");
        let opens_at = bucket.opens_at(HELD.plus_ms(1_000));
        assert!(opens_at.since_ms(HELD) <= 102_000, "{opens_at:?}");
    }

    #[test]
    fn a_hold_that_is_nearly_over_keeps_its_end_and_its_tokens() {
        let now = HELD.plus_ms(HOLD_PAUSE_MS - 60_000);
        let mut bucket = held(&Bucket::default());
        bucket.tat = bucket.tat.plus_ms(1_000);
        let after = resumed(&bucket, now);
        assert_eq!((after.paused_until, after.tat), (bucket.paused_until, bucket.tat));
        assert!(!after.is_on_hold());
    }

    #[test]
    fn the_reason_of_a_hold_that_is_over_is_cleared() {
        let now = HELD.plus_ms(2 * HOLD_PAUSE_MS);
        let after = resumed(&held(&Bucket::default()), now);
        assert!(!after.is_on_hold() && !after.is_paused(now));
    }

    #[test]
    fn other_pauses_and_changed_buckets_are_left_alone() {
        let until = HELD.plus_ms(HOLD_PAUSE_MS);
        let paused = Pause::new(&pace(), until, WaitReason::AccountPaused).apply(&Bucket::default());
        assert_eq!(Resume::plan(&paused, &pace(), HELD), None);
        assert_eq!(Resume::plan(&Bucket::default(), &pace(), HELD), None);
        let bucket = held(&Bucket::default());
        let resume = Resume::plan(&bucket, &pace(), HELD).expect("on hold");
        assert_eq!(resume.apply(&Bucket { paused_until: Some(until.plus_ms(1)), ..bucket.clone() }), None);
        assert_eq!(resume.apply(&Bucket { tat: bucket.tat.plus_ms(1), ..bucket.clone() }), None);
        assert_eq!(resume.apply(&Bucket { pause_reason: None, ..bucket }), None);
    }
}
