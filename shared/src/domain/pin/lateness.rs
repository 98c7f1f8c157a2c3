//! Why a pin is late: one cause, noted when its first attempt starts, or when none started before its
//! `publish_before`.
//!
//! The cause is what took most of the delay, as far as the rows show it at that moment.

use super::attempt::Attempt;
pub use super::late_cause::LateCause;
use super::{Pin, Placement, WaitReason};
use crate::domain::account::Account;
use crate::domain::pacing::bucket::Bucket;
use crate::domain::schedule::LATE_FROM_MS;
use crate::domain::time::Moment;

use LateCause as L;

/// What a worker has read of a pin that starts, or that it gives up.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    pub pin: &'a Pin,
    pub attempt: &'a Attempt,
    pub account: Option<&'a Account>,
    pub bucket: &'a Bucket,
    /// The slot of the token that the pin has, if it has one.
    pub slot: Option<Moment>,
    pub now: Moment,
}

impl Facts<'_> {
    /// The cause, if the first attempt starts now and is late. A pin without a time of its own is never late.
    pub fn of_start(&self) -> Option<LateCause> {
        let due_at = self.pin.due_at.filter(|_| self.attempt.attempt == 0)?;
        (self.now.since_ms(due_at) >= LATE_FROM_MS).then(|| self.cause(due_at))
    }

    /// The cause, when no attempt has started before the pin's `publish_before`.
    pub fn of_no_start(&self) -> LateCause {
        self.cause(self.pin.due_at.unwrap_or(self.pin.created_at))
    }

    /// What took most of the time since `from`.
    fn cause(&self, from: Moment) -> LateCause {
        let Self { pin, attempt, account, bucket, slot, now } = *self;
        let waited_as = |reason: WaitReason| attempt.wait == Some(reason);
        let was_held = attempt.wait.is_some_and(WaitReason::is_hold) || bucket.held_until.is_some_and(|at| at > from);
        let is_held = bucket.hold.is_some() || account.is_none_or(|account| !account.is_connected());
        let until_accepted_ms = pin.created_at.since_ms(from);
        if until_accepted_ms > 0 && 2 * until_accepted_ms >= now.since_ms(from) {
            L::Outage
        } else if attempt.attempts_made() > 0 {
            L::Retries
        } else if is_held || was_held {
            L::Hold
        } else if waited_as(WaitReason::AccountPaused) || bucket.pause.as_ref().is_some_and(|pause| pause.until > from)
        {
            L::Pause
        } else if waited_as(WaitReason::DailyBudget) {
            L::DailyBudget
        } else if waited_as(WaitReason::AccountPacing) || matches!(pin.placement, Placement::Backlog(_)) {
            if matches!(pin.placement, Placement::Slot(_)) && attempt.rev == 0 { L::Pace } else { L::Backlog }
        } else if slot.is_some_and(|slot| slot > from) {
            L::Pace
        } else {
            L::Outage
        }
    }
}

