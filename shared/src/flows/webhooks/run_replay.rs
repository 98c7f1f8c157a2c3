//! Starts a replay, works on it in bounded turns of the notifier, and stops it. `replay.rs` replays one page.
//!
//! The webhook's recovery marker owns a running replay: it is filed before the replay is written, and stays while it
//! runs. A page that was requested by a worker that died is requested again; what waits by then isn't counted again, so
//! counts are lower bounds then.

use super::deliveries::{DeliveryError, read_endpoint};
use super::plan_turn::OVERDUE_MS;
use super::replay::{self, Cursor, Replay, Replayed};
use crate::context::Context;
use crate::domain::message::NotifyMessage;
use crate::domain::recovery::RecoveryMarker;
use crate::domain::webhook::endpoint::EndpointKey;
use crate::domain::webhook::replay::{ReplayCounts, ReplayId, ReplayRun, ReplayState};
use crate::ports::{OptimisticWrites, PortResult};

/// Pages of a turn. Another message continues, so that a long replay doesn't hold up other work.
const PAGES_PER_TURN: usize = 4;
/// The longest that a page takes, in milliseconds.
const PAGE_NEEDS_MS: i64 = 20_000;
/// A replay that another worker changes is read again this often.
const WRITES_MAX: usize = 8;

/// Starts a replay. If the queue is unavailable, the recovery marker starts it.
///
/// # Errors
/// When there is no such endpoint, it is disabled, another replay of it runs, or a port is unavailable.
pub async fn start(context: &Context, key: EndpointKey, asked: &Replay) -> Result<ReplayRun, DeliveryError> {
    if read_endpoint(context, key).await?.disabled.is_some() {
        return Err(DeliveryError::Disabled);
    }
    let known = context.webhooks.replay(key).await?;
    if known.as_ref().is_some_and(ReplayRun::is_running) {
        return Err(DeliveryError::ReplayRuns);
    }
    let now = context.system.now();
    context.store.put_marker(&RecoveryMarker::webhook(key, now, context.nonce())).await?;
    let run = ReplayRun {
        endpoint: key,
        id: ReplayId(context.uuid()),
        rev: known.map_or(0, |known| known.rev) + 1,
        nonce: context.nonce(),
        state: ReplayState::Running,
        only: asked.only,
        since: asked.since,
        until: asked.until,
        events: asked.events.clone(),
        cursor: None,
        progress: 0,
        counts: ReplayCounts::default(),
        started_at: now,
        updated_at: now,
    };
    if !context.webhooks.save_replay(&run).await?.is_done() {
        return Err(DeliveryError::ReplayRuns);
    }
    if let Err(error) = context.queue.send_notify(&NotifyMessage::replay(key, run.id), 0).await {
        tracing::warn!(
            workspace_id = %key.workspace, endpoint_id = %key.endpoint, %error, "replay left to its recovery marker"
        );
    }
    Ok(run)
}

/// The endpoint's replay with this id, as long as no newer one was started.
///
/// # Errors
/// When there is no such endpoint or replay, or the table is unavailable.
pub async fn read(context: &Context, key: EndpointKey, id: ReplayId) -> Result<ReplayRun, DeliveryError> {
    read_endpoint(context, key).await?;
    let known = context.webhooks.replay(key).await?;
    known.filter(|known| known.id == id).ok_or(DeliveryError::NoReplay)
}

/// Stops the replay. What it has requested by then is sent. One that has ended stays as it is.
///
/// # Errors
/// As [`read`].
pub async fn stop(context: &Context, key: EndpointKey, id: ReplayId) -> Result<ReplayRun, DeliveryError> {
    let mut writes = OptimisticWrites::of("replay of a webhook", WRITES_MAX);
    loop {
        writes.begin()?;
        let run = read(context, key, id).await?;
        if !run.is_running() {
            return Ok(run);
        }
        let next = run.stopped(context.system.now(), context.nonce());
        if context.webhooks.save_replay(&next).await?.is_done() {
            return Ok(next);
        }
    }
}

/// Works on the replay until `ends_at_ms` of the monotonic clock, or for some pages.
///
/// # Errors
/// When a port is unavailable; the message is delivered again.
pub(super) async fn continue_replay(
    context: &Context,
    key: EndpointKey,
    id: ReplayId,
    ends_at_ms: i64,
) -> PortResult<()> {
    for _ in 0..PAGES_PER_TURN {
        let known = context.webhooks.replay(key).await?;
        let Some(run) = known.filter(|run| run.id == id && run.is_running()) else { return Ok(()) };
        if ends_at_ms - context.system.monotonic_ms() < PAGE_NEEDS_MS {
            break;
        }
        let next = match next_page(context, &run).await {
            Ok(next) => next,
            Err(DeliveryError::Port(error)) => return Err(error),
            // The endpoint is disabled or gone.
            Err(_) => run.stopped(context.system.now(), context.nonce()),
        };
        // Otherwise it was stopped meanwhile, or another worker continues it.
        if !context.webhooks.save_replay(&next).await?.is_done() || !next.is_running() {
            return Ok(());
        }
    }
    context.queue.send_notify(&NotifyMessage::replay(key, id), 0).await
}

/// The replay after its next page.
async fn next_page(context: &Context, run: &ReplayRun) -> Result<ReplayRun, DeliveryError> {
    let asked =
        Replay { only: run.only, since: run.since, until: run.until, events: run.events.clone(), is_dry_run: false };
    // A cursor that only a later build reads begins anew: what waits by now is left alone.
    let cursor = run.cursor.as_deref().and_then(|text| text.parse::<Cursor>().ok());
    let replayed = replay::replay(context, run.endpoint, &asked, cursor).await?;
    let progress = replayed.next.map_or(0, |next| asked.progress(next));
    let cursor = replayed.next.map(|next| next.to_string());
    Ok(run.after(counts(&replayed), cursor, progress, context.system.now(), context.nonce()))
}

fn counts(replayed: &Replayed) -> ReplayCounts {
    ReplayCounts {
        missing: replayed.missing as u64,
        failed: replayed.failed as u64,
        delivered: replayed.delivered as u64,
        gone: replayed.gone as u64,
        pins: replayed.pins as u64,
        deliveries: replayed.deliveries as u64,
    }
}

/// Returns whether a replay of the endpoint runs. If its message was lost, it is sent again. In a recovery, every
/// message is lost.
///
/// # Errors
/// When a port is unavailable.
pub(super) async fn rescue_replay(context: &Context, key: EndpointKey, is_recovery: bool) -> PortResult<bool> {
    let Some(run) = context.webhooks.replay(key).await?.filter(ReplayRun::is_running) else { return Ok(false) };
    if is_recovery || context.system.now().since_ms(run.updated_at) > OVERDUE_MS {
        context.queue.send_notify(&NotifyMessage::replay(key, run.id), 0).await?;
    }
    Ok(true)
}
