//! What a try of a delivery comes to.

use super::schedule;
use super::sending::SendOutcome;
use crate::domain::time::Moment;

/// The receiver answered with a status that isn't 2xx.
pub const HTTP_STATUS: &str = "http_status";
/// The receiver answered with a redirect. None is followed: its target was never checked.
pub const REDIRECT: &str = "redirect";
/// The answer is longer than 64 KiB.
pub const ANSWER_TOO_LONG: &str = "answer_too_long";

const GONE: u16 = 410;
/// Values of the header `webhook-delivery`, by which a receiver controls what is sent to it.
const DISABLE: &str = "disable";
const ABORT: &str = "abort-message";

/// What follows a try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The receiver has taken the event.
    Delivered,
    /// The event is sent again. `error` is a stable code: one of this file or the sender's.
    Retry { error: &'static str, retry_after_ms: Option<i64> },
    /// The receiver doesn't want this event any more (`webhook-delivery: abort-message`).
    Abort,
    /// The receiver wants nothing any more (410, or `webhook-delivery: disable`).
    Disable,
}

/// The verdict on the outcome of a request.
pub fn of(outcome: &SendOutcome, now: Moment) -> Verdict {
    let (status, retry_after, control, is_too_long) = match *outcome {
        SendOutcome::Answered { status, ref retry_after, ref delivery_control, is_too_long, .. } => {
            (status, retry_after.as_deref(), delivery_control.as_deref().unwrap_or_default().trim(), is_too_long)
        }
        SendOutcome::Refused { reason } | SendOutcome::Failed { reason } => {
            return Verdict::Retry { error: reason, retry_after_ms: None };
        }
    };
    let error = match status {
        _ if status == GONE || control.eq_ignore_ascii_case(DISABLE) => return Verdict::Disable,
        200..=299 if !is_too_long => return Verdict::Delivered,
        _ if control.eq_ignore_ascii_case(ABORT) => return Verdict::Abort,
        200..=299 => ANSWER_TOO_LONG,
        300..=399 => REDIRECT,
        _ => HTTP_STATUS,
    };
    Verdict::Retry { error, retry_after_ms: retry_after.and_then(|text| schedule::retry_after_ms(text, now)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Moment = Moment(1_795_394_096_000);

    fn answered(status: u16, retry_after: Option<&str>, control: Option<&str>, is_too_long: bool) -> Verdict {
        let outcome = SendOutcome::Answered {
            status,
            body: String::new(),
            retry_after: retry_after.map(str::to_owned),
            delivery_control: control.map(str::to_owned),
            is_too_long,
        };
        of(&outcome, NOW)
    }

    fn retry(error: &'static str) -> Verdict {
        Verdict::Retry { error, retry_after_ms: None }
    }

    #[test]
    fn only_a_short_2xx_is_a_delivery() {
        for status in [200, 201, 202, 204, 299] {
            assert_eq!(answered(status, None, None, false), Verdict::Delivered);
            assert_eq!(answered(status, None, None, true), retry(ANSWER_TOO_LONG));
        }
        for status in [301, 302, 304, 307, 308] {
            assert_eq!(answered(status, None, None, false), retry(REDIRECT));
        }
        for status in [101, 400, 401, 404, 429, 500, 502, 503, 504, 999] {
            assert_eq!(answered(status, None, None, false), retry(HTTP_STATUS));
        }
    }

    #[test]
    fn a_receiver_controls_what_is_sent() {
        assert_eq!(answered(410, None, None, false), Verdict::Disable);
        assert_eq!(answered(410, None, Some("abort-message"), true), Verdict::Disable);
        assert_eq!(answered(500, None, Some(" Disable "), false), Verdict::Disable);
        assert_eq!(answered(200, None, Some("disable"), false), Verdict::Disable);
        assert_eq!(answered(500, None, Some("abort-message"), false), Verdict::Abort);
        assert_eq!(answered(200, None, Some("abort-message"), false), Verdict::Delivered);
        assert_eq!(answered(500, None, Some("pause"), false), retry(HTTP_STATUS));
    }

    #[test]
    fn a_retry_after_is_read_from_a_refusal() {
        let asked = |error, ms| Verdict::Retry { error, retry_after_ms: Some(ms) };
        assert_eq!(answered(429, Some("3"), None, false), asked(HTTP_STATUS, 3_000));
        assert_eq!(answered(503, Some("Mon, 23 Nov 2026 00:35:26 GMT"), None, false), asked(HTTP_STATUS, 30_000));
        assert_eq!(answered(503, Some("soon"), None, false), retry(HTTP_STATUS));
    }

    #[test]
    fn without_an_answer_the_senders_code_says_why() {
        assert_eq!(of(&SendOutcome::Failed { reason: "timeout" }, NOW), retry("timeout"));
        assert_eq!(of(&SendOutcome::Refused { reason: "private_address" }, NOW), retry("private_address"));
    }
}
