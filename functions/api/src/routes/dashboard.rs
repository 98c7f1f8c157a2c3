//! The dashboard's figures of a period.

use axum::Json;
use axum::extract::{Query, State};
use pinbridge_shared::context::Context;
use pinbridge_shared::domain::ids::AccountId;
use pinbridge_shared::domain::stats::metrics::Scope;
use pinbridge_shared::domain::stats::period::{Period, PeriodError, Zone};
use pinbridge_shared::domain::time::Moment;
use pinbridge_shared::flows::stats::{dashboard, dashboard_counts};
use serde_json::Value;

use crate::auth::Caller;
use crate::error::ApiError;
use crate::{page, views};

const ZONE_NAME_MAX: usize = 64;

pub async fn summary(
    State(context): State<Context>,
    caller: Caller,
    Query(query): Query<page::Query>,
) -> Result<Json<Value>, ApiError> {
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
    Ok(Json(views::dashboard::summary(&summary, &schedules, imports.as_ref(), &period, account, now)))
}

fn account(query: &page::Query, caller: &Caller) -> Result<Option<AccountId>, ApiError> {
    if !query.contains_key("account_id") {
        return Ok(None);
    }
    let account = page::account_id(query)?;
    caller.may_use(account).map(|()| Some(account))
}

fn period(query: &page::Query, now: Moment) -> Result<Period, ApiError> {
    let zone = match query.get("tz") {
        None => Zone::utc(),
        Some(name) => Zone::named(name).filter(|_| name.len() <= ZONE_NAME_MAX).ok_or_else(|| {
            page::invalid("tz", "Input should be an IANA time zone, such as Europe/Berlin", "timezone")
        })?,
    };
    let time = |name: &str| match query.get(name) {
        None => Ok(None),
        Some(text) => zone.parse(&page::unescaped_plus(text)).map(Some).ok_or_else(|| {
            let msg = "Input should be an ISO 8601 time, such as 2026-01-31 or 2026-01-31T18:00:00Z";
            page::invalid(name, msg, "datetime_parsing")
        }),
    };
    let (start, end) = (time("start")?, time("end")?);
    Period::new(zone, start, end, now).map_err(|error| match error {
        PeriodError::Empty => page::invalid("start", error.to_string(), "value_error"),
        PeriodError::TooLong => page::invalid("end", error.to_string(), "value_error"),
    })
}