/// How much later than its time the pin's first attempt began, if that was late.
pub fn late_by_ms(pin: &Pin, attempt: &Attempt) -> Option<i64> {
    let late_ms = attempt.first_started_at()?.since_ms(pin.due_at?);
    (late_ms >= LATE_FROM_MS).then_some(late_ms)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::pacing::bucket::{Hold, Paused};
    use crate::domain::pin::attempt::Upstream;
    use crate::domain::pin::failure::Failure;
    use crate::domain::testdata;

    const DUE: Moment = Moment(10_000_000);

    fn after(ms: i64) -> Moment {
        DUE.plus_ms(ms)
    }

    struct Case {
        pin: Pin,
        attempt: Attempt,
        account: Option<Account>,
        bucket: Bucket,
        slot: Option<Moment>,
    }

    impl Case {
        fn new(placement: Placement, accepted_at: Moment) -> Self {
            let pin = testdata::pin_of(testdata::request("k"), accepted_at, placement);
            let pin = Pin { due_at: Some(DUE), ..pin };
            let attempt = Attempt::untouched(&pin);
            Self { pin, attempt, account: Some(testdata::connected_account()), bucket: Bucket::default(), slot: None }
        }

        /// A pin that was handed over in time.
        fn due() -> Self {
            Self::new(Placement::Due(DUE), DUE.plus_ms(-120_000))
        }

        fn facts(&self, now: Moment) -> Facts<'_> {
            let Self { pin, attempt, account, bucket, slot } = self;
            Facts { pin, attempt, account: account.as_ref(), bucket, slot: *slot, now }
        }

        fn deferred(mut self, reason: WaitReason) -> Self {
            self.attempt = self.attempt.deferred(DUE, None, reason, None, "n".into()).expect("defers");
            self
        }
    }

    #[test]
    fn a_pin_that_starts_in_its_second_or_has_no_time_is_not_late() {
        let mut case = Case::due();
        assert_eq!(case.facts(after(LATE_FROM_MS - 1)).of_start(), None);
        assert!(case.facts(after(LATE_FROM_MS)).of_start().is_some());
        case.pin.due_at = None;
        assert_eq!(case.facts(after(3_600_000)).of_start(), None);
    }

    #[test]
    fn only_the_first_attempt_counts() {
        let mut case = Case::due();
        case.attempt.attempt = 1;
        assert_eq!(case.facts(after(600_000)).of_start(), None);
    }

    #[test]
    fn each_cause_is_recognised() {
        let late = after(600_000);
        let of = |case: Case| case.facts(late).of_start().map(LateCause::name);
        assert_eq!(of(Case::due()), Some("outage"), "nothing else explains it");
        assert_eq!(of(Case::new(Placement::Now, after(590_000))), Some("outage"), "handed over late");
        let mut slotted = Case::due();
        slotted.slot = Some(after(60_000));
        assert_eq!(of(slotted), Some("pace"));
        assert_eq!(of(Case::due().deferred(WaitReason::AccountPacing)), Some("backlog"));
        assert_eq!(of(Case::due().deferred(WaitReason::DailyBudget)), Some("daily_budget"));
        assert_eq!(of(Case::due().deferred(WaitReason::AccountOnHold)), Some("hold"));
        assert_eq!(of(Case::due().deferred(WaitReason::AccountPaused)), Some("pause"));
        let mut paused = Case::due().deferred(WaitReason::AccountPacing);
        paused.bucket.pause = Some(Paused { until: after(500_000), failure: Some(Failure::RateLimited) });
        assert_eq!(of(paused), Some("pause"), "the pause ended after its time");
        let mut earlier = Case::due().deferred(WaitReason::AccountPacing);
        earlier.bucket.pause = Some(Paused { until: after(-1), failure: None });
        assert_eq!(of(earlier), Some("backlog"), "that pause ended before its time");
    }

    #[test]
    fn a_hold_is_the_cause_while_it_lasts_and_after_it() {
        let late = after(600_000);
        let mut held = Case::due().deferred(WaitReason::AccountPacing);
        held.bucket.hold = Some(Hold { until: DUE, failure: None, awaits_refresh: false, by: None });
        assert_eq!(held.facts(late).of_start(), Some(L::Hold));
        held.bucket.hold = None;
        held.bucket.held_until = Some(after(500_000));
        assert_eq!(held.facts(late).of_start(), Some(L::Hold), "it was lifted after its time");
        held.bucket.held_until = Some(after(-1));
        assert_eq!(held.facts(late).of_start(), Some(L::Backlog));
        held.account = None;
        assert_eq!(held.facts(late).of_no_start(), L::Hold);
    }

    #[test]
    fn a_short_delay_of_the_handover_is_not_the_cause_of_a_long_wait() {
        let mut case = Case::new(Placement::Backlog(WaitReason::AccountPaused), after(2_000));
        case.bucket.pause = Some(Paused { until: after(600_000), failure: None });
        assert_eq!(case.facts(after(601_000)).of_start(), Some(L::Pause));
        assert_eq!(case.facts(after(3_000)).of_start(), Some(L::Outage));
    }

    #[test]
    fn a_pin_without_a_time_has_a_cause_too_when_it_comes_too_late() {
        let mut case = Case::new(Placement::Slot(after(30_000)), DUE);
        case.pin.due_at = None;
        assert_eq!(case.facts(after(20_000)).of_no_start(), L::Pace);
        let upstream = Upstream::default();
        let begun = case.attempt.begin(after(31_000), "a".into()).expect("begins");
        case.attempt =
            begun.retry_at(after(32_000), after(90_000), Failure::PinterestBusy, &upstream, "b".into()).expect("plans");
        assert_eq!(case.facts(after(60_000)).of_no_start(), L::Retries);
    }

    #[test]
    fn letters_and_names_are_unique() {
        for cause in LateCause::ALL {
            assert_eq!(LateCause::of_letter(cause.letter()), Some(cause));
            assert!(cause.message().ends_with('.'));
        }
        let names: std::collections::BTreeSet<&str> = LateCause::ALL.iter().map(|cause| cause.name()).collect();
        assert_eq!(names.len(), LateCause::ALL.len());
    }
}
