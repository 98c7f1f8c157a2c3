//! The whole pin in one or two sentences: did it publish or not, and why?

use super::{bare, by, candidates, created, quoted, with_times};
use crate::domain::pin::attempt::{Attempt, Status};
use crate::domain::pin::blocker::Blocker;
use crate::domain::pin::candidate::Candidate;
use crate::domain::pin::failure::Failure;
use crate::domain::pin::history::{Event, EventKind};
use crate::domain::pin::said::words_of;
use crate::domain::pin::timeline::{By, NextStep, PaceNow, created_on_pinterest_at, was_decided, was_found};
use crate::domain::pin::waits::LAST_ATTEMPT_FAILED;
use crate::domain::pin::{Pin, WaitReason, lateness};
use crate::domain::time::{HOUR_MS, MINUTE_MS, Moment, SECOND_MS};

/// The attempts that have a word; later ones have a number.
const ORDINALS: [&str; 10] =
    ["first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth"];

/// The call by which an account is reconnected.
const HOW_TO_RECONNECT: &str = " GET /v1/pinterest/oauth/start answers the page that reconnects it.";

/// What is known about a pin now.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    pub pin: &'a Pin,
    pub attempt: &'a Attempt,
    pub blocker: Option<Blocker>,
    pub next: &'a NextStep,
    /// All of Pinterest's words about the failure. The pin's row has only their beginning and their end.
    pub words: Option<&'a str>,
    /// What of the content the failure is about, as a sentence.
    pub subject: Option<&'a str>,
    /// Who decided about an outcome that the board could not, if that is known.
    pub decided_by: Option<&'a By>,
    /// The Pins that could be the pin's, while a person has to decide.
    pub candidates: &'a [Candidate],
    /// How long an unanswered call may still create a Pin.
    pub quiesce_ms: i64,
    pub now: Moment,
}

/// Whether the pin is published, and what explains it.
pub fn summary(facts: &Facts<'_>) -> String {
    match facts.attempt.status {
        Status::Published => published(facts),
        Status::Failed => failed(facts),
        Status::Publishing => publishing(facts),
        Status::Queued | Status::Deferred => waiting(facts),
    }
}

fn published(facts: &Facts<'_>) -> String {
    let Facts { pin, attempt, quiesce_ms, .. } = *facts;
    let at = attempt.finished_at.unwrap_or(attempt.updated_at).in_words();
    let first = if was_found(attempt) {
        let created = created_on_pinterest_at(attempt).map(|at| format!("; Pinterest created it on {}", at.in_words()));
        let which = ordinal(attempt.attempt);
        let call = lost_answer(attempt, attempt.attempt).unwrap_or("not recorded");
        let created = created.unwrap_or_default();
        format!(
            "Published. The answer to the {which} attempt was {call}; the Pin was found on the board on {at}{created}."
        )
    } else if was_decided(attempt) {
        let which = ordinal(attempt.attempt);
        let id = attempt.pinterest_pin_id.as_deref().map(|id| format!(" ({id})")).unwrap_or_default();
        let created = created(created_on_pinterest_at(attempt));
        format!(
            "Published. The outcome of the {which} attempt could not be read from the board; on {at}, it was \
             decided{} which Pin it is{id}.{created}",
            by(facts.decided_by)
        )
    } else {
        format!("Published on {at}{}", how(attempt, facts.decided_by, quiesce_ms))
    };
    // Where Pinterest answered, the first sentence says it.
    let is_answered = !was_found(attempt) && !was_decided(attempt);
    let open = if is_answered { None } else { open_before(attempt, quiesce_ms) };
    let late = lateness::late_by_ms(pin, attempt).map(|late_ms| {
        let cause = attempt.late_cause.map(|cause| format!(" {}", cause.message())).unwrap_or_default();
        let due = pin.due_at.map(|at| format!(" ({})", at.in_words())).unwrap_or_default();
        format!(" It started {} after its time{due}.{cause}", duration(late_ms))
    });
    let duplicate = attempt.duplicate_pin_id.as_ref().map(|id| {
        let is_removed = attempt.says_of_duplicate(EventKind::DuplicateRemoved, id);
        let end = if is_removed { "was found and deleted" } else { "was found on Pinterest" };
        format!(" A second Pin with the same content ({id}) {end}.")
    });
    let removed = attempt.removed_at;
    let removed = removed.map(|at| format!(" On {}, it was found to be missing on Pinterest.", at.in_words()));
    [Some(first), open, late, duplicate, removed].into_iter().flatten().collect()
}

