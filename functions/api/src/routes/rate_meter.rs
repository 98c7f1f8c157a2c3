//! The pace of an account.

use axum::Json;
use axum::extract::{Query, State};
use pinbridge_shared::context::Context;
use pinbridge_shared::domain::pin::WaitReason;
use pinbridge_shared::domain::time::{DAY_MS, SECOND_MS};
use pinbridge_shared::flows::pacing::rate_meter::{self, BudgetMeter, MeterError};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Number;
use uuid::Uuid;

use crate::auth::Caller;
use crate::endpoint::{Endpoint, READ, get, tagged};
use crate::error::ApiError;
use crate::error::codes::{ACCOUNT_NOT_PERMITTED, NOT_FOUND, VALIDATION_ERROR};
use crate::openapi::schema::{Time, names};
use crate::request::query;
use crate::routes::examples::ACCOUNT;

pub fn endpoints() -> Vec<Endpoint> {
    tagged(
        "Pace and export",
        vec![
            get("/v1/rate-meter", READ, read)
                .operation("get_rate_meter", "Read the pace of an account")
                .about(
                    "Reads the token bucket of an account: the current and the configured pace, a pause or hold, the \
                     number of waiting pins (up to 1,000), and the daily budget.",
                )
                .required_query::<Uuid>("account_id", "The id of the account.", ACCOUNT)
                .answers::<RateMeter>(200, "The token bucket of the account, and the limit that all accounts share.")
                .fails(&[NOT_FOUND, VALIDATION_ERROR, ACCOUNT_NOT_PERMITTED]),
        ],
    )
}

names!(PauseReason, "Why the account is paused or on hold.", WaitReason::ALL.map(WaitReason::code));

/// The pace of an account.
#[derive(Serialize, JsonSchema)]
pub struct RateMeter {
    pub account: AccountMeter,
    /// The limit that all accounts share: the daily budget. Without a budget, the token bucket of the account.
    pub global: Meter,
    /// Extension: the daily budget of requests. `null` if none is configured.
    pub daily_budget: Option<DailyBudget>,
}

/// A token bucket.
#[derive(Serialize, JsonSchema)]
pub struct Meter {
    /// The number of pins that may start now. Below 1, the next pin waits.
    #[schemars(with = "f64")]
    pub tokens_available: Number,
    /// The number of pins that may start at once.
    #[schemars(with = "f64")]
    pub capacity: u32,
    /// The number of pins per second.
    pub refill_rate: f64,
}

/// An account's token bucket.
#[derive(Serialize, JsonSchema)]
pub struct AccountMeter {
    pub account_id: Uuid,
    /// The number of pins that may start now. Below 1, the next pin waits.
    pub tokens_available: f64,
    /// The number of pins that may start at once, at the current pace.
    #[schemars(with = "f64")]
    pub capacity: u32,
    /// The number of pins per second, at the current pace.
    pub refill_rate: f64,
    /// Extension: the number of pins that may start at once, at the configured pace.
    #[schemars(with = "f64")]
    pub configured_capacity: u32,
    /// Extension: the number of pins per second, at the configured pace.
    pub configured_refill_rate: f64,
    /// Extension: the time until which the pace is lower than configured.
    pub slowed_until: Option<Time>,
    /// Extension: the time until which no pin starts. If `on_hold` is `true`, it is the time of the next try: from then
    /// on a single pin may try the connection. `null` if that time has passed.
    pub paused_until: Option<Time>,
    /// Extension: the reason why no pin starts.
    pub pause_reason: Option<PauseReason>,
    /// Extension: whether no pin starts until the connection works again: a person reconnects it, or a token refresh
    /// ends.
    pub on_hold: bool,
    /// Extension: the number of pins that have not begun: those in the backlog, and those that have a slot in the queue
    /// or wait there for a retry.
    pub waiting: u64,
    /// Extension: whether `waiting` is a lower bound.
    pub waiting_is_at_least: bool,
}

/// The requests of the app to Pinterest on the current UTC day.
#[derive(Serialize, JsonSchema)]
pub struct DailyBudget {
    pub requests: u32,
    pub spent: u32,
    /// The number of requests that this workspace may still make today.
    pub allowance: u32,
    pub resets_at: Time,
}

impl From<rate_meter::RateMeter> for RateMeter {
    fn from(meter: rate_meter::RateMeter) -> Self {
        Self {
            global: meter.budget.as_ref().map_or_else(|| Meter::of_account(&meter), Meter::of_budget),
            daily_budget: meter.budget.map(DailyBudget::from),
            account: AccountMeter::from(meter),
        }
    }
}

impl Meter {
    fn of_budget(budget: &BudgetMeter) -> Self {
        Self {
            tokens_available: budget.allowance.into(),
            capacity: budget.requests,
            refill_rate: f64::from(budget.requests) / (DAY_MS / SECOND_MS) as f64,
        }
    }

    fn of_account(meter: &rate_meter::RateMeter) -> Self {
        Self {
            tokens_available: Number::from_f64(meter.tokens_available).unwrap_or_else(|| 0.into()),
            capacity: meter.pace.capacity(),
            refill_rate: meter.pace.rate_per_s(),
        }
    }
}

impl From<rate_meter::RateMeter> for AccountMeter {
    fn from(meter: rate_meter::RateMeter) -> Self {
        Self {
            account_id: meter.account.account.0,
            tokens_available: meter.tokens_available,
            capacity: meter.pace.capacity(),
            refill_rate: meter.pace.rate_per_s(),
            configured_capacity: meter.configured.capacity(),
            configured_refill_rate: meter.configured.rate_per_s(),
            slowed_until: meter.slowed_until.map(Time),
            paused_until: meter.paused.map(|(until, _)| Time(until)),
            pause_reason: meter.paused.map(|(_, reason)| PauseReason(reason.code())),
            on_hold: meter.is_on_hold,
            waiting: meter.waiting as u64,
            waiting_is_at_least: meter.waiting_is_at_least,
        }
    }
}

impl From<BudgetMeter> for DailyBudget {
    fn from(budget: BudgetMeter) -> Self {
        Self {
            requests: budget.requests,
            spent: budget.spent,
            allowance: budget.allowance,
            resets_at: Time(budget.resets_at),
        }
    }
}

async fn read(
    State(context): State<Context>,
    caller: Caller,
    Query(query): Query<query::Query>,
) -> Result<Json<RateMeter>, ApiError> {
    let account = caller.account(query::account_id(&query)?)?;
    Ok(Json(rate_meter::read(&context, account).await?.into()))
}

impl From<MeterError> for ApiError {
    fn from(error: MeterError) -> Self {
        match error {
            MeterError::AccountNotFound => Self::not_found("account"),
            MeterError::Port(error) => error.into(),
        }
    }
}
