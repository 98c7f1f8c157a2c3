//! How an endpoint stands: how often it failed in a row, whether it is slow, and when its next turn is.

use super::super::time::{DAY_MS, Moment};
use super::delivery::DeliveryId;

/// After so many deliveries have failed in a row, one request at a time shows whether the endpoint answers again. The
/// tries of one delivery count once: a receiver that refuses one event answers the others.
pub const PROBES_AFTER: u32 = 5;
/// A single failure disables no endpoint, however long ago it is: so many in a row may.
const FAILURES_DISABLE: u32 = 5;
/// An endpoint that has failed for this time, and at every try, is disabled.
pub const DISABLED_AFTER_MS: i64 = 5 * DAY_MS;

/// The state of an endpoint. The row doesn't exist while the endpoint has never failed and never was slow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// Counts the writes of this row; 0 is the row that doesn't exist yet.
    pub rev: u64,
    /// Names the last write.
    pub nonce: String,
    /// How many tries in a row have failed.
    pub failures: u32,
    /// When the first of them failed.
    pub failing_since: Option<Moment>,
    /// The deliveries of these tries, each once; the first [`PROBES_AFTER`] of them.
    pub failing: Vec<DeliveryId>,
    /// The last request took long. New events wait for the endpoint's turn.
    pub is_slow: bool,
    /// No request is sent before this time.
    pub held_until: Option<Moment>,
    /// When waiting deliveries are sent next. A turn for another time is void.
    pub turn_at: Option<Moment>,
}

impl Health {
    /// Whether no request may be sent now.
    pub fn is_held(&self, now: Moment) -> bool {
        self.held_until.is_some_and(|until| now < until)
    }

    /// Whether the endpoint gets one request at a time, which shows whether it answers again.
    pub fn probes(&self) -> bool {
        self.failing.len() >= PROBES_AFTER as usize
    }

    /// Whether it has failed for so long that it is disabled. A single failure is too few, however long ago.
    pub fn is_to_be_disabled(&self, now: Moment) -> bool {
        self.failures >= FAILURES_DISABLE
            && self.failing_since.is_some_and(|since| now.since_ms(since) >= DISABLED_AFTER_MS)
    }

    /// A try of the delivery has failed. It is tried again at `next_at`, if at all; a probing endpoint gets nothing
    /// before.
    #[must_use]
    pub fn failed(&self, delivery: DeliveryId, now: Moment, next_at: Option<Moment>, nonce: String) -> Self {
        let mut next = self.written(nonce);
        if !next.probes() && !next.failing.contains(&delivery) {
            next.failing.push(delivery);
        }
        next.failures = self.failures.saturating_add(1);
        next.failing_since = self.failing_since.or(Some(now));
        next.turn_at = [self.turn_at, next_at].into_iter().flatten().min();
        if next.probes() {
            // A test is sent while the endpoint is held: its failure ends no longer wait.
            next.held_until = next_at.max(self.held_until);
        }
        next
    }

    /// The same state, of an endpoint that gets nothing before that time: its receiver sent a `Retry-After`. A part of
    /// the write that [`Health::failed`] made.
    #[must_use]
    pub fn held(self, until: Moment) -> Self {
        Self { held_until: self.held_until.max(Some(until)), ..self }
    }

    /// The same state, after a request that was slow, so that nothing is sent before that time; `None`: it was quick. A
    /// part of another write.
    #[must_use]
    pub fn paused(self, until: Option<Moment>) -> Self {
        match until {
            Some(until) => Self { is_slow: true, ..self }.held(until),
            None => Self { is_slow: false, ..self },
        }
    }

    /// A try was answered as it should be: earlier failures don't count any more. The planned turn stays.
    #[must_use]
    pub fn answered(&self, nonce: String) -> Self {
        self.written(nonce).without_failures()
    }

    /// The same state, of an endpoint whose last try was answered as it should be. A part of another write.
    #[must_use]
    pub fn without_failures(self) -> Self {
        let (failing, is_slow) = (Vec::new(), false);
        Self { failures: 0, failing_since: None, failing, is_slow, held_until: None, ..self }
    }

    /// The next turn is planned for that time; `None`: nothing waits.
    #[must_use]
    pub fn planned(&self, turn_at: Option<Moment>, nonce: String) -> Self {
        Self { turn_at, ..self.written(nonce) }
    }

