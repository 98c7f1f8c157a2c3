//! What a receipt says of a pin beyond its rows: the hash of its content, its attempts, and how its outcome is known.

use super::Pin;
use super::attempt::{Attempt, Status};
use super::failure::Failure;
use super::fields::content_hash;
use super::history::{Event, EventKind};
use super::timeline::{self, created_on_pinterest_at};
use crate::domain::reconcile::board_scan::NOT_SEEN;
use crate::domain::time::Moment;

/// The version of the claims. A field may be added under the same version; a field that changes its meaning, or goes,
/// makes a new one.
pub const RECEIPT_VERSION: u32 = 1;
/// Notes of readings of a board that showed Pins of which more than one could be the pin's.
const SHOW_SEVERAL: [&str; 2] = ["owner_unclear", "too_many_alike"];

/// What the rows of a pin show, for its receipt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    pub content_hash: String,
    pub attempts: Vec<AttemptRecord>,
    /// How many events the history no longer has. If there are any, attempts may be missing from the list.
    pub events_omitted: u32,
    pub known_by: KnownBy,
    /// Of a published Pin that was found or decided on: when Pinterest created it, if a board showed that.
    pub created_on_pinterest_at: Option<Moment>,
    /// When the last reading of the board was recorded that could have shown a second Pin and showed none. `None` also
    /// if a later one showed several, or a person has to decide.
    pub no_second_pin_seen_until: Option<Moment>,
}

/// One attempt, as the history has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptRecord {
    pub number: u32,
    /// `None`: the history no longer has the attempt's start.
    pub started_at: Option<Moment>,
    pub outcome: AttemptOutcome,
    /// The HTTP status of Pinterest's answer to the call.
    pub upstream_status: Option<u16>,
    /// The request id of that answer.
    pub upstream_request_id: Option<String>,
}

/// What came of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttemptOutcome {
    /// It was announced, and nothing else is recorded yet.
    Started,
    /// The call was never sent.
    NotSent,
    /// Pinterest answered with the Pin.
    Published,
    /// The answer was lost, and the board showed the Pin.
    FoundOnBoard,
    /// The answer was lost, and the board didn't show the Pin.
    NotOnBoard,
    Refused,
    /// The answer was lost, and a person decided which Pin it had created.
    FoundByPerson,
    /// The answer was lost, and a person decided that it had created none.
    AbsentByPerson,
    /// The answer was lost, and no reading of the board has decided.
    Unknown,
    /// The history no longer has the events that say it.
    NotRecorded,
}

/// How the outcome of a pin is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KnownBy {
    PinterestAnswered,
    FoundOnBoard,
    RefusedByPinterest,
    NotOnBoard,
    /// The board could not decide, and a person did.
    DecidedByPerson,
    /// No call was ever sent.
    NotAttempted,
    /// The pin isn't finished.
    NotFinished,
    /// A call may have created a Pin, or the history no longer has the events that say it.
    Unknown,
}

impl AttemptOutcome {
    pub const ALL: [Self; 10] = [
        Self::Started,
        Self::NotSent,
        Self::Published,
        Self::FoundOnBoard,
        Self::NotOnBoard,
        Self::Refused,
        Self::FoundByPerson,
        Self::AbsentByPerson,
        Self::Unknown,
        Self::NotRecorded,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::NotSent => "not_sent",
            Self::Published => "published",
            Self::FoundOnBoard => "found_on_board",
            Self::NotOnBoard => "not_on_board",
            Self::Refused => "refused_by_pinterest",
            Self::FoundByPerson => "found_by_person",
            Self::AbsentByPerson => "absent_by_person",
            Self::Unknown => "unknown",
            Self::NotRecorded => "not_recorded",
        }
    }
}

