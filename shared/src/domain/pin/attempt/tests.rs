//! Examples of a pin's transitions.

use super::*;
use crate::domain::ids::KeyId;
use crate::domain::pin::history::KEEP_WITHIN_MS;
use crate::domain::testdata;

const T: Moment = Moment(2_000_000);

fn states() -> Vec<Attempt> {
    let pin = testdata::pin();
    let queued = Attempt::untouched(&pin);
    let publishing = queued.begin(T, "a".into()).expect("begins");
    let nothing = Upstream::default();
    let published = publishing.published(T, "9".into(), &nothing, &pin, "b".into()).expect("publishes");
    let failed = publishing.failed(T, Failure::ImageBroken, &nothing, &pin, "b".into()).expect("fails");
    let deferred = queued.deferred(T, None, WaitReason::AccountPaused, None, "b".into()).expect("defers");
    vec![queued, deferred, publishing, published, failed]
}

fn note_of(attempt: &Attempt, kind: EventKind) -> Option<String> {
    attempt.history.iter().rev().find(|event| event.kind == kind).and_then(|event| event.note.clone())
}

/// Whatever happened before the message was sent, and however much of it.
#[test]
fn idle_deliveries_are_counted_by_message() {
    let (pin, nothing) = (testdata::pin(), Upstream::default());
    let next = |next: Next| next.expect("legal");
    let untouched = Attempt::untouched(&pin);
    let begun = next(untouched.begin(T, "a".into()));
    let many = (0..5).fold(untouched.clone(), |before, _| {
        let begun = next(before.begin(T, "a".into()));
        next(begun.deferred(T, None, WaitReason::AccountPaused, None, "b".into()))
    });
    let failed = next(begun.failed(T, Failure::ImageBroken, &nothing, &pin, "b".into()));
    let retried = next(failed.retried(T, None, "c".into()));
    let resent =
        next(begun.retry_at(T, T.plus_ms(KEEP_WITHIN_MS + 1), Failure::ImageUnreachable, &nothing, "b".into()));
    let absent = next(begun.absent(T, "b".into()));
    let kept = next(begun.retry_at(T, T.plus_ms(KEEP_WITHIN_MS), Failure::PinterestBusy, &nothing, "b".into()));
    let not_sent = next(begun.not_sent(T, "b".into()));
    for (name, before, explained) in [
        ("untouched", untouched, 0),
        ("deferred many times", many, 0),
        ("retried", retried, 0),
        ("sent again late", resent, 0),
        ("absent", absent, 0),
        ("kept", kept, 1),
        ("not sent", not_sent, 1),
    ] {
        for idle in [0, 1, 5, 18] {
            let started = next(before.begin(T, "z".into())).after_deliveries(explained + idle + 1);
            let note = (idle > 0).then(|| format!("{idle} deliveries did nothing"));
            assert_eq!(note_of(&started, EventKind::AttemptStarted), note, "{name}");
        }
        let dead = next(before.dead_lettered(T, 20, &pin, "z".into()));
        let note = format!("{} deliveries did nothing", 20 - explained);
        assert_eq!(note_of(&dead, EventKind::Undeliverable), Some(note), "{name}");
        assert_eq!((dead.failure, dead.rev), (Some(Failure::DeadLettered), before.rev + 1), "{name}: one write");
    }
}

