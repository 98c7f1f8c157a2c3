//! Handles an endpoint's recovery marker: sends its turn, or the message of its replay, again if it was lost.

use super::disable_endpoint::end_turn;
use super::plan_turn::{OVERDUE_MS, plan_for_waiting, send_turn};
use super::run_replay::rescue_replay;
use crate::context::Context;
use crate::domain::recovery::RecoveryMarker;
use crate::domain::webhook::endpoint::EndpointKey;
use crate::ports::{Listed, PortResult};

/// Handles the marker; returns how many turns were sent. In a recovery every message is lost, and a marker whose minute
/// is still to come stays.
///
/// # Errors
/// When a port is unavailable; the marker stays.
pub async fn rescue_endpoint(context: &Context, row: &RecoveryMarker, is_recovery: bool) -> PortResult<usize> {
    let Some(key) = row.endpoint_key() else { return Ok(0) };
    let now = context.system.now();
    let stays = is_recovery && row.minute >= now.minute();
    let mut has_replay = false;
    let rescued = match context.subscriber(key).await? {
        // Its deliveries are forgotten.
        None => Rescued::Nothing,
        Some(endpoint) => match endpoint.disabled {
            // That it is disabled has a marker of its own.
            Some(_) => rescue_disabled(context, key, is_recovery).await?,
            None => {
                has_replay = rescue_replay(context, key, is_recovery).await?;
                rescue_turn(context, key, is_recovery).await?
            }
        },
    };
    if !stays {
        if has_replay || matches!(rescued, Rescued::Waits | Rescued::SentAgain) {
            context.store.put_marker(&RecoveryMarker::webhook(key, now, context.nonce())).await?;
        }
        context.store.delete_marker(row).await?;
    }
    let is_sent = matches!(rescued, Rescued::SentAgain | Rescued::Planned);
    if is_sent {
        tracing::info!(workspace_id = %key.workspace, endpoint_id = %key.endpoint, "turn of a webhook sent again");
    }
    Ok(usize::from(is_sent))
}

/// What the marker of an endpoint led to.
enum Rescued {
    /// Nothing waits.
    Nothing,
    /// The turn is to come, or a turn was ended that a caller may rely on.
    Waits,
    /// The turn's message was lost.
    SentAgain,
    /// A turn was planned, with a marker of its own.
    Planned,
}

/// Ends the turn of a disabled endpoint. A caller may enable it at the same time, and rely on that turn: if so, it is
/// planned again, or another marker looks again later.
async fn rescue_disabled(context: &Context, key: EndpointKey, is_recovery: bool) -> PortResult<Rescued> {
    let had_turn = context.webhooks.endpoint_health(key).await?.turn_at.is_some();
    end_turn(context, key).await?;
    let is_enabled = context.subscriber(key).await?.is_some_and(|endpoint| endpoint.disabled.is_none());
    if is_enabled {
        return rescue_turn(context, key, is_recovery).await;
    }
    Ok(if had_turn { Rescued::Waits } else { Rescued::Nothing })
}

async fn rescue_turn(context: &Context, key: EndpointKey, is_recovery: bool) -> PortResult<Rescued> {
    if let Some(at) = context.webhooks.endpoint_health(key).await?.turn_at {
        if !is_recovery && context.system.now().since_ms(at) <= OVERDUE_MS {
            return Ok(Rescued::Waits);
        }
        send_turn(context, key, at).await?;
        return Ok(Rescued::SentAgain);
    }
    // The turn is over, or its planner died before it was planned.
    if context.webhooks.deliveries(key, Listed::Waiting, None, 1).await?.is_empty() {
        return Ok(Rescued::Nothing);
    }
    plan_for_waiting(context, key).await?;
    Ok(Rescued::Planned)
}