impl KnownBy {
    pub const ALL: [Self; 8] = [
        Self::PinterestAnswered,
        Self::FoundOnBoard,
        Self::RefusedByPinterest,
        Self::NotOnBoard,
        Self::DecidedByPerson,
        Self::NotAttempted,
        Self::NotFinished,
        Self::Unknown,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::PinterestAnswered => "pinterest_answered",
            Self::FoundOnBoard => "found_on_board",
            Self::RefusedByPinterest => "refused_by_pinterest",
            Self::NotOnBoard => "not_on_board",
            Self::DecidedByPerson => "decided_by_person",
            Self::NotAttempted => "not_attempted",
            Self::NotFinished => "not_finished",
            Self::Unknown => "unknown",
        }
    }
}

impl Receipt {
    /// `quiesce_ms`: how long after its start a call can still create a Pin.
    pub fn of(pin: &Pin, attempt: &Attempt, quiesce_ms: i64) -> Self {
        let attempts = records(attempt, quiesce_ms);
        Self {
            content_hash: content_hash(&pin.request),
            events_omitted: events_omitted(attempt),
            known_by: known_by(attempt, &attempts, quiesce_ms),
            created_on_pinterest_at: created_on_pinterest_at(attempt).filter(|_| attempt.status == Status::Published),
            no_second_pin_seen_until: no_second_pin_seen_until(attempt),
            attempts,
        }
    }
}

fn events_omitted(attempt: &Attempt) -> u32 {
    attempt.history.iter().filter(|event| event.kind == EventKind::Omitted).map(|event| event.attempt).sum()
}

/// The attempts that the history still has, in order.
fn records(attempt: &Attempt, quiesce_ms: i64) -> Vec<AttemptRecord> {
    let mut records: Vec<AttemptRecord> = Vec::new();
    for event in &attempt.history {
        if event.kind == EventKind::Omitted
            && let Some(last) = records.last_mut()
        {
            last.cut_off();
        }
        if !is_of_attempt(event) {
            continue;
        }
        if records.last().is_none_or(|last| last.number < event.attempt) {
            records.push(AttemptRecord::first_seen(event, attempt));
        }
        if let Some(last) = records.last_mut().filter(|last| last.number == event.attempt) {
            last.goes_on(event, quiesce_ms);
        }
    }
    records
}

/// Whether the event says something of the attempt whose number it has. The others keep the number of the last attempt.
fn is_of_attempt(event: &Event) -> bool {
    use EventKind as K;
    let is_one = matches!(
        event.kind,
        K::AttemptStarted
            | K::NotSent
            | K::Published
            | K::Adopted
            | K::AnswerUnknown
            | K::NotOnPinterest
            | K::ReconcileInconclusive
            | K::RetryPlanned
            | K::Deferred
            | K::Failed
            | K::ResolvedByPerson
            | K::NoneByPerson
    );
    is_one && event.attempt > 0
}

impl AttemptRecord {
    fn first_seen(event: &Event, attempt: &Attempt) -> Self {
        let is_start = event.kind == EventKind::AttemptStarted;
        let of_row = attempt.started_at.filter(|_| event.attempt == attempt.attempt);
        Self {
            number: event.attempt,
            started_at: if is_start { Some(event.at) } else { of_row },
            outcome: if is_start { AttemptOutcome::Started } else { AttemptOutcome::NotRecorded },
            upstream_status: None,
            upstream_request_id: None,
        }
    }

    /// Events are left out: what they said of the attempt, if it was still open, isn't known.
    fn cut_off(&mut self) {
        if matches!(self.outcome, AttemptOutcome::Started | AttemptOutcome::Unknown) {
            self.outcome = AttemptOutcome::NotRecorded;
        }
    }

