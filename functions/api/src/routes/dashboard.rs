//! The metrics of the dashboard.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Query, State};
use pinbridge_shared::context::Context;
use pinbridge_shared::domain::ids::AccountId;
use pinbridge_shared::domain::stats::metrics::{DashboardMetrics, Scope, Step, Totals, Waiting};
use pinbridge_shared::domain::stats::period::{Period, PeriodError, Zone};
use pinbridge_shared::domain::time::Moment;
use pinbridge_shared::flows::stats::dashboard_counts::{ByStatus, Schedules};
use pinbridge_shared::flows::stats::{dashboard, dashboard_counts};
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use crate::auth::Caller;
use crate::endpoint::{Endpoint, READ, get, tagged};
use crate::error::ApiError;
use crate::error::codes::{ACCOUNT_NOT_PERMITTED, INVALID_DATE_RANGE, INVALID_TIMEZONE, NOT_FOUND, VALIDATION_ERROR};
use crate::openapi::schema::{Text, Time, names};
use crate::request::query;

const ZONE_NAME_MAX: usize = 64;

pub fn endpoints() -> Vec<Endpoint> {
    tagged(
        "Dashboard",
        vec![
            get("/v1/dashboard/summary", READ, summary)
                .operation("get_dashboard_summary", "Read the metrics of a period")
                .costs(50)
                .about(
                    "Counts the pins, schedules and imports of the period from `start` up to, but not including, \
                     `end`. The default is the last 30 days; a period has at most 366 days. A published or failed pin \
                     counts at the time when that happened, a waiting pin at the time when it was accepted. A time \
                     without an offset is local time in `tz`. If a change of the clocks skips that time, it moves \
                     forward by the length of the change; if the time occurs twice, the first one counts. The series \
                     has hourly steps for periods of up to 48 hours and daily steps for longer ones. Steps follow \
                     local time, so a day can have 23 or 25 hours. A pin counts from the moment it is accepted or \
                     ends, also in a burst of 10,000; if there are more than can be counted, `complete` is `false`, \
                     and `pins.success_rate` is `null`. A key with an allow-list reads the metrics of its accounts \
                     only.",
                )
                .query::<Text>("start", "The start of the period: an ISO 8601 time or date.")
                .query::<Text>("end", "The end of the period, exclusive: an ISO 8601 time or date. The default is now.")
                .query::<Text>("tz", "An IANA time zone. The default is `UTC`.")
                .query::<Uuid>("account_id", "Only this account. An unknown one is `not_found`.")
                .answers::<DashboardSummary>(200, "The metrics.")
                .fails(&[NOT_FOUND, VALIDATION_ERROR, INVALID_DATE_RANGE, INVALID_TIMEZONE, ACCOUNT_NOT_PERMITTED]),
        ],
    )
}

names!(Granularity, "The length of a step of the series.", ["hour", "day"]);

/// The metrics of a period.
#[derive(Serialize, JsonSchema)]
pub struct DashboardSummary {
    #[schemars(with = "Time")]
    pub start: String,
    #[schemars(with = "Time")]
    pub end: String,
    pub timezone: String,
    pub granularity: Granularity,
    /// The start of the previous period, which has the same length and ends at `start`.
    #[schemars(with = "Time")]
    pub previous_start: String,
    #[schemars(with = "Time")]
    pub previous_end: String,
    /// The `account_id` of the request.
    pub account_id: Option<Uuid>,
    pub pins: PinFigures,
    pub previous_pins: PinFigures,
    pub series: Vec<SeriesStep>,
    /// The accounts by the number of published pins, in descending order.
    pub published_by_account: Vec<AccountFigure>,
    pub queue: QueueFigures,
    pub schedules: ScheduleFigures,
    /// `null` if the request has an `account_id`.
    pub import_jobs: Option<ImportFigures>,
    /// Extension: the time of these metrics.
    pub as_of: Time,
    /// Extension: whether the metrics of pins are exact. If not, there are more unfinished pins than one request reads:
    /// `published` and `failed` are lower bounds, and `pins.success_rate` is `null`.
    pub complete: bool,
    /// Extension: `true` if `published` and `failed` may lack some pins of the last minutes.
    pub counts_are_at_least: bool,
    /// Extension: `true` if some unfinished pins count as deferred without having been read.
    pub waiting_is_estimated: bool,
    /// Extension: `true` if the metrics are rounded to quarters of an hour, because the period starts or ends within
    /// one whose details are no longer stored. A quarter counts as a whole if it starts in the period.
    pub rounded_to_quarter_hours: bool,
}

