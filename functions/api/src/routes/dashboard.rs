//! The dashboard's figures of a period.

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
use crate::error::codes::{ACCOUNT_NOT_PERMITTED, VALIDATION_ERROR};
use crate::openapi::schema::{Text, Time, names};
use crate::request::query;

const ZONE_NAME_MAX: usize = 64;

pub fn endpoints() -> Vec<Endpoint> {
    tagged(
        "Dashboard",
        vec![
            get("/v1/dashboard/summary", READ, summary)
                .operation("get_dashboard_summary", "Read what became of the pins of a period")
                .about(
                    "Of `[start, end)`; unless told otherwise the 30 days up to now, at most 366 days. A time without \
                     an offset is the wall clock's in `tz`: one that a change of the clocks leaves out means as much \
                     later as they jump, one that happens twice means the first. Up to 48 hours are told by the hour, \
                     more by the day, both by the wall clock: a day may have 23 or 25 hours. A key with an allow-list \
                     gets the figures of its accounts.",
                )
                .query::<Text>("start", "Its begin: an ISO 8601 time or date.")
                .query::<Text>("end", "Its end, which is no part of it.")
                .query::<Text>("tz", "An IANA time zone; `UTC` unless told otherwise.")
                .query::<Uuid>("account_id", "Only this account.")
                .answers::<DashboardSummary>(200, "The figures.")
                .fails(&[VALIDATION_ERROR, ACCOUNT_NOT_PERMITTED]),
        ],
    )
}

names!(Granularity, "What a step of the series is.", ["hour", "day"]);

/// What became of the pins of a period.
#[derive(Serialize, JsonSchema)]
pub struct DashboardSummary {
    #[schemars(with = "Time")]
    pub start: String,
    #[schemars(with = "Time")]
    pub end: String,
    pub timezone: String,
    pub granularity: Granularity,
    /// The period of the same length just before.
    #[schemars(with = "Time")]
    pub previous_start: String,
    #[schemars(with = "Time")]
    pub previous_end: String,
    /// The account that was asked for.
    pub account_id: Option<Uuid>,
    pub pins: PinFigures,
    pub previous_pins: PinFigures,
    pub series: Vec<SeriesStep>,
    /// Most first.
    pub published_by_account: Vec<AccountFigure>,
    pub queue: QueueFigures,
    pub schedules: ScheduleFigures,
    /// `null` when an account was asked for.
    pub import_jobs: Option<ImportFigures>,
    /// Extension: the moment of these figures.
    pub as_of: Time,
    /// Extension: more pins than are looked at came in the last minutes; the figures leave some of them out.
    pub counts_are_at_least: bool,
    /// Extension: more pins than are looked at are unfinished; the others count as deferred.
    pub waiting_is_estimated: bool,
    /// Extension: the period begins or ends within a quarter of an hour that is too long ago to be cut; it counts whole
    /// if it began in the period.
    pub rounded_to_quarter_hours: bool,
}

/// Pins of a period.
#[derive(Serialize, JsonSchema)]
pub struct PinFigures {
    /// The sum of `by_status`.
    pub total: u64,
    /// Accepted in the period.
    pub submitted: u64,
    pub by_status: PinsByStatus,
    /// Published ones of those that ended in the period; `null` when none did.
    pub success_rate: Option<f64>,
}

/// Published and failed: in the period, and still failed. The others: accepted in the period and still waiting.
#[derive(Serialize, JsonSchema)]
pub struct PinsByStatus {
    pub queued: u64,
    pub deferred: u64,
    pub publishing: u64,
    pub published: u64,
    pub failed: u64,
}

/// An hour or a day.
#[derive(Serialize, JsonSchema)]
pub struct SeriesStep {
    /// By the wall clock of the time zone. The first one may have begun before the period.
    #[schemars(with = "Time")]
    pub start: String,
    pub created: u64,
    pub published: u64,
    pub failed: u64,
}

/// An account's published pins of the period.
#[derive(Serialize, JsonSchema)]
pub struct AccountFigure {
    pub account_id: Uuid,
    pub published: u64,
}

/// Pins that wait now, whenever they were accepted.
#[derive(Serialize, JsonSchema)]
pub struct QueueFigures {
    pub queued: u64,
    pub deferred: u64,
    pub publishing: u64,
}

/// Schedules, as they stand now.
#[derive(Serialize, JsonSchema)]
pub struct ScheduleFigures {
    /// Those whose time is in the period.
    pub by_status: BTreeMap<&'static str, u64>,
    /// Those that are still to come, whenever; counted up to 1,000.
    pub upcoming: u64,
    /// Extension: there are more in the period than were looked at (1,000).
    pub counts_are_at_least: bool,
}

/// Imports that were submitted in the period, as they stand now.
#[derive(Serialize, JsonSchema)]
pub struct ImportFigures {
    pub by_status: BTreeMap<&'static str, u64>,
    /// Extension: there are more than were looked at (the newest 1,000).
    pub counts_are_at_least: bool,
}

impl From<&Totals> for PinFigures {
    fn from(totals: &Totals) -> Self {
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
            success_rate: totals.success_rate(),
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

/// The accounts with the most published pins first.
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
    let (period, account) = (period(&query, now)?, account(&query, &caller)?);
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
        pins: (&metrics.now).into(),
        previous_pins: (&metrics.previous).into(),
        series: metrics.series.iter().map(|step| SeriesStep::of(step, &period.zone)).collect(),
        published_by_account: by_account(metrics),
        queue: (&metrics.queue).into(),
        schedules: schedules.into(),
        import_jobs: imports.map(ImportFigures::from),
        as_of: now.into(),
        counts_are_at_least: summary.is_at_least,
        waiting_is_estimated: summary.is_waiting_estimated,
        rounded_to_quarter_hours: summary.is_rounded,
    }))
}

fn account(query: &query::Query, caller: &Caller) -> Result<Option<AccountId>, ApiError> {
    let account = query::optional_account_id(query)?;
    account.map_or(Ok(()), |account| caller.may_use(account)).map(|()| account)
}

fn period(query: &query::Query, now: Moment) -> Result<Period, ApiError> {
    let named = |name: &str| Zone::named(name).filter(|_| name.len() <= ZONE_NAME_MAX);
    let msg = "Input should be an IANA time zone, such as Europe/Berlin";
    let zone = query::parsed(query, "tz", named, msg, "timezone")?.unwrap_or_else(Zone::utc);
    let time = |name: &str| {
        let msg = "Input should be an ISO 8601 time, such as 2026-01-31 or 2026-01-31T18:00:00Z";
        query::parsed(query, name, |text| zone.parse(&query::unescaped_plus(text)), msg, "datetime_parsing")
    };
    let (start, end) = (time("start")?, time("end")?);
    Period::new(zone, start, end, now).map_err(|error| match error {
        PeriodError::Empty => query::invalid("start", error.to_string(), "value_error"),
        PeriodError::TooLong => query::invalid("end", error.to_string(), "value_error"),
    })
}
