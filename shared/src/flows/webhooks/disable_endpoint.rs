//! Disables an endpoint because of its answers, and says so: in the activity log, to the workspace's other endpoints,
//! and by a metric. Its deliveries wait until somebody enables it.

use super::plan_turn::change_health;
use crate::context::Context;
use crate::domain::event::{EventType, payload};
use crate::domain::message::NotifyMessage;
use crate::domain::recovery::RecoveryMarker;
use crate::domain::stats::activity::{By, Entry, WEBHOOK_DISABLED};
use crate::domain::webhook::delivery::LastTry;
use crate::domain::webhook::endpoint::{DisabledBy, Endpoint, EndpointKey};
use crate::domain::webhook::health::Health;
use crate::flows::activity;
use crate::ports::{OptimisticWrites, PortResult};
use crate::telemetry::{self, Metric};

const WRITES_MAX: usize = 6;

/// Disables the endpoint, unless it is gone or disabled already. `last` is the try that led to it.
///
/// # Errors
/// When a port is unavailable. If the endpoint is disabled by then, its recovery marker makes the rest up.
pub async fn disable_endpoint(
    context: &Context,
    key: EndpointKey,
    by: DisabledBy,
    last: Option<&LastTry>,
) -> PortResult<()> {
    let mut writes = OptimisticWrites::of("endpoint", WRITES_MAX);
    // By this one, the rescuer says so again if this process dies after the write.
    let now = context.system.now();
    context.store.put_marker(&RecoveryMarker::webhook(key, now, context.nonce())).await?;
    loop {
        writes.begin()?;
        let Some(endpoint) = context.webhooks.endpoint(key).await? else { return Ok(()) };
        if endpoint.disabled.is_some() {
            return Ok(());
        }
        let now = context.system.now();
        let (rev, nonce) = (endpoint.rev + 1, context.nonce());
        let next = Endpoint { rev, nonce, disabled: Some(by), updated_at: now, ..endpoint };
        if context.webhooks.save_endpoint(&next, None).await?.is_done() {
            telemetry::count(Metric::WebhookDisabled, 1, Some(by.name()), now);
            tracing::warn!(
                workspace_id = %key.workspace, endpoint_id = %key.endpoint, reason = by.name(), "webhook disabled"
            );
            return report_disabled(context, &next, by, last).await;
        }
    }
}

/// Says that the endpoint is disabled. Repeating it adds nothing: the event's id is that of the endpoint's write.
///
/// # Errors
/// When a port is unavailable.
pub(super) async fn report_disabled(
    context: &Context,
    endpoint: &Endpoint,
    by: DisabledBy,
    last: Option<&LastTry>,
) -> PortResult<()> {
    let key = endpoint.key;
    // Its turn is over. Enabling it plans another one.
    let no_turn = |health: &Health| health.turn_at.map(|_| health.planned(None, context.nonce()));
    let health = change_health(context, key, None, no_turn).await?;
    if by == DisabledBy::Caller {
        return Ok(());
    }
    let id = payload::disabled_id(key, endpoint.rev);
    let mut entry = Entry::new(id.0, endpoint.updated_at, By::Worker, &WEBHOOK_DISABLED);
    entry.resource_id = Some(key.endpoint.to_string());
    activity::record(context, key.workspace, &entry.with("reason", by.name())).await;
    let (event, at) = (EventType::WebhookDisabled, endpoint.updated_at);
    let body = payload::of_disabled(endpoint, &health, last);
    context.queue.send_notify(&NotifyMessage::stored(key.workspace, id, event, at, body, None), 0).await
}
