//! Disables an endpoint because of its answers, and says so: in the activity log, to the workspace's other endpoints,
//! and by a metric. Its deliveries wait until somebody enables it.
//!
//! The event has a recovery marker from before the write. The row keeps when it was disabled, so the rescuer finds the
//! write also after the endpoint was changed or enabled ([`rescue_event`](super::rescue_event)).

use super::plan_turn::change_health;
use crate::context::Context;
use crate::domain::event::disabled::Disabled;
use crate::domain::event::note::{Note, Source};
use crate::domain::ids::WorkspaceId;
use crate::domain::recovery::{OWNED_WITHIN_MS, RecoveryMarker};
use crate::domain::stats::activity::{By, Entry, WEBHOOK_DISABLED};
use crate::domain::webhook::delivery::LastTry;
use crate::domain::webhook::endpoint::{DisabledBy, EndpointKey};
use crate::domain::webhook::health::Health;
use crate::flows::activity;
use crate::ports::{OptimisticWrites, PortResult};
use crate::telemetry::{self, Metric};

const WRITES_MAX: usize = 6;

/// Disables the endpoint, unless it is gone or disabled already. `last` is the try that led to it.
///
/// # Errors
/// When a port is unavailable. If the endpoint is disabled by then, the event's recovery marker makes the rest up.
pub async fn disable_endpoint(
    context: &Context,
    key: EndpointKey,
    by: DisabledBy,
    last: Option<&LastTry>,
) -> PortResult<()> {
    let mut writes = OptimisticWrites::of("endpoint", WRITES_MAX);
    loop {
        writes.begin()?;
        let Some(endpoint) = context.webhooks.endpoint(key).await? else { return Ok(()) };
        if endpoint.disabled.is_some() {
            return Ok(());
        }
        let health = context.webhooks.endpoint_health(key).await?;
        let next = endpoint.disabled_by(by, context.system.now(), context.nonce());
        let event = Disabled::new(&next, by, &health, last);
        let began = context.begin();
        let marker = put_marker(context, key, &event).await?;
        if !context.webhooks.save_endpoint(&next, None).await?.is_done() {
            // The write was not made. If this fails, the rescuer finds that out.
            if let Err(error) = context.store.put_marker(&marker.void()).await {
                tracing::warn!(%error, "recovery marker of an event that didn't happen not made void");
            }
            continue;
        }
        if context.took_ms(began) > OWNED_WITHIN_MS {
            // The rescuer may have read the marker before the write.
            put_marker(context, key, &event).await?;
        }
        telemetry::count(Metric::WebhookDisabled, 1, Some(by.name()), next.updated_at);
        tracing::warn!(
            workspace_id = %key.workspace, endpoint_id = %key.endpoint, reason = by.name(), "webhook disabled"
        );
        end_turn(context, key).await?;
        record_disabled(context, key.workspace, &event).await;
        return context.queue.send_notify(&event.message(key.workspace), 0).await;
    }
}

async fn put_marker(context: &Context, key: EndpointKey, event: &Disabled) -> PortResult<RecoveryMarker> {
    let note = Note { source: Source::Disabled(event.clone()), message: None };
    let (now, id) = (context.system.now(), context.nonce());
    let marker = RecoveryMarker::of_event(key.workspace, key.endpoint.0, note, now, id);
    context.store.put_marker(&marker).await?;
    Ok(marker)
}

/// Ends the turn of an endpoint that is disabled. Enabling it plans another one.
///
/// # Errors
/// When the table is unavailable.
pub(super) async fn end_turn(context: &Context, key: EndpointKey) -> PortResult<()> {
    let no_turn = |health: &Health| health.turn_at.map(|_| health.planned(None, context.nonce()));
    change_health(context, key, None, no_turn).await.map(|_| ())
}

/// Writes the entry of the activity log. Repeating it adds nothing: its id is that of the event.
pub(super) async fn record_disabled(context: &Context, workspace: WorkspaceId, event: &Disabled) {
    let mut entry = Entry::new(event.id(workspace).0, event.at, By::Worker, &WEBHOOK_DISABLED);
    entry.resource_id = Some(event.endpoint.to_string());
    activity::record(context, workspace, &entry.with("reason", event.by.name())).await;
}