#[test]
fn each_transition_leaves_only_its_states() {
    let pin = testdata::pin();
    let nothing = Upstream::default();
    // queued, deferred, publishing, published, failed
    type Transition<'a> = Box<dyn Fn(&Attempt) -> Next + 'a>;
    let cases: [(&str, [bool; 5], Transition<'_>); 13] = [
        ("begin", [true, true, false, false, false], Box::new(|a| a.begin(T, "n".into()))),
        ("not_sent", [false, false, true, false, false], Box::new(|a| a.not_sent(T, "n".into()))),
        (
            "published",
            [false, false, true, false, false],
            Box::new(|a| a.published(T, "1".into(), &nothing, &pin, "n".into())),
        ),
        (
            "unresolved_outcome",
            [false, false, true, false, false],
            Box::new(|a| a.unresolved_outcome(T, T, &nothing, "n".into())),
        ),
        ("absent", [false, false, true, false, false], Box::new(|a| a.absent(T, "n".into()))),
        (
            "deferred",
            [true, true, true, false, false],
            Box::new(|a| a.deferred(T, None, WaitReason::AccountPacing, None, "n".into())),
        ),
        (
            "failed",
            [true, true, true, false, false],
            Box::new(|a| a.failed(T, Failure::ImageBroken, &nothing, &pin, "n".into())),
        ),
        ("edited", [true, true, false, false, true], Box::new(|a| a.edited(T, "n".into()))),
        ("deleted", [true, true, false, true, true], Box::new(|a| a.deleted(T, &pin, "n".into()))),
        ("retried", [false, false, false, false, true], Box::new(|a| a.retried(T, None, "n".into()))),
        (
            "with_duplicates",
            [false, false, false, true, false],
            Box::new(|a| a.with_duplicates(T, &["7".into()], "n".into())),
        ),
        (
            "duplicate_removed",
            [false, false, false, true, false],
            Box::new(|a| a.duplicate_removed(T, "7", "n".into())),
        ),
        ("removed", [false, false, false, true, false], Box::new(|a| a.removed(T, "n".into()))),
    ];
    for (name, allowed, transition) in cases {
        for (state, allowed) in states().iter().zip(allowed) {
            let next = transition(state);
            assert_eq!(next.is_ok(), allowed, "{name} from {:?}", state.status);
            if let Ok(next) = next {
                assert_eq!(next.rev, state.rev + 1, "every write counts");
                assert_eq!(next.nonce, "n");
                assert!(next.attempt >= state.attempt, "attempts never reset");
                assert_eq!(next.expires_at.is_some(), next.status.is_terminal(), "only the end sets an expiry");
            }
        }
    }
}

#[test]
fn a_snooze_spends_nothing_and_voids_the_messages_under_way() {
    let publishing = Attempt::untouched(&testdata::pin()).begin(T, "a".into()).expect("begins");
    assert_eq!(publishing.attempts_spent(), 1);
    let upstream = Upstream { status: Some(429), ..Upstream::default() };
    let cause = Some((Failure::RateLimited, &upstream));
    let snoozed = publishing.deferred(T, Some(T), WaitReason::AccountPaused, cause, "b".into()).expect("defers");
    assert_eq!(snoozed.attempts_spent(), 0);
    assert_eq!(snoozed.attempt, 1);
    assert_eq!(snoozed.generation, publishing.generation + 1);
}

fn failed(failure: Failure, finished_at: Moment, unknown: bool) -> Attempt {
    let (pin, nothing) = (testdata::pin(), Upstream::default());
    let mut attempt = Attempt::untouched(&pin).begin(T, "a".into()).expect("begins");
    if unknown {
        attempt = attempt.unresolved_outcome(T, T.plus_ms(120_000), &nothing, "b".into()).expect("legal");
    }
    attempt.failed(finished_at, failure, &nothing, &pin, "c".into()).expect("fails")
}

#[test]
fn a_retried_pin_starts_over_and_forgets_nothing() {
    let until = T.plus_ms(9_000);
    for waits in [None, Some((WaitReason::AccountPacing, Some(until))), Some((WaitReason::AccountOnHold, None))] {
        let failed = failed(Failure::ImageBroken, T, false);
        let retried = failed.retried(T.plus_ms(5), waits, "d".into()).expect("retries");
        let status = if waits.is_some() { Status::Deferred } else { Status::Queued };
        assert_eq!((retried.status, retried.wait), (status, waits.map(|(reason, _)| reason)));
        assert_eq!(retried.not_before, waits.and_then(|(_, until)| until));
        assert_eq!((retried.attempt, retried.attempts_spent()), (1, 0));
        assert_eq!(retried.generation, failed.generation + 1);
        assert_eq!((retried.failure, retried.finished_at, retried.expires_at), (None, None, None));
        let last = retried.history.last().expect("an event");
        assert_eq!((last.kind, last.note.as_deref()), (EventKind::Retried, Some("image_broken")));
    }
}

#[test]
fn only_a_call_without_an_answer_ends_unresolved() {
    let (soon, late) = (T.plus_ms(1_000), T.plus_ms(120_000));
    let unresolved_outcome = |attempt: Attempt| attempt.ended_unresolved(120_000);
    assert!(unresolved_outcome(failed(Failure::OutcomeAmbiguous, late, true)));
    assert!(unresolved_outcome(failed(Failure::OutcomeUnverifiable, late, true)));
    assert!(!unresolved_outcome(failed(Failure::ImageBroken, soon, false)));
    assert!(!unresolved_outcome(failed(Failure::AttemptsExhausted, late, true)), "surely not there");
    assert!(!unresolved_outcome(failed(Failure::BoardNotFound, soon, false)), "a refusal");
    assert!(unresolved_outcome(failed(Failure::BoardNotFound, late, true)), "the board was gone before it was read");
    assert!(unresolved_outcome(failed(Failure::BoardNotFound, late, false)), "of a worker that died");
    let orphaned = failed(Failure::ImageBroken, soon, false).with_orphan(late, "1".into(), "d".into());
    assert!(unresolved_outcome(orphaned), "there is one");
}

#[test]
fn a_person_decides_only_what_was_left_to_one() {
    let (pin, late) = (testdata::pin(), T.plus_ms(120_000));
    let found = |attempt: &Attempt| attempt.resolved_by_person(late, "9".into(), Some(T), &pin, 120_000, "e".into());
    for failure in [Failure::OutcomeAmbiguous, Failure::OutcomeUnverifiable] {
        let left = failed(failure, late, true);
        let none = left.none_by_person(late.plus_ms(1), 120_000, "d".into()).expect("legal");
        assert_eq!((none.status, none.failure), (Status::Failed, Some(Failure::ConfirmedAbsent)));
        assert_eq!((none.finished_at, none.expires_at), (left.finished_at, left.expires_at), "it failed then");
        assert!(left.ended_unresolved(120_000) && !none.ended_unresolved(120_000));
        let last = none.history.last().expect("an event");
        assert_eq!((last.kind, last.note.as_deref()), (EventKind::NoneByPerson, Some(failure.code())));
        assert_eq!(none.none_by_person(late, 120_000, "e".into()).map_err(|illegal| illegal.from), Err(Status::Failed));
        for undecided in [&left, &none] {
            let found = found(undecided).expect("legal");
            assert_eq!((found.status, found.failure), (Status::Published, None));
            assert_eq!((found.pinterest_pin_id.as_deref(), found.finished_at), (Some("9"), Some(late)));
            let last = found.history.last().map(|event| (event.kind, event.next_at));
            assert_eq!(last, Some((EventKind::ResolvedByPerson, Some(T))));
        }
        assert!(none.retried(late, None, "r".into()).is_ok());
    }
    let begun = Attempt::untouched(&pin).begin(T, "a".into()).expect("begins");
    for other in [failed(Failure::ImageBroken, T, false), failed(Failure::AttemptsExhausted, late, true), begun] {
        assert!(found(&other).is_err() && other.none_by_person(late, 120_000, "d".into()).is_err(), "{other:?}");
    }
}

#[test]
fn a_person_decides_every_end_that_a_retry_would_ask_about() {
    let (pin, late) = (testdata::pin(), T.plus_ms(120_000));
    let gone = failed(Failure::BoardNotFound, late, true);
    let orphaned = failed(Failure::ImageBroken, T, false).with_orphan(late, "1".into(), "o".into());
    for open in [gone, orphaned] {
        assert!(open.ended_unresolved(120_000) && open.may_be_resolved(120_000));
        let edited = open.edited(late, "e".into()).expect("legal");
        assert!(edited.ended_unresolved(120_000), "an edit tells nothing of the call");
        let found = open.resolved_by_person(late, "1".into(), None, &pin, 120_000, "f".into()).expect("legal");
        assert_eq!((found.status, found.orphan_pin_id), (Status::Published, None));
        let none = open.none_by_person(late, 120_000, "n".into()).expect("legal");
        assert!(!none.ended_unresolved(120_000) && none.may_be_resolved(120_000), "it can be corrected");
        let contradicted = none.with_orphan(late, "2".into(), "o".into());
        assert!(contradicted.ended_unresolved(120_000), "a call that answered later");
    }
    let refused = failed(Failure::BoardNotFound, T.plus_ms(1_000), false);
    assert!(!refused.may_be_resolved(120_000), "a refusal");
    let retried = failed(Failure::OutcomeAmbiguous, late, true).retried(late, None, "r".into()).expect("legal");
    assert!(!retried.may_be_resolved(120_000));
}

#[test]
fn a_pin_counts_as_sent_since_the_first_attempt_after_its_last_edit() {
    let begun = Attempt::untouched(&testdata::pin()).begin(T, "a".into()).expect("begins");
    let again = |attempt: &Attempt, ms: i64| {
        attempt
            .retry_at(T.plus_ms(ms), T.plus_ms(ms), Failure::PinterestBusy, &Upstream::default(), "r".into())
            .expect("plans")
    };
    let begin = |attempt: &Attempt, ms: i64| attempt.begin(T.plus_ms(ms), "b".into()).expect("begins");
    assert_eq!((begun.sent_since(), begun.is_edited_since_attempt()), (T, false));
    let second = begin(&again(&begun, 10), 20);
    assert_eq!(second.sent_since(), T);
    let edited = again(&second, 30).edited(T.plus_ms(40), "e".into()).expect("legal");
    assert!(edited.is_edited_since_attempt());
    let third = begin(&edited, 50);
    assert_eq!((third.sent_since(), third.is_edited_since_attempt()), (T.plus_ms(50), false));
    assert_eq!(begin(&again(&third, 60), 70).sent_since(), T.plus_ms(50));
    let mut many = begun;
    for ms in 1..10 {
        many = begin(&again(&many, 10 * ms), 10 * ms + 5);
    }
    assert!(many.history.iter().any(|event| event.kind == EventKind::Omitted));
    assert_eq!(many.sent_since(), T, "the history keeps its beginning");
}

#[test]
fn a_decision_says_who_made_it() {
    let key = Actor::Key(KeyId(uuid::Uuid::from_u128(0x1a2b_3c4d << 96)));
    let left = failed(Failure::OutcomeAmbiguous, T, true);
    let decided = left.none_by_person(T, 120_000, "d".into()).expect("legal").made_by(Some(key));
    assert_eq!(decided.history.last().and_then(|event| event.request_id.as_deref()), Some("key:1a2b3c4d"));
    // What the failure says stays as it was.
    let before = decided.history.iter().rev().nth(1).expect("the failure");
    assert_eq!((before.kind, before.request_id.as_deref()), (EventKind::Failed, None));
}

#[test]
fn a_retry_keeps_its_generation_because_its_message_stays() {
    let publishing = Attempt::untouched(&testdata::pin()).begin(T, "a".into()).expect("begins");
    let retry =
        publishing.retry_at(T, T.plus_ms(5), Failure::PinterestBusy, &Upstream::default(), "b".into()).expect("plans");
    assert_eq!((retry.status, retry.generation), (Status::Queued, publishing.generation));
    assert_eq!(retry.attempts_spent(), 1);
}
