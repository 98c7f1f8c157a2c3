//! The provider's hints about when to come back: headers first, then the words of the error.

use reqwest::header::HeaderMap;

use crate::domain::failure::Failure;
use crate::domain::time::{Moment, SECOND_MS};

/// A reset above this is an epoch, below it a number of seconds. (Which of both Pinterest sends is undocumented.)
const EPOCH_FROM_S: i64 = 1_000_000_000;

/// How long to wait in milliseconds, if the answer says. `x-ratelimit-reset` comes with every answer and speaks of the
/// rate limit only: it counts where that is what was exceeded.
pub fn retry_after_ms(failure: Failure, headers: &HeaderMap, message: &str, now: Moment) -> Option<i64> {
    let reset = || header_ms(headers, "x-ratelimit-reset", now).filter(|_| failure == Failure::RateLimited);
    header_ms(headers, "retry-after", now).or_else(|| text_ms(message)).or_else(reset)
}

fn header_ms(headers: &HeaderMap, name: &str, now: Moment) -> Option<i64> {
    let seconds: f64 = headers.get(name)?.to_str().ok()?.trim().parse().ok()?;
    let seconds = seconds.ceil() as i64;
    let wait_s = if seconds >= EPOCH_FROM_S { seconds - now.unix_seconds() } else { seconds };
    (wait_s >= 0).then_some(wait_s.saturating_mul(SECOND_MS))
}

/// "Retry after N seconds" in an error's text.
fn text_ms(message: &str) -> Option<i64> {
    let lower = message.to_lowercase();
    let (_, rest) = lower.split_once("retry after ")?;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse::<i64>().ok().map(|seconds| seconds.saturating_mul(SECOND_MS))
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::HeaderValue;

    const NOW: Moment = Moment(1_795_394_096_000);

    fn header(name: &'static str, value: &'static str) -> Option<i64> {
        let mut headers = HeaderMap::new();
        headers.insert(name, HeaderValue::from_static(value));
        retry_after_ms(Failure::RateLimited, &headers, "", NOW)
    }

    #[test]
    fn the_rate_limits_reset_says_nothing_about_other_refusals() {
        let mut headers = HeaderMap::new();
        headers.insert("x-ratelimit-reset", HeaderValue::from_static("0"));
        assert_eq!(retry_after_ms(Failure::SpamBlock, &headers, "", NOW), None);
        headers.insert("retry-after", HeaderValue::from_static("9"));
        assert_eq!(retry_after_ms(Failure::SpamBlock, &headers, "", NOW), Some(9_000));
    }

    #[test]
    fn seconds_epochs_and_words_are_understood() {
        assert_eq!(header("retry-after", "7"), Some(7_000));
        assert_eq!(header("x-ratelimit-reset", "30"), Some(30_000));
        assert_eq!(header("x-ratelimit-reset", "1795394106"), Some(10_000));
        assert_eq!(header("x-ratelimit-reset", "soon"), None);
        assert_eq!(header("retry-after", "Wed, 21 Oct 2026 07:28:00 GMT"), None);
        assert_eq!(
            retry_after_ms(Failure::RateLimited, &HeaderMap::new(), "Slow down. Retry after 12 seconds.", NOW),
            Some(12_000)
        );
        assert_eq!(retry_after_ms(Failure::RateLimited, &HeaderMap::new(), "Slow down.", NOW), None);
    }
}
