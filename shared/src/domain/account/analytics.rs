//! Pinterest's analytics of Pins and accounts: which days and metrics can be requested, and the result.

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};

use crate::domain::time::Moment;

/// Pinterest has data for this many days before today, and answers at most this many days in one request.
pub const DAYS_BACK: i64 = 90;
/// The number of days to request if the caller names none.
pub const DAYS_DEFAULT: i64 = 30;

/// The metrics of a Pin with an image. The first [`PIN_METRICS_DEFAULT`] are requested if the caller names none.
pub const PIN_METRICS: [&str; 9] = [
    "IMPRESSION",
    "OUTBOUND_CLICK",
    "PIN_CLICK",
    "SAVE",
    "SAVE_RATE",
    "TOTAL_COMMENTS",
    "TOTAL_REACTIONS",
    "USER_FOLLOW",
    "PROFILE_VISIT",
];
/// How many of [`PIN_METRICS`] are requested by default.
pub const PIN_METRICS_DEFAULT: usize = 7;
/// The metrics of an account. All of them are requested if the caller names none.
pub const ACCOUNT_METRICS: [&str; 9] = [
    "ENGAGEMENT",
    "ENGAGEMENT_RATE",
    "IMPRESSION",
    "OUTBOUND_CLICK",
    "OUTBOUND_CLICK_RATE",
    "PIN_CLICK",
    "PIN_CLICK_RATE",
    "SAVE",
    "SAVE_RATE",
];

/// A range of UTC days, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Days {
    pub start: Date,
    pub end: Date,
}

/// Why a range of days can't be requested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DaysError {
    /// The end is after today.
    Future,
    /// The start is after the end.
    Backwards,
    /// The start is further back than Pinterest's data.
    TooFarBack,
}

impl Days {
    /// The range that the caller names; a missing end is today, and a missing start makes the range [`DAYS_DEFAULT`]
    /// days long, as far as Pinterest's data reaches.
    ///
    /// # Errors
    /// When Pinterest would refuse the range.
    pub fn new(start: Option<Date>, end: Option<Date>, now: Moment) -> Result<Self, DaysError> {
        let today = day_of(now);
        let furthest = today.saturating_sub(DAYS_BACK.days());
        let end = end.unwrap_or(today);
        let start = start.unwrap_or_else(|| end.saturating_sub((DAYS_DEFAULT - 1).days()).max(furthest).min(end));
        if end > today {
            Err(DaysError::Future)
        } else if start > end {
            Err(DaysError::Backwards)
        } else if start < furthest {
            Err(DaysError::TooFarBack)
        } else {
            Ok(Self { start, end })
        }
    }

    /// Every day of the range, in order.
    pub fn each(self) -> impl Iterator<Item = Date> {
        self.start.series(1.day()).take_while(move |day| *day <= self.end)
    }
}

/// The UTC day of a moment.
pub fn day_of(moment: Moment) -> Date {
    let at = Timestamp::from_millisecond(moment.0).unwrap_or(Timestamp::UNIX_EPOCH);
    at.to_zoned(jiff::tz::TimeZone::UTC).date()
}

/// What to request from Pinterest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    pub days: Days,
    /// Pinterest's names, in upper case.
    pub metrics: Vec<String>,
}

/// Values by metric name in lower case.
pub type Metrics = BTreeMap<String, f64>;

/// The values of one day.
#[derive(Clone, Debug, PartialEq)]
pub struct DailyMetrics {
    pub day: Date,
    /// Pinterest's word for the quality of the day's values: `READY`, `ESTIMATE`, …
    pub data_status: Option<String>,
    pub metrics: Metrics,
}

/// Pinterest's answer: totals and days.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MetricSeries {
    /// Over all days of the range; comments and reactions over the Pin's whole life.
    pub totals: Metrics,
    pub daily: Vec<DailyMetrics>,
}

impl MetricSeries {
    /// All values are zero: the answer for a Pin that isn't on Pinterest.
    pub fn zeros(question: &Question) -> Self {
        let zeros: Metrics = question.metrics.iter().map(|name| (name.to_lowercase(), 0.0)).collect();
        let of_days = zeros.iter().filter(|(name, _)| !name.starts_with("total_"));
        let of_days: Metrics = of_days.map(|(name, zero)| (name.clone(), *zero)).collect();
        let day = |day| DailyMetrics { day, data_status: None, metrics: of_days.clone() };
        Self { daily: question.days.each().map(day).collect(), totals: zeros }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Moment = Moment(1_795_394_096_789); // 2026-11-23

    fn day(text: &str) -> Date {
        text.parse().expect("a day")
    }

    #[test]
    fn the_default_range_is_the_last_thirty_days() {
        let days = |start: Option<&str>, end: Option<&str>| {
            Days::new(start.map(day), end.map(day), NOW).map(|days| (days.start.to_string(), days.end.to_string()))
        };
        let of = |start: &str, end: &str| Ok((start.to_owned(), end.to_owned()));
        assert_eq!(days(None, None), of("2026-10-25", "2026-11-23"));
        assert_eq!(days(Some("2026-11-01"), None), of("2026-11-01", "2026-11-23"));
        assert_eq!(days(None, Some("2026-11-01")), of("2026-10-03", "2026-11-01"));
        assert_eq!(
            days(None, Some("2026-09-01")),
            of("2026-08-25", "2026-09-01"),
            "no further back than Pinterest's data"
        );
        assert_eq!(days(Some("2026-08-25"), Some("2026-08-25")), of("2026-08-25", "2026-08-25"));
        assert_eq!(days(Some("2026-08-24"), None), Err(DaysError::TooFarBack));
        assert_eq!(days(None, Some("2026-01-01")), Err(DaysError::TooFarBack));
        assert_eq!(days(Some("2026-11-02"), Some("2026-11-01")), Err(DaysError::Backwards));
        assert_eq!(days(None, Some("2026-11-24")), Err(DaysError::Future));
    }

    #[test]
    fn zeros_cover_every_day_and_metric() {
        let days = Days { start: day("2026-02-27"), end: day("2026-03-01") };
        let question = Question { days, metrics: vec!["SAVE".into(), "TOTAL_COMMENTS".into()] };
        let zeros = MetricSeries::zeros(&question);
        assert_eq!(zeros.totals.keys().collect::<Vec<_>>(), ["save", "total_comments"]);
        assert_eq!(zeros.daily.len(), 3);
        assert!(zeros.daily.iter().all(|daily| daily.metrics.keys().eq(["save"])));
    }
}