    fn written(&self, nonce: String) -> Self {
        Self { rev: self.rev + 1, nonce, ..self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const NOW: Moment = Moment(1_000_000);

    fn delivery(number: u32) -> DeliveryId {
        DeliveryId(Uuid::from_u128(u128::from(number)))
    }

    /// As many deliveries have failed, each once.
    fn failed(times: u32) -> Health {
        let next_at = Some(NOW.plus_ms(5_000));
        (0..times).fold(Health::default(), |health, number| health.failed(delivery(number), NOW, next_at, "f".into()))
    }

    #[test]
    fn the_first_failure_plans_a_turn_and_holds_nothing() {
        let health = failed(1);
        let planned = Health {
            rev: 1,
            nonce: "f".into(),
            failures: 1,
            failing_since: Some(NOW),
            failing: vec![delivery(0)],
            is_slow: false,
            held_until: None,
            turn_at: Some(NOW.plus_ms(5_000)),
        };
        assert_eq!(health, planned);
        assert!(!health.is_held(NOW) && !health.probes());
        let later = health.failed(delivery(0), NOW.plus_ms(1_000), Some(NOW.plus_ms(60_000)), "g".into());
        assert_eq!((later.turn_at, later.failing_since), (Some(NOW.plus_ms(5_000)), Some(NOW)), "the earlier ones");
        let earlier = health.failed(delivery(0), NOW, Some(NOW.plus_ms(1_000)), "g".into());
        assert_eq!(earlier.turn_at, Some(NOW.plus_ms(1_000)));
        let exhausted = health.failed(delivery(0), NOW, None, "g".into());
        assert_eq!(exhausted.turn_at, health.turn_at, "an exhausted delivery plans none");
    }

    #[test]
    fn after_five_failures_nothing_is_sent_before_the_next_try() {
        assert!(!failed(PROBES_AFTER - 1).probes());
        let probing = failed(PROBES_AFTER);
        assert!(probing.probes() && probing.is_held(NOW) && probing.is_held(NOW.plus_ms(4_999)));
        assert!(!probing.is_held(NOW.plus_ms(5_000)));
        let waits = probing.clone().held(NOW.plus_ms(9_000));
        let tested = waits.failed(delivery(8), NOW, Some(NOW.plus_ms(5_000)), "g".into());
        assert_eq!(tested.held_until, waits.held_until, "a failure while it is held shortens nothing");
        let exhausted = probing.failed(delivery(9), NOW, None, "g".into());
        assert_eq!(exhausted.held_until, probing.held_until);
    }

    #[test]
    fn the_tries_of_one_delivery_are_one_of_the_five() {
        let retry = |health: Health, _| health.failed(delivery(0), NOW, Some(NOW.plus_ms(5_000)), "g".into());
        let refused = (0..20).fold(failed(1), retry);
        assert_eq!((refused.failures, refused.probes(), refused.held_until), (21, false, None));
        assert!((0..20).fold(failed(PROBES_AFTER - 1), retry).failing.len() < PROBES_AFTER as usize);
        assert_eq!(failed(20).failing.len(), PROBES_AFTER as usize, "no more are kept");
    }

    #[test]
    fn a_slow_request_pauses_its_endpoint_until_a_quick_one() {
        let until = NOW.plus_ms(30_000);
        let slow = Health::default().answered("a".into()).paused(Some(until));
        assert_eq!((slow.is_slow, slow.held_until, slow.failures), (true, Some(until), 0));
        assert_eq!(slow.answered("b".into()).paused(None), Health { rev: 2, nonce: "b".into(), ..Health::default() });
    }

    #[test]
    fn a_retry_after_holds_an_endpoint_after_its_first_failure() {
        let until = NOW.plus_ms(30_000);
        let held = failed(1).held(until);
        assert!(held.is_held(until.plus_ms(-1)) && !held.is_held(until));
        assert_eq!(held.rev, 1);
        assert_eq!(failed(PROBES_AFTER).held(NOW.plus_ms(1)).held_until, Some(NOW.plus_ms(5_000)), "the later one");
    }

    #[test]
    fn an_answer_ends_everything_but_the_planned_turn() {
        let probing = failed(PROBES_AFTER);
        let well = Health { rev: 6, nonce: "a".into(), turn_at: probing.turn_at, ..Health::default() };
        assert_eq!(probing.answered("a".into()), well);
        let planned = well.planned(None, "p".into());
        assert_eq!(planned, Health { rev: 7, nonce: "p".into(), ..Health::default() });
    }

    #[test]
    fn an_endpoint_is_disabled_after_five_days_of_failures() {
        let (probing, late) = (failed(PROBES_AFTER), NOW.plus_ms(DISABLED_AFTER_MS));
        assert!(!probing.is_to_be_disabled(late.plus_ms(-1)) && probing.is_to_be_disabled(late));
        assert!(!failed(1).is_to_be_disabled(late), "a single failure");
        let again = probing.answered("a".into()).failed(delivery(0), late, None, "f".into());
        assert!(!again.is_to_be_disabled(late));
    }
}
