//! Writes entries to the activity log. A failure is only logged: no caller fails because of it.

use crate::context::Context;
use crate::domain::ids::WorkspaceId;
use crate::domain::pin::Pin;
use crate::domain::pin::attempt::{Attempt, Status};
use crate::domain::stats::activity::{By, Entry, PIN_PUBLISH_FAILED};
use crate::domain::time::HOUR_MS;

/// Writes the entry, if the table is available.
pub async fn record(context: &Context, workspace: WorkspaceId, entry: &Entry) {
    // The nil workspace's entries are written only so that a wrong password takes as long for an unknown address.
    let kept_ms = if workspace.0.is_nil() { HOUR_MS } else { context.settings.activity_kept_ms };
    let expires_at = entry.at.plus_ms(kept_ms);
    if let Err(error) = context.activity.record(workspace, entry, expires_at).await {
        tracing::warn!(workspace_id = %workspace, action = entry.action.name, %error, "activity entry not written");
    }
}

/// Writes an entry if the pin has failed. A worker that dies just before this leaves no entry; one that repeats it
/// writes no second one.
pub async fn audit_failure(context: &Context, pin: &Pin, attempt: &Attempt) {
    let (Status::Failed, Some(failure), Some(at)) = (attempt.status, attempt.failure, attempt.finished_at) else {
        return;
    };
    let mut entry = Entry::of_pin(pin.key.pin, attempt.generation, at, By::Worker, &PIN_PUBLISH_FAILED);
    entry.account = Some(pin.request.account);
    let entry = entry.with("error_code", failure.code()).with("attempts", attempt.attempt.to_string());
    record(context, pin.key.workspace, &entry).await;
}
