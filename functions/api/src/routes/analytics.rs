//! The analytics of pins and accounts, read from Pinterest.

use std::borrow::Cow;
use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Path, Query, State};
use pinbridge_shared::context::Context;
use pinbridge_shared::domain::account::analytics::{
    ACCOUNT_METRICS, DAYS_BACK, DailyMetrics, Days, DaysError, Metrics, PIN_METRICS, PIN_METRICS_DEFAULT, Question,
};
use pinbridge_shared::domain::ids::AccountId;
use pinbridge_shared::domain::time::Moment;
use pinbridge_shared::flows::accounts::analytics::{self, AnalyticsError, Reported};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};
use serde_json::Number;
use uuid::Uuid;

use super::pins;
use crate::auth::Caller;
use crate::endpoint::{Endpoint, READ, get, tagged};
use crate::error::ApiError;
use crate::error::codes::{
    ACCOUNT_NOT_PERMITTED, ANALYTICS_NOT_STORED, BOARD_ACCESS_DENIED, BOARD_NOT_FOUND, BOARD_SECTION_NOT_FOUND,
    INVALID_DATE_RANGE, PIN_GONE, PIN_NOT_PUBLISHED, PINTEREST,
};
use crate::openapi::schema::{Time, inline_schema, names};
use crate::request::path_id;
use crate::request::query::{self, invalid};
use crate::routes::examples::{ACCOUNT, PIN};

/// The limit below which a whole number is written without a fraction.
const WHOLE_MAX: f64 = 9e15;

type Pairs = Vec<(String, String)>;

pub fn endpoints() -> Vec<Endpoint> {
    let asked = |operation: Endpoint| {
        operation
            .query::<Day>(
                "start_date",
                "The first day (UTC), at most 90 days ago. The default is 30 days before `end_date`.",
            )
            .query::<Day>("end_date", "The last day (UTC), inclusive. The default is today.")
            .query::<AnalyticsSource>(
                "source",
                "`auto` and `live` read the metrics from Pinterest. This system stores no metrics, so `stored` \
                 answers 422 `analytics_not_stored`.",
            )
            .query::<WithDaily>(
                "include_daily",
                "Whether the answer has the metrics of each day. The default is \
                 `true`.",
            )
            .fails(PINTEREST)
            .fails(&[
                INVALID_DATE_RANGE,
                ANALYTICS_NOT_STORED,
                BOARD_ACCESS_DENIED,
                BOARD_NOT_FOUND,
                BOARD_SECTION_NOT_FOUND,
            ])
    };
    tagged(
        "Analytics",
        vec![
            asked(
                get("/v1/pins/{id}/analytics", READ, of_pin)
                    .operation("get_pin_analytics", "Read the analytics of a published pin"),
            )
            .about(
                "If Pinterest no longer has the Pin, `removed_from_pinterest_at` is set and the metrics are empty. In \
                 a sandbox, every metric is 0. The request does not reduce the pace of publishing.",
            )
            .of_one("The pin's id.", PIN)
            .query::<PinMetrics>("metrics", "The metrics, separated by commas or as a repeated parameter.")
            .answers::<PinAnalytics>(200, "The current metrics of Pinterest.")
            .fails(&[PIN_GONE, PIN_NOT_PUBLISHED]),
            asked(
                get("/v1/pinterest/accounts/{id}/analytics", READ, of_account)
                    .operation("get_account_analytics", "Read the analytics of an account"),
            )
            .about(
                "The metrics cover all Pins of the Pinterest user, including those that this system did not \
                 publish. In a sandbox, every metric is 0. The request does not reduce the pace of publishing.",
            )
            .of_one("The account's id.", ACCOUNT)
            .fails(&[ACCOUNT_NOT_PERMITTED])
            .query::<AccountMetrics>(
                "metrics",
                "The metrics, separated by commas or as a repeated parameter. The \
                 default is all.",
            )
            .answers::<AccountAnalytics>(200, "The current metrics of Pinterest."),
        ],
    )
}