    /// Takes the next event of the attempt in. A decided outcome stays: a pin that was refused may be deferred later.
    fn goes_on(&mut self, event: &Event, quiesce_ms: i64) {
        use AttemptOutcome as O;
        use EventKind as K;
        // A decision that there is none can be corrected.
        let is_corrected = event.kind == K::ResolvedByPerson && self.outcome == O::AbsentByPerson;
        let is_open = matches!(self.outcome, O::Started | O::Unknown | O::NotRecorded);
        if !is_open && !is_corrected {
            return;
        }
        self.outcome = match event.kind {
            K::NotSent => O::NotSent,
            K::Published => O::Published,
            K::Adopted => O::FoundOnBoard,
            K::NotOnPinterest => O::NotOnBoard,
            K::ResolvedByPerson => O::FoundByPerson,
            K::NoneByPerson => O::AbsentByPerson,
            // Without an answer before, the worker died in its call.
            K::AnswerUnknown | K::ReconcileInconclusive => O::Unknown,
            K::Failed if self.is_unresolved_by(event, quiesce_ms) => O::Unknown,
            // The last allowed attempt, and the board didn't show its Pin.
            K::Failed if self.is_exhausted_by(event) => O::NotOnBoard,
            // The board could not be read any more.
            K::Failed if self.outcome == O::Unknown => O::Unknown,
            // Without the attempt's start, it may be the answer to a reading, and not to the call.
            K::Failed if self.started_at.is_none() && failure(event) == Some(Failure::BoardNotFound) => O::NotRecorded,
            K::RetryPlanned | K::Deferred | K::Failed if event.status.is_some() => O::Refused,
            K::RetryPlanned | K::Deferred | K::Failed if self.outcome == O::Started => O::NotSent,
            _ => self.outcome,
        };
        let is_of_board = matches!(event.kind, K::ReconcileInconclusive | K::Adopted | K::NotOnPinterest);
        let is_of_call = !is_of_board && (event.kind != K::Failed || self.outcome == O::Refused);
        if is_of_call && event.status.is_some() {
            self.upstream_status = event.status;
            self.upstream_request_id.clone_from(&event.request_id);
        }
    }

    /// Whether the pin failed because the board didn't show the Pin of its last allowed attempt. A refusal that
    /// exhausts the attempts has a status.
    fn is_exhausted_by(&self, failed: &Event) -> bool {
        let is_open = matches!(self.outcome, AttemptOutcome::Unknown | AttemptOutcome::NotRecorded);
        is_open && failed.status.is_none() && failure(failed) == Some(Failure::AttemptsExhausted)
    }

    /// Whether the pin failed while this attempt's call may have created a Pin.
    fn is_unresolved_by(&self, failed: &Event, quiesce_ms: i64) -> bool {
        match failure(failed) {
            Some(failure) if failure.is_left_to_a_person() => true,
            // Pinterest's answer to a reading of the board, which begins when the quiesce period is over. The answer to
            // a call comes long before.
            Some(Failure::BoardNotFound) => {
                self.started_at.is_some_and(|started| failed.at.since_ms(started) >= quiesce_ms)
            }
            _ => false,
        }
    }
}

/// The failure that the event's note names.
fn failure(event: &Event) -> Option<Failure> {
    event.note.as_deref().and_then(Failure::parse)
}

fn known_by(attempt: &Attempt, records: &[AttemptRecord], quiesce_ms: i64) -> KnownBy {
    use AttemptOutcome as O;
    let has = |outcome: O| records.iter().any(|record| record.outcome == outcome);
    let last_sent = records.iter().rev().map(|record| record.outcome).find(|outcome| *outcome != O::NotSent);
    match attempt.status {
        Status::Queued | Status::Deferred | Status::Publishing => KnownBy::NotFinished,
        Status::Published if has(O::Published) => KnownBy::PinterestAnswered,
        Status::Published if has(O::FoundOnBoard) => KnownBy::FoundOnBoard,
        Status::Published if timeline::was_decided(attempt) => KnownBy::DecidedByPerson,
        Status::Published => KnownBy::Unknown,
        // One of the calls may have created a Pin, also one before a retry.
        Status::Failed if attempt.ended_unresolved(quiesce_ms) || has(O::Unknown) => KnownBy::Unknown,
        Status::Failed if records.iter().any(|record| may_be_open(record, attempt)) => KnownBy::Unknown,
        Status::Failed if attempt.failure == Some(Failure::ConfirmedAbsent) => KnownBy::DecidedByPerson,
        Status::Failed if attempt.has_never_begun() => KnownBy::NotAttempted,
        Status::Failed => match last_sent {
            Some(O::Refused) => KnownBy::RefusedByPinterest,
            Some(O::NotOnBoard) => KnownBy::NotOnBoard,
            Some(O::AbsentByPerson) => KnownBy::DecidedByPerson,
            None if records.len() == attempt.attempt as usize => KnownBy::NotAttempted,
            _ => KnownBy::Unknown,
        },
    }
}

