//! A write that a caller waits for: of a board, of a section, or the deletion of a Pin. It never queues.

use super::Bucket;
use crate::domain::pacing::pace::Pace;
use crate::domain::pacing::pacer::Pacer;
use crate::domain::time::{MINUTE_MS, Moment};

/// More than clocks are apart that are set right.
const CLOCKS_APART_MAX_MS: i64 = MINUTE_MS;

/// One write of the reserve, planned against the bucket as read: used at once, or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnWrite {
    pub now: Moment,
    /// The bucket's value that the write requires.
    pub seen: Option<Moment>,
    pub next: Moment,
    /// Whose reserve it is of, as [`Bucket::pacer`].
    pub pacer: Option<Pacer>,
    /// The `tat` that a missing row of the pacer gets: it starts empty.
    pub empty_tat: Moment,
    pub nonce: String,
}

impl OwnWrite {
    /// `pace` is the account's, as it counts now.
    ///
    /// # Errors
    /// When the reserve is used up: the moment at which it has a write again.
    pub fn plan(bucket: &Bucket, pace: &Pace, now: Moment, nonce: String) -> Result<Self, Moment> {
        let reserve = pace.reserve();
        // No write leads further ahead than a full reserve. Beyond that, a bad clock has written it: one write is free.
        let is_sound = |tat: &Moment| *tat <= now.plus_ms(reserve.burst_ms() + CLOCKS_APART_MAX_MS);
        let paid_for = match bucket.reserved_tat {
            Some(tat) if is_sound(&tat) => tat.max(now),
            Some(_) => now.plus_ms(reserve.lead_ms),
            None => now,
        };
        let free_at = paid_for.plus_ms(-reserve.lead_ms);
        if free_at > now {
            return Err(free_at);
        }
        let (seen, next) = (bucket.reserved_tat, paid_for.plus_ms(reserve.interval_ms));
        let empty_tat = Bucket::tat_when_empty_at(pace, now);
        Ok(Self { now, seen, next, pacer: bucket.pacer.clone(), empty_tat, nonce })
    }

    /// What the write does; `None` when its condition fails. This is the reference that adapters must match.
    ///
    /// A pause that Pinterest asked for keeps it away. A hold doesn't: the write goes out, and its caller gets
    /// Pinterest's answer.
    pub fn apply(&self, bucket: &Bucket) -> Option<Bucket> {
        let is_as_seen = bucket.reserved_tat == self.seen && bucket.pacer == self.pacer;
        let is_allowed = is_as_seen && !bucket.is_paused_by_pinterest(self.now);
        is_allowed.then(|| Bucket { reserved_tat: Some(self.next), nonce: Some(self.nonce.clone()), ..bucket.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::pacing::bucket::Pause;
    use crate::domain::pacing::pace::{RESERVED_EVERY, RESERVED_WRITES};
    use crate::domain::pin::WaitReason;
    use crate::domain::time::SECOND_MS;

    const NOW: Moment = Moment(1_000_000_000);

    fn pace() -> Pace {
        Pace::new(25, 1.0)
    }

    fn write(bucket: &mut Bucket, now: Moment) -> Result<(), Moment> {
        let planned = OwnWrite::plan(bucket, &pace(), now, "n".into())?;
        *bucket = planned.apply(bucket).expect("the bucket hasn't changed");
        Ok(())
    }

    #[test]
    fn a_few_at_once_and_then_one_in_thirty_intervals() {
        let mut bucket = Bucket { tat: NOW.plus_ms(100 * SECOND_MS), ..Bucket::default() };
        (0..RESERVED_WRITES).for_each(|_| write(&mut bucket, NOW).expect("reserved"));
        let next = NOW.plus_ms(RESERVED_EVERY * SECOND_MS);
        assert_eq!(write(&mut bucket, NOW), Err(next), "and the time is told");
        assert_eq!(write(&mut bucket, next.plus_ms(-1)), Err(next));
        assert_eq!(write(&mut bucket, next), Ok(()));
        assert_eq!(bucket.tat, NOW.plus_ms(100 * SECOND_MS), "no pin's token is touched");
    }

    #[test]
    fn in_any_window_there_are_at_most_the_reserve_and_its_refill() {
        for seed in 0..200 {
            let mut rng = fastrand::Rng::with_seed(seed);
            let (mut bucket, mut now, mut made) = (Bucket::default(), NOW, Vec::new());
            for _ in 0..200 {
                now = now.plus_ms(rng.i64(0..20_000) * i64::from(rng.bool()));
                if write(&mut bucket, now).is_ok() {
                    made.push(now);
                }
            }
            for (first, from) in made.iter().enumerate() {
                for (last, to) in made.iter().enumerate().skip(first) {
                    let most = i64::from(RESERVED_WRITES) + to.since_ms(*from) / (RESERVED_EVERY * SECOND_MS);
                    assert!((last - first + 1) as i64 <= most, "seed {seed}");
                }
            }
        }
    }

    #[test]
    fn a_reserve_of_a_bad_clock_gives_one_write_and_is_sound_afterwards() {
        let reserve = pace().reserve();
        for ahead_ms in [reserve.burst_ms() + MINUTE_MS + 1, 24 * 60 * MINUTE_MS, 400 * 24 * 60 * MINUTE_MS] {
            let mut bucket = Bucket { reserved_tat: Some(NOW.plus_ms(ahead_ms)), ..Bucket::default() };
            assert!(write(&mut bucket, NOW).is_ok(), "{ahead_ms}");
            assert_eq!(bucket.reserved_tat, Some(NOW.plus_ms(reserve.burst_ms())));
            assert_eq!(write(&mut bucket, NOW), Err(NOW.plus_ms(reserve.interval_ms)));
        }
        let mut used = Bucket { reserved_tat: Some(NOW.plus_ms(reserve.burst_ms() + MINUTE_MS)), ..Bucket::default() };
        assert!(write(&mut used, NOW).is_err(), "clocks may be apart");
    }

    #[test]
    fn a_pause_of_pinterests_keeps_it_away_and_a_hold_does_not() {
        let planned = OwnWrite::plan(&Bucket::default(), &pace(), NOW, "n".into()).expect("free");
        let paused = |reason| Pause::new(&pace(), NOW.plus_ms(1), reason).apply(&Bucket::default());
        assert_eq!(planned.apply(&paused(WaitReason::AccountPaused)), None);
        assert!(planned.apply(&paused(WaitReason::AccountOnHold)).is_some());
        let other = Bucket { reserved_tat: Some(NOW), ..Bucket::default() };
        assert_eq!(planned.apply(&other), None, "another write came first");
    }
}