inline_schema!(
    /// A day.
    Day = json_schema!({"type": "string", "format": "date"})
);
inline_schema!(
    /// `true`, `false`, `1` or `0`.
    WithDaily = json_schema!({"type": "boolean", "default": true})
);
inline_schema!(
    /// The names of metrics in upper or lower case.
    PinMetrics = metric_names(&PIN_METRICS)
);
inline_schema!(
    /// The names of metrics in upper or lower case.
    AccountMetrics = metric_names(&ACCOUNT_METRICS)
);
names!(AnalyticsSource, "The requested source of the metrics.", ["auto", "live", "stored"]);
names!(FiguresSource, "The source of the metrics.", ["live", "simulated"]);
names!(ProviderMode, "`simulated` in a sandbox, `pinterest` otherwise.", ["pinterest", "simulated"]);

fn metric_names(names: &[&str]) -> Schema {
    let names: Vec<String> = names.iter().map(|name| name.to_lowercase()).collect();
    json_schema!({"type": "array", "items": {"type": "string", "enum": names}})
}

/// The metrics of one day.
#[derive(Serialize, JsonSchema)]
pub struct DailyFigures {
    #[schemars(with = "Day")]
    pub date: String,
    /// Pinterest's status of the metrics, such as `READY`.
    pub data_status: Option<String>,
    /// The values of the metrics by name. Names are in lower case.
    pub metrics: Figures,
}

/// The analytics of a pin.
#[derive(Serialize, JsonSchema)]
pub struct PinAnalytics {
    pub pin_id: Uuid,
    pub pinterest_pin_id: Option<String>,
    #[serde(flatten)]
    pub figures: AccountAnalytics,
    /// The time when the Pin was found missing on Pinterest.
    pub removed_from_pinterest_at: Option<Time>,
}

/// The analytics of an account or of one of its pins.
#[derive(Serialize, JsonSchema)]
pub struct AccountAnalytics {
    pub account_id: Uuid,
    #[schemars(with = "Day")]
    pub start_date: String,
    #[schemars(with = "Day")]
    pub end_date: String,
    pub provider_mode: ProviderMode,
    /// The sums over all days by metric. The comments and reactions of a pin cover its whole lifetime.
    pub totals: Figures,
    pub daily: Vec<DailyFigures>,
    pub source: FiguresSource,
    pub data_as_of: Time,
    /// Always `null`: this system stores no metrics.
    #[schemars(with = "Option<Day>")]
    pub history_start: Option<String>,
}

/// The values of metrics by name. A whole number is written as `3`, not as `3.0`.
pub struct Figures(Metrics);

impl Serialize for Figures {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, number(*value))))
    }
}

fn number(value: f64) -> Option<Number> {
    let is_whole = value.fract() == 0.0 && value.abs() < WHOLE_MAX;
    let whole = is_whole.then(|| Number::from(value as i64));
    whole.or_else(|| Number::from_f64(value))
}

impl JsonSchema for Figures {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Figures".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        BTreeMap::<String, f64>::json_schema(generator)
    }
}

impl From<DailyMetrics> for DailyFigures {
    fn from(daily: DailyMetrics) -> Self {
        Self { date: daily.day.to_string(), data_status: daily.data_status, metrics: Figures(daily.metrics) }
    }
}

impl AccountAnalytics {
    fn of(account: AccountId, reported: Reported, asked: &Asked) -> Self {
        let (mode, source) = if reported.is_simulated { ("simulated", "simulated") } else { ("pinterest", "live") };
        let daily = reported.metrics.daily.into_iter().filter(|_| asked.with_daily);
        Self {
            account_id: account.0,
            start_date: asked.question.days.start.to_string(),
            end_date: asked.question.days.end.to_string(),
            provider_mode: ProviderMode(mode),
            totals: Figures(reported.metrics.totals),
            daily: daily.map(DailyFigures::from).collect(),
            source: FiguresSource(source),
            data_as_of: reported.as_of.into(),
            history_start: None,
        }
    }
}

impl From<AnalyticsError> for ApiError {
    fn from(error: AnalyticsError) -> Self {
        match error {
            AnalyticsError::NotPublished(status) => PIN_NOT_PUBLISHED.with("status", status.name()),
            AnalyticsError::Call(error) => error.into(),
        }
    }
}

