//! `pins/analytics` and `user_account/analytics`. The metrics are computed from the id and the day, so they never
//! change.

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};
use serde::Serialize;
use serde_json::Number;

use super::{Reply, Request, params};
use crate::errors::{self, ApiError};
use crate::limits::ANALYTICS_DAYS_BACK;
use crate::world::World;
use crate::world::account::Caller;

/// `metric_types` of a Pin (OpenAPI 5.23.0), for every Pin and for videos.
const PIN_METRICS: [&str; 15] = [
    "IMPRESSION",
    "OUTBOUND_CLICK",
    "PIN_CLICK",
    "SAVE",
    "SAVE_RATE",
    "TOTAL_COMMENTS",
    "TOTAL_REACTIONS",
    "USER_FOLLOW",
    "PROFILE_VISIT",
    "VIDEO_MRC_VIEW",
    "VIDEO_10S_VIEW",
    "QUARTILE_95_PERCENT_VIEW",
    "VIDEO_V50_WATCH_TIME",
    "VIDEO_START",
    "VIDEO_AVG_WATCH_TIME",
];
/// `metric_types` of an account (OpenAPI 5.23.0). All of them are reported unless some are named.
const ACCOUNT_METRICS: [&str; 9] = [
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
/// Metrics of the whole life of a Pin, not of a day.
const LIFETIME: [&str; 2] = ["TOTAL_COMMENTS", "TOTAL_REACTIONS"];

type Metrics = BTreeMap<String, Number>;

/// The schemas `PinAnalyticsMetricsResponse` and `AnalyticsMetricsResponse`.
#[derive(Serialize)]
struct GroupView {
    daily_metrics: Vec<DayView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lifetime_metrics: Option<Metrics>,
    summary_metrics: Metrics,
}

#[derive(Serialize)]
struct DayView {
    data_status: &'static str,
    date: String,
    metrics: Metrics,
}

struct Asked {
    start: Date,
    end: Date,
    today: Date,
    metrics: Vec<String>,
}

pub fn pin(world: &World, now_ms: i64, caller: Caller, request: &Request) -> Result<Reply, ApiError> {
    let id = params::path_id(request, "pin_id")?;
    let asked = asked(now_ms, request, &PIN_METRICS).ok_or(errors::PIN_ANALYTICS_INVALID)?;
    if asked.metrics.is_empty() {
        return Err(errors::PIN_ANALYTICS_INVALID);
    }
    let pin = world.pin(caller, id).map_err(|error| match error.status {
        404 => errors::PIN_ANALYTICS_NOT_FOUND,
        _ => errors::PIN_ANALYTICS_NOT_AUTHORIZED,
    })?;
    let lifetime = asked.metrics.iter().filter(|name| LIFETIME.contains(&name.as_str()));
    let lifetime = lifetime.map(|name| (name.clone(), Number::from(figure(id, name, "ever")))).collect();
    Ok(reply(&asked, id, Some(date(pin.created_at_ms)), Some(lifetime)))
}

pub fn account(world: &World, now_ms: i64, caller: Caller, request: &Request) -> Result<Reply, ApiError> {
    let mut asked = asked(now_ms, request, &ACCOUNT_METRICS).ok_or(errors::ACCOUNT_ANALYTICS_INVALID)?;
    if asked.metrics.is_empty() {
        asked.metrics = ACCOUNT_METRICS.map(str::to_owned).into();
    }
    let account = world.account(caller.account).ok_or(errors::AUTHENTICATION_FAILED)?;
    Ok(reply(&asked, &account.id, None, None))
}

/// The parameters, if they are valid.
fn asked(now_ms: i64, request: &Request, known: &[&str]) -> Option<Asked> {
    let (start, end): (Date, Date) =
        (params::query(request, "start_date")?.parse().ok()?, params::query(request, "end_date")?.parse().ok()?);
    let today = date(now_ms);
    let back = today.checked_sub(ANALYTICS_DAYS_BACK.days()).ok()?;
    let furthest = start.checked_add(ANALYTICS_DAYS_BACK.days()).ok()?;
    let split = params::query(request, "split_field").unwrap_or("NO_SPLIT");
    if start < back || end < start || end > furthest || split != "NO_SPLIT" {
        return None;
    }
    let named = params::query(request, "metric_types").unwrap_or_default().split(',').filter(|name| !name.is_empty());
    let metrics: Vec<String> = named.map(str::to_owned).collect();
    metrics.iter().all(|name| known.contains(&name.as_str())).then_some(Asked { start, end, today, metrics })
}

fn date(unix_ms: i64) -> Date {
    let at = Timestamp::from_millisecond(unix_ms).unwrap_or(Timestamp::UNIX_EPOCH);
    at.to_zoned(jiff::tz::TimeZone::UTC).date()
}

fn reply(asked: &Asked, id: &str, created: Option<Date>, lifetime: Option<Metrics>) -> Reply {
    let of_days: Vec<&String> = asked.metrics.iter().filter(|name| !LIFETIME.contains(&name.as_str())).collect();
    let mut sums: BTreeMap<&str, u64> = BTreeMap::new();
    let mut daily_metrics = Vec::new();
    for day in asked.start.series(1.day()).take_while(|day| *day <= asked.end.min(asked.today)) {
        let is_before = created.is_some_and(|created| day < created);
        let mut metrics = Metrics::new();
        for name in of_days.iter().filter(|_| !is_before) {
            let value = figure(id, name, &day.to_string());
            *sums.entry(name).or_default() += value;
            metrics.insert((*name).clone(), shown(name, value, 1));
        }
        let data_status = match (is_before, day == asked.today) {
            (true, _) => "BEFORE_PIN_CREATED",
            (false, true) => "ESTIMATE",
            (false, false) => "READY",
        };
        daily_metrics.push(DayView { data_status, date: day.to_string(), metrics });
    }
    let days = daily_metrics.iter().filter(|day| !day.metrics.is_empty()).count().max(1) as u64;
    let sum = |name: &str| shown(name, sums.get(name).copied().unwrap_or_default(), days);
    let summary_metrics = of_days.iter().map(|name| ((*name).clone(), sum(name))).collect();
    let group = GroupView { daily_metrics, lifetime_metrics: lifetime, summary_metrics };
    Reply::with_json(200, &BTreeMap::from([("all", group)]))
}

/// A rate is a fraction, and for several days their mean. Any other metric is a count.
fn shown(name: &str, value: u64, days: u64) -> Number {
    if name.ends_with("_RATE") {
        Number::from_f64(value as f64 / days as f64 / 100.0).unwrap_or_else(|| Number::from(0))
    } else {
        Number::from(value)
    }
}

/// 0 to 99 (FNV-1a).
fn figure(id: &str, metric: &str, day: &str) -> u64 {
    let bytes = [id, metric, day].into_iter().flat_map(str::bytes);
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)) % 100
}
