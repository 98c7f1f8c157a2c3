//! Lets an account take the tokens of its Pinterest user, instead of its own.

use super::bad_clock::ahead_max_ms;
use super::{Bucket, Pause};
use crate::domain::pacing::pace::Pace;
use crate::domain::pacing::pacer::Pacer;
use crate::domain::pin::WaitReason;
use crate::domain::time::Moment;

/// The account takes the tokens of `pacer` from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    pub pacer: Pacer,
    pub now: Moment,
    pub configured: Pace,
}

impl Link {
    /// The first account of this user creates the row, with an empty bucket.
    pub fn first(&self) -> Bucket {
        Bucket { tat: Bucket::tat_when_empty_at(&self.configured, self.now), ..Bucket::default() }
    }

    /// How long the tokens that the account took from its own bucket are still to be paid for, in milliseconds. The
    /// time of a pause isn't owed: the pause itself becomes the user's. (A hold of an earlier build moved `tat` too.)
    /// Neither is what only a bad clock can have written.
    pub fn owed_ms(&self, own: &Bucket) -> i64 {
        own.tat.since_ms(own.opens_at(self.now)).clamp(0, ahead_max_ms(&self.configured))
    }

    /// Pinterest's pause and slowdown of the account, which become the user's.
    pub fn pause_of(&self, own: &Bucket) -> Option<Pause> {
        let pause = own.pause.as_ref().filter(|pause| pause.until > self.now);
        let slow_until = own.slow_until.filter(|until| *until > self.now);
        if pause.is_none() && slow_until.is_none() {
            return None;
        }
        let until = pause.map_or(self.now, |pause| pause.until);
        let planned = Pause::new(&self.configured, until, WaitReason::AccountPaused);
        Some(Pause { failure: pause.and_then(|pause| pause.failure), slow_until, ..planned })
    }

    /// The shared part after the link: it also owes what the account's own bucket owed. This is the reference that
    /// adapters must match; one that dies on the way may make it owe that debt twice.
    pub fn apply(&self, own: &Bucket, shared: Option<&Bucket>) -> Bucket {
        let mut after = shared.map_or_else(|| self.first(), Bucket::clone);
        let owed_ms = self.owed_ms(own);
        if owed_ms > 0 {
            after.tat = after.tat.max(self.now).plus_ms(owed_ms);
            after.owed_tat = Some(after.tat);
        }
        self.pause_of(own).map_or(after.clone(), |pause| pause.apply(&after))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::pacing::bucket::Paused;
    use crate::domain::secret::Secret;
    use crate::domain::time::SECOND_MS;

    const NOW: Moment = Moment(1_000_000_000);

    fn link() -> Link {
        let pacer = Pacer::of(&Secret::new("key"), "1");
        Link { pacer, now: NOW, configured: Pace::new(25, 1.0) }
    }

    fn next_slot_after_s(bucket: &Bucket) -> i64 {
        bucket.next_slot(&link().configured, NOW).since_ms(NOW) / SECOND_MS
    }

    #[test]
    fn the_first_account_of_a_user_finds_an_empty_bucket() {
        assert_eq!(next_slot_after_s(&link().apply(&Bucket::default(), None)), 1);
        let settled = Bucket::default();
        assert_eq!(next_slot_after_s(&link().apply(&Bucket::default(), Some(&settled))), 0, "one that is known isn't");
    }

    #[test]
    fn the_user_owes_what_every_account_owed() {
        let ahead = |s: i64| Bucket { tat: NOW.plus_ms(s * SECOND_MS), ..Bucket::default() };
        for (own, shared, owed_s) in [(100, 0, 100), (100, 50, 150), (-10, 50, 50), (100, -10, 100)] {
            let after = link().apply(&ahead(own), Some(&ahead(shared)));
            assert_eq!(after.tat, NOW.plus_ms(owed_s * SECOND_MS), "{own} and {shared}");
        }
    }

    #[test]
    fn a_pause_and_a_slowdown_become_the_users_and_a_hold_does_not() {
        let until = |s: i64| NOW.plus_ms(s * SECOND_MS);
        let pause = |s| Some(Paused { until: until(s), failure: None });
        let own = Bucket { pause: pause(60), slow_until: Some(until(600)), ..Bucket::default() };
        let shared = Bucket { pause: pause(30), slow_until: Some(until(900)), ..Bucket::default() };
        let after = link().apply(&own, Some(&shared));
        assert_eq!((after.pause, after.slow_until), (pause(60), Some(until(900))));
        assert_eq!(after.tat, Bucket::tat_when_empty_at(&link().configured, until(60)));
        // Three accounts that were paused for an hour each don't owe three hours.
        let paused = Pause::new(&link().configured, until(3_600), WaitReason::AccountPaused).apply(&Bucket::default());
        let three = [&paused; 3].iter().fold(Bucket::default(), |user, own| link().apply(own, Some(&user)));
        assert!(three.tat.since_ms(until(3_600)) <= 4 * link().configured.burst_ms(), "{three:?}");
        let held = Pause::new(&link().configured, until(900), WaitReason::AccountOnHold).apply(&Bucket::default());
        assert_eq!(link().apply(&held, Some(&Bucket::default())), Bucket::default());
    }
}
