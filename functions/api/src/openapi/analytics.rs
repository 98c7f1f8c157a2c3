//! How pins and accounts did.

use std::collections::BTreeMap;

use pinbridge_shared::domain::account::analytics::{ACCOUNT_METRICS, PIN_METRICS};
use schemars::{JsonSchema, json_schema};
use uuid::Uuid;

use super::pins::{ACCOUNT, PIN};
use super::schema::{Time, inline_schema, names};
use crate::endpoint::{Endpoint, get, tagged};
use crate::error::codes::{
    self, ACCOUNT_NOT_PERMITTED, ANALYTICS_NOT_STORED, BOARD_ACCESS_DENIED, BOARD_NOT_FOUND, BOARD_SECTION_NOT_FOUND,
    PIN_NOT_PUBLISHED,
};
use crate::routes::*;

pub fn endpoints() -> Vec<Endpoint> {
    let asked = |operation: Endpoint| {
        operation
            .query::<Day>(
                "start_date",
                "The first day (UTC), at most 90 days ago; 30 days before the last unless said.",
            )
            .query::<Day>("end_date", "The last day (UTC), included; today unless said.")
            .query::<AnalyticsSource>(
                "source",
                "`auto` and `live` ask Pinterest. Nothing is kept, so `stored` is refused.",
            )
            .query::<WithDaily>("include_daily", "Whether the days are told too.")
            .fails(codes::PINTEREST)
            .fails(&[ACCOUNT_NOT_PERMITTED, ANALYTICS_NOT_STORED, BOARD_ACCESS_DENIED])
            .fails(&[BOARD_NOT_FOUND, BOARD_SECTION_NOT_FOUND])
    };
    tagged(
        "Analytics",
        vec![
            asked(
                get("/v1/pins/{id}/analytics", READ, analytics::of_pin)
                    .operation("get_pin_analytics", "Read how a published pin did"),
            )
            .about(
                "A Pin that Pinterest doesn't know any more is noted as `removed_from_pinterest_at`; its figures are \
                     empty. A sandbox's figures are zeros.",
            )
            .path::<Uuid>("id", "The pin's id.", PIN)
            .query::<PinMetrics>("metrics", "Separated by commas, or repeated.")
            .answers::<PinAnalytics>(200, "The figures, as Pinterest tells them now.")
            .fails(&[PIN_NOT_PUBLISHED]),
            asked(
                get("/v1/pinterest/accounts/{id}/analytics", READ, analytics::of_account)
                    .operation("get_account_analytics", "Read how an account did"),
            )
            .about("Of everything of the Pinterest user. A sandbox's figures are zeros.")
            .path::<Uuid>("id", "The account's id.", ACCOUNT)
            .query::<AccountMetrics>("metrics", "Separated by commas, or repeated; all unless some are named.")
            .answers::<AccountAnalytics>(200, "The figures, as Pinterest tells them now."),
        ],
    )
}

inline_schema!(
    /// A day.
    Day = json_schema!({"type": "string", "format": "date"})
);
inline_schema!(
    /// `true` or `false`; `1` and `0` are understood too.
    WithDaily = json_schema!({"type": "boolean", "default": true})
);
inline_schema!(
    /// Names in any case.
    PinMetrics = metrics(&PIN_METRICS)
);
inline_schema!(
    /// Names in any case.
    AccountMetrics = metrics(&ACCOUNT_METRICS)
);
names!(AnalyticsSource, "Where the figures are to be from.", ["auto", "live", "stored"]);
names!(FiguresSource, "Where the figures are from.", ["live", "simulated"]);
names!(ProviderMode, "Who publishes: Pinterest, or a sandbox's stand-in.", ["pinterest", "simulated"]);

fn metrics(names: &[&str]) -> schemars::Schema {
    let names: Vec<String> = names.iter().map(|name| name.to_lowercase()).collect();
    json_schema!({"type": "array", "items": {"type": "string", "enum": names}})
}

/// What happened on one day.
#[derive(JsonSchema)]
pub struct DailyFigures {
    pub date: Day,
    /// Pinterest's word for how good the figures are.
    pub data_status: Option<String>,
    /// By metric, in lower case.
    pub metrics: BTreeMap<String, f64>,
}

/// How a pin did.
#[derive(JsonSchema)]
pub struct PinAnalytics {
    pub pin_id: Uuid,
    pub pinterest_pin_id: Option<String>,
    pub account_id: Uuid,
    pub start_date: Day,
    pub end_date: Day,
    pub provider_mode: ProviderMode,
    /// By metric, in lower case, over all days; comments and reactions over the Pin's whole life.
    pub totals: BTreeMap<String, f64>,
    pub daily: Vec<DailyFigures>,
    pub source: FiguresSource,
    pub data_as_of: Time,
    /// Nothing is kept, so there is none.
    pub history_start: Option<Day>,
    /// When the Pin was found to be gone from Pinterest.
    pub removed_from_pinterest_at: Option<Time>,
}

/// How an account did.
#[derive(JsonSchema)]
pub struct AccountAnalytics {
    pub account_id: Uuid,
    pub start_date: Day,
    pub end_date: Day,
    pub provider_mode: ProviderMode,
    /// By metric, in lower case, over all days.
    pub totals: BTreeMap<String, f64>,
    pub daily: Vec<DailyFigures>,
    pub source: FiguresSource,
    pub data_as_of: Time,
    /// Nothing is kept, so there is none.
    pub history_start: Option<Day>,
}