/// Which attempt was answered with the Pin, and what came of the ones before, as far as the history goes.
fn how(attempt: &Attempt, decided_by: Option<&By>, quiesce_ms: i64) -> String {
    let last = attempt.attempt;
    if last <= 1 {
        return ".".to_owned();
    }
    let which = format!(" on the {} attempt", ordinal(last));
    if let Some(open) = open_before(attempt, quiesce_ms) {
        return format!("{which}.{open}");
    }
    let mut before = attempt.history.iter().rev().filter(|event| (1..last).contains(&event.attempt));
    match before.find(|event| is_verdict(event)) {
        Some(event) if event.kind == EventKind::NotOnPinterest => {
            let call = lost_answer(attempt, event.attempt).unwrap_or("not recorded");
            let (lost, next) = (ordinal(event.attempt), ordinal(event.attempt + 1));
            format!("{which}; the {lost} answer was {call}, and the board was checked before the {next}.")
        }
        Some(event) if event.kind == EventKind::NoneByPerson => {
            let earlier = ordinal(event.attempt);
            let by = by(decided_by);
            format!("{which}. It had been decided{by} that the {earlier} attempt had created no Pin.")
        }
        Some(event) => {
            let failure = event.note.as_deref().and_then(Failure::parse);
            let why = failure.map(|failure| format!(": {}", failure.what_happened()));
            let earlier = ordinal(event.attempt);
            let why = why.unwrap_or_else(|| ".".to_owned());
            // The pin was retried although its Pin may exist: somebody accepted a duplicate.
            let is_unknown = failure.is_some_and(Failure::is_left_to_a_person);
            if is_unknown && event.kind == EventKind::Failed {
                format!("{which}. What the {earlier} attempt did is not known{why} A second Pin may exist.")
            } else {
                format!("{which}. The {earlier} attempt did not publish it{why}")
            }
        }
        None => format!("{which}."),
    }
}

/// That an earlier attempt may have created a Pin too.
fn open_before(attempt: &Attempt, quiesce_ms: i64) -> Option<String> {
    let event = left_open(attempt, quiesce_ms)?;
    let earlier = ordinal(event.attempt);
    let why = match event.note.as_deref().and_then(Failure::parse) {
        Some(Failure::BoardNotFound) => ": its answer was lost, and then the board did not exist any more".to_owned(),
        Some(failure) => format!(": {}", bare(failure.message())),
        None => String::new(),
    };
    // A check that found the second Pin is told behind.
    let second = if attempt.duplicate_pin_id.is_none() { "; a second Pin may exist" } else { "" };
    Some(format!(" What the {earlier} attempt did is not known{why}{second}."))
}

/// The latest failure of an earlier attempt that left open whether it had created a Pin, if no person has decided it.
fn left_open(attempt: &Attempt, quiesce_ms: i64) -> Option<&Event> {
    let history = &attempt.history;
    let is_decided = |event: &Event| {
        history.iter().any(|other| other.kind == EventKind::NoneByPerson && other.attempt == event.attempt)
    };
    let is_open = |(index, event): &(usize, &Event)| {
        let is_earlier = event.kind == EventKind::Failed && event.attempt < attempt.attempt;
        is_earlier && ended_open(&history[..*index], event, quiesce_ms) && !is_decided(event)
    };
    history.iter().enumerate().rev().find(is_open).map(|(_, event)| event)
}

/// Whether the failure behind these events left the outcome of its call open, as
/// [`Attempt::ended_unresolved`] says of the last one.
fn ended_open(before: &[Event], failed: &Event, quiesce_ms: i64) -> bool {
    match failed.note.as_deref().and_then(Failure::parse) {
        Some(failure) if failure.is_left_to_a_person() => true,
        Some(Failure::BoardNotFound) => {
            // The readings of the board may be left out.
            let is_its = |event: &&Event| event.kind != EventKind::Omitted && event.attempt == failed.attempt;
            match before.iter().rev().find(is_its) {
                Some(last) if last.kind == EventKind::AttemptStarted => failed.at >= last.at.plus_ms(quiesce_ms),
                Some(last) => matches!(last.kind, EventKind::AnswerUnknown | EventKind::ReconcileInconclusive),
                None => false,
            }
        }
        _ => false,
    }
}

