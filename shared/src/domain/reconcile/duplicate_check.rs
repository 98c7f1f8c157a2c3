//! The duplicate check. It concerns a pin that was published, and that an earlier attempt may have published too. A day
//! later, the check reads the board for a second Pin. There can be one only if Pinterest created it later than `Tq`
//! allows.

use std::collections::BTreeSet;
use std::str::FromStr;

use super::matching::{self, BoardPin, Likeness, Window};
use crate::domain::deadlines::Deadlines;
use crate::domain::pin::Pin;
use crate::domain::pin::attempt::{Attempt, Status};
use crate::domain::pin::history::EventKind;
use crate::domain::time::{DAY_MS, Moment};

/// How long after the publish the board is read, in milliseconds.
pub const DUPLICATE_CHECK_AFTER_MS: i64 = DAY_MS;
/// A check without a result is repeated after this fraction of the delay: an hour of a day.
pub const AGAIN_ONE_IN: i64 = 24;
/// How many times an unreadable board is tried before the check is given up.
pub const READ_TRIES_MAX: u32 = 24;
/// How many times a check is repeated whose removal failed, or has to wait.
pub const REMOVE_TRIES_MAX: u32 = 3;

/// What the duplicate check does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DuplicateCheck {
    /// Nothing; the check isn't planned either.
    #[default]
    Off,
    Report,
    /// Reports the duplicate, and deletes it where [`removable`] allows it.
    Remove,
}

impl FromStr for DuplicateCheck {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "off" => Ok(Self::Off),
            "report" => Ok(Self::Report),
            "remove" => Ok(Self::Remove),
            _ => Err(()),
        }
    }
}

/// Whether an earlier attempt than the published one may have created a Pin too: its answer was unknown, or the board
/// was read and the Pin was judged absent. If events were dropped from the history, one of them may have been such an
/// event. Attempts of which a person found no Pin don't count: what looks like them is somebody else's.
pub fn is_wanted(attempt: &Attempt) -> bool {
    use EventKind as K;
    let is_unclear = |kind| matches!(kind, K::AnswerUnknown | K::NotOnPinterest | K::ReconcileInconclusive);
    let decided = attempt.history.iter().filter(|event| event.kind == K::NoneByPerson).map(|event| event.attempt).max();
    let is_open = |number: u32| decided.is_none_or(|decided| number > decided) && number < attempt.attempt;
    attempt.status == Status::Published
        && attempt.attempt >= 2
        && attempt
            .history
            .iter()
            .any(|event| event.kind == K::Omitted || (is_open(event.attempt) && is_unclear(event.kind)))
}

/// The period in which a duplicate may have been created: since the pin was accepted.
pub fn window(pin: &Pin, now: Moment, deadlines: &Deadlines) -> Window {
    let from = Window::of(pin.created_at, deadlines).from;
    Window { from, until: now.plus_ms(deadlines.clock_skew_ms) }
}

/// The Pins of the board that have the pin's content and that no known pin owns, oldest first.
pub fn duplicates(pin: &Pin, found: &[BoardPin], window: Window, owned: &BTreeSet<&str>) -> Vec<BoardPin> {
    let is_one = |candidate: &&BoardPin| {
        !owned.contains(candidate.id.as_str())
            && matching::could_be(&pin.request, candidate, window)
            && matching::likeness(&pin.request, candidate) <= Likeness::Less
    };
    let mut duplicates: Vec<BoardPin> = found.iter().filter(is_one).cloned().collect();
    duplicates.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
    duplicates
}

/// The one Pin that may be deleted: it is the only duplicate, it shows every field as it was sent, and the Pin that the
/// row names is on the board beside it. So the deleted Pin is never the last one.
pub fn removable<'a>(pin: &Pin, attempt: &Attempt, found: &[BoardPin], duplicates: &'a [BoardPin]) -> Option<&'a str> {
    let is_ours = |candidate: &BoardPin| attempt.pinterest_pin_id.as_deref() == Some(candidate.id.as_str());
    match duplicates {
        [only] if !is_ours(only) && found.iter().any(is_ours) => {
            (matching::likeness(&pin.request, only) == Likeness::Same).then_some(only.id.as_str())
        }
        _ => None,
    }
}

