//! What is said of pins beside themselves: where they come from, their like, their checks, what many of them came to.

use pinbridge_shared::domain::pin::origin::{Actor, Origin};
use pinbridge_shared::flows::accept::duplicate_content::Duplicate;
use pinbridge_shared::flows::accept::validate_pin::{self, Check, Validation};
use pinbridge_shared::flows::pacing::headroom::Headroom;
use serde_json::{Value, json};

use super::time;

/// Who asked for the pin, and through what.
pub fn origin(origin: &Origin) -> Value {
    let (by, id) = match origin.by {
        Some(Actor::Key(id)) => (Some("api_key"), Some(id.0)),
        Some(Actor::User(id)) => (Some("user"), Some(id.0)),
        None => (None, None),
    };
    json!({
        "actor_type": by,
        "actor_id": id,
        "schedule_id": origin.schedule.map(|(id, _)| id),
        "schedule_run": origin.schedule.map(|(_, run)| run),
        "import_id": origin.import.map(|(id, _)| id),
        "import_row": origin.import.map(|(_, row)| row),
    })
}

/// A warning.
pub fn duplicate(duplicate: &Duplicate) -> Value {
    let Check { code, message, remedy, details, .. } = validate_pin::about_duplicate(duplicate);
    json!({"code": code, "message": message, "remediation": remedy, "details": details})
}

pub fn check(check: &Check) -> Value {
    json!({
        "name": check.name,
        "status": check.outcome.name(),
        "code": check.code,
        "message": check.message,
        "remediation": check.remedy,
        "details": (!check.details.is_empty()).then_some(&check.details),
    })
}

/// `resolved` is what the request comes to.
pub fn validation(validation: &Validation, resolved: Value) -> Value {
    json!({
        "valid": validation.is_valid(),
        "dry_run": true,
        "checks": validation.checks.iter().map(check).collect::<Vec<_>>(),
        "resolved": resolved,
        "existing_pin_id": validation.existing,
        "headroom": validation.headroom.as_ref().map(headroom),
    })
}

/// `quota_remaining` is the contract's: what the day's budget allows this workspace; `null` where there is no budget.
pub fn headroom(headroom: &Headroom) -> Value {
    let meter = &headroom.meter;
    json!({
        "quota_remaining": meter.budget.map(|budget| budget.allowance),
        "account_id": meter.account.account,
        "tokens_available": meter.tokens_available,
        "capacity": meter.pace.capacity(),
        "refill_rate": meter.pace.rate_per_s(),
        "waiting": meter.waiting,
        "waiting_is_at_least": meter.waiting_is_at_least,
        "next_start_at": time(headroom.starts_at),
    })
}