/// Whether the event says what came of an earlier attempt.
fn is_verdict(event: &Event) -> bool {
    match event.kind {
        EventKind::NotOnPinterest | EventKind::RetryPlanned | EventKind::Failed | EventKind::NoneByPerson => true,
        // Without an answer, it was made to wait before its call.
        EventKind::Deferred => event.status.is_some(),
        _ => false,
    }
}

/// What became of the answer to that attempt. `None`: no event says it.
fn lost_answer(attempt: &Attempt, number: u32) -> Option<&'static str> {
    let is_of_call = |event: &&Event| event.kind == EventKind::AnswerUnknown && event.attempt == number;
    let event = attempt.history.iter().rev().find(is_of_call)?;
    Some(if event.status.is_some() { "unclear" } else { "lost" })
}

fn failed(facts: &Facts<'_>) -> String {
    let attempt = facts.attempt;
    let at = attempt.finished_at.unwrap_or(attempt.updated_at).in_words();
    let is_unknown = attempt.ended_unresolved(facts.quiesce_ms);
    let why = attempt.failure.map(|failure| format!(": {}", bare(failure.message()))).unwrap_or_default();
    let first = match decided_absent(attempt).filter(|_| !is_unknown) {
        Some(decided) => {
            let (which, at, by) = (ordinal(decided.attempt), decided.at.in_words(), by(facts.decided_by));
            format!(
                "Not published: the outcome of the {which} attempt was unknown, and on {at}, it was decided{by} that it \
                 had created no Pin."
            )
        }
        None if is_unknown => format!("It is not known whether the pin was published: it failed on {at}{why}."),
        None => format!("Not published: the pin failed on {at}{why}."),
    };
    let said = words_of(attempt.detail.as_deref()).map(|short| quoted(facts.words.unwrap_or(short)));
    let said = said.unwrap_or_default();
    let helps = match attempt.failure {
        _ if attempt.is_superseded => " Its schedule continues with another pin.".to_owned(),
        Some(failure) => format!(" {}", failure.remedy()),
        None => String::new(),
    };
    let orphan = attempt.orphan_pin_id.as_ref();
    let orphan = orphan.map(|id| format!(" A call of the pin created the Pin {id}.")).unwrap_or_default();
    let candidates = candidates(facts.candidates);
    let subject = facts.subject.map(|subject| format!(" {subject}")).unwrap_or_default();
    format!("{first}{subject}{candidates}{said}{orphan}{helps}")
}

/// The decision that the last attempt of a failed pin has created no Pin.
fn decided_absent(attempt: &Attempt) -> Option<&Event> {
    let is_decided = attempt.failure == Some(Failure::ConfirmedAbsent);
    attempt.history.iter().rev().find(|event| is_decided && event.kind == EventKind::NoneByPerson)
}

fn publishing(facts: &Facts<'_>) -> String {
    let Facts { attempt, next, now, .. } = *facts;
    let which = ordinal(attempt.attempt);
    let reads = next.at.map(|at| format!(" at about {}", at.clock_time(now))).unwrap_or_default();
    if attempt.reconcile_at.is_none() {
        let began = attempt.started_at.unwrap_or(attempt.updated_at).in_words();
        return format!(
            "Being published: the {which} attempt began on {began}. Without a recorded outcome, the board is \
             read{reads}."
        );
    }
    let read = if next.action == "reconnect_account" {
        HOW_TO_RECONNECT.to_owned()
    } else if reads.is_empty() {
        String::new()
    } else {
        format!(" The next reading of the board is{reads}.")
    };
    format!("It is not known yet whether the pin is published. {}{read}", with_times(&next.reason))
}