/// Whether the Pin is too old to come from a call that is still open. Until then, another pin of ours may adopt it.
pub fn is_quiesced(duplicate: &BoardPin, now: Moment, deadlines: &Deadlines) -> bool {
    let quiesced_ms = deadlines.quiesce_ms + 2 * deadlines.clock_skew_ms;
    duplicate.created_at.is_some_and(|at| now.since_ms(at) > quiesced_ms)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::pin::attempt::Upstream;
    use crate::domain::pin::failure::Failure;
    use crate::domain::testdata;
    use crate::domain::time::{HOUR_MS, SECOND_MS};

    const T: Moment = Moment(1_795_394_096_000);

    fn pin() -> Pin {
        Pin { created_at: T, ..testdata::pin() }
    }

    fn begun(attempt: &Attempt) -> Attempt {
        attempt.begin(T, "b".into()).expect("begins")
    }

    fn published(attempt: &Attempt) -> Attempt {
        attempt.published(T, "900".into(), &Upstream::default(), &pin(), "p".into()).expect("publishes")
    }

    fn shown(id: &str, after_ms: i64) -> BoardPin {
        let request = pin().request;
        BoardPin {
            id: id.into(),
            created_at: Some(T.plus_ms(after_ms)),
            title: Some(request.title),
            description: request.description,
            link: request.link_url,
        }
    }

    #[test]
    fn only_a_pin_with_an_earlier_unresolved_attempt_is_checked() {
        let first = begun(&Attempt::untouched(&pin()));
        assert!(!is_wanted(&published(&first)), "one attempt");
        let nothing = Upstream::default();
        let refused = first.retry_at(T, T, Failure::PinterestBusy, &nothing, "r".into()).expect("plans");
        assert!(!is_wanted(&published(&begun(&refused))), "certainly not created");
        let unresolved = first.unresolved_outcome(T, T, &nothing, "d".into()).expect("legal");
        assert!(!is_wanted(&published(&unresolved)), "the unresolved attempt is the published one");
        let absent = unresolved.absent(T, "a".into()).expect("legal");
        assert!(!is_wanted(&begun(&absent)), "not published");
        assert!(is_wanted(&published(&begun(&absent))));
        let mut dead = first.absent(T, "a".into()).expect("legal");
        assert!(is_wanted(&published(&begun(&dead))), "the worker died without recording an unknown outcome");
        dead.history.iter_mut().for_each(|event| event.kind = EventKind::Omitted);
        assert!(is_wanted(&published(&begun(&dead))), "a dropped event may have been an unknown outcome");
    }

    #[test]
    fn attempts_of_which_a_person_found_no_pin_are_not_checked() {
        let nothing = Upstream::default();
        let left = begun(&Attempt::untouched(&pin()))
            .unresolved_outcome(T, T, &nothing, "d".into())
            .and_then(|open| open.failed(T, Failure::OutcomeAmbiguous, &nothing, &pin(), "f".into()))
            .expect("legal");
        let retried = |failed: &Attempt| published(&begun(&failed.retried(T, None, "r".into()).expect("retries")));
        assert!(is_wanted(&retried(&left)), "retried although there may be one");
        assert!(!is_wanted(&retried(&left.none_by_person(T, 120_000, "n".into()).expect("legal"))));
    }

    #[test]
    fn duplicates_are_unowned_have_the_pins_content_and_are_newer_than_its_acceptance() {
        let (pin, now) = (pin(), T.plus_ms(24 * HOUR_MS));
        let window = window(&pin, now, &Deadlines::default());
        let cut = BoardPin { description: None, ..shown("cut", 2_000) };
        let vague = BoardPin { title: None, ..shown("vague", 2_000) };
        let before = shown("before", -60_000);
        let found = [shown("900", 0), shown("901", HOUR_MS), cut, vague, before];
        let ids: Vec<String> =
            duplicates(&pin, &found, window, &BTreeSet::from(["900"])).into_iter().map(|pin| pin.id).collect();
        assert_eq!(ids, ["cut", "901"]);
    }

    #[test]
    fn only_a_single_exact_duplicate_beside_the_pin_itself_is_removable() {
        let (pin, attempt) = (pin(), published(&begun(&Attempt::untouched(&pin()))));
        let (ours, other) = (shown("900", 0), shown("901", HOUR_MS));
        let removable = |found: &[BoardPin], duplicates: &[BoardPin]| {
            removable(&pin, &attempt, found, duplicates).map(str::to_owned)
        };
        let both = [ours.clone(), other.clone()];
        assert_eq!(removable(&both, std::slice::from_ref(&other)), Some("901".into()));
        assert_eq!(removable(&both, &[other.clone(), shown("902", 9)]), None, "several");
        assert_eq!(removable(&both, &[BoardPin { description: None, ..other.clone() }]), None, "less");
        assert_eq!(
            removable(std::slice::from_ref(&other), std::slice::from_ref(&other)),
            None,
            "the pin's own Pin isn't on the board"
        );
        assert_eq!(removable(&both, std::slice::from_ref(&ours)), None, "the row's own Pin is never removed");
    }

    #[test]
    fn a_recent_duplicate_may_still_be_adopted_by_another_pin() {
        let quiesced =
            |after_s: i64| is_quiesced(&shown("901", 0), T.plus_ms(after_s * SECOND_MS), &Deadlines::default());
        assert!(!quiesced(140) && quiesced(141));
        let undated = BoardPin { created_at: None, ..shown("901", 0) };
        assert!(!is_quiesced(&undated, T.plus_ms(HOUR_MS), &Deadlines::default()));
    }
}