/// The pins of a period.
#[derive(Serialize, JsonSchema)]
pub struct PinFigures {
    /// The sum of `by_status`.
    pub total: u64,
    /// The pins that were accepted in the period.
    pub submitted: u64,
    pub by_status: PinsByStatus,
    /// The share of published pins among those that ended in the period. `null` if none ended, or if not all of them
    /// could be counted.
    pub success_rate: Option<f64>,
}

/// `published` and `failed` count pins that ended in the period. A retried pin no longer counts as failed. The others
/// count pins that were accepted in the period and are not finished.
#[derive(Serialize, JsonSchema)]
pub struct PinsByStatus {
    pub queued: u64,
    pub deferred: u64,
    pub publishing: u64,
    pub published: u64,
    pub failed: u64,
}

/// A step of the series: an hour or a day.
#[derive(Serialize, JsonSchema)]
pub struct SeriesStep {
    /// The start of the step in local time. The first step may start before the period.
    #[schemars(with = "Time")]
    pub start: String,
    pub created: u64,
    pub published: u64,
    pub failed: u64,
}

/// The number of pins of an account that were published in the period.
#[derive(Serialize, JsonSchema)]
pub struct AccountFigure {
    pub account_id: Uuid,
    pub published: u64,
}

/// The unfinished pins now, independent of the period.
#[derive(Serialize, JsonSchema)]
pub struct QueueFigures {
    pub queued: u64,
    pub deferred: u64,
    pub publishing: u64,
}

/// The schedules by their current status.
#[derive(Serialize, JsonSchema)]
pub struct ScheduleFigures {
    /// The schedules with `run_at` in the period.
    pub by_status: BTreeMap<&'static str, u64>,
    /// The future schedules, independent of the period; counted up to 1,000.
    pub upcoming: u64,
    /// Extension: `true` if the period has more than the 1,000 schedules that were counted.
    pub counts_are_at_least: bool,
}

/// The imports that were submitted in the period, by their current status.
#[derive(Serialize, JsonSchema)]
pub struct ImportFigures {
    pub by_status: BTreeMap<&'static str, u64>,
    /// Extension: `true` if there are more than the newest 1,000 imports, which were counted.
    pub counts_are_at_least: bool,
}

impl PinFigures {
    /// `is_exact`: the share of lower bounds would be no share.
    fn of(totals: &Totals, is_exact: bool) -> Self {
        Self {
            total: totals.total(),
            submitted: totals.submitted,
            by_status: PinsByStatus {
                queued: totals.waiting.queued,
                deferred: totals.waiting.deferred,
                publishing: totals.waiting.publishing,
                published: totals.published,
                failed: totals.failed,
            },
            success_rate: totals.success_rate().filter(|_| is_exact),
        }
    }
}

impl From<&Waiting> for QueueFigures {
    fn from(waiting: &Waiting) -> Self {
        Self { queued: waiting.queued, deferred: waiting.deferred, publishing: waiting.publishing }
    }
}

impl SeriesStep {
    fn of(step: &Step, zone: &Zone) -> Self {
        let Step { start, created, published, failed } = *step;
        Self { start: zone.rfc3339(start), created, published, failed }
    }
}

impl From<Schedules> for ScheduleFigures {
    fn from(schedules: Schedules) -> Self {
        let ByStatus { counts, is_at_least } = schedules.by_status;
        Self { by_status: counts, upcoming: schedules.upcoming, counts_are_at_least: is_at_least }
    }
}

impl From<ByStatus> for ImportFigures {
    fn from(ByStatus { counts, is_at_least }: ByStatus) -> Self {
        Self { by_status: counts, counts_are_at_least: is_at_least }
    }
}