fn waiting(facts: &Facts<'_>) -> String {
    let Facts { blocker, next, now, .. } = *facts;
    let is_pacing = blocker == Some(Blocker::Wait(WaitReason::AccountPacing)) && next.action != "give_up";
    if let Some(pace) = next.pace.filter(|_| is_pacing) {
        return paced(facts, pace);
    }
    let reason = match blocker {
        Some(Blocker::Failure(failure)) if next.reason.starts_with(LAST_ATTEMPT_FAILED) => {
            let more = &next.reason[LAST_ATTEMPT_FAILED.len()..];
            format!("{}: {}{more}", bare(LAST_ATTEMPT_FAILED), failure.message())
        }
        _ => next.reason.clone(),
    };
    let is_ours = matches!(next.action, "publish" | "retry");
    let when = next.at.filter(|at| is_ours && *at > now).map(|at| {
        let what = if next.action == "retry" { "The next attempt is" } else { "It starts" };
        format!(" {what} at about {}.", at.clock_time(now))
    });
    let too_late = next.action == "give_up" && next.at.is_some();
    let too_late = if too_late { " As things are, it does not start before that." } else { "" };
    // Where a person has to act, the reason says so.
    let helps = match next.action {
        "reconnect_account" => Some(HOW_TO_RECONNECT.to_owned()),
        _ => {
            let helps = blocker
                .map(|blocker| blocker.remedy(facts.attempt.status))
                .filter(|remedy| is_ours && !remedy.starts_with("Nothing to do"));
            helps.map(|remedy| format!(" {remedy}"))
        }
    };
    let (when, helps) = (when.unwrap_or_default(), helps.unwrap_or_default());
    format!("Not published yet. {}{when}{too_late}{helps}", with_times(&reason))
}

/// Nothing but the account's pace and the pins before this one.
fn paced(facts: &Facts<'_>, PaceNow { pace, is_slowed }: PaceNow) -> String {
    let Facts { pin, next, now, .. } = *facts;
    let interval_ms = pace.interval_ms;
    let rate = match SECOND_MS % interval_ms {
        0 => format!("{} a second", SECOND_MS / interval_ms),
        _ => format!("one every {} s", interval_ms as f64 / SECOND_MS as f64),
    };
    let slowed = if is_slowed { " (Pinterest asked it to slow down)" } else { "" };
    let place = next.position.map(|position| {
        let at_least = if position.at_least { "at least " } else { "" };
        format!("is {at_least}{} in the account's backlog, behind any pins that have a slot", numbered(position.place))
    });
    let place = place.unwrap_or_else(|| "has its turn".to_owned());
    let when = next.at.map(|at| at.max(now)).map(|at| format!("at about {}", at.clock_time(now)));
    let comma = if next.position.is_some() { ", " } else { " " };
    let when = when.map(|when| format!("{comma}{when}")).unwrap_or_default();
    let end = pin.request.publish_before;
    let end = end.map(|end| format!(" It fails with too_late if it has not started before {}.", end.in_words()));
    let (capacity, end) = (pace.capacity(), end.unwrap_or_default());
    format!(
        "Not published yet. The account's pace is {capacity} at once, then {rate}{slowed}; this pin {place}{when}.{end}"
    )
}

/// `29th`.
fn numbered(place: u64) -> String {
    let ending = match (place % 100, place % 10) {
        (11..=13, _) => "th",
        (_, 1) => "st",
        (_, 2) => "nd",
        (_, 3) => "rd",
        _ => "th",
    };
    format!("{place}{ending}")
}

fn ordinal(attempt: u32) -> String {
    let index = usize::try_from(attempt).unwrap_or(usize::MAX).checked_sub(1);
    let word = index.and_then(|index| ORDINALS.get(index));
    word.map_or_else(|| numbered(attempt.into()), |word| (*word).to_owned())
}

