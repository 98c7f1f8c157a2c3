//! The provider's hints about when to retry: headers first, then the error's text.

use reqwest::header::HeaderMap;

use crate::domain::pin::failure::Failure;
use crate::domain::pin::retry::RATE_LIMIT_PAUSE_MS;
use crate::domain::time::{Moment, SECOND_MS};

/// A reset above this is an epoch, below it a number of seconds. (Which of the two Pinterest sends is undocumented.)
const EPOCH_FROM_S: i64 = 1_000_000_000;

/// How long to wait, in milliseconds, if the answer says so. `x-ratelimit-reset` comes with every answer and concerns
/// the rate limit only: it counts only when that was exceeded.
pub fn retry_after_ms(failure: Failure, headers: &HeaderMap, message: &str, now: Moment) -> Option<i64> {
    let reset = || header_ms(headers, "x-ratelimit-reset", now).filter(|_| failure == Failure::RateLimited);
    header_ms(headers, "retry-after", now).or_else(|| text_ms(message)).or_else(reset)
}

/// For how many milliseconds nothing remains of the rate limit, if the answer says so. `x-ratelimit-remaining` may be a
/// list with a number for each limit (`99, 99;w=1;name="a", 0;w=60;name="b"`); `x-ratelimit-reset` is one number or
/// such a list.
pub fn nothing_left_for_ms(headers: &HeaderMap, now: Moment) -> Option<i64> {
    let remaining = numbers(headers, "x-ratelimit-remaining");
    let resets = numbers(headers, "x-ratelimit-reset");
    let used_up = remaining.iter().enumerate().filter(|(_, left)| **left <= 0.0).map(|(index, _)| index);
    // A limit without its own reset is taken to reset at the latest of all.
    let latest_ms = resets.iter().filter_map(|reset| wait_ms(*reset, now)).max();
    let is_alike = resets.len() == remaining.len();
    let own_ms = |index: usize| resets.get(index).filter(|_| is_alike).and_then(|reset| wait_ms(*reset, now));
    used_up.map(|index| own_ms(index).or(latest_ms).unwrap_or(RATE_LIMIT_PAUSE_MS)).max()
}

/// The leading number of each member of a list header, without its parameters.
fn numbers(headers: &HeaderMap, name: &str) -> Vec<f64> {
    let text = headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("");
    text.split(',').filter_map(|member| member.split(';').next()?.trim().parse().ok()).collect()
}

fn header_ms(headers: &HeaderMap, name: &str, now: Moment) -> Option<i64> {
    wait_ms(headers.get(name)?.to_str().ok()?.trim().parse().ok()?, now)
}

fn wait_ms(seconds: f64, now: Moment) -> Option<i64> {
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
    fn nothing_left_is_read_from_numbers_and_lists() {
        let left = |remaining: &'static str, reset: Option<&'static str>| {
            let mut headers = HeaderMap::new();
            headers.insert("x-ratelimit-remaining", HeaderValue::from_static(remaining));
            reset.map(|reset| headers.insert("x-ratelimit-reset", HeaderValue::from_static(reset)));
            nothing_left_for_ms(&headers, NOW)
        };
        assert_eq!(left("0", Some("12")), Some(12_000));
        assert_eq!(left("0", Some("1795394106")), Some(10_000));
        assert_eq!(left("0", None), Some(RATE_LIMIT_PAUSE_MS));
        assert_eq!(left("1", Some("12")), None);
        assert_eq!(left("soon", Some("12")), None);
        let list = "0, 98;w=1;name=\"safety_net_app_id_user_id\", 0;w=60;name=\"org_write_app_id_user_id\"";
        assert_eq!(left(list, Some("30, 1;w=1, 41;w=60")), Some(41_000), "the later of those used up");
        assert_eq!(left("98, 0;w=1, 900;w=60", Some("50, 1;w=1, 50;w=60")), Some(1_000), "its own");
        assert_eq!(left("98, 0;w=1", Some("50")), Some(50_000));
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
