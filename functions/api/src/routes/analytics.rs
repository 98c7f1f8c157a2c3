//! How pins and accounts did: through to Pinterest.

use axum::Json;
use axum::extract::{Path, Query, State};
use pinbridge_shared::context::Context;
use pinbridge_shared::domain::account::analytics::{
    ACCOUNT_METRICS, DAYS_BACK, Days, DaysError, PIN_METRICS, PIN_METRICS_DEFAULT, Question,
};
use pinbridge_shared::domain::time::Moment;
use pinbridge_shared::flows::accounts::analytics;
use serde_json::Value;

use super::pins;
use crate::auth::Caller;
use crate::error::{ApiError, FieldError, codes};
use crate::page::{self, invalid};
use crate::views::analytics as views;

type Pairs = Vec<(String, String)>;

pub async fn of_pin(
    State(context): State<Context>,
    caller: Caller,
    Path(id): Path<String>,
    Query(pairs): Query<Pairs>,
) -> Result<Json<Value>, ApiError> {
    let asked = Asked::read(pairs, &PIN_METRICS, &PIN_METRICS[..PIN_METRICS_DEFAULT], context.system.now())?;
    let pin = pins::find(&context, &caller, &id).await?;
    let told = analytics::of_pin(&context, &pin.pin, &pin.attempt, &asked.question).await?;
    let pinterest_pin_id = pin.attempt.pinterest_pin_id.as_deref();
    Ok(Json(views::of_pin(&pin.pin, pinterest_pin_id, &told, &asked.question, asked.with_daily)))
}

pub async fn of_account(
    State(context): State<Context>,
    caller: Caller,
    Path(id): Path<String>,
    Query(pairs): Query<Pairs>,
) -> Result<Json<Value>, ApiError> {
    let asked = Asked::read(pairs, &ACCOUNT_METRICS, &ACCOUNT_METRICS, context.system.now())?;
    let account = id.parse().map_err(|_| {
        let (loc, msg) = (vec!["path".into(), "account_id".into()], "Input should be a valid UUID".into());
        ApiError::validation(vec![FieldError { loc, msg, kind: "uuid_parsing" }])
    })?;
    let account = caller.account(account)?;
    let told = analytics::of_account(&context, account, &asked.question).await?;
    Ok(Json(views::of_account(account.account, &told, &asked.question, asked.with_daily)))
}

struct Asked {
    question: Question,
    with_daily: bool,
}

impl Asked {
    fn read(pairs: Pairs, known: &[&str], default: &[&str], now: Moment) -> Result<Self, ApiError> {
        let metrics = metrics(&pairs, known, default)?;
        let query: page::Query = pairs.into_iter().collect();
        match query.get("source").map(String::as_str) {
            None | Some("auto" | "live") => {}
            Some("stored") => return Err(codes::ANALYTICS_NOT_STORED.into()),
            Some(_) => return Err(invalid("source", "Input should be 'auto', 'stored' or 'live'", "enum")),
        }
        let days =
            Days::new(day(&query, "start_date")?, day(&query, "end_date")?, now).map_err(|error| match error {
                DaysError::Future => invalid("end_date", "Should not be after today (UTC)", "value_error"),
                DaysError::Backwards => invalid("start_date", "Should not be after end_date", "value_error"),
                DaysError::TooFarBack => {
                    let msg = format!("Should not be more than {DAYS_BACK} days ago: Pinterest tells no more");
                    invalid("start_date", msg, "value_error")
                }
            })?;
        let with_daily = !query.contains_key("include_daily") || page::flag(&query, "include_daily")?;
        Ok(Self { question: Question { days, metrics }, with_daily })
    }
}

/// The parameter may be repeated, have commas in it, or both; names in any case.
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

fn day(query: &page::Query, name: &str) -> Result<Option<jiff::civil::Date>, ApiError> {
    let Some(text) = query.get(name) else {
        return Ok(None);
    };
    let is_plain = text.len() == "2026-01-31".len();
    let day = text.parse().ok().filter(|_| is_plain);
    day.map(Some).ok_or_else(|| invalid(name, "Input should be a day, such as 2026-01-31", "date_parsing"))
}
