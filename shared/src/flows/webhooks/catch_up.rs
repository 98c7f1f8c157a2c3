//! What an endpoint hears of what began before it asked: that a pause or a hold is over, and that an access token
//! expires.
//!
//! The rescuer waits for these by markers ([`rescue_event`](super::rescue_event)). They are filed when the account is
//! paused or held, or gets the token, if an endpoint hears of it then. So an endpoint that asks later has a marker of
//! its own, filed before its write. Minutes later, when every process knows the endpoint, the rescuer files those that
//! are missing.

use futures_util::future::try_join_all;

use crate::context::Context;
use crate::domain::account::Account;
use crate::domain::event::EventType;
use crate::domain::event::note::{Note, Source};
use crate::domain::event::occurrence;
use crate::domain::recovery::{OWNED_WITHIN_MS, RecoveryMarker};
use crate::domain::time::Moment;
use crate::domain::webhook::endpoint::{Endpoint, EndpointKey, HEARS_AFTER_MS, Secrets};
use crate::ports::PortResult;

/// The events of what may have begun long before.
const FORESEEN: [EventType; 2] = [EventType::AccountResumed, EventType::AccountReconnectRequired];
/// Accounts whose markers are filed at once.
const ACCOUNTS_AT_ONCE: usize = 8;

/// Writes the endpoint, which heard `heard` before. If it asks for more of [`FORESEEN`], its marker is filed first.
/// Returns whether it was written: another writer may have come first. The rescuer then finds that nothing was asked.
///
/// # Errors
/// When a port is unavailable; repeating the call files the marker again if the write was not made.
pub(super) async fn save_endpoint(
    context: &Context,
    next: &Endpoint,
    secrets: Option<&Secrets>,
    heard: &[EventType],
) -> PortResult<bool> {
    let asks = FORESEEN.iter().any(|event| next.events.contains(event) && !heard.contains(event));
    let began = context.begin();
    if asks {
        file(context, next).await?;
    }
    let is_written = context.webhooks.save_endpoint(next, secrets).await?.is_done();
    if asks && is_written && context.took_ms(began) > OWNED_WITHIN_MS {
        // The rescuer may have read the marker before the write.
        file(context, next).await?;
    }
    Ok(is_written)
}

async fn file(context: &Context, endpoint: &Endpoint) -> PortResult<()> {
    let EndpointKey { workspace, endpoint: id } = endpoint.key;
    let note = Note { source: Source::Subscription { endpoint: id, since: endpoint.updated_at }, message: None };
    let marker = RecoveryMarker::of_event(workspace, id.0, note, context.system.now(), context.nonce());
    context.store.put_marker(&marker).await
}

/// Files the markers of what the endpoint is to hear of its workspace's accounts. It asked for that at `since`.
///
/// # Errors
/// When a port is unavailable. Asking again files some markers twice; their events have the same ids.
pub(super) async fn catch_up(context: &Context, endpoint: &Endpoint, since: Moment) -> PortResult<()> {
    let accounts = context.store.accounts(endpoint.key.workspace).await?;
    let connected: Vec<&Account> = accounts.iter().filter(|account| account.is_connected()).collect();
    for some in connected.chunks(ACCOUNTS_AT_ONCE) {
        try_join_all(some.iter().map(|account| follow(context, endpoint, account, since))).await?;
    }
    Ok(())
}

/// Files the markers of this account. The end of a pause or a hold is for the endpoint alone: nobody may have told the
/// others that it began.
async fn follow(context: &Context, endpoint: &Endpoint, account: &Account, since: Moment) -> PortResult<()> {
    let (key, now) = (account.key, context.system.now());
    let from = since.plus_ms(HEARS_AFTER_MS);
    let mut awaited = Vec::new();
    if endpoint.events.contains(&EventType::AccountReconnectRequired) {
        let expiry = occurrence::expiry_told_from(account, from);
        let source = |(expires_at, at)| (Source::Expiry { account: key.account, expires_at, at }, at);
        awaited.extend(expiry.map(source));
    }
    if endpoint.events.contains(&EventType::AccountResumed) {
        let bucket = context.store.bucket(key).await?;
        let to = Some(endpoint.key.endpoint);
        let source = |(halt, at)| (Source::Resumption { account: key.account, halt, to }, at);
        awaited.extend(occurrence::halts(&bucket, from, now).into_iter().map(source));
    }
    for (source, at) in awaited {
        let note = Note { source, message: None };
        let marker = RecoveryMarker::of_event(key.workspace, key.account.0, note, now, context.nonce());
        let marker = RecoveryMarker { minute: at.minute().max(now.minute() + 1), ..marker };
        context.store.put_marker(&marker).await?;
    }
    Ok(())
}
