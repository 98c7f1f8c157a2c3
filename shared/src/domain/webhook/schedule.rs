//! When a delivery is tried again.

use jiff::fmt::rfc2822::DateTimeParser;

use crate::domain::time::{DAY_MS, HOUR_MS, MINUTE_MS, Moment, SECOND_MS};

/// A delivery is tried so often; then it has failed.
pub const TRIES_MAX: u32 = 11;
/// The wait before each try, in milliseconds: about three days altogether. These are the waits of Standard Webhooks,
/// and one of a minute, which outlasts a deployment of the receiver's.
pub const WAITS_MS: [i64; TRIES_MAX as usize] = [
    0,
    5 * SECOND_MS,
    MINUTE_MS,
    5 * MINUTE_MS,
    30 * MINUTE_MS,
    2 * HOUR_MS,
    5 * HOUR_MS,
    10 * HOUR_MS,
    14 * HOUR_MS,
    20 * HOUR_MS,
    24 * HOUR_MS,
];
/// A wait is shorter or longer by up to this share of it.
pub const JITTER: f64 = 0.1;
/// A receiver's `Retry-After` is followed up to this time.
pub const RETRY_AFTER_MAX_MS: i64 = DAY_MS;

/// When the next try is made, after so many tries; `None` when none is left. The wait is at least what the receiver
/// asked for. `jitter` is a uniform draw from `[0, 1)`.
pub fn next_try(now: Moment, tries: u32, retry_after_ms: Option<i64>, jitter: f64) -> Option<Moment> {
    let wait_ms = *WAITS_MS.get(usize::try_from(tries).ok()?)?;
    let share = 1.0 + JITTER * (2.0 * jitter.clamp(0.0, 1.0) - 1.0);
    let wait_ms = (wait_ms as f64 * share).round() as i64;
    let asked_ms = retry_after_ms.unwrap_or(0).clamp(0, RETRY_AFTER_MAX_MS);
    Some(now.plus_ms(wait_ms.max(asked_ms)))
}

/// The wait in milliseconds that a `Retry-After` asks for, in seconds or as a date; `None` when it is neither. At most
/// [`RETRY_AFTER_MAX_MS`]; a date that has passed is 0.
pub fn retry_after_ms(text: &str, now: Moment) -> Option<i64> {
    let text = text.trim();
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let asked_ms = if is_number {
        // Too large for a number is longer than the longest wait.
        text.parse::<i64>().unwrap_or(i64::MAX).saturating_mul(SECOND_MS)
    } else {
        let parser = DateTimeParser::new().relaxed_weekday(true);
        Moment(parser.parse_timestamp(text).ok()?.as_millisecond()).since_ms(now)
    };
    Some(asked_ms.clamp(0, RETRY_AFTER_MAX_MS))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Moment = Moment(1_795_394_096_000);

    fn wait_ms(tries: u32, retry_after_ms: Option<i64>, jitter: f64) -> Option<i64> {
        next_try(NOW, tries, retry_after_ms, jitter).map(|at| at.since_ms(NOW))
    }

    #[test]
    fn a_delivery_is_tried_eleven_times_in_about_three_days() {
        let waits: Vec<i64> = (0..).map_while(|tries| wait_ms(tries, None, 0.5)).collect();
        assert_eq!(waits, WAITS_MS);
        assert_eq!(waits.iter().sum::<i64>(), 75 * HOUR_MS + 36 * MINUTE_MS + 5 * SECOND_MS);
        assert_eq!((wait_ms(TRIES_MAX, None, 0.5), wait_ms(u32::MAX, Some(1), 0.5)), (None, None));
    }

    #[test]
    fn the_draw_spreads_a_wait_by_a_tenth() {
        assert_eq!([0.0, 0.5, 1.0].map(|jitter| wait_ms(1, None, jitter)), [Some(4_500), Some(5_000), Some(5_500)]);
        assert_eq!(wait_ms(0, None, 1.0), Some(0));
    }

    #[test]
    fn a_wait_is_as_long_as_the_receiver_asks_up_to_a_day() {
        assert_eq!(wait_ms(1, Some(30_000), 0.0), Some(30_000));
        assert_eq!(wait_ms(4, Some(30_000), 0.5), Some(30 * MINUTE_MS));
        assert_eq!(wait_ms(1, Some(i64::MAX), 0.5), Some(RETRY_AFTER_MAX_MS));
        assert_eq!(wait_ms(1, Some(-1), 0.5), Some(5_000));
    }

    #[test]
    fn a_retry_after_is_seconds_or_a_date() {
        let known = [
            ("0", 0),
            (" 3 ", 3_000),
            ("86401", RETRY_AFTER_MAX_MS),
            ("99999999999999999999", RETRY_AFTER_MAX_MS),
            ("Mon, 23 Nov 2026 00:35:26 GMT", 30_000),
            ("Sun, 22 Nov 2026 00:35:26 GMT", 0),
            ("Tue, 23 Nov 2027 00:35:26 GMT", RETRY_AFTER_MAX_MS),
        ];
        for (text, ms) in known {
            assert_eq!(retry_after_ms(text, NOW), Some(ms), "{text}");
        }
        for text in ["", " ", "-1", "1.5", "soon", "3 s", "2026-11-23T00:35:26Z"] {
            assert_eq!(retry_after_ms(text, NOW), None, "{text}");
        }
    }
}
