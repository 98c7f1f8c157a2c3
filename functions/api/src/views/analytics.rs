//! How pins and accounts did.

use pinbridge_shared::domain::account::analytics::{DailyMetrics, Metrics, Question};
use pinbridge_shared::domain::ids::AccountId;
use pinbridge_shared::domain::pin::Pin;
use pinbridge_shared::flows::accounts::analytics::Told;
use serde_json::{Map, Value, json};

use super::time;

pub fn of_pin(pin: &Pin, pinterest_pin_id: Option<&str>, told: &Told, question: &Question, with_daily: bool) -> Value {
    let mut view = figures(pin.request.account, told, question, with_daily);
    view["pin_id"] = json!(pin.key.pin);
    view["pinterest_pin_id"] = json!(pinterest_pin_id);
    view["removed_from_pinterest_at"] = json!(time(told.removed_at));
    view
}

pub fn of_account(account: AccountId, told: &Told, question: &Question, with_daily: bool) -> Value {
    figures(account, told, question, with_daily)
}

fn figures(account: AccountId, told: &Told, question: &Question, with_daily: bool) -> Value {
    let (provider_mode, source) = if told.is_simulated { ("simulated", "simulated") } else { ("pinterest", "live") };
    let daily = told.metrics.daily.iter().filter(|_| with_daily);
    json!({
        "account_id": account,
        "start_date": question.days.start.to_string(),
        "end_date": question.days.end.to_string(),
        "provider_mode": provider_mode,
        "totals": metrics(&told.metrics.totals),
        "daily": daily.map(day).collect::<Vec<_>>(),
        "source": source,
        "data_as_of": told.as_of.rfc3339(),
        // Nothing is kept, so there is no history of ours.
        "history_start": null,
    })
}

fn day(figures: &DailyMetrics) -> Value {
    json!({
        "date": figures.day.to_string(),
        "data_status": figures.data_status,
        "metrics": metrics(&figures.metrics),
    })
}

fn metrics(metrics: &Metrics) -> Map<String, Value> {
    metrics.iter().map(|(name, value)| (name.clone(), number(*value))).collect()
}

/// Most metrics count something: `3`, not `3.0`.
fn number(value: f64) -> Value {
    if value.fract() == 0.0 && value.abs() < 9e15 { json!(value as i64) } else { json!(value) }
}
