//! What was said about one attempt: Pinterest's words, or what our client saw in place of an answer, with what was sent
//! and how long the answer took. Also the Pins that the board showed, if several of them could be the attempt's.
//!
//! The attempt row must stay within a kilobyte, so these are in rows of their own: one for the call of an attempt, one
//! for the last reading of its board that was refused for a new reason, and one for the Pins. A success has none.

use super::PinRequest;
use super::attempt::{Attempt, Status, Upstream};
use super::candidate::{CANDIDATES_MAX, Candidate};
use super::failure::Failure;
use super::fields::Sent;
use super::history::EventKind;
use super::shortened::shortened;
use crate::domain::time::Moment;

/// Pinterest's words are kept up to this many bytes an attempt.
pub const MESSAGE_MAX: usize = 700;
/// Only the first attempts of a pin have such a row, up to this many. (The attempt row has the beginning and the end of
/// the latest words.)
pub const ATTEMPTS_MAX: u32 = 50;
/// The most rows of words that a pin has.
pub const ROWS_MAX: usize = 3 * ATTEMPTS_MAX as usize;

/// What rows of 0.2.0 have where Pinterest said nothing.
const IN_PLACE_OF_WORDS: [&str; 5] = [
    "could not connect to Pinterest",
    "Pinterest did not answer in time",
    "the connection to Pinterest broke",
    "Pinterest's answer was cut off",
    "Pinterest's answer could not be read",
];

/// Pinterest's words in the detail of an attempt row.
pub fn words_of(detail: Option<&str>) -> Option<&str> {
    detail.filter(|detail| !detail.is_empty() && !IN_PLACE_OF_WORDS.contains(detail))
}

/// What a row is about. An attempt has at most one row of each, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    Call,
    Reading,
    Candidates,
}

/// What was said about one attempt of a pin.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    pub attempt: u32,
    /// When the board was read, if this was said about a reading. The event of the reading has the same time.
    pub read_at: Option<Moment>,
    /// Pinterest's own words.
    pub message: Option<String>,
    /// What our client saw.
    pub transport_error: Option<String>,
    /// What the call sent. `None` for a reading, and in rows of earlier builds.
    pub sent: Option<Sent>,
    /// The milliseconds from the call to its answer, or to the time at which none was waited for any more.
    pub latency_ms: Option<u32>,
    /// The Pins that the board showed. A row that has them has nothing else.
    pub candidates: Vec<Candidate>,
}

impl Said {
    /// What the row is about.
    pub fn part(&self) -> Part {
        match self.read_at {
            _ if !self.candidates.is_empty() => Part::Candidates,
            Some(_) => Part::Reading,
            None => Part::Call,
        }
    }

    /// The Pins that the board showed when `attempt` failed because several could be its Pin. `None` when it did not
    /// fail like this, or when [`ATTEMPTS_MAX`] attempts came before.
    pub fn naming(attempt: &Attempt, mut candidates: Vec<Candidate>) -> Option<Self> {
        candidates.truncate(CANDIDATES_MAX);
        let is_ambiguous = attempt.status == Status::Failed && attempt.failure == Some(Failure::OutcomeAmbiguous);
        let is_kept = is_ambiguous && (1..=ATTEMPTS_MAX).contains(&attempt.attempt) && !candidates.is_empty();
        is_kept.then(|| Self { attempt: attempt.attempt, candidates, ..Self::default() })
    }

    /// Adds what the call sent, and how long its answer took, if a call was made.
    #[must_use]
    pub fn of_call(self, request: &PinRequest, latency_ms: Option<u32>) -> Self {
        Self { sent: latency_ms.map(|_| Sent::of(request)), latency_ms, ..self }
    }

    /// `None` when no answer came and nothing was said, or when [`ATTEMPTS_MAX`] attempts came before.
    pub fn about(attempt: &Attempt, upstream: &Upstream) -> Option<Self> {
        let message = upstream.message.as_deref().map(|text| shortened(text, MESSAGE_MAX));
        let message = message.filter(|text| !text.is_empty());
        let is_answered = upstream.status.is_some() || message.is_some() || upstream.transport_error.is_some();
        let is_kept = (1..=ATTEMPTS_MAX).contains(&attempt.attempt) && is_answered;
        is_kept.then(|| Self {
            attempt: attempt.attempt,
            message,
            transport_error: upstream.transport_error.map(str::to_owned),
            ..Self::default()
        })
    }

