//! Writes what came of a try: the delivery first, then what it says about the endpoint.

use super::deliver_one::Tried;
use super::disable_endpoint::disable_endpoint;
use super::plan_turn::{FailedTry, change_health, plan_turn, record_failure};
use crate::context::Context;
use crate::domain::time::Moment;
use crate::domain::webhook::delivery::Delivery;
use crate::domain::webhook::destination::Destination;
use crate::domain::webhook::endpoint::{DisabledBy, Endpoint};
use crate::domain::webhook::health::{DISABLED_AFTER_MS, Health};
use crate::domain::webhook::slowness::{is_slow, pause_ms};
use crate::domain::webhook::verdict::Verdict;
use crate::ports::PortResult;

/// How the endpoint stands after a try.
pub(super) struct Settled {
    pub health: Health,
    pub is_disabled: bool,
}

/// `health` is the endpoint's as it was read.
///
/// # Errors
/// When a port is unavailable. If the delivery was not written, it is made again.
pub(super) async fn settle(
    context: &Context,
    endpoint: &Endpoint,
    tried: &Tried,
    health: Health,
) -> PortResult<Settled> {
    context.webhooks.put_delivery(&tried.delivery).await?;
    let last = tried.delivery.last.as_ref();
    let paused_until = paused_until(context, &tried.delivery);
    let retry_after_ms = match tried.verdict {
        Verdict::Delivered | Verdict::Abort => {
            let health = answered(context, endpoint, health, paused_until).await?;
            return Ok(Settled { health, is_disabled: false });
        }
        Verdict::Disable => {
            disable_endpoint(context, endpoint.key, DisabledBy::Receiver, last).await?;
            return Ok(Settled { health, is_disabled: true });
        }
        Verdict::Retry { retry_after_ms, .. } => retry_after_ms,
    };
    let failed = FailedTry::of(&tried.delivery, retry_after_ms, paused_until);
    let ends = is_to_be_disabled(endpoint, &failed.after(&health, String::new()), failed.at);
    // A disabled endpoint has no turn. Whoever dies before it is disabled leaves the message, whose next worker plans
    // one.
    let mut recorded = failed;
    recorded.next_at = failed.next_at.filter(|_| !ends);
    let health = record_failure(context, endpoint.key, health, recorded).await?;
    let is_disabled = is_to_be_disabled(endpoint, &health, context.system.now());
    if is_disabled {
        disable_endpoint(context, endpoint.key, DisabledBy::Failures, last).await?;
    } else if let Some(at) = failed.next_at.filter(|_| ends) {
        // Another worker's request was answered in between.
        plan_turn(context, endpoint.key, at).await?;
    }
    Ok(Settled { health, is_disabled })
}

/// The endpoint answers: what it failed before doesn't count any more.
async fn answered(
    context: &Context,
    endpoint: &Endpoint,
    seen: Health,
    paused_until: Option<Moment>,
) -> PortResult<Health> {
    let changes = |health: &Health| {
        paused_until.is_some() || health.failures > 0 || health.held_until.is_some() || health.is_slow
    };
    if !changes(&seen) {
        return Ok(seen);
    }
    let change = |health: &Health| changes(health).then(|| health.answered(context.nonce()).paused(paused_until));
    change_health(context, endpoint.key, Some(seen), change).await
}

/// Until when nothing more is sent to the delivery's endpoint, if the last request was slow.
pub(super) fn paused_until(context: &Context, delivery: &Delivery) -> Option<Moment> {
    let took_ms = delivery.last.as_ref()?.latency_ms;
    is_slow(took_ms).then(|| delivery.updated_at.plus_ms(pause_ms(took_ms, context.system.jitter())))
}

/// Whoever changes or enables an endpoint gives it as long again. A destination of the stack is never disabled.
pub(super) fn is_to_be_disabled(endpoint: &Endpoint, health: &Health, now: Moment) -> bool {
    Destination::of(endpoint.key.endpoint).is_none()
        && health.is_to_be_disabled(now)
        && now.since_ms(endpoint.updated_at) >= DISABLED_AFTER_MS
}
