//! A pin's timeline: every event, and the next step. One call answers "did this publish or not?".

use super::attempt::Attempt;
use super::history::EventKind;
use super::said::Said;
use super::{Pin, Placement, WaitReason};
use crate::domain::time::Moment;

/// A deferred pin's place in its account's backlog. Pins that have left the backlog and wait in the queue don't count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// 1 is the next pin to be released.
    pub place: u64,
    /// Whether `place` is a lower bound, because the backlog is longer than what is counted.
    pub at_least: bool,
    pub estimated_start: Moment,
}

/// An event as callers see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimelineEvent {
    pub at: Moment,
    pub event: &'static str,
    pub attempt: Option<u32>,
    pub upstream_status: Option<u16>,
    pub upstream_code: Option<i64>,
    pub upstream_request_id: Option<String>,
    pub next_at: Option<Moment>,
    pub note: Option<String>,
    /// Pinterest's own words.
    pub upstream_message: Option<String>,
    /// What our client saw in place of an answer.
    pub transport_error: Option<String>,
}

/// What happens next, when, and why not earlier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NextStep {
    pub action: &'static str,
    pub at: Option<Moment>,
    pub reason: String,
    pub position: Option<Position>,
}

/// All events in order, beginning with the acceptance.
pub fn events(pin: &Pin, attempt: &Attempt) -> Vec<TimelineEvent> {
    let mut events = vec![plain(pin.created_at, "accepted")];
    match pin.placement {
        Placement::Now => {}
        Placement::Slot(slot) => events.push(TimelineEvent {
            next_at: Some(slot),
            note: Some(WaitReason::AccountPacing.code().to_owned()),
            ..plain(pin.created_at, EventKind::Deferred.name())
        }),
        Placement::Backlog(reason) => events.push(TimelineEvent {
            note: Some(reason.code().to_owned()),
            ..plain(pin.created_at, EventKind::Deferred.name())
        }),
        Placement::Due(at) => events.push(TimelineEvent {
            next_at: Some(at),
            note: Some(WaitReason::Scheduled.code().to_owned()),
            ..plain(pin.created_at, EventKind::Deferred.name())
        }),
    }
    events.extend(attempt.history.iter().map(|event| TimelineEvent {
        at: event.at,
        event: event.kind.name(),
        attempt: Some(event.attempt),
        upstream_status: event.status,
        upstream_code: event.provider_code,
        upstream_request_id: event.request_id.clone(),
        next_at: event.next_at,
        note: event.note.clone(),
        upstream_message: None,
        transport_error: None,
    }));
    events
}

/// Whether something may have been said about an attempt, so that it is worth reading.
pub fn has_words(attempt: &Attempt) -> bool {
    let is_reading = |kind| kind == EventKind::ReconcileInconclusive;
    attempt.history.iter().any(|event| is_reading(event.kind) || is_unsuccessful(event.kind.name()))
}

/// Adds to the first answer of each attempt what was said about it, and to a reading of its board what was said there.
pub fn with_words(mut events: Vec<TimelineEvent>, words: Vec<Said>) -> Vec<TimelineEvent> {
    for said in words {
        let is_its = |event: &&mut TimelineEvent| match said.read_at {
            Some(at) => event.event == EventKind::ReconcileInconclusive.name() && event.at == at,
            None => event.attempt == Some(said.attempt) && is_unsuccessful(event.event),
        };
        if let Some(event) = events.iter_mut().find(is_its) {
            (event.upstream_message, event.transport_error) = (said.message, said.transport_error);
        }
    }
    events
}

/// Whether such an event records an answer that isn't a success.
fn is_unsuccessful(name: &str) -> bool {
    use EventKind as K;
    [K::AnswerUnknown, K::RetryPlanned, K::Deferred, K::Failed].iter().any(|kind| kind.name() == name)
}

fn plain(at: Moment, event: &'static str) -> TimelineEvent {
    TimelineEvent {
        at,
        event,
        attempt: None,
        upstream_status: None,
        upstream_code: None,
        upstream_request_id: None,
        next_at: None,
        note: None,
        upstream_message: None,
        transport_error: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::pacing::pace::Pace;
    use crate::domain::pin::attempt::Upstream;
    use crate::domain::pin::waits::{self, Facts, Place, Rules};
    use crate::domain::testdata;

    const T: Moment = Moment(1_000_500);

    fn next_step(pin: &Pin, attempt: &Attempt) -> NextStep {
        let rules = Rules { quiesce_ms: 120_000, empty_after_ms: 3_600_000, pace: Pace::new(50, 1.0) };
        waits::why(&Facts { pin, attempt, account: None, place: Place::Unknown, rules: &rules, now: T }).next
    }

    #[test]
    fn a_lost_answer_shows_as_unknown_with_a_planned_reading_of_the_board() {
        let pin = testdata::pin();
        let upstream = Upstream { request_id: Some("77".into()), ..Upstream::default() };
        let attempt = Attempt::untouched(&pin)
            .begin(T, "a".into())
            .and_then(|a| a.unresolved_outcome(T.plus_ms(15_000), T.plus_ms(120_000), &upstream, "b".into()))
            .expect("legal");
        let names: Vec<&str> = events(&pin, &attempt).iter().map(|event| event.event).collect();
        assert_eq!(names, ["accepted", "attempt_started", "outcome_unknown"]);
        let next = next_step(&pin, &attempt);
        assert_eq!((next.action, next.at), ("look_up", Some(T.plus_ms(120_000))));
    }

    #[test]
    fn each_attempts_words_are_at_its_own_answer() {
        let pin = testdata::pin();
        let upstream = Upstream { status: Some(409), ..Upstream::default() };
        let retry =
            |a: Attempt| a.retry_at(T, T, crate::domain::pin::failure::Failure::PinterestBusy, &upstream, "r".into());
        let begin = |a: Attempt| a.begin(T, "a".into());
        let attempt = begin(Attempt::untouched(&pin))
            .and_then(retry)
            .and_then(begin)
            .and_then(|a| a.unresolved_outcome(T, T, &Upstream::default(), "u".into()))
            .expect("legal");
        assert!(has_words(&attempt) && !has_words(&Attempt::untouched(&pin)));
        let said = |attempt, message: Option<&str>, transport_error: Option<&str>| Said {
            attempt,
            read_at: None,
            message: message.map(str::to_owned),
            transport_error: transport_error.map(str::to_owned),
        };
        let words = vec![said(1, Some("Busy."), None), said(2, None, Some("no answer")), said(3, Some("lost"), None)];
        let events = with_words(events(&pin, &attempt), words);
        let shown: Vec<_> = events
            .iter()
            .map(|event| (event.event, event.upstream_message.as_deref(), event.transport_error.as_deref()))
            .collect();
        let wanted = [
            ("accepted", None, None),
            ("attempt_started", None, None),
            ("retry_planned", Some("Busy."), None),
            ("attempt_started", None, None),
            ("outcome_unknown", None, Some("no answer")),
        ];
        assert_eq!(shown, wanted);
    }

    #[test]
    fn a_deferred_pin_shows_why_it_waits_and_until_when() {
        let slot = T.plus_ms(9_000);
        let pin = testdata::pin_of(testdata::request("k"), T, Placement::Slot(slot));
        let attempt = Attempt::untouched(&pin);
        let next = next_step(&pin, &attempt);
        assert_eq!((next.action, next.at), ("publish", Some(slot)));
        assert_eq!(events(&pin, &attempt)[1].note.as_deref(), Some("account_pacing"));
    }
}