    /// What Pinterest said when the board of a lost answer was read, as the last event of `attempt` records it. `None`
    /// also when the reading before it was refused for the same reason: an outage of hours is one cause.
    pub fn about_reading(attempt: &Attempt, upstream: &Upstream) -> Option<Self> {
        let mut events = attempt.history.iter().rev();
        let reading = events.next().filter(|event| event.kind == EventKind::ReconcileInconclusive)?;
        let is_repeated =
            events.next().is_some_and(|before| before.kind == reading.kind && before.note == reading.note);
        let said = Self::about(attempt, upstream).filter(|said| !is_repeated && said.message.is_some())?;
        Some(Self { read_at: Some(reading.at), ..said })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::testdata;
    #[test]
    fn only_attempts_of_which_something_was_said_have_words() {
        let begun = Attempt::untouched(&testdata::pin()).begin(Moment(2_000_000), "n".into()).expect("begins");
        let said = |message: Option<&str>, transport_error| {
            let upstream = Upstream { message: message.map(str::to_owned), transport_error, ..Upstream::default() };
            Said::about(&begun, &upstream)
        };
        assert_eq!((said(None, None), said(Some(""), None), said(Some(" "), None)), (None, None, None));
        let words = said(Some("No."), None).expect("words");
        assert_eq!((words.attempt, words.message.as_deref(), words.transport_error), (1, Some("No."), None));
        let transport_error = said(None, Some("no answer in time")).expect("transport_error");
        assert_eq!(
            (transport_error.message, transport_error.transport_error.as_deref()),
            (None, Some("no answer in time"))
        );
        let long = said(Some(&"very ".repeat(400)), None).and_then(|said| said.message).expect("words");
        assert!(long.len() <= MESSAGE_MAX, "{}", long.len());
        let late = Attempt { attempt: ATTEMPTS_MAX + 1, ..begun.clone() };
        let upstream = Upstream { message: Some("No.".into()), ..Upstream::default() };
        assert_eq!(Said::about(&late, &upstream), None);
    }

    #[test]
    fn an_ambiguous_outcome_names_a_few_candidates_and_no_other_end_names_any() {
        let pin = testdata::pin();
        let failed = |failure| {
            Attempt::untouched(&pin)
                .begin(Moment(2_000_000), "b".into())
                .and_then(|begun| begun.failed(Moment(2_000_001), failure, &Upstream::default(), &pin, "f".into()))
                .expect("fails")
        };
        let candidates: Vec<Candidate> =
            (0..12).map(|id| Candidate { pinterest_pin_id: id.to_string(), created_at: None }).collect();
        let named = Said::naming(&failed(Failure::OutcomeAmbiguous), candidates.clone()).expect("named");
        assert_eq!((named.part(), named.attempt), (Part::Candidates, 1));
        assert_eq!(named.candidates, candidates[..CANDIDATES_MAX]);
        assert_eq!(Said::naming(&failed(Failure::OutcomeAmbiguous), Vec::new()), None);
        assert_eq!(Said::naming(&failed(Failure::OutcomeUnverifiable), candidates), None);
    }

    #[test]
    fn of_refused_readings_the_first_of_each_reason_has_words() {
        let upstream = Upstream { message: Some("Blocked.".into()), status: Some(403), ..Upstream::default() };
        let again = |attempt: &Attempt, ms, why: &str| {
            attempt.reconcile_again(Moment(ms), Moment(ms + 1), why, &upstream, format!("n{ms}")).expect("again")
        };
        let lost = Attempt::untouched(&testdata::pin())
            .begin(Moment(2_000_000), "n".into())
            .and_then(|begun| begun.unresolved_outcome(Moment(2_000_001), Moment(2_000_002), &upstream, "l".into()))
            .expect("lost");
        let read_at = |attempt: &Attempt| Said::about_reading(attempt, &upstream).and_then(|said| said.read_at);
        assert_eq!(read_at(&lost), None);
        let first = again(&lost, 2_000_010, "spam_block");
        assert_eq!(read_at(&first), Some(Moment(2_000_010)));
        let second = again(&first, 2_000_020, "spam_block");
        assert_eq!(read_at(&second), None);
        assert_eq!(read_at(&again(&second, 2_000_030, "token_revoked")), Some(Moment(2_000_030)));
        assert_eq!(Said::about_reading(&first, &Upstream::default()), None);
    }
}
