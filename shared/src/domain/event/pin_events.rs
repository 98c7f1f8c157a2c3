//! The events that a pin's rows record. Nothing else stores them: a death after the write of a row loses none.
//!
//! The acceptance is event 1. Each entry of the history records none, one or two more, and the attempt row counts them,
//! so that the numbers have no gaps although the history drops entries.

use std::collections::BTreeSet;

use super::EventType;
use super::recorded::{counted, types_of, with_before};
use crate::domain::pin::Pin;
use crate::domain::pin::attempt::Attempt;
use crate::domain::pin::failure::Failure;
use crate::domain::pin::history::{Event, EventKind};
use crate::domain::time::{DAY_MS, Moment};

/// Events of this time are announced once more before their entries are dropped. The rescuer, which reads a pin every
/// hour, has seen the earlier ones.
const ANNOUNCED_AGAIN_MS: i64 = DAY_MS;

/// The number of the event of a pin's acceptance.
pub const ACCEPTED: u32 = 1;

/// An event of a pin, as its rows record it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PinEvent {
    pub event: EventType,
    /// Its number among all events of the pin, from 1.
    pub sequence: u32,
    pub at: Moment,
    /// The entry of the history that records it; `None` for the acceptance.
    pub entry: Option<Event>,
}

/// The events that the pin's rows still show, in order. Those of entries that the history has dropped are missing.
pub fn of(pin: &Pin, attempt: &Attempt) -> Vec<PinEvent> {
    let gap = attempt.history.iter().position(|entry| entry.kind == EventKind::Omitted);
    let (first, last) = attempt.history.split_at(gap.unwrap_or(attempt.history.len()));
    let mut events =
        vec![PinEvent { event: EventType::PinAccepted, sequence: ACCEPTED, at: pin.created_at, entry: None }];
    number(first, attempt.failure, ACCEPTED, &mut events);
    let numbered = attempt.events.saturating_sub(counted(last, attempt.failure));
    number(last, attempt.failure, ACCEPTED + numbered, &mut events);
    events
}

/// Adds the events of these entries, whose numbers follow `before`.
fn number(entries: &[Event], failure: Option<Failure>, before: u32, events: &mut Vec<PinEvent>) {
    let mut sequence = before;
    for (entry, before) in with_before(entries) {
        for event in types_of(entry, before, failure) {
            sequence += 1;
            events.push(PinEvent { event: *event, sequence, at: entry.at, entry: Some(entry.clone()) });
        }
    }
}

/// The events of the last write of the attempt row; none when it recorded none.
pub fn of_last_write(pin: &Pin, attempt: &Attempt) -> Vec<PinEvent> {
    let mut events = of(pin, attempt);
    events.retain(|event| event.entry.as_ref().is_some_and(|entry| entry.at == attempt.updated_at));
    events
}

/// Whether the write of this row may drop entries of the history.
pub fn may_drop(next: &Attempt) -> bool {
    let is_full = next.history.iter().any(|entry| entry.kind == EventKind::Omitted);
    is_full && next.history.last().is_some_and(|entry| entry.at == next.updated_at)
}

