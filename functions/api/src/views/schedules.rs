//! Schedules as JSON.

use pinbridge_shared::domain::pin::Pin;
use pinbridge_shared::domain::pin::failure::Failure;
use pinbridge_shared::domain::schedule::{ScheduleStatus, Stage};
use pinbridge_shared::domain::time::SECOND_MS;
use pinbridge_shared::flows::schedules::ScheduleView;
use serde_json::{Value, json};

use super::{blocker, time};

/// The contract's fields first. `payload` has every key that the n8n node reads.
pub fn schedule(view: &ScheduleView) -> Value {
    let ScheduleView { schedule, pin } = view;
    let status = view.status();
    let (error_code, error_message, remedy) = error(view);
    // While its pin waits, that may have been edited.
    let (pin, request) = (pin.as_ref().filter(|(pin, _)| pin.hidden_at.is_none()), view.request());
    let key = Some(&schedule.request.idempotency_key).filter(|key| !key.is_empty());
    let updated_at = pin.map_or(schedule.updated_at, |(_, attempt)| attempt.updated_at.max(schedule.updated_at));
    json!({
        "id": schedule.key.schedule,
        "workspace_id": schedule.key.workspace,
        "pinterest_account_id": schedule.request.account,
        "run_at": schedule.run_at.rfc3339(),
        "status": status.name(),
        "payload": {
            "account_id": request.account,
            "board_id": request.board_id,
            "title": request.title,
            "description": request.description,
            "link_url": request.link_url,
            "media_type": "image",
            "media_url": request.image_url,
            "image_url": request.image_url,
            "asset_id": null,
            "cover_image_url": request.cover_image_url,
            "cover_image_asset_id": null,
            // Ours.
            "alt_text": request.alt_text,
            "related_terms": request.related_terms,
            "dominant_color": request.dominant_color,
            "priority": request.priority.name(),
        },
        "last_error": error_message,
        "pin_id": pin.map(|(pin, _): &(Pin, _)| pin.key.pin),
        "created_at": schedule.created_at.rfc3339(),
        "updated_at": updated_at.rfc3339(),
        // Ours.
        "error_code": error_code,
        "error_remediation": remedy,
        "idempotency_key": key,
        "run": schedule.run,
        "released_at": time(schedule.released_at),
        "started_at": time(view.started_at()),
        "late_by_seconds": view.late_by_ms().map(|late_ms| late_ms as f64 / SECOND_MS as f64),
    })
}

/// Code, message and remedy of what keeps it, or has kept it, from being published.
fn error(view: &ScheduleView) -> (Option<&'static str>, Option<String>, Option<&'static str>) {
    let of = |failure: Failure| (Some(failure.code()), Some(failure.message().to_owned()), Some(failure.remedy()));
    match (view.schedule.stage, &view.pin, view.status()) {
        (Stage::Failed(failure), ..) => of(failure),
        (_, Some((_, attempt)), ScheduleStatus::Failed | ScheduleStatus::Deferred | ScheduleStatus::Running) => {
            let (code, message) = blocker(attempt);
            (code, message, attempt.failure.map(Failure::remedy))
        }
        _ => (None, None, None),
    }
}
