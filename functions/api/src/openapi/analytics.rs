//! How pins and accounts did.

use std::collections::BTreeMap;

use pinbridge_shared::domain::account::analytics::{ACCOUNT_METRICS, PIN_METRICS};
use schemars::{JsonSchema, json_schema};
use serde_json::{Value, json};
use uuid::Uuid;

use super::operation::{Example, Operation, get, tagged};
use super::pins::{ACCOUNT, PIN};
use super::refusals::PINTEREST;
use super::types::{Time, inline_schema, names};

pub fn operations() -> Vec<Operation> {
    let asked = |operation: Operation| {
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
            .refuses(PINTEREST)
            .refuses(&["account_not_permitted", "analytics_not_stored", "board_access_denied"])
            .refuses(&["board_not_found", "board_section_not_found"])
    };
    tagged(
        "Analytics",
        vec![
            asked(get("/v1/pins/{id}/analytics", "get_pin_analytics", "Read how a published pin did"))
                .about(
                    "A Pin that Pinterest doesn't know any more is noted as `removed_from_pinterest_at`; its figures are \
                     empty. A sandbox's figures are zeros.",
                )
                .path::<Uuid>("id", "The pin's id.", PIN)
                .query::<PinMetrics>("metrics", "Separated by commas, or repeated.")
                .answers::<PinAnalytics>(200, "The figures, as Pinterest tells them now.")
                .refuses(&["conflict"]),
            asked(get("/v1/pinterest/accounts/{id}/analytics", "get_account_analytics", "Read how an account did"))
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

fn figures() -> Value {
    json!({
        "account_id": ACCOUNT,
        "start_date": "2026-11-22",
        "end_date": "2026-11-23",
        "provider_mode": "pinterest",
        "totals": {"impression": 420, "save": 7, "save_rate": 0.0167},
        "daily": [
            {"date": "2026-11-22", "data_status": "READY", "metrics": {"impression": 300, "save": 5, "save_rate": 0.0167}},
            {"date": "2026-11-23", "data_status": "ESTIMATE", "metrics": {"impression": 120, "save": 2, "save_rate": 0.0167}},
        ],
        "source": "live",
        "data_as_of": "2026-11-23T12:00:00.000Z",
        "history_start": null,
    })
}

impl Example for PinAnalytics {
    fn example() -> Value {
        let mut example = figures();
        example["pin_id"] = json!(PIN);
        example["pinterest_pin_id"] = json!("813744226420795884");
        example["removed_from_pinterest_at"] = Value::Null;
        example
    }
}

impl Example for AccountAnalytics {
    fn example() -> Value {
        figures()
    }
}
