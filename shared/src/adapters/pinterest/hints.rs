//! The provider's hints about when to retry: headers first, then the error's text.

use jiff::civil::DateTime;
use jiff::fmt::rfc2822::DateTimeParser;
use jiff::tz::Offset;
use reqwest::header::HeaderMap;

use super::wire::parse_created_at;

use crate::domain::pin::failure::Failure;
use crate::domain::pin::retry::RATE_LIMIT_PAUSE_MS;
use crate::domain::time::{DAY_MS, HOUR_MS, MINUTE_MS, Moment, SECOND_MS};

/// A reset above this is an epoch, below it a number of seconds. (Which of the two Pinterest sends is undocumented.)
const EPOCH_FROM_S: i64 = 1_000_000_000;
/// A number above this is an epoch in milliseconds.
const EPOCH_FROM_MS: i64 = 1_000_000_000_000;
/// A limit of the day ends at an hour that nobody names. `x-ratelimit-reset` is of the minute, so it isn't followed.
const DAILY_LIMIT_PAUSE_MS: i64 = HOUR_MS;

/// How long to wait, in milliseconds, if the answer says so. `x-ratelimit-reset` comes with every answer and concerns
/// the rate limit only: it counts only when that was exceeded.
pub fn retry_after_ms(failure: Failure, headers: &HeaderMap, message: &str, now: Moment) -> Option<i64> {
    let reset = || exceeded_for_ms(headers, now).filter(|_| failure == Failure::RateLimited);
    let daily = || (failure == Failure::RateLimited && is_daily(message)).then_some(DAILY_LIMIT_PAUSE_MS);
    header_ms(headers, now).or_else(|| text_ms(message)).or_else(daily).or_else(reset)
}

/// For how many milliseconds nothing remains of the rate limit, if the answer says so. `x-ratelimit-remaining` may be a
/// list with a number for each limit (`99, 99;w=1;name="a", 0;w=60;name="b"`); `x-ratelimit-reset` is one number or
/// such a list.
pub fn nothing_left_for_ms(headers: &HeaderMap, now: Moment) -> Option<i64> {
    used_up_for_ms(headers, now).map(|wait_ms| wait_ms.unwrap_or(RATE_LIMIT_PAUSE_MS))
}

/// Until when the exceeded limit resets: those that are used up, or, if none is named, the latest of all.
fn exceeded_for_ms(headers: &HeaderMap, now: Moment) -> Option<i64> {
    match used_up_for_ms(headers, now) {
        Some(wait_ms) => wait_ms,
        None => latest_reset_ms(headers, now),
    }
}

/// The latest reset of the limits that are used up, if any is: its own, the latest of all, or at most its window.
fn used_up_for_ms(headers: &HeaderMap, now: Moment) -> Option<Option<i64>> {
    let remaining = members(headers, "x-ratelimit-remaining");
    let resets = members(headers, "x-ratelimit-reset");
    let used_up = remaining.iter().enumerate().filter(|(_, left)| left.number <= 0.0);
    let latest_ms = latest_reset_ms(headers, now);
    let is_alike = resets.len() == remaining.len();
    let own_ms = |index: usize| resets.get(index).filter(|_| is_alike).and_then(|reset| wait_ms(reset.number, now));
    let window_ms = |left: &Member| left.window_s.and_then(|seconds| wait_ms(seconds, now));
    used_up.map(|(index, left)| own_ms(index).or(latest_ms).or_else(|| window_ms(left))).max()
}

fn latest_reset_ms(headers: &HeaderMap, now: Moment) -> Option<i64> {
    members(headers, "x-ratelimit-reset").iter().filter_map(|reset| wait_ms(reset.number, now)).max()
}

/// A member of a list header.
struct Member {
    number: f64,
    /// Its parameter `w`.
    window_s: Option<f64>,
}

/// The members of a list header, which may come on several lines. What isn't a number is left out.
fn members(headers: &HeaderMap, name: &str) -> Vec<Member> {
    let lines = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    lines.flat_map(unquoted_members).filter_map(|member| read_member(&member, "")).collect()
}

