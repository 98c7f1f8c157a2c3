//! How an endpoint stands: how often it failed in a row, and when its next turn is.

use super::super::time::{DAY_MS, Moment};

/// After so many failures in a row, one request at a time shows whether the endpoint answers again.
pub const PROBES_AFTER: u32 = 5;
/// An endpoint that has failed for this time, and at every try, is disabled.
pub const DISABLED_AFTER_MS: i64 = 5 * DAY_MS;

/// The state of an endpoint. The row doesn't exist while the endpoint has never failed.
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
        self.failures >= PROBES_AFTER
    }

    /// Whether it has failed for so long that it is disabled. A single failure is too few, however long ago.
    pub fn is_to_be_disabled(&self, now: Moment) -> bool {
        self.probes() && self.failing_since.is_some_and(|since| now.since_ms(since) >= DISABLED_AFTER_MS)
    }

    /// A try has failed. The delivery is tried again at `next_at`, if at all; a probing endpoint gets nothing before.
    #[must_use]
    pub fn failed(&self, now: Moment, next_at: Option<Moment>, nonce: String) -> Self {
        let mut next = self.written(nonce);
        next.failures = self.failures.saturating_add(1);
        next.failing_since = self.failing_since.or(Some(now));
        next.turn_at = [self.turn_at, next_at].into_iter().flatten().min();
        if next.probes() {
            next.held_until = next_at.or(self.held_until);
        }
        next
    }

    /// The same state, of an endpoint that gets nothing before that time: its receiver sent a `Retry-After`. A part of
    /// the write that [`Health::failed`] made.
    #[must_use]
    pub fn held(self, until: Moment) -> Self {
        Self { held_until: self.held_until.max(Some(until)), ..self }
    }

    /// A try was answered as it should be: earlier failures don't count any more. The planned turn stays.
    #[must_use]
    pub fn answered(&self, nonce: String) -> Self {
        self.written(nonce).without_failures()
    }

    /// The same state, of an endpoint whose last try was answered as it should be. A part of another write.
    #[must_use]
    pub fn without_failures(self) -> Self {
        Self { failures: 0, failing_since: None, held_until: None, ..self }
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
    use super::*;

    const NOW: Moment = Moment(1_000_000);

    fn failed(times: u32) -> Health {
        (0..times).fold(Health::default(), |health, _| health.failed(NOW, Some(NOW.plus_ms(5_000)), "f".into()))
    }

    #[test]
    fn the_first_failure_plans_a_turn_and_holds_nothing() {
        let health = failed(1);
        let planned = Health {
            rev: 1,
            nonce: "f".into(),
            failures: 1,
            failing_since: Some(NOW),
            held_until: None,
            turn_at: Some(NOW.plus_ms(5_000)),
        };
        assert_eq!(health, planned);
        assert!(!health.is_held(NOW) && !health.probes());
        let later = health.failed(NOW.plus_ms(1_000), Some(NOW.plus_ms(60_000)), "g".into());
        assert_eq!((later.turn_at, later.failing_since), (Some(NOW.plus_ms(5_000)), Some(NOW)), "the earlier ones");
        let earlier = health.failed(NOW, Some(NOW.plus_ms(1_000)), "g".into());
        assert_eq!(earlier.turn_at, Some(NOW.plus_ms(1_000)));
        assert_eq!(health.failed(NOW, None, "g".into()).turn_at, health.turn_at, "an exhausted delivery plans none");
    }

    #[test]
    fn after_five_failures_nothing_is_sent_before_the_next_try() {
        assert!(!failed(PROBES_AFTER - 1).probes());
        let probing = failed(PROBES_AFTER);
        assert!(probing.probes() && probing.is_held(NOW) && probing.is_held(NOW.plus_ms(4_999)));
        assert!(!probing.is_held(NOW.plus_ms(5_000)));
        let exhausted = probing.failed(NOW, None, "g".into());
        assert_eq!(exhausted.held_until, probing.held_until);
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
        assert!(!probing.answered("a".into()).failed(late, None, "f".into()).is_to_be_disabled(late));
    }
}