/// Whether the outcome of an attempt that isn't recorded may be open. A later attempt begins only when the one before
/// is decided, or when a caller retries the pin. A retry doesn't count the attempts before it, and of those after it,
/// the deferred and the unsent ones don't count either.
fn may_be_open(record: &AttemptRecord, attempt: &Attempt) -> bool {
    let is_uncounted = |event: &&Event| match event.kind {
        EventKind::NotSent => true,
        EventKind::Deferred => event.status.is_some(),
        _ => false,
    };
    let later =
        attempt.history.iter().filter(|event| event.kind != EventKind::Omitted && event.attempt > record.number);
    let uncounted = later.filter(is_uncounted).count();
    let base = attempt.attempt_base as usize;
    record.outcome == AttemptOutcome::NotRecorded && base >= record.number as usize + uncounted
}

/// A duplicate check that finds nothing leaves no event, so it isn't counted here.
fn no_second_pin_seen_until(attempt: &Attempt) -> Option<Moment> {
    use EventKind as K;
    if attempt.is_left_to_a_person() || attempt.duplicate_pin_id.is_some() {
        return None;
    }
    let mut until = None;
    for event in &attempt.history {
        let note = event.note.as_deref().unwrap_or_default();
        match event.kind {
            K::Adopted | K::NotOnPinterest => until = Some(event.at),
            K::ReconcileInconclusive if note == NOT_SEEN => until = Some(event.at),
            K::ReconcileInconclusive if SHOW_SEVERAL.contains(&note) => until = None,
            // The Pins that could be the pin's are still on the board.
            K::Failed if failure(event) == Some(Failure::OutcomeAmbiguous) => return None,
            // What the events said that are left out isn't known.
            K::DuplicateFound | K::Omitted => until = None,
            _ => {}
        }
    }
    until
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::pin::WaitReason;
    use crate::domain::pin::attempt::Upstream;
    use crate::domain::testdata;

    const T: Moment = Moment(2_000_000);
    const QUIESCE_MS: i64 = 120_000;

    fn at(ms: i64) -> Moment {
        T.plus_ms(ms)
    }

    fn answer(status: u16) -> Upstream {
        Upstream { status: Some(status), request_id: Some(format!("id-{status}")), ..Upstream::default() }
    }

    fn begun() -> Attempt {
        Attempt::untouched(&testdata::pin()).begin(T, "a".into()).expect("begins")
    }

    fn lost() -> Attempt {
        begun().unresolved_outcome(at(1), at(QUIESCE_MS), &Upstream::default(), "b".into()).expect("legal")
    }

    /// A whole and clear reading without the Pin, and the verdict of the second one.
    fn absent(attempt: &Attempt) -> Attempt {
        let again =
            attempt.reconcile_again(at(QUIESCE_MS), at(QUIESCE_MS + 1), NOT_SEEN, &Upstream::default(), "c".into());
        again.and_then(|again| again.absent(at(QUIESCE_MS + 1), "d".into())).expect("legal")
    }

    fn receipt(attempt: &Attempt) -> Receipt {
        Receipt::of(&testdata::pin(), attempt, QUIESCE_MS)
    }

    fn outcomes(attempt: &Attempt) -> Vec<(u32, &'static str)> {
        receipt(attempt).attempts.iter().map(|record| (record.number, record.outcome.name())).collect()
    }

    #[test]
    fn a_published_pin_is_known_by_pinterests_answer() {
        let published =
            begun().published(at(2), "9".into(), &answer(201), &testdata::pin(), "b".into()).expect("legal");
        let receipt = receipt(&published);
        assert_eq!((receipt.known_by, receipt.no_second_pin_seen_until), (KnownBy::PinterestAnswered, None));
        let wanted = AttemptRecord {
            number: 1,
            started_at: Some(T),
            outcome: AttemptOutcome::Published,
            upstream_status: Some(201),
            upstream_request_id: Some("id-201".into()),
        };
        assert_eq!((receipt.attempts, receipt.events_omitted), (vec![wanted], 0));
    }

    #[test]
    fn a_lost_answer_is_decided_by_the_board() {
        let pin = testdata::pin();
        assert_eq!((outcomes(&lost()), receipt(&lost()).known_by), (vec![(1, "unknown")], KnownBy::NotFinished));
        let adopted =
            lost().adopted(at(QUIESCE_MS), "9".into(), &Upstream::default(), &pin, "c".into()).expect("legal");
        assert_eq!(
            (outcomes(&adopted), receipt(&adopted).known_by),
            (vec![(1, "found_on_board")], KnownBy::FoundOnBoard)
        );
        assert_eq!(receipt(&adopted).no_second_pin_seen_until, Some(at(QUIESCE_MS)));
        let created = adopted.created_on_pinterest(Some(at(2)));
        assert_eq!(receipt(&created).created_on_pinterest_at, Some(at(2)));
        let twice = absent(&lost()).begin(at(200_000), "e".into()).expect("begins");
        let twice = twice.published(at(200_001), "9".into(), &answer(201), &pin, "f".into()).expect("legal");
        assert_eq!(outcomes(&twice), [(1, "not_on_board"), (2, "published")]);
        let receipt = receipt(&twice);
        assert_eq!(receipt.known_by, KnownBy::PinterestAnswered);
        assert_eq!(receipt.no_second_pin_seen_until, Some(at(QUIESCE_MS + 1)));
        assert_eq!(receipt.attempts[0].upstream_status, None);
    }

    #[test]
    fn there_is_no_time_without_a_second_pin_once_several_were_seen() {
        let pin = testdata::pin();
        let adopted =
            lost().adopted(at(QUIESCE_MS), "9".into(), &Upstream::default(), &pin, "c".into()).expect("legal");
        let found = adopted.with_duplicates(at(300_000), &["8".into()], "d".into()).expect("legal");
        assert_eq!(receipt(&found).no_second_pin_seen_until, None);
        // Not seen at first, and then several.
        let nothing = Upstream::default();
        let not_seen = lost().reconcile_again(at(QUIESCE_MS), at(QUIESCE_MS + 1), NOT_SEEN, &nothing, "c".into());
        let not_seen = not_seen.expect("legal");
        assert_eq!(receipt(&not_seen).no_second_pin_seen_until, Some(at(QUIESCE_MS)));
        let later = at(QUIESCE_MS + 1);
        for note in SHOW_SEVERAL {
            let several = not_seen.reconcile_again(later, at(QUIESCE_MS + 2), note, &nothing, "d".into());
            assert_eq!(receipt(&several.expect("legal")).no_second_pin_seen_until, None, "{note}");
        }
        for failure in [Failure::OutcomeAmbiguous, Failure::OutcomeUnverifiable] {
            let left = not_seen.failed(later, failure, &nothing, &pin, "d".into()).expect("legal");
            assert_eq!(receipt(&left).no_second_pin_seen_until, None, "{failure:?}");
        }
        // Also when a person has decided which one it is.
        let left = not_seen.failed(later, Failure::OutcomeAmbiguous, &nothing, &pin, "d".into()).expect("legal");
        let decided =
            left.resolved_by_person(at(QUIESCE_MS + 9), "9".into(), Some(at(3)), &pin, QUIESCE_MS, "e".into());
        let decided = receipt(&decided.expect("legal"));
        assert_eq!((decided.no_second_pin_seen_until, decided.created_on_pinterest_at), (None, Some(at(3))));
        for (note, status) in [("empty_list", None), ("pinterest_rate_limited", Some(429))] {
            let answer = Upstream { status, ..Upstream::default() };
            let unclear =
                lost().reconcile_again(at(QUIESCE_MS), at(QUIESCE_MS + 1), note, &answer, "c".into()).expect("legal");
            assert_eq!(receipt(&unclear).no_second_pin_seen_until, None, "{note}");
            assert_eq!(receipt(&unclear).attempts[0].upstream_status, None, "{note}: not the call's");
        }
    }

    #[test]
    fn a_refused_pin_is_known_by_the_refusal() {
        let pin = testdata::pin();
        let failed = begun().failed(at(2), Failure::ImageBroken, &answer(400), &pin, "b".into()).expect("legal");
        assert_eq!(outcomes(&failed), [(1, "refused_by_pinterest")]);
        let of_it = receipt(&failed);
        assert_eq!((of_it.known_by, of_it.attempts[0].upstream_status), (KnownBy::RefusedByPinterest, Some(400)));
        // A refusal, and then the pin comes too late: nobody called again.
        let slow_down = answer(429);
        let cause = Some((Failure::RateLimited, &slow_down));
        let paused = begun().deferred(at(2), None, WaitReason::AccountPaused, cause, "b".into()).expect("legal");
        let late = paused.failed(at(9), Failure::TooLate, &Upstream::default(), &pin, "c".into()).expect("legal");
        assert_eq!(
            (outcomes(&late), receipt(&late).known_by),
            (vec![(1, "refused_by_pinterest")], KnownBy::RefusedByPinterest)
        );
    }

    #[test]
    fn a_pin_that_was_never_sent_was_not_attempted() {
        let (pin, nothing) = (testdata::pin(), Upstream::default());
        let untouched = Attempt::untouched(&pin);
        assert_eq!(receipt(&untouched).known_by, KnownBy::NotFinished);
        let late = untouched.failed(at(9), Failure::TooLate, &nothing, &pin, "a".into()).expect("legal");
        assert_eq!((outcomes(&late), receipt(&late).known_by), (vec![], KnownBy::NotAttempted));
        let unsent = begun().not_sent(at(1), "b".into()).expect("legal");
        let late = unsent.failed(at(9), Failure::TooLate, &nothing, &pin, "c".into()).expect("legal");
        assert_eq!((outcomes(&late), receipt(&late).known_by), (vec![(1, "not_sent")], KnownBy::NotAttempted));
        let mut dropped = late;
        dropped.history.retain(|event| event.kind == EventKind::Failed);
        dropped.attempt = 2;
        assert_eq!(receipt(&dropped).known_by, KnownBy::Unknown, "an attempt is missing");
    }

    #[test]
    fn what_a_call_may_have_created_is_unknown_also_after_a_retry() {
        let (pin, nothing) = (testdata::pin(), Upstream::default());
        for (failure, said) in [
            (Failure::OutcomeAmbiguous, nothing.clone()),
            (Failure::OutcomeUnverifiable, nothing.clone()),
            (Failure::BoardNotFound, answer(404)),
        ] {
            for open in [begun(), lost()] {
                let failed = open.failed(at(QUIESCE_MS), failure, &said, &pin, "c".into()).expect("legal");
                assert_eq!((outcomes(&failed), receipt(&failed).known_by), (vec![(1, "unknown")], KnownBy::Unknown));
                let retried = failed.retried(at(QUIESCE_MS + 1), None, "d".into()).expect("legal");
                let again = retried.begin(at(QUIESCE_MS + 2), "e".into()).expect("begins");
                let refused = again.failed(at(QUIESCE_MS + 3), Failure::ImageBroken, &answer(400), &pin, "f".into());
                let refused = refused.expect("legal");
                assert_eq!(outcomes(&refused), [(1, "unknown"), (2, "refused_by_pinterest")], "{failure:?}");
                assert_eq!(receipt(&refused).known_by, KnownBy::Unknown, "{failure:?}");
            }
        }
        let refused = begun().failed(at(2), Failure::BoardNotFound, &answer(404), &pin, "c".into()).expect("legal");
        assert_eq!(receipt(&refused).known_by, KnownBy::RefusedByPinterest, "the answer to the call");
    }

    #[test]
    fn what_a_person_decided_is_known_by_the_decision() {
        let (pin, nothing) = (testdata::pin(), Upstream::default());
        let left = lost().failed(at(QUIESCE_MS), Failure::OutcomeAmbiguous, &nothing, &pin, "c".into()).expect("legal");
        let none = left.none_by_person(at(QUIESCE_MS + 1), QUIESCE_MS, "d".into()).expect("legal");
        assert_eq!(
            (outcomes(&none), receipt(&none).known_by),
            (vec![(1, "absent_by_person")], KnownBy::DecidedByPerson)
        );
        let orphaned = begun().failed(at(2), Failure::ImageBroken, &answer(400), &pin, "c".into()).expect("legal");
        let orphaned = orphaned.with_orphan(at(3), "9".into(), "o".into());
        let found = orphaned.resolved_by_person(at(4), "9".into(), None, &pin, QUIESCE_MS, "d".into());
        assert_eq!(receipt(&found.expect("legal")).known_by, KnownBy::DecidedByPerson, "a Pin of an earlier call");
        for undecided in [left, none] {
            let found =
                undecided.resolved_by_person(at(QUIESCE_MS + 2), "9".into(), None, &pin, QUIESCE_MS, "e".into());
            let found = found.expect("legal");
            assert_eq!(
                (outcomes(&found), receipt(&found).known_by),
                (vec![(1, "found_by_person")], KnownBy::DecidedByPerson)
            );
        }
    }

    #[test]
    fn the_last_allowed_attempt_that_the_board_does_not_show_is_no_pin() {
        let pin = testdata::pin();
        let exhausted =
            lost().failed(at(QUIESCE_MS), Failure::AttemptsExhausted, &Upstream::default(), &pin, "c".into());
        let exhausted = exhausted.expect("legal");
        assert_eq!(
            (outcomes(&exhausted), receipt(&exhausted).known_by),
            (vec![(1, "not_on_board")], KnownBy::NotOnBoard)
        );
    }

    /// The attempt's answer leaves its outcome open, and the board doesn't show its Pin.
    fn lost_and_absent(begun: &Attempt, ms: i64) -> Attempt {
        let lost = begun.unresolved_outcome(at(ms), at(ms), &answer(503), format!("u{ms}"));
        absent(&lost.expect("legal"))
    }

    fn next(attempt: &Attempt, ms: i64) -> Attempt {
        attempt.begin(at(ms), format!("s{ms}")).expect("begins")
    }

    #[test]
    fn an_attempt_before_the_gap_is_not_said_to_be_open() {
        let pin = testdata::pin();
        let third = next(&lost_and_absent(&next(&lost_and_absent(&begun(), 1), 200_000), 200_001), 400_000);
        let decided = [(1, "not_recorded"), (2, "not_on_board")];
        let refused = third.failed(at(400_001), Failure::ImageBroken, &answer(403), &pin, "f".into()).expect("legal");
        assert_eq!(receipt(&refused).events_omitted, 3);
        assert_eq!(outcomes(&refused), [decided[0], decided[1], (3, "refused_by_pinterest")]);
        assert_eq!(receipt(&refused).known_by, KnownBy::RefusedByPinterest);
        let published = third.published(at(400_001), "9".into(), &answer(201), &pin, "p".into()).expect("legal");
        assert_eq!(outcomes(&published), [decided[0], decided[1], (3, "published")]);
        assert_eq!(receipt(&published).known_by, KnownBy::PinterestAnswered);
        // Attempts that don't count are no retries.
        let slow_down = answer(429);
        let cause = Some((Failure::RateLimited, &slow_down));
        let paused = third.deferred(at(400_001), None, WaitReason::AccountPaused, cause, "d".into()).expect("legal");
        let late = next(&paused, 500_000).failed(at(500_001), Failure::ImageBroken, &answer(403), &pin, "f".into());
        assert_eq!(receipt(&late.expect("legal")).known_by, KnownBy::RefusedByPinterest);
    }

    #[test]
    fn an_attempt_that_goes_on_behind_the_gap_has_what_its_last_events_say() {
        let (pin, nothing) = (testdata::pin(), Upstream::default());
        let mut open = lost();
        for ms in 1..9 {
            let again = open.reconcile_again(at(QUIESCE_MS + ms), at(QUIESCE_MS + ms), NOT_SEEN, &nothing, "r".into());
            open = again.expect("legal");
        }
        assert!(receipt(&open).events_omitted > 0);
        assert_eq!((outcomes(&open), receipt(&open).known_by), (vec![(1, "unknown")], KnownBy::NotFinished));
        let unread = Upstream { status: Some(404), ..Upstream::default() };
        for (failure, said, outcome, known_by) in [
            (Failure::AttemptsExhausted, &nothing, "not_on_board", KnownBy::NotOnBoard),
            (Failure::OutcomeUnverifiable, &nothing, "unknown", KnownBy::Unknown),
            (Failure::BoardNotFound, &unread, "unknown", KnownBy::Unknown),
        ] {
            let mut failed = open.failed(at(2 * QUIESCE_MS), failure, said, &pin, "f".into()).expect("legal");
            // The edits of its owner push the readings out.
            for edit in 0..5 {
                assert_eq!(outcomes(&failed), [(1, outcome)], "{failure:?}, {edit} edits");
                assert_eq!(receipt(&failed).known_by, known_by, "{failure:?}, {edit} edits");
                assert_eq!(failed.ended_unresolved(QUIESCE_MS), known_by == KnownBy::Unknown, "{failure:?}");
                failed = failed.edited(at(3 * QUIESCE_MS + edit), format!("e{edit}")).expect("legal");
            }
        }
    }

    #[test]
    fn what_a_retry_within_the_gap_may_have_left_open_stays_unknown() {
        let (pin, nothing) = (testdata::pin(), Upstream::default());
        let again = lost().reconcile_again(at(QUIESCE_MS), at(QUIESCE_MS), NOT_SEEN, &nothing, "i".into());
        let left =
            again.and_then(|again| again.failed(at(QUIESCE_MS), Failure::OutcomeAmbiguous, &nothing, &pin, "f".into()));
        let retried = left.and_then(|left| left.retried(at(QUIESCE_MS), None, "t".into())).expect("legal");
        let third = next(&lost_and_absent(&next(&retried, 200_000), 200_001), 400_000);
        let refused = third.failed(at(400_001), Failure::ImageBroken, &answer(403), &pin, "g".into()).expect("legal");
        assert_eq!(outcomes(&refused)[0], (1, "not_recorded"));
        assert_eq!(receipt(&refused).known_by, KnownBy::Unknown);
    }

    #[test]
    fn a_board_that_was_gone_is_no_refusal_of_a_call_whose_start_is_not_recorded() {
        let pin = testdata::pin();
        let event = |kind, attempt| Event::new(kind, at(QUIESCE_MS), attempt);
        let failed = Event {
            status: Some(404),
            note: Some(Failure::BoardNotFound.code().into()),
            ..event(EventKind::Failed, 1)
        };
        let history = vec![
            event(EventKind::Omitted, 4),
            failed,
            event(EventKind::Retried, 1),
            event(EventKind::AttemptStarted, 2),
        ];
        let second = Attempt { attempt: 2, started_at: Some(at(QUIESCE_MS)), history, ..Attempt::untouched(&pin) };
        assert_eq!(outcomes(&second), [(1, "not_recorded"), (2, "started")]);
    }

    #[test]
    fn a_long_history_says_what_it_lacks() {
        let pin = testdata::pin();
        let mut attempt = begun();
        for ms in 1..20 {
            let next = attempt.retry_at(at(ms), at(ms), Failure::PinterestBusy, &answer(409), format!("r{ms}"));
            attempt = next.and_then(|next| next.begin(at(ms), format!("b{ms}"))).expect("legal");
        }
        let published = attempt.published(at(30), "9".into(), &answer(201), &pin, "p".into()).expect("legal");
        let receipt = receipt(&published);
        assert!(receipt.events_omitted > 20, "{receipt:?}");
        let numbers: Vec<u32> = receipt.attempts.iter().map(|record| record.number).collect();
        assert_eq!((numbers.first(), numbers.last()), (Some(&1), Some(&20)));
        assert_eq!(receipt.known_by, KnownBy::PinterestAnswered);
        assert!(receipt.attempts.iter().all(|record| record.outcome != AttemptOutcome::Unknown), "{receipt:?}");
    }
}