/// The recent events that the row shows before the write and not after it. The message of one may have been lost, and
/// nothing finds it later.
pub fn dropped(pin: &Pin, before: &Attempt, next: &Attempt) -> Vec<PinEvent> {
    let kept: BTreeSet<u32> = of(pin, next).iter().map(|event| event.sequence).collect();
    let since = next.updated_at.plus_ms(-ANNOUNCED_AGAIN_MS);
    let mut events = of(pin, before);
    events.retain(|event| event.at >= since && !kept.contains(&event.sequence));
    events
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::pin::WaitReason;
    use crate::domain::pin::attempt::Upstream;
    use crate::domain::testdata;

    fn later(ms: i64) -> Moment {
        testdata::pin().created_at.plus_ms(ms)
    }

    fn names(events: &[PinEvent]) -> Vec<(u32, &'static str)> {
        events.iter().map(|event| (event.sequence, event.event.name())).collect()
    }

    #[test]
    fn a_lost_answer_that_is_found_is_two_events_of_one_write() {
        let pin = testdata::pin();
        let nothing = Upstream::default();
        let attempt = Attempt::untouched(&pin)
            .begin(later(1), "a".into())
            .and_then(|a| a.unresolved_outcome(later(2), later(90_000), &nothing, "b".into()))
            .and_then(|a| a.adopted(later(91_000), "9".into(), &nothing, &pin, "c".into()))
            .expect("legal");
        let all = [(1, "pin.accepted"), (2, "pin.outcome_unknown"), (3, "pin.outcome_resolved"), (4, "pin.published")];
        assert_eq!(names(&of(&pin, &attempt)), all);
        assert_eq!(names(&of_last_write(&pin, &attempt)), all[2..]);
        assert_eq!(names(&of_last_write(&pin, &attempt.with_orphan(later(92_000), "8".into(), "d".into()))), []);
    }

    #[test]
    fn a_persons_decision_resolves_the_outcome_and_may_publish_the_pin() {
        let (pin, nothing) = (testdata::pin(), Upstream::default());
        let left = Attempt::untouched(&pin)
            .begin(later(1), "a".into())
            .and_then(|a| a.failed(later(2), Failure::OutcomeAmbiguous, &nothing, &pin, "b".into()))
            .expect("legal");
        let none = left.none_by_person(later(3), 120_000, "c".into()).expect("legal");
        assert_eq!(names(&of_last_write(&pin, &none)), [(4, "pin.outcome_resolved")]);
        let found = none.resolved_by_person(later(4), "9".into(), None, &pin, 120_000, "d".into()).expect("legal");
        assert_eq!(names(&of_last_write(&pin, &found)), [(5, "pin.outcome_resolved"), (6, "pin.published")]);
        assert_eq!(names(&of_last_write(&pin, &left.touched(later(5), "e".into()))), []);
    }

    #[test]
    fn every_end_of_an_unknown_outcome_resolves_it() {
        let (pin, nothing) = (testdata::pin(), Upstream::default());
        let begun = Attempt::untouched(&pin).begin(later(1), "a".into()).expect("begins");
        let unknown = begun.unresolved_outcome(later(2), later(9), &nothing, "b".into()).expect("legal");
        for failure in [Failure::BoardNotFound, Failure::AttemptsExhausted] {
            let ended = |attempt: &Attempt| {
                let failed = attempt.failed(later(9), failure, &nothing, &pin, "c".into()).expect("legal");
                names(&of_last_write(&pin, &failed))
            };
            assert_eq!(ended(&unknown), [(3, "pin.outcome_resolved"), (4, "pin.failed")], "{failure:?}");
            assert_eq!(ended(&begun), [(2, "pin.failed")], "{failure:?}: Pinterest's answer to the call");
        }
        // Its worker died in the call, and the answer is to a reading of the board.
        let dead = begun.failed_by_reading(later(9), Failure::BoardNotFound, &nothing, &pin, "c".into());
        let dead = dead.expect("legal");
        assert_eq!(names(&of_last_write(&pin, &dead)), [(2, "pin.outcome_resolved"), (3, "pin.failed")]);
        assert_eq!(dead.rev, begun.rev + 1);
        assert!(dead.may_be_resolved(1_000_000), "whenever it ended");
    }

    #[test]
    fn an_end_keeps_its_number_when_the_history_drops_what_it_ended() {
        let (pin, nothing) = (testdata::pin(), Upstream::default());
        let mut attempt = Attempt::untouched(&pin)
            .deferred(later(0), None, WaitReason::AccountPacing, None, "d".into())
            .and_then(|a| a.deferred(later(0), None, WaitReason::AccountPacing, None, "d".into()))
            .and_then(|a| a.begin(later(1), "a".into()))
            .and_then(|a| a.unresolved_outcome(later(2), later(9), &nothing, "b".into()))
            .and_then(|a| a.failed(later(9), Failure::BoardNotFound, &nothing, &pin, "c".into()))
            .expect("legal");
        let seen = names(&of(&pin, &attempt));
        for ms in 10..14 {
            attempt = attempt.edited(later(ms), "e".into()).expect("legal");
        }
        let shown = names(&of(&pin, &attempt));
        assert!(shown.len() < seen.len() && shown.iter().all(|event| seen.contains(event)), "{shown:?}, {seen:?}");
        assert_eq!(shown.last(), Some(&(6, "pin.failed")));
    }

    #[test]
    fn the_numbers_have_no_gaps_although_the_history_drops_entries() {
        let pin = testdata::pin();
        let mut attempt = Attempt::untouched(&pin);
        let mut seen = vec![(1, "pin.accepted")];
        for round in 0..12 {
            let at = later(round * 1_000);
            attempt = attempt.deferred(at, None, WaitReason::AccountPacing, None, "n".into()).expect("legal");
            seen.extend(names(&of_last_write(&pin, &attempt)));
        }
        attempt = attempt
            .begin(later(20_000), "b".into())
            .and_then(|a| a.published(later(21_000), "9".into(), &Upstream::default(), &pin, "p".into()))
            .expect("legal");
        seen.extend(names(&of_last_write(&pin, &attempt)));
        let expected: Vec<u32> = (1..=14).collect();
        assert_eq!(seen.iter().map(|(sequence, _)| *sequence).collect::<Vec<_>>(), expected);
        assert_eq!(seen.last(), Some(&(14, "pin.published")));
        // What the rows still show has the numbers that it was announced with.
        let shown = names(&of(&pin, &attempt));
        assert!(shown.iter().all(|event| seen.contains(event)), "{shown:?}");
    }

    #[test]
    fn each_write_says_which_events_it_drops_and_no_other() {
        let pin = testdata::pin();
        let mut attempt = Attempt::untouched(&pin);
        let (mut gone, mut full) = (Vec::new(), 0);
        for round in 0..20 {
            let next =
                attempt.deferred(later(round), None, WaitReason::AccountPacing, None, "n".into()).expect("legal");
            gone.extend(names(&dropped(&pin, &attempt, &next)).iter().map(|(number, _)| *number));
            full += u32::from(may_drop(&next));
            assert_eq!(may_drop(&next), next.history.len() < next.events as usize, "round {round}");
            attempt = next;
        }
        let shown: Vec<u32> = of(&pin, &attempt).iter().map(|event| event.sequence).collect();
        let missing: Vec<u32> = (ACCEPTED..=21).filter(|number| !shown.contains(number)).collect();
        assert_eq!((gone.len(), full), (13, 12), "the first drops two");
        assert_eq!(gone, missing);
        // A write without an entry drops none, and those of days ago are not said.
        assert!(!may_drop(&attempt.touched(later(30), "t".into())));
        let late = attempt.begin(later(2 * DAY_MS), "b".into()).expect("begins");
        assert!(may_drop(&late));
        assert_eq!(dropped(&pin, &attempt, &late), []);
    }

    #[test]
    fn a_pin_whose_schedule_is_canceled_is_canceled_and_not_failed() {
        let (pin, nothing) = (testdata::pin(), Upstream::default());
        let ended = |failure| {
            let attempt = Attempt::untouched(&pin).failed(later(1), failure, &nothing, &pin, "c".into());
            names(&of_last_write(&pin, &attempt.expect("legal")))
        };
        assert_eq!(ended(Failure::ScheduleCanceled), [(2, "pin.canceled")]);
        assert_eq!(ended(Failure::TooLate), [(2, "pin.failed")]);
    }

    #[test]
    fn a_waiting_pin_that_is_deleted_is_canceled_and_a_published_one_is_not() {
        let pin = testdata::pin();
        let waiting = Attempt::untouched(&pin).deleted(later(1), &pin, "d".into()).expect("legal");
        assert_eq!(names(&of_last_write(&pin, &waiting)), [(2, "pin.canceled")]);
        let published = Attempt::untouched(&pin)
            .begin(later(1), "b".into())
            .and_then(|a| a.published(later(2), "9".into(), &Upstream::default(), &pin, "p".into()))
            .and_then(|a| a.deleted(later(3), &pin, "d".into()))
            .expect("legal");
        assert_eq!(names(&of_last_write(&pin, &published)), []);
    }
}
