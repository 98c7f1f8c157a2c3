//! A bucket that a machine with a bad clock has written.
//!
//! Nothing takes tokens further ahead than the dispatcher's window. So a `tat` beyond that, beyond a full bucket and
//! twice the clocks' skew says nothing of tokens: a machine whose clock was ahead has written it. Without a reset, its
//! account would wait until that clock's time.
//!
//! The bucket becomes an empty one, not a full one: what was taken a moment ago isn't known any more. It stays empty
//! for as long as a token of before may still be used, so that the pace holds.

use super::take::{Take, TakeFrom};
use super::{Bucket, DISPATCH_HORIZON_MS};
use crate::domain::pacing::pace::{Pace, SLOWED_MOST};
use crate::domain::time::{MINUTE_MS, Moment};

/// How far accounts that are linked to a user together may move `tat` ahead, at most: each owes less than two minutes.
pub(super) const LINKED_AHEAD_MAX_MS: i64 = 60 * MINUTE_MS;

/// How far ahead of the moment of a take `tat` may be: the dispatcher's window, and the longest bucket.
pub(super) fn ahead_max_ms(configured: &Pace) -> i64 {
    let longest = (0..=SLOWED_MOST).map(|doublings| configured.slowed(doublings).burst_ms()).max();
    DISPATCH_HORIZON_MS + longest.unwrap_or_default()
}

impl Bucket {
    /// Whether `tat` is further ahead than tokens, links and Pinterest's pauses make it. `skew_ms`: how far the clocks
    /// of two machines may be apart.
    pub fn is_of_bad_clock(&self, configured: &Pace, now: Moment, skew_ms: i64) -> bool {
        let linked = self.owed_tat.filter(|tat| *tat <= now.plus_ms(LINKED_AHEAD_MAX_MS));
        let taken = self.pinterest_opens_at(now).plus_ms(ahead_max_ms(configured));
        self.tat > linked.map_or(taken, |linked| linked.max(taken)).plus_ms(2 * skew_ms)
    }
}

impl Take {
    /// The write that empties a bucket of a bad clock, instead of taking tokens.
    pub fn reset(bucket: &Bucket, configured: &Pace, now: Moment, nonce: String) -> Self {
        Self {
            count: 0,
            now,
            from: TakeFrom::BadClock { seen: bucket.tat },
            pace: *configured,
            latest_slot: now,
            pacer: bucket.pacer.clone(),
            crowds_until: None,
            nonce,
        }
    }

    /// The `tat` that a reset writes: empty, and without tokens until the slots that may have been given are over.
    pub fn reset_tat(&self) -> Moment {
        Bucket::tat_when_empty_at(&self.pace, self.now.plus_ms(DISPATCH_HORIZON_MS))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::pacing::bucket::{ACCEPT_HORIZON_MS, Link, Pause};
    use crate::domain::pacing::pacer::Pacer;
    use crate::domain::pin::WaitReason;
    use crate::domain::secret::Secret;
    use crate::domain::time::{DAY_MS, HOUR_MS, SECOND_MS};

    const NOW: Moment = Moment(1_000_000_000);
    const SKEW_MS: i64 = 10 * SECOND_MS;

    fn paces() -> [Pace; 4] {
        [Pace::new(25, 1.0), Pace::new(1, 1.0), Pace::new(50, 0.01), Pace::new(1, 0.001)]
    }

    fn is_bad(bucket: &Bucket, pace: &Pace, now: Moment) -> bool {
        bucket.is_of_bad_clock(pace, now, SKEW_MS)
    }

    #[test]
    fn no_tokens_however_many_are_taken_look_like_a_bad_clock() {
        for pace in paces() {
            for skew_ms in [-SKEW_MS, 0, SKEW_MS] {
                let mut bucket = Bucket::default();
                // A machine whose clock is ahead takes all that it can, at every pace; another looks at it.
                let ahead = NOW.plus_ms(skew_ms);
                for doublings in (0..=SLOWED_MOST).rev() {
                    let slowed = pace.slowed(doublings);
                    for horizon_ms in [ACCEPT_HORIZON_MS, DISPATCH_HORIZON_MS] {
                        while let Some(after) =
                            Take::plan(&bucket, &slowed, ahead, 1, horizon_ms, "n".into()).apply(&bucket)
                        {
                            bucket = after;
                            assert!(!is_bad(&bucket, &pace, NOW), "{pace:?} slowed {doublings} times");
                        }
                    }
                }
                assert!(bucket.tat > NOW, "{pace:?}");
                assert!(is_bad(&Bucket { tat: NOW.plus_ms(HOUR_MS * 24 * 400), ..bucket }, &pace, NOW));
            }
        }
    }

    #[test]
    fn a_pause_and_linked_accounts_are_no_bad_clock() {
        let pace = Pace::new(25, 1.0);
        let paused = Pause::new(&pace, NOW.plus_ms(DAY_MS), WaitReason::AccountPaused).apply(&Bucket::default());
        for after_ms in [0, HOUR_MS, DAY_MS - 1, DAY_MS, DAY_MS + HOUR_MS] {
            assert!(!is_bad(&paused, &pace, NOW.plus_ms(after_ms)), "{after_ms}");
        }
        let link = Link { pacer: Pacer::of(&Secret::new("key"), "1"), now: NOW, configured: pace };
        let busy = Bucket { tat: NOW.plus_ms(ahead_max_ms(&pace)), ..Bucket::default() };
        let mut user = Bucket::default();
        for accounts in 1..=25 {
            user = link.apply(&busy, Some(&user));
            assert!(!is_bad(&user, &pace, NOW), "{accounts} accounts");
        }
        assert!(user.tat.since_ms(NOW) > 50 * MINUTE_MS);
        let mad = Bucket { tat: NOW.plus_ms(365 * DAY_MS), ..Bucket::default() };
        let user = link.apply(&mad, Some(&Bucket::default()));
        assert!(user.tat.since_ms(NOW) <= ahead_max_ms(&pace), "an account's bad clock isn't owed: {user:?}");
    }

    #[test]
    fn a_bucket_of_a_bad_clock_becomes_an_empty_one_once() {
        for pace in paces() {
            let least_ms = ahead_max_ms(&pace) + 2 * SKEW_MS;
            for ahead_ms in [least_ms + 1, least_ms + HOUR_MS, 400 * DAY_MS] {
                let bad = Bucket { tat: NOW.plus_ms(ahead_ms), waiting_at: Some(NOW), ..Bucket::default() };
                assert!(is_bad(&bad, &pace, NOW));
                let reset = Take::reset(&bad, &pace, NOW, "reset".into());
                let after = reset.apply(&bad).expect("reset");
                assert_eq!(after.last_slot(&pace), NOW.plus_ms(DISPATCH_HORIZON_MS));
                assert_eq!((after.reset_at, after.waiting_at), (Some(NOW), Some(NOW)));
                assert!(!is_bad(&after, &pace, NOW) && reset.tokens(&after).is_empty());
                assert_eq!(reset.apply(&after), None, "what it is by now stays");
                let over = NOW.plus_ms(DISPATCH_HORIZON_MS);
                assert!(after.next_slot(&pace, NOW) > over, "no token beside those that may be left from before");
                assert!(after.next_slot(&pace, over).since_ms(over) <= pace.interval_ms, "and then one by one");
            }
            let good = Bucket { tat: NOW.plus_ms(least_ms), ..Bucket::default() };
            assert!(!is_bad(&good, &pace, NOW));
        }
    }
}
