use super::*;

fn at(text: &str) -> Moment {
    Moment::parse_rfc3339(text).expect("a time")
}

fn zone(name: &str) -> Zone {
    Zone::named(name).unwrap_or_else(|| panic!("{name}"))
}

fn period(name: &str, start: &str, end: &str) -> Period {
    let zone = zone(name);
    let (start, end) = (zone.parse(start).expect("a start"), zone.parse(end).expect("an end"));
    Period::new(zone, Some(start), Some(end), Moment(0)).expect("a period")
}

fn labels(period: &Period) -> Vec<String> {
    period.series().into_iter().map(|at| period.zone.rfc3339(at)).collect()
}

/// The length of each step of the series except the last, in minutes.
fn minutes(period: &Period) -> Vec<i64> {
    period.series().windows(2).map(|pair| pair[1].since_ms(pair[0]) / 60_000).collect()
}

#[test]
fn only_iana_names_are_zones() {
    for (name, canonical) in
        [("Europe/Berlin", "Europe/Berlin"), ("europe/berlin", "Europe/Berlin"), ("UTC", "UTC"), ("EST5EDT", "EST5EDT")]
    {
        assert_eq!(zone(name).name(), canonical);
    }
    for name in ["", " ", "Local", "Mars/Olympus", "+02:00", "UTC+2", "EST5EDT,M3.2.0,M11.1.0", "Etc/Unknown", "../etc"]
    {
        assert!(Zone::named(name).is_none(), "{name}");
    }
}

#[test]
fn a_time_without_an_offset_is_wall_clock_time() {
    let berlin = zone("Europe/Berlin");
    for (text, utc) in [
        ("2026-07-01T12:00:00", "2026-07-01T10:00:00Z"),
        ("2026-01-01T12:00:00.250", "2026-01-01T11:00:00.250Z"),
        ("2026-07-01", "2026-06-30T22:00:00Z"),
        ("2026-07-01T12:00:00Z", "2026-07-01T12:00:00Z"),
        ("2026-07-01T12:00:00+05:45", "2026-07-01T06:15:00Z"),
        // Skipped: the clocks jump from 2 to 3. Twice: the first occurrence.
        ("2026-03-29T02:30:00", "2026-03-29T01:30:00Z"),
        ("2026-10-25T02:30:00", "2026-10-25T00:30:00Z"),
    ] {
        assert_eq!(berlin.parse(text), Some(at(utc)), "{text}");
    }
    for text in ["", "yesterday", "2026-13-01", "2026-07-01T25:00:00", "12:00:00"] {
        assert_eq!(berlin.parse(text), None, "{text}");
    }
}

#[test]
fn days_have_23_24_or_25_hours() {
    let spring = period("Europe/Berlin", "2026-03-28", "2026-03-31");
    assert_eq!(spring.granularity(), Granularity::Day);
    assert_eq!(
        labels(&spring),
        ["2026-03-28T00:00:00+01:00", "2026-03-29T00:00:00+01:00", "2026-03-30T00:00:00+02:00"]
    );
    assert_eq!(minutes(&spring), [24 * 60, 23 * 60]);
    let autumn = period("America/New_York", "2026-10-31", "2026-11-03");
    assert_eq!(minutes(&autumn), [24 * 60, 25 * 60]);
    let halves = period("Australia/Lord_Howe", "2026-04-04", "2026-04-07");
    assert_eq!(minutes(&halves), [24 * 60, 24 * 60 + 30]);
}

#[test]
fn hours_across_a_clock_change_are_wall_clock_hours() {
    let spring = labels(&period("Europe/Berlin", "2026-03-29", "2026-03-29T05:00:00"));
    assert_eq!(
        spring,
        [
            "2026-03-29T00:00:00+01:00",
            "2026-03-29T01:00:00+01:00",
            "2026-03-29T03:00:00+02:00",
            "2026-03-29T04:00:00+02:00"
        ]
    );
    let autumn = labels(&period("Europe/Berlin", "2026-10-25T01:00:00", "2026-10-25T04:00:00"));
    assert_eq!(
        autumn,
        [
            "2026-10-25T01:00:00+02:00",
            "2026-10-25T02:00:00+02:00",
            "2026-10-25T02:00:00+01:00",
            "2026-10-25T03:00:00+01:00"
        ]
    );
    // Half an hour: the clocks go from 2:00 back to 1:30, and from 2:00 forward to 2:30.
    let back = period("Australia/Lord_Howe", "2026-04-05T00:00:00", "2026-04-05T03:00:00");
    assert_eq!(minutes(&back), [60, 60, 30]);
    let on = period("Australia/Lord_Howe", "2026-10-04T00:00:00", "2026-10-04T04:00:00");
    assert_eq!(minutes(&on), [60, 60, 30]);
}