/// Splits at the commas that aren't inside of a quoted name.
fn unquoted_members(line: &str) -> Vec<String> {
    let mut members = vec![String::new()];
    let mut is_quoted = false;
    for c in line.chars() {
        is_quoted ^= c == '"';
        match members.last_mut() {
            Some(_) if c == ',' && !is_quoted => members.push(String::new()),
            Some(member) => member.push(c),
            None => {}
        }
    }
    members
}

/// `unit`: the letters that may follow the number.
fn read_member(member: &str, unit: &str) -> Option<Member> {
    let mut parts = member.split(';').map(str::trim);
    let number = read_number(parts.next()?.trim_end_matches(|c| unit.contains(c)))?;
    Some(Member { number, window_s: parts.find_map(|part| part.strip_prefix("w=")).and_then(read_number) })
}

fn read_number(text: &str) -> Option<f64> {
    text.trim().trim_matches('"').parse().ok().filter(|number: &f64| number.is_finite())
}

/// `Retry-After`: seconds, or a date. Also what some servers send: a list of seconds, and seconds with a unit.
fn header_ms(headers: &HeaderMap, now: Moment) -> Option<i64> {
    let values = headers.get_all("retry-after").iter().filter_map(|value| value.to_str().ok());
    let seconds = |text: &str| {
        let members = unquoted_members(text);
        let members: Option<Vec<Member>> = members.iter().map(|member| read_member(member, "sS")).collect();
        members?.into_iter().map(|member| member.number).max_by(f64::total_cmp)
    };
    values.filter_map(|text| seconds(text).map_or_else(|| date_ms(text, now), |seconds| wait_ms(seconds, now))).max()
}

/// A date as HTTP writes it, in any of its three forms, or one of ISO 8601, which is UTC without a zone. One that has
/// passed says nothing.
fn date_ms(text: &str, now: Moment) -> Option<i64> {
    let text = text.trim().trim_matches('"');
    let parser = DateTimeParser::new().relaxed_weekday(true);
    let iso = || parse_created_at(text).map(|at| at.0);
    let at_ms = parser.parse_timestamp(text).ok().map(|at| at.as_millisecond()).or_else(iso).or_else(|| {
        let civil = |form| DateTime::strptime(form, text).ok();
        let utc = |at: DateTime| Offset::UTC.to_timestamp(at).ok();
        let at = civil("%A, %d-%b-%y %H:%M:%S GMT").or_else(|| civil("%a %b %e %H:%M:%S %Y")).and_then(utc);
        at.map(|at| at.as_millisecond())
    })?;
    Some(Moment(at_ms).since_ms(now)).filter(|wait_ms| *wait_ms >= 0)
}

fn wait_ms(seconds: f64, now: Moment) -> Option<i64> {
    let seconds = if seconds >= EPOCH_FROM_MS as f64 { seconds / 1_000.0 } else { seconds };
    let seconds = seconds.ceil() as i64;
    let wait_s = if seconds >= EPOCH_FROM_S { seconds - now.unix_seconds() } else { seconds };
    (wait_s >= 0).then_some(wait_s.saturating_mul(SECOND_MS))
}

/// Whether the text speaks of a limit of the day.
fn is_daily(message: &str) -> bool {
    let lower = message.to_lowercase();
    let words: Vec<&str> = lower.split(|c: char| !c.is_alphanumeric()).collect();
    words.iter().any(|word| ["today", "daily", "tomorrow"].contains(word))
        || words.windows(2).any(|w| w == ["per", "day"])
}

