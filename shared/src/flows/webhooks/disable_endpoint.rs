//! Disables an endpoint because of its answers, and says so: in the activity log, to the workspace's other endpoints,
//! and by a metric. Its deliveries wait until somebody enables it.

use super::plan_turn::change_health;
use crate::context::Context;
use crate::domain::event::{EventId, EventType, payload};
use crate::domain::message::{MESSAGE_VERSION, NotifyMessage, NotifyWork};
use crate::domain::recovery::RecoveryMarker;
use crate::domain::stats::activity::{By, Entry, WEBHOOK_DISABLED};
use crate::domain::webhook::endpoint::{DisabledBy, Endpoint, EndpointKey};
use crate::domain::webhook::health::Health;
use crate::flows::activity;
use crate::ports::{OptimisticWrites, PortResult};
use crate::telemetry::{self, Metric};

const WRITES_MAX: usize = 6;

/// Disables the endpoint, unless it is gone or disabled already.
///
/// # Errors
/// When a port is unavailable. If the endpoint is disabled by then, its recovery marker makes the rest up.
pub async fn disable_endpoint(context: &Context, key: EndpointKey, by: DisabledBy) -> PortResult<()> {
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
            return report_disabled(context, &next, by).await;
        }
    }
}

/// Says that the endpoint is disabled. Repeating it adds nothing.
///
/// # Errors
/// When a port is unavailable.
pub(super) async fn report_disabled(context: &Context, endpoint: &Endpoint, by: DisabledBy) -> PortResult<()> {
    let key = endpoint.key;
    // Its turn is over. Enabling it plans another one.
    let no_turn = |health: &Health| health.turn_at.map(|_| health.planned(None, context.nonce()));
    change_health(context, key, None, no_turn).await?;
    if by == DisabledBy::Caller {
        return Ok(());
    }
    let id = event_id(endpoint);
    let mut entry = Entry::new(id.0, endpoint.updated_at, By::Worker, &WEBHOOK_DISABLED);
    entry.resource_id = Some(key.endpoint.to_string());
    activity::record(context, key.workspace, &entry.with("reason", by.name())).await;
    let work = NotifyWork::Stored {
        event_id: id,
        event: EventType::WebhookDisabled,
        at: endpoint.updated_at,
        payload: payload::of_disabled(id, endpoint, by),
        to: None,
    };
    let message = NotifyMessage { version: MESSAGE_VERSION, workspace: key.workspace, work };
    context.queue.send_notify(&message, 0).await
}

/// Derived from the write that disabled the endpoint, so that saying it again repeats the same event.
fn event_id(endpoint: &Endpoint) -> EventId {
    let (of, write) = (endpoint.key.endpoint.to_string(), endpoint.rev.to_string());
    EventId::derived(endpoint.key.workspace, &[EventType::WebhookDisabled.name(), &of, &write])
}
