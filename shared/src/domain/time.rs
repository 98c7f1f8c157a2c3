//! Time as a value: Unix milliseconds.
//!
//! Rows, messages and the pure core use milliseconds; RFC 3339 text exists only at the API's edge.

use jiff::Timestamp;
use jiff::fmt::temporal::Pieces;
use serde::{Deserialize, Serialize};

/// A second, in milliseconds. The constants below are larger units.
pub const SECOND_MS: i64 = 1_000;
pub const MINUTE_MS: i64 = 60 * SECOND_MS;
pub const HOUR_MS: i64 = 60 * MINUTE_MS;
pub const DAY_MS: i64 = 24 * HOUR_MS;

/// A moment, in Unix milliseconds (UTC).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Moment(pub i64);

impl Moment {
    /// So many milliseconds later; negative: earlier.
    pub fn plus_ms(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// The time from `earlier` to `self`, in milliseconds; negative when `self` is the earlier one.
    pub fn since_ms(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The number of whole minutes since the epoch.
    pub fn minute(self) -> i64 {
        self.0.div_euclid(MINUTE_MS)
    }

    /// Whole seconds since the epoch.
    pub fn unix_seconds(self) -> i64 {
        self.0.div_euclid(SECOND_MS)
    }

    /// RFC 3339 in UTC with milliseconds, the form in which the API prints times.
    pub fn rfc3339(self) -> String {
        match Timestamp::from_millisecond(self.0) {
            Ok(timestamp) => format!("{timestamp:.3}"),
            // Unreachable for stored times; a clamped value is better than a panic while answering.
            Err(_) => format!("{:.3}", if self.0 < 0 { Timestamp::MIN } else { Timestamp::MAX }),
        }
    }

    /// The time as sentences have it, in UTC: `28 Nov 2026 at 17:04:09 UTC`.
    pub fn in_words(self) -> String {
        self.formatted("%-d %b %Y at %H:%M:%S UTC")
    }

    /// The time of day, `17:04:09 UTC`; of another day (UTC) than that of `now`, `17:04:09 UTC on 28 Nov 2026`.
    pub fn clock_time(self, now: Self) -> String {
        let is_same_day = self.0.div_euclid(DAY_MS) == now.0.div_euclid(DAY_MS);
        self.formatted(if is_same_day { "%H:%M:%S UTC" } else { "%H:%M:%S UTC on %-d %b %Y" })
    }

    fn formatted(self, format: &str) -> String {
        let nearest = if self.0 < 0 { Timestamp::MIN } else { Timestamp::MAX };
        Timestamp::from_millisecond(self.0).unwrap_or(nearest).strftime(format).to_string()
    }

    /// Parses an RFC 3339 time that carries an offset, of less than a day.
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        // The parser knows offsets up to 25:59:59, which nobody means.
        let offset = Pieces::parse(text).ok()?.to_numeric_offset()?;
        (i64::from(offset.seconds()).abs() < DAY_MS / SECOND_MS).then_some(())?;
        let timestamp: Timestamp = text.parse().ok()?;
        Some(Self(timestamp.as_millisecond()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_have_times_of_utc_to_the_second() {
        let moment = Moment(1_795_394_096_789);
        assert_eq!(moment.in_words(), "23 Nov 2026 at 00:34:56 UTC");
        assert_eq!(Moment(0).in_words(), "1 Jan 1970 at 00:00:00 UTC");
        assert_eq!(moment.clock_time(moment.plus_ms(HOUR_MS)), "00:34:56 UTC");
        assert_eq!(moment.clock_time(moment.plus_ms(-HOUR_MS)), "00:34:56 UTC on 23 Nov 2026");
        assert!(Moment(i64::MAX).in_words().ends_with(" UTC") && Moment(i64::MIN).in_words().ends_with(" UTC"));
    }

    #[test]
    fn prints_and_parses_utc_milliseconds() {
        let moment = Moment(1_795_394_096_789);
        assert_eq!(moment.rfc3339(), "2026-11-23T00:34:56.789Z");
        assert_eq!(Moment::parse_rfc3339(&moment.rfc3339()), Some(moment));
        assert_eq!(Moment::parse_rfc3339("2026-11-23T01:34:56.789+01:00"), Some(moment));
        assert_eq!(Moment::parse_rfc3339("2026-11-23T02:14:56"), None, "a naive time is refused");
        for offset in ["+23:59", "-23:59", "+00:00", "-00:00", "Z", "z", "+0130"] {
            assert!(Moment::parse_rfc3339(&format!("2026-11-23T02:14:56{offset}")).is_some(), "{offset}");
        }
        for offset in ["+24:00", "-24:00", "+25:00", "+2500", "-25:59", "+99:00", "", "+", "+1", "x"] {
            assert!(Moment::parse_rfc3339(&format!("2026-11-23T02:14:56{offset}")).is_none(), "{offset}");
        }
    }
}
