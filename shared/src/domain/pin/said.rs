//! What was said about one attempt: Pinterest's words, or what our client saw in place of an answer.
//!
//! The attempt row must stay within a kilobyte, so the words are in rows of their own, one an attempt. A success has
//! none.

use super::attempt::{Attempt, Upstream};
use super::shortened::shortened;

/// Pinterest's words are kept up to this many bytes an attempt.
pub const MESSAGE_MAX: usize = 700;
/// Of a pin, only so many attempts have such a row: the first ones. (The attempt row has the beginning and the end of
/// the latest words.)
pub const ATTEMPTS_MAX: u32 = 50;

/// What was said about one attempt of a pin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    pub attempt: u32,
    /// Pinterest's own words.
    pub message: Option<String>,
    /// What our client saw.
    pub transport_error: Option<String>,
}

impl Said {
    /// `None` when nothing was said, or too much before.
    pub fn about(attempt: &Attempt, upstream: &Upstream) -> Option<Self> {
        let message = upstream.message.as_deref().map(|text| shortened(text, MESSAGE_MAX));
        let message = message.filter(|text| !text.is_empty());
        let is_kept =
            (1..=ATTEMPTS_MAX).contains(&attempt.attempt) && (message.is_some() || upstream.transport_error.is_some());
        is_kept.then(|| Self {
            attempt: attempt.attempt,
            message,
            transport_error: upstream.transport_error.map(str::to_owned),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::testdata;
    use crate::domain::time::Moment;

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
}