/// "Retry after N seconds", "try again in about 1.5 hours", "wait an hour", "1,000 s": in an error's text, without our
/// own texts.
fn text_ms(message: &str) -> Option<i64> {
    const VAGUE: [&str; 6] = ["about", "approximately", "around", "roughly", "at", "least"];
    let lower = message.to_lowercase();
    let words = lower.split(|c: char| !(c.is_alphanumeric() || c == '.' || c == ','));
    let words = words.map(|word| word.trim_matches(['.', ',']).replace(',', ""));
    let words: Vec<String> = words.filter(|word| !word.is_empty() && !VAGUE.contains(&word.as_str())).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let asks = |before: &[&str]| {
        let last = before.last().copied();
        last == Some("wait")
            || (matches!(last, Some("after" | "in")) && before.iter().any(|w| ["retry", "again"].contains(w)))
    };
    (0..words.len()).find_map(|at| {
        let (number, unit) = match words[at] {
            "a" | "an" => (1.0, ""),
            word => {
                let digits = word.trim_end_matches(|c: char| c.is_ascii_alphabetic());
                (read_number(digits)?, &word[digits.len()..])
            }
        };
        if !asks(&words[at.saturating_sub(3)..at]) {
            return None;
        }
        let unit = Some(unit).filter(|unit| !unit.is_empty()).or(words.get(at + 1).copied());
        let unit_ms = match unit.unwrap_or_default() {
            unit if unit == "ms" || unit.starts_with("milli") => 1,
            unit if unit == "m" || unit.starts_with("min") => MINUTE_MS,
            unit if unit == "h" || unit.starts_with("hour") => HOUR_MS,
            unit if unit.starts_with("day") => DAY_MS,
            _ => SECOND_MS,
        };
        Some((number * unit_ms as f64).ceil() as i64).filter(|ms| *ms >= 0)
    })
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
    fn a_limit_of_the_day_pauses_for_an_hour_unless_the_answer_says_for_how_long() {
        let mut headers = HeaderMap::new();
        headers.insert("x-ratelimit-reset", HeaderValue::from_static("20"));
        let wait_ms = |failure, headers: &HeaderMap, text| retry_after_ms(failure, headers, text, NOW);
        for text in ["You've reached the maximum number of Pins for today", "Daily limit reached", "50 Pins per day"] {
            assert_eq!(wait_ms(Failure::RateLimited, &headers, text), Some(HOUR_MS), "{text}");
            assert_eq!(wait_ms(Failure::SpamBlock, &headers, text), None, "{text}");
        }
        let told = "Daily limit reached, try again in 3 hours";
        assert_eq!(wait_ms(Failure::RateLimited, &headers, told), Some(3 * HOUR_MS));
        assert_eq!(wait_ms(Failure::RateLimited, &headers, "Rate limit exceeded"), Some(20_000));
        headers.insert("retry-after", HeaderValue::from_static("9"));
        assert_eq!(wait_ms(Failure::RateLimited, &headers, "Daily limit reached"), Some(9_000));
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
    fn a_retry_after_may_be_a_list_or_have_a_unit() {
        for (text, ms) in
            [("120, 60", 120_000), ("120s", 120_000), ("120;foo", 120_000), ("1.5", 2_000), ("\"7\"", 7_000)]
        {
            assert_eq!(header("retry-after", text), Some(ms), "{text}");
        }
        assert_eq!(header("retry-after", "PT2M"), None);
    }

    #[test]
    fn a_text_says_when_in_many_ways() {
        for (text, ms) in [
            ("Please try again in 1.5 hours.", 5_400_000),
            ("Retry after 1,000 seconds", 1_000_000),
            ("Try again in about 5 minutes", 300_000),
            ("Please try again in an hour.", HOUR_MS),
            ("Please wait a minute.", MINUTE_MS),
            ("Wait at least 30 s", 30_000),
            ("retry in 90s.", 90_000),
        ] {
            assert_eq!(text_ms(text), Some(ms), "{text}");
        }
        for text in ["You've used the 50 Pins of the last 24 hours", "An hour has 60 minutes", "again in a board"] {
            assert!(text_ms(text).is_none_or(|ms| ms <= 1_000), "{text}");
        }
    }

    #[test]
    fn a_retry_after_may_be_a_date_in_each_form_of_http() {
        // NOW is 2026-11-23T00:34:56Z.
        assert_eq!(NOW.rfc3339().get(..19), Some("2026-11-23T00:34:56"));
        for date in [
            "Mon, 23 Nov 2026 00:35:26 GMT",
            "Tue, 23 Nov 2026 00:35:26 GMT",
            "Monday, 23-Nov-26 00:35:26 GMT",
            "Mon Nov 23 00:35:26 2026",
        ] {
            assert_eq!(header("retry-after", date), Some(30_000), "{date}");
        }
        for iso in [
            "2026-11-23T00:35:26Z",
            "2026-11-23T00:35:26",
            "2026-11-23T00:35:25.999Z",
            "2026-11-23T01:35:26+01:00",
            "\"2026-11-23T00:35:26Z\"",
            "2026-11-23 00:35:26Z",
        ] {
            assert!(header("retry-after", iso).is_some_and(|ms| (29_999..=30_000).contains(&ms)), "{iso}");
        }
        assert_eq!(header("retry-after", "1795394126000"), Some(30_000), "an epoch in milliseconds");
        for past in ["Wed, 21 Oct 2026 07:28:00 GMT", "soon", "", "2026"] {
            assert!(header("retry-after", past).is_none_or(|ms| past == "2026" && ms == 2_026_000), "{past}");
        }
    }

    #[test]
    fn an_exceeded_limit_is_found_in_lists() {
        let hint = |pairs: &[(&'static str, &'static str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.append(*name, HeaderValue::from_static(value));
            }
            retry_after_ms(Failure::RateLimited, &headers, "", NOW)
        };
        let left = "98, 98;w=1;name=\"a, b\", 0;w=60;name=\"org_write\"";
        assert_eq!(hint(&[("x-ratelimit-reset", "30, 1;w=1, 41;w=60")]), Some(41_000), "the latest");
        assert_eq!(hint(&[("x-ratelimit-remaining", left), ("x-ratelimit-reset", "50, 1;w=1, 41;w=60")]), Some(41_000));
        assert_eq!(hint(&[("x-ratelimit-remaining", left)]), Some(60_000), "its window");
        assert_eq!(hint(&[("x-ratelimit-remaining", "0")]), None, "nobody says");
        assert_eq!(hint(&[("x-ratelimit-reset", "1"), ("x-ratelimit-reset", "9")]), Some(9_000), "on several lines");
        assert_eq!(hint(&[("x-ratelimit-limit", "100, 100;w=60")]), None);
        assert_eq!(hint(&[("x-ratelimit-reset", "9"), ("retry-after", "3")]), Some(3_000), "its own header first");
    }

    #[test]
    fn seconds_epochs_and_words_are_understood() {
        assert_eq!(header("retry-after", "7"), Some(7_000));
        assert_eq!(header("x-ratelimit-reset", "30"), Some(30_000));
        assert_eq!(header("x-ratelimit-reset", "1795394106"), Some(10_000));
        assert_eq!(header("x-ratelimit-reset", "soon"), None);
        assert_eq!(header("retry-after", "inf"), None);
        assert_eq!(header("retry-after", "NaN"), None);
        assert_eq!(header("retry-after", "-5"), None);
        assert_eq!(header("retry-after", "6.2"), Some(7_000));
        assert_eq!(
            retry_after_ms(Failure::RateLimited, &HeaderMap::new(), "Slow down. Retry after 12 seconds.", NOW),
            Some(12_000)
        );
        for (message, expected) in [
            ("Slow down.", None),
            ("Please try again in 2 minutes.", Some(120_000)),
            ("Please wait 30 seconds before you retry", Some(30_000)),
            ("Retry after 5s", Some(5_000)),
            ("Try again after 1 hour", Some(3_600_000)),
            ("You have 10 boards. Try again.", None),
            ("In 5 minutes", None),
        ] {
            assert_eq!(retry_after_ms(Failure::RateLimited, &HeaderMap::new(), message, NOW), expected, "{message}");
        }
    }
}
