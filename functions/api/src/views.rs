//! The JSON of responses. Fields of the public contract first, ours after them; statuses only from the contract's set.

pub mod activity;
pub mod analytics;
pub mod connections;
pub mod dashboard;
pub mod export;
pub mod imports;
pub mod people;
pub mod pins;
pub mod schedules;

use pinbridge_shared::config::Settings;
use pinbridge_shared::domain::pin::timeline;
use pinbridge_shared::domain::time::{DAY_MS, Moment, SECOND_MS};
use pinbridge_shared::flows::pacing::rate_meter::RateMeter;
use pinbridge_shared::flows::pins::read_pins::PinView;
use serde_json::{Value, json};

use crate::routes::pins::pin::Pin;
use crate::routes::pins::timeline::TimelineEvent;

fn time(moment: Option<Moment>) -> Option<String> {
    moment.map(Moment::rfc3339)
}

// What the other views use of pins, until they have moved.
pub use crate::routes::pins::pin::blocker;

pub fn pin(view: &PinView) -> Value {
    json!(Pin::from(view))
}

fn event(event: &timeline::TimelineEvent) -> Value {
    json!(TimelineEvent::from(event.clone()))
}

/// `account` and `global` are the contract's. `global` is what all accounts share: the daily budget; without one nothing is
/// shared, and nothing but the account's own bucket limits it.
pub fn rate_meter(meter: &RateMeter) -> Value {
    let (capacity, refill_rate) = (meter.pace.capacity(), meter.pace.rate_per_s());
    let global = match &meter.budget {
        Some(budget) => json!({
            "tokens_available": budget.allowance,
            "capacity": budget.requests,
            "refill_rate": f64::from(budget.requests) / (DAY_MS / SECOND_MS) as f64,
        }),
        None => {
            json!({"tokens_available": meter.tokens_available, "capacity": capacity, "refill_rate": refill_rate})
        }
    };
    json!({
        "account": {
            "account_id": meter.account.account,
            "tokens_available": meter.tokens_available,
            "capacity": capacity,
            "refill_rate": refill_rate,
            // Ours.
            "configured_capacity": meter.configured.capacity(),
            "configured_refill_rate": meter.configured.rate_per_s(),
            "slowed_until": time(meter.slowed_until),
            "paused_until": time(meter.paused.map(|(until, _)| until)),
            "pause_reason": meter.paused.map(|(_, reason)| reason.code()),
            "on_hold": meter.is_on_hold,
            "waiting": meter.waiting,
            "waiting_is_at_least": meter.waiting_is_at_least,
        },
        "global": global,
        // Ours.
        "daily_budget": meter.budget.map(|budget| json!({
            "requests": budget.requests,
            "spent": budget.spent,
            "allowance": budget.allowance,
            "resets_at": budget.resets_at.rfc3339(),
        })),
    })
}

pub fn health(settings: &Settings) -> Value {
    json!({"status": "ok", "version": pinbridge_shared::config::VERSION, "environment": settings.environment})
}
