//! The period that a dashboard shows, in the user's time zone.
//!
//! Zones come from the built-in tz database (IANA names, in any case). A time without an offset is wall-clock time. If
//! a clock change skips it, it means the time later by the length of the skip; if it occurs twice, it means the first
//! occurrence. The hours and days of the series are wall-clock ones too: a day may have 23, 24 or 25 hours (or be
//! skipped altogether), and an hour that occurs twice is two hours.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use thiserror::Error;

use super::rollup::{QUARTER_MS, quarter, quarter_start};
use crate::domain::time::{DAY_MS, HOUR_MS, Moment};

/// Days of a period, if the caller names none.
pub const DEFAULT_DAYS: i64 = 30;
/// The most days of a period.
pub const MAX_DAYS: i64 = 366;
/// Longer periods have a series of days instead of hours.
pub const HOURLY_UP_TO_MS: i64 = 48 * HOUR_MS;
/// The first hour of the series began at most this long before the period.
const REACH_BACK_QUARTERS: i64 = 8;

/// A named time zone.
#[derive(Clone, Debug)]
pub struct Zone(TimeZone);

impl Zone {
    /// UTC.
    pub fn utc() -> Self {
        Self(TimeZone::UTC)
    }

    /// The zone with this IANA name; `None` when there is none.
    pub fn named(name: &str) -> Option<Self> {
        let zone = TimeZone::get(name).ok().filter(|zone| !zone.is_unknown())?;
        zone.iana_name().is_some().then_some(Self(zone))
    }

    pub fn name(&self) -> &str {
        self.0.iana_name().unwrap_or("UTC")
    }

    /// Parses an ISO 8601 time. Without an offset, it is this zone's wall-clock time. A date is its midnight.
    pub fn parse(&self, text: &str) -> Option<Moment> {
        if let Some(moment) = Moment::parse_rfc3339(text) {
            return Some(moment);
        }
        let naive: DateTime = text.parse().ok()?;
        let timestamp = self.0.to_ambiguous_timestamp(naive).compatible().ok()?;
        Some(Moment(timestamp.as_millisecond()))
    }

    /// RFC 3339 with the zone's offset at that moment.
    pub fn rfc3339(&self, moment: Moment) -> String {
        let timestamp = timestamp(moment);
        timestamp.display_with_offset(self.0.to_offset(timestamp)).to_string()
    }

    fn wall_clock(&self, moment: Moment) -> DateTime {
        self.0.to_datetime(timestamp(moment))
    }

    /// When the day begins: at midnight, or later when a clock change skips midnight.
    fn day_begins(&self, date: Date) -> Option<Moment> {
        let begins = date.to_zoned(self.0.clone()).ok()?;
        Some(Moment(begins.timestamp().as_millisecond()))
    }

    /// Distinguishes an hour of the wall clock from the next one, and from its repetition.
    fn hour_of(&self, moment: Moment) -> (Date, i8, i32) {
        let wall_clock = self.wall_clock(moment);
        (wall_clock.date(), wall_clock.hour(), self.0.to_offset(timestamp(moment)).seconds())
    }
}

fn timestamp(moment: Moment) -> Timestamp {
    let out_of_range = if moment.0 < 0 { Timestamp::MIN } else { Timestamp::MAX };
    Timestamp::from_millisecond(moment.0).unwrap_or(out_of_range)
}

/// The steps of a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Granularity {
    Hour,
    Day,
}

impl Granularity {
    pub fn name(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
        }
    }
}

/// Why a dashboard can't show a period.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum PeriodError {
    #[error("start must be before end")]
    Empty,
    #[error("the range may span at most {MAX_DAYS} days")]
    TooLong,
}

/// The period `[start, end)`.
#[derive(Clone, Debug)]
pub struct Period {
    pub zone: Zone,
    pub start: Moment,
    pub end: Moment,
}

impl Period {
    /// A missing end is now; a missing start is [`DEFAULT_DAYS`] days (of 24 hours) before the end.
    ///
    /// # Errors
    /// When it ends before it begins, or is longer than [`MAX_DAYS`] both in wall-clock time and in elapsed time.
    pub fn new(zone: Zone, start: Option<Moment>, end: Option<Moment>, now: Moment) -> Result<Self, PeriodError> {
        let end = end.unwrap_or(now);
        let start = start.unwrap_or_else(|| end.plus_ms(-DEFAULT_DAYS * DAY_MS));
        if start >= end {
            return Err(PeriodError::Empty);
        }
        let latest = zone.wall_clock(start).saturating_add(MAX_DAYS.days());
        if end.since_ms(start) > MAX_DAYS * DAY_MS && zone.wall_clock(end) > latest {
            return Err(PeriodError::TooLong);
        }
        Ok(Self { zone, start, end })
    }

    pub fn granularity(&self) -> Granularity {
        if self.end.since_ms(self.start) <= HOURLY_UP_TO_MS { Granularity::Hour } else { Granularity::Day }
    }

    /// The start of the period of the same length before this one.
    pub fn previous_start(&self) -> Moment {
        self.start.plus_ms(-self.end.since_ms(self.start))
    }

    /// When each hour or day of the series begins; the first one may have begun before the period.
    pub fn series(&self) -> Vec<Moment> {
        match self.granularity() {
            Granularity::Hour => self.hours(),
            Granularity::Day => self.days(),
        }
    }

    fn hours(&self) -> Vec<Moment> {
        let (first, last) = (quarter(self.start) - REACH_BACK_QUARTERS, quarter(self.end.plus_ms(-1)));
        let mut begins: Vec<Moment> = Vec::new();
        let mut before = None;
        for at in (first..=last).map(quarter_start) {
            let hour = self.zone.hour_of(at);
            if before.is_some_and(|before| before != hour) {
                begins.push(at);
            }
            before = Some(hour);
        }
        self.since_start(begins)
    }

    fn days(&self) -> Vec<Moment> {
        let mut begins = Vec::new();
        let mut date = self.zone.wall_clock(self.start).date();
        while let Some(at) = self.zone.day_begins(date).filter(|at| *at < self.end) {
            begins.push(at);
            let Ok(next) = date.tomorrow() else { break };
            date = next;
        }
        // A day that the zone skips begins at the same moment as the next day.
        begins.dedup();
        self.since_start(begins)
    }

    /// Drops the steps that ended before the period began.
    fn since_start(&self, mut begins: Vec<Moment>) -> Vec<Moment> {
        let over = begins.iter().rposition(|at| *at <= self.start).unwrap_or(0);
        begins.drain(..over);
        if begins.is_empty() {
            begins.push(Moment(self.start.0.div_euclid(QUARTER_MS) * QUARTER_MS));
        }
        begins
    }
}

#[cfg(test)]
mod tests;
