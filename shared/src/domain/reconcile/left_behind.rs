//! Attempts whose outcome was left to a person, and that their pin has left behind: by an edit, or by a retry. Each may
//! own a Pin still, so that a twin doesn't take that Pin for its own.

use super::assignment::{Claim, Standing};
use super::matching::{BoardPin, Window, could_be};
use crate::domain::deadlines::Deadlines;
use crate::domain::pin::PinRequest;
use crate::domain::pin::attempt::Attempt;
use crate::domain::pin::failure::Failure;
use crate::domain::pin::history::EventKind;
use crate::domain::time::Moment;

/// An attempt that a person was to decide about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeftBehind {
    /// When it began; later than that if the history has dropped its beginning.
    pub started_at: Moment,
    /// Whether the pin was edited since then: what the attempt sent is not stored any more.
    pub is_edited: bool,
}

/// The attempts of this history that were left to a person, oldest first.
pub fn attempts(attempt: &Attempt) -> Vec<LeftBehind> {
    // With the number of the attempt.
    let (mut left, mut started_at) = (Vec::<(u32, LeftBehind)>::new(), None);
    for event in &attempt.history {
        let is_left = || event.note.as_deref().and_then(Failure::parse).is_some_and(Failure::is_left_to_a_person);
        match event.kind {
            EventKind::AttemptStarted | EventKind::Omitted => started_at = Some(event.at),
            EventKind::Failed if is_left() => {
                let started_at = started_at.unwrap_or(event.at);
                left.push((event.attempt, LeftBehind { started_at, is_edited: false }));
            }
            // The person has decided: it owns the Pin that the row names, or none.
            EventKind::ResolvedByPerson | EventKind::NoneByPerson => {
                left.retain(|(attempt, _)| *attempt != event.attempt);
            }
            EventKind::Edited => left.iter_mut().for_each(|(_, left)| left.is_edited = true),
            _ => {}
        }
    }
    // Of the latest attempt the row knows the beginning, also if the history has dropped it.
    let mut left: Vec<LeftBehind> = left.into_iter().map(|(_, left)| left).collect();
    if attempt.is_left_to_a_person() {
        let started_at = attempt.started_at.unwrap_or(attempt.updated_at);
        match left.last_mut() {
            Some(last) => last.started_at = started_at,
            None => left.push(LeftBehind { started_at, is_edited: true }),
        }
    }
    left
}

/// What such an attempt may have sent, as far as the Pins that were found can be its own: the stored request, or, after
/// an edit, that of the first claim whose Pin it may be. The picture it had then is not known, so it is nobody's.
///
/// `has_sibling` tells for a Pin whether the pin once had its content.
pub fn request(
    left: &LeftBehind,
    stored: &PinRequest,
    claims: &[Claim<'_>],
    found: &[BoardPin],
    deadlines: &Deadlines,
    has_sibling: impl Fn(&BoardPin) -> bool,
) -> Option<PinRequest> {
    if !left.is_edited {
        return Some(stored.clone());
    }
    let window = Window::of(left.started_at, deadlines);
    found.iter().filter(|pin| window.may_contain(pin.created_at) && has_sibling(pin)).find_map(|pin| {
        let claim = claims.iter().find(|claim| could_be(claim.request, pin, claim.window))?;
        Some(PinRequest { image_url: String::new(), ..claim.request.clone() })
    })
}

/// The claim of such an attempt.
pub fn claim<'a>(left: &LeftBehind, request: &'a PinRequest, deadlines: &Deadlines) -> Claim<'a> {
    Claim { request, window: Window::of(left.started_at, deadlines), standing: Standing::GivenUp }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::pin::attempt::Upstream;
    use crate::domain::testdata;

    const T: Moment = Moment(10_000_000);

    fn left_to_a_person(started_at: Moment) -> Attempt {
        let pin = testdata::pin();
        Attempt::untouched(&pin)
            .begin(started_at, "b".into())
            .and_then(|a| a.failed(T, Failure::OutcomeAmbiguous, &Upstream::default(), &pin, "f".into()))
            .expect("legal")
    }

    #[test]
    fn an_attempt_is_left_behind_when_a_person_was_to_decide() {
        let started_at = T.plus_ms(-1);
        let left = left_to_a_person(started_at);
        assert_eq!(attempts(&left), [LeftBehind { started_at, is_edited: false }]);
        let edited = left.edited(T, "e".into()).expect("legal");
        assert_eq!(attempts(&edited), [LeftBehind { started_at, is_edited: true }]);
        let retried = left.retried(T, None, "r".into()).and_then(|a| a.begin(T, "b".into())).expect("legal");
        assert_eq!(attempts(&retried), [LeftBehind { started_at, is_edited: false }]);
        let pin = testdata::pin();
        let refused = Attempt::untouched(&pin)
            .begin(T, "b".into())
            .and_then(|a| a.failed(T, Failure::ImageUnreachable, &Upstream::default(), &pin, "f".into()))
            .expect("legal");
        assert_eq!(attempts(&refused), []);
        let none = left_to_a_person(started_at).none_by_person(T, 120_000, "n".into()).expect("legal");
        assert_eq!(attempts(&none), [], "a person has decided");
        let found = none.resolved_by_person(T, "9".into(), None, &pin, 120_000, "r".into()).expect("legal");
        assert_eq!(attempts(&found), []);
        // Decided twice, and only about the second attempt.
        let again = left
            .retried(T, None, "r".into())
            .and_then(|a| a.begin(T, "b".into()))
            .and_then(|a| a.failed(T, Failure::OutcomeAmbiguous, &Upstream::default(), &pin, "f".into()))
            .and_then(|a| a.none_by_person(T, 120_000, "n".into()))
            .and_then(|a| a.resolved_by_person(T, "9".into(), None, &pin, 120_000, "r".into()))
            .expect("legal");
        assert_eq!(attempts(&again), [LeftBehind { started_at, is_edited: false }]);
    }

    #[test]
    fn after_an_edit_it_may_have_sent_what_a_claim_of_the_same_pin_did() {
        let deadlines = Deadlines::default();
        let (stored, twin) = (testdata::request("edited"), testdata::request("twin"));
        let shown = BoardPin {
            id: "1".into(),
            created_at: Some(T),
            title: Some(twin.title.clone()),
            description: twin.description.clone(),
            link: twin.link_url.clone(),
        };
        let claims = [Claim { request: &twin, window: Window::of(T, &deadlines), standing: Standing::Due }];
        let found = std::slice::from_ref(&shown);
        let of =
            |left: &LeftBehind, has_sibling: bool| request(left, &stored, &claims, found, &deadlines, |_| has_sibling);
        let left = LeftBehind { started_at: T, is_edited: true };
        let sent = of(&left, true).expect("may own it");
        assert_eq!((&sent.title, sent.image_url.as_str()), (&twin.title, ""));
        assert_eq!(of(&left, false), None, "it never had this content");
        let long_ago = LeftBehind { started_at: T.plus_ms(-crate::domain::time::HOUR_MS), ..left };
        assert_eq!(of(&long_ago, true), None, "the Pin is too new for it");
        assert_eq!(of(&LeftBehind { is_edited: false, ..left }, false), Some(stored.clone()));
    }
}