async fn of_pin(
    State(context): State<Context>,
    caller: Caller,
    Path(id): Path<String>,
    Query(pairs): Query<Pairs>,
) -> Result<Json<PinAnalytics>, ApiError> {
    let asked = Asked::read(pairs, &PIN_METRICS, &PIN_METRICS[..PIN_METRICS_DEFAULT], context.system.now())?;
    let pin = pins::find(&context, &caller, &id).await?;
    let reported = analytics::of_pin(&context, &pin.pin, &pin.attempt, &asked.question).await?;
    let (removed_at, pinterest_pin_id) = (reported.removed_at, pin.attempt.pinterest_pin_id);
    Ok(Json(PinAnalytics {
        pin_id: pin.pin.key.pin.0,
        pinterest_pin_id,
        figures: AccountAnalytics::of(pin.pin.request.account, reported, &asked),
        removed_from_pinterest_at: removed_at.map(Time),
    }))
}

async fn of_account(
    State(context): State<Context>,
    caller: Caller,
    Path(id): Path<String>,
    Query(pairs): Query<Pairs>,
) -> Result<Json<AccountAnalytics>, ApiError> {
    let asked = Asked::read(pairs, &ACCOUNT_METRICS, &ACCOUNT_METRICS, context.system.now())?;
    let account = caller.account(path_id(&id, "id")?)?;
    let reported = analytics::of_account(&context, account, &asked.question).await?;
    Ok(Json(AccountAnalytics::of(account.account, reported, &asked)))
}

struct Asked {
    question: Question,
    with_daily: bool,
}

impl Asked {
    fn read(pairs: Pairs, known: &[&str], default: &[&str], now: Moment) -> Result<Self, ApiError> {
        let metrics = metrics(&pairs, known, default)?;
        let query: query::Query = pairs.into_iter().collect();
        match query.get("source").map(String::as_str) {
            None | Some("auto" | "live") => {}
            Some("stored") => return Err(ANALYTICS_NOT_STORED.into()),
            Some(_) => return Err(invalid("source", "Input should be 'auto', 'stored' or 'live'", "enum")),
        }
        let days =
            Days::new(day(&query, "start_date")?, day(&query, "end_date")?, now).map_err(|error| match error {
                DaysError::Future => out_of_range("end_date", "Should not be after today (UTC)"),
                DaysError::Backwards => out_of_range("start_date", "Should not be after end_date"),
                DaysError::TooFarBack => {
                    let msg = format!("Should not be more than {DAYS_BACK} days ago, which is Pinterest's limit");
                    out_of_range("start_date", &msg)
                }
            })?;
        let with_daily = query::optional_flag(&query, "include_daily")?.unwrap_or(true);
        Ok(Self { question: Question { days, metrics }, with_daily })
    }
}

fn out_of_range(name: &str, msg: &str) -> ApiError {
    invalid(name, msg, "value_error").coded(INVALID_DATE_RANGE)
}

/// Reads the parameter, which may be repeated, have commas, or both. Names may be in upper or lower case.
fn metrics(pairs: &[(String, String)], known: &[&str], default: &[&str]) -> Result<Vec<String>, ApiError> {
    let mut metrics: Vec<String> = Vec::new();
    for name in pairs.iter().filter(|(name, _)| name == "metrics").flat_map(|(_, value)| value.split(',')) {
        let name = name.trim().to_uppercase();
        if !name.is_empty() && !known.contains(&name.as_str()) {
            let names = known.iter().map(|name| format!("'{}'", name.to_lowercase())).collect::<Vec<_>>().join(", ");
            return Err(invalid("metrics", format!("Each should be one of {names}"), "enum"));
        }
        if !name.is_empty() && !metrics.contains(&name) {
            metrics.push(name);
        }
    }
    Ok(if metrics.is_empty() { default.iter().map(|name| (*name).to_owned()).collect() } else { metrics })
}

fn day(query: &query::Query, name: &str) -> Result<Option<jiff::civil::Date>, ApiError> {
    let parse = |text: &str| text.parse().ok().filter(|_| text.len() == "2026-01-31".len());
    query::parsed(query, name, parse, "Input should be a day, such as 2026-01-31", "date_parsing")
}