/// The time in its two largest units.
pub fn duration(ms: i64) -> String {
    let units = [(24 * HOUR_MS, "d"), (HOUR_MS, "h"), (MINUTE_MS, "min"), (SECOND_MS, "s")];
    let (mut rest, mut parts) = (ms.max(0), Vec::new());
    for (unit_ms, name) in units {
        if rest >= unit_ms {
            parts.push(format!("{} {name}", rest / unit_ms));
        }
        rest %= unit_ms;
    }
    parts.truncate(2);
    if parts.is_empty() { "less than 1 s".to_owned() } else { parts.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::pin::attempt::Upstream;
    use crate::domain::testdata;

    const T: Moment = Moment(2_000_000);
    const QUIESCE_MS: i64 = 120_000;

    /// A pin whose first attempt ended with this failure, and whose retry was published.
    fn published_after(failure: Failure, is_lost: bool) -> Attempt {
        let (pin, nothing) = (testdata::pin(), Upstream::default());
        let begun = Attempt::untouched(&pin).begin(T, "a".into()).expect("begins");
        let called = match is_lost {
            true => begun.unresolved_outcome(T.plus_ms(1), T.plus_ms(2), &nothing, "u".into()).expect("lost"),
            false => begun,
        };
        called
            .failed(T.plus_ms(3), failure, &nothing, &pin, "f".into())
            .and_then(|failed| failed.retried(T.plus_ms(4), None, "r".into()))
            .and_then(|retried| retried.begin(T.plus_ms(5), "b".into()))
            .and_then(|begun| begun.published(T.plus_ms(6), "9".into(), &nothing, &pin, "p".into()))
            .expect("legal")
    }

    #[test]
    fn an_attempt_whose_outcome_is_open_is_not_said_to_have_failed() {
        let second = " on the second attempt. ";
        for (failure, is_lost, tells) in [
            (
                Failure::OutcomeAmbiguous,
                true,
                "What the first attempt did is not known: Several Pins on the board could be this one; a second Pin may \
                 exist.",
            ),
            (
                Failure::BoardNotFound,
                true,
                "What the first attempt did is not known: its answer was lost, and then the board did not exist any \
                 more; a second Pin may exist.",
            ),
            (Failure::BoardNotFound, false, "The first attempt did not publish it: The board does not exist."),
            (
                Failure::TokenExpired,
                false,
                "The first attempt did not publish it: Pinterest refused the account's access token.",
            ),
        ] {
            let published = published_after(failure, is_lost);
            assert_eq!(how(&published, None, QUIESCE_MS), format!("{second}{tells}"));
        }
        let found =
            Attempt { duplicate_pin_id: Some("8".into()), ..published_after(Failure::OutcomeUnverifiable, true) };
        assert!(!how(&found, None, QUIESCE_MS).contains("may exist"), "the check says that it does");
    }

    #[test]
    fn a_call_whose_readings_are_left_out_is_open_as_before() {
        let (pin, nothing) = (testdata::pin(), Upstream::default());
        let mut attempt = Attempt::untouched(&pin)
            .begin(T, "a".into())
            .and_then(|begun| begun.unresolved_outcome(T.plus_ms(1), T.plus_ms(2), &nothing, "u".into()))
            .expect("lost");
        for ms in 2..4 {
            let at = T.plus_ms(ms);
            attempt = attempt.reconcile_again(at, at, "not_seen_yet", &nothing, "i".into()).expect("legal");
        }
        let published = attempt
            .failed(T.plus_ms(5), Failure::BoardNotFound, &nothing, &pin, "f".into())
            .and_then(|failed| failed.retried(T.plus_ms(6), None, "r".into()))
            .and_then(|retried| retried.begin(T.plus_ms(7), "b".into()))
            .and_then(|begun| begun.published(T.plus_ms(8), "9".into(), &nothing, &pin, "p".into()))
            .and_then(|published| published.removed(T.plus_ms(9), "g".into()))
            .expect("legal");
        let kinds: Vec<EventKind> = published.history.iter().map(|event| event.kind).collect();
        assert_eq!(kinds[2..4], [EventKind::Omitted, EventKind::Failed]);
        assert!(how(&published, None, QUIESCE_MS).contains("What the first attempt did is not known"));
    }

    #[test]
    fn places_attempts_and_times_are_read_aloud() {
        let places = [1, 2, 3, 4, 11, 12, 13, 21, 29, 111, 122].map(numbered);
        assert_eq!(
            places,
            ["1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "29th", "111th", "122nd"].map(str::to_owned)
        );
        assert_eq!([1, 10, 11].map(ordinal), ["first", "tenth", "11th"].map(str::to_owned));
        let times = [999, 43_000, 60_000, 3_661_000, 90_061_000].map(duration);
        assert_eq!(times, ["less than 1 s", "43 s", "1 min", "1 h 1 min", "1 d 1 h"].map(str::to_owned));
    }
}