#[test]
fn zones_with_fractional_offsets_have_their_own_whole_hours() {
    for (name, first) in [
        ("Asia/Kolkata", "2026-05-01T10:00:00+05:30"),
        ("Asia/Kathmandu", "2026-05-01T10:00:00+05:45"),
        ("Pacific/Chatham", "2026-05-01T10:00:00+12:45"),
    ] {
        let period = period(name, "2026-05-01T10:07:00", "2026-05-01T14:20:00");
        assert_eq!(labels(&period)[0], first, "the hour in which the period begins");
        assert_eq!(minutes(&period), [60; 4]);
    }
}

#[test]
fn a_day_may_begin_after_midnight_or_be_skipped() {
    // Beirut's clocks jump from midnight to 1; Samoa had no 30 December 2011.
    let beirut = labels(&period("Asia/Beirut", "2026-03-28", "2026-03-31"));
    assert_eq!(beirut[1], "2026-03-29T01:00:00+03:00");
    let samoa = labels(&period("Pacific/Apia", "2011-12-28", "2012-01-01"));
    assert_eq!(samoa.len(), 3, "{samoa:?}");
    assert!(samoa[1].starts_with("2011-12-29") && samoa[2].starts_with("2011-12-31"), "{samoa:?}");
}

#[test]
fn every_moment_of_a_period_is_in_exactly_one_step_of_its_series() {
    for name in ["UTC", "Europe/Berlin", "America/St_Johns", "Asia/Kathmandu", "Australia/Lord_Howe", "Asia/Beirut"] {
        for days in [1, 2, 3, 366] {
            for start in (0..366).step_by(13) {
                let start = at("2025-12-31T17:07:33.125Z").plus_ms(start * DAY_MS);
                let end = start.plus_ms(days * DAY_MS);
                let period = Period::new(zone(name), Some(start), Some(end), end).expect("a period");
                let series = period.series();
                assert!(series[0] <= start && series[1] > start, "{name} {days} {start:?}");
                assert!(series.windows(2).all(|pair| pair[0] < pair[1]), "{name} {days} {start:?}");
                assert!(*series.last().expect("one") < end);
                let expected = if days <= 2 { days * 24 } else { days };
                assert!((series.len() as i64 - expected).abs() <= 2, "{name} {days}: {}", series.len());
            }
        }
    }
}

#[test]
fn the_default_period_is_the_last_thirty_days() {
    let now = at("2026-11-23T12:34:56.789Z");
    let period = Period::new(Zone::utc(), None, None, now).expect("a period");
    assert_eq!((period.start, period.end), (at("2026-10-24T12:34:56.789Z"), now));
    assert_eq!(period.previous_start(), at("2026-09-24T12:34:56.789Z"));
    assert_eq!(period.series().len(), 31, "the first and the last day are partial");
}

#[test]
fn empty_and_overlong_periods_are_refused() {
    let of = |name: &str, start: &str, end: &str| {
        let zone = zone(name);
        let (start, end) = (zone.parse(start).expect("a start"), zone.parse(end).expect("an end"));
        Period::new(zone, Some(start), Some(end), Moment(0)).map(|_| ())
    };
    assert_eq!(of("UTC", "2026-01-01", "2026-01-01"), Err(PeriodError::Empty));
    assert_eq!(of("UTC", "2026-01-02", "2026-01-01"), Err(PeriodError::Empty));
    assert_eq!(of("UTC", "2026-01-01", "2027-01-02"), Ok(()));
    assert_eq!(of("UTC", "2026-01-01", "2027-01-02T00:00:00.001"), Err(PeriodError::TooLong));
    // 366 days of wall-clock time, an hour more of elapsed time.
    assert_eq!(of("Europe/Berlin", "2025-10-26", "2026-10-27"), Ok(()));
    assert_eq!(of("UTC", "0001-01-01", "0001-12-31"), Ok(()));
    assert_eq!(of("UTC", "-009998-01-01", "9998-12-30"), Err(PeriodError::TooLong));
}