/// The accounts by the number of published pins, in descending order.
fn by_account(metrics: &DashboardMetrics) -> Vec<AccountFigure> {
    let mut accounts: Vec<(&AccountId, &u64)> = metrics.published_by_account.iter().collect();
    accounts.sort_by_key(|(account, published)| (Reverse(**published), **account));
    accounts
        .iter()
        .map(|(account, published)| AccountFigure { account_id: account.0, published: **published })
        .collect()
}

async fn summary(
    State(context): State<Context>,
    caller: Caller,
    Query(query): Query<query::Query>,
) -> Result<Json<DashboardSummary>, ApiError> {
    let now = context.system.now();
    let (period, account) = (period(&query, now)?, account(&context, &query, &caller).await?);
    let scope = match (account, caller.limited_to()) {
        (Some(account), _) => Scope::Only(vec![account]),
        (None, Some(accounts)) => Scope::Only(accounts.to_vec()),
        (None, None) => Scope::Everybody,
    };
    let workspace = caller.workspace;
    let summary = dashboard::summary(&context, workspace, &period, scope.clone()).await?;
    let schedules = dashboard_counts::schedules(&context, workspace, &period, &scope, &summary.metrics.started).await?;
    let imports = match account {
        Some(_) => None,
        None => Some(dashboard_counts::imports(&context, workspace, &period, &scope).await?),
    };
    let metrics = &summary.metrics;
    Ok(Json(DashboardSummary {
        start: period.zone.rfc3339(period.start),
        end: period.zone.rfc3339(period.end),
        timezone: period.zone.name().to_owned(),
        granularity: Granularity(period.granularity().name()),
        previous_start: period.zone.rfc3339(period.previous_start()),
        previous_end: period.zone.rfc3339(period.start),
        account_id: account.map(|account| account.0),
        pins: PinFigures::of(&metrics.now, summary.is_exact()),
        previous_pins: PinFigures::of(&metrics.previous, true),
        series: metrics.series.iter().map(|step| SeriesStep::of(step, &period.zone)).collect(),
        published_by_account: by_account(metrics),
        queue: (&metrics.queue).into(),
        schedules: schedules.into(),
        import_jobs: imports.map(ImportFigures::from),
        as_of: now.into(),
        complete: summary.is_exact(),
        counts_are_at_least: summary.is_at_least,
        waiting_is_estimated: summary.is_waiting_estimated,
        rounded_to_quarter_hours: summary.is_rounded,
    }))
}

/// The account of the request. Metrics are about it, so one that doesn't exist has none, as with the rate meter.
async fn account(context: &Context, query: &query::Query, caller: &Caller) -> Result<Option<AccountId>, ApiError> {
    let Some(account) = query::optional_account_id(query)? else { return Ok(None) };
    match context.store.account(caller.account(account)?).await? {
        Some(_) => Ok(Some(account)),
        None => Err(ApiError::not_found("account")),
    }
}

fn period(query: &query::Query, now: Moment) -> Result<Period, ApiError> {
    let named = |name: &str| Zone::named(name).filter(|_| name.len() <= ZONE_NAME_MAX);
    let msg = "Input should be an IANA time zone, such as Europe/Berlin";
    let zone = query::parsed(query, "tz", named, msg, "timezone").map_err(|error| error.coded(INVALID_TIMEZONE))?;
    let zone = zone.unwrap_or_else(Zone::utc);
    let time = |name: &str| {
        let msg = "Input should be an ISO 8601 time, such as 2026-01-31 or 2026-01-31T18:00:00Z";
        query::parsed(query, name, |text| zone.parse(&query::unescaped_plus(text)), msg, "datetime_parsing")
    };
    let (start, end) = (time("start")?, time("end")?);
    Period::new(zone, start, end, now).map_err(|error| {
        let name = match error {
            PeriodError::Empty => "start",
            PeriodError::TooLong => "end",
        };
        query::invalid(name, error.to_string(), "value_error").coded(INVALID_DATE_RANGE)
    })
}
