//! The JSON of responses. Fields of the public contract first, ours after them; statuses only from the contract's set.

pub mod export;
pub mod imports;
pub mod pins;
pub mod schedules;

use pinbridge_shared::domain::pin::attempt::{Attempt, Status};
use pinbridge_shared::domain::pin::blocker::Blocker;
use pinbridge_shared::domain::pin::failure::Failure;
use pinbridge_shared::domain::pin::timeline::{self, TimelineEvent};
use pinbridge_shared::domain::time::{DAY_MS, Moment, SECOND_MS};
use pinbridge_shared::flows::pacing::rate_meter::RateMeter;
use pinbridge_shared::flows::pins::read_pins::PinView;
use serde_json::{Value, json};

fn time(moment: Option<Moment>) -> Option<String> {
    moment.map(Moment::rfc3339)
}

/// The code and message of what keeps a pin from being published, if something does.
fn blocker(attempt: &Attempt) -> (Option<&'static str>, Option<String>) {
    let message = |blocker| match blocker {
        Blocker::Failure(failure) => with_detail(failure, attempt.detail.as_deref()),
        Blocker::Wait(wait) => wait.message().to_owned(),
    };
    let blocker = Blocker::of(attempt);
    (blocker.map(Blocker::code), blocker.map(message))
}

fn with_detail(failure: Failure, detail: Option<&str>) -> String {
    match detail.filter(|detail| !detail.is_empty()) {
        Some(detail) => format!("{} Pinterest said: {detail}", failure.message()),
        None => failure.message().to_owned(),
    }
}

pub fn pin(view: &PinView) -> Value {
    let PinView { pin, attempt, next } = view;
    let request = &pin.request;
    let (error_code, error_message) = blocker(attempt);
    json!({
        "id": pin.key.pin,
        "workspace_id": pin.key.workspace,
        "pinterest_account_id": request.account,
        "status": attempt.status.name(),
        "media_type": "image",
        "title": request.title,
        "description": request.description,
        "related_terms": request.related_terms,
        "alt_text": request.alt_text,
        "dominant_color": request.dominant_color,
        "cover_image_url": request.cover_image_url,
        "link_url": request.link_url,
        "media_url": request.image_url,
        "image_url": request.image_url,
        "asset_id": null,
        "board_id": request.board_id,
        "pinterest_pin_id": attempt.pinterest_pin_id,
        "error_code": error_code,
        "error_message": error_message,
        "idempotency_key": request.idempotency_key,
        "created_at": pin.created_at.rfc3339(),
        "updated_at": attempt.updated_at.rfc3339(),
        "published_at": time(attempt.finished_at.filter(|_| attempt.status == Status::Published)),
        "failed_at": time(attempt.finished_at.filter(|_| attempt.status == Status::Failed)),
        "removed_from_pinterest_at": time(attempt.removed_at),
        // Ours.
        "priority": request.priority.name(),
        "attempts": attempt.attempt,
        "next_action": next.action,
        "next_at": time(next.at),
        "next_reason": next.reason,
        "origin": pins::origin(&pin.origin),
        "edits": pin.edit,
        "error_remediation": attempt.failure.filter(|_| error_code.is_some()).map(Failure::remedy),
        "orphan_pin_id": attempt.orphan_pin_id,
        "duplicate_pin_id": attempt.duplicate_pin_id,
    })
}

pub fn job(view: &PinView) -> Value {
    let PinView { pin, attempt, next } = view;
    let (error_code, error_message) = blocker(attempt);
    json!({
        "job_id": pin.key.pin,
        "pin_id": pin.key.pin,
        "status": attempt.status.name(),
        "submitted_at": pin.created_at.rfc3339(),
        "completed_at": time(attempt.finished_at),
        "pinterest_pin_id": attempt.pinterest_pin_id,
        "error_code": error_code,
        "error_message": error_message,
        // Ours.
        "attempts": attempt.attempt,
        "next_at": time(next.at),
    })
}

pub fn timeline(view: &PinView) -> Value {
    let PinView { pin, attempt, next } = view;
    let (error_code, error_message) = blocker(attempt);
    json!({
        "pin_id": pin.key.pin,
        "job_id": pin.key.pin,
        "account_id": pin.request.account,
        "status": attempt.status.name(),
        "attempts": attempt.attempt,
        "attempts_spent": attempt.attempts_spent(),
        "pinterest_pin_id": attempt.pinterest_pin_id,
        "error_code": error_code,
        "error_message": error_message,
        // Ours.
        "duplicate_pin_id": attempt.duplicate_pin_id,
        "events": timeline::events(pin, attempt).iter().map(event).collect::<Vec<_>>(),
        "next": {
            "action": next.action,
            "at": time(next.at),
            "reason": next.reason,
            "queue_position": next.position.map(|position| position.place),
            "queue_position_is_at_least": next.position.map(|position| position.at_least),
        },
    })
}

fn event(event: &TimelineEvent) -> Value {
    json!({
        "at": event.at.rfc3339(),
        "event": event.event,
        "attempt": event.attempt,
        "upstream_status": event.upstream_status,
        "upstream_code": event.upstream_code,
        "upstream_request_id": event.upstream_request_id,
        "next_at": time(event.next_at),
        "note": event.note,
    })
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
