//! Accepting a pin: from now on it is published or failed with a reason, or it visibly waits.
//!
//! The order of the writes is the promise: first an owner (a clock row, or a backlog row), then the pin, then the
//! message. Killed in between, the pin either doesn't exist yet or has an owner that brings it back.

use futures_util::future::{join, try_join};
use thiserror::Error;

use super::backlog;
use crate::domain::attempt::Attempt;
use crate::domain::backlog::BacklogRow;
use crate::domain::clock_row::ClockRow;
use crate::domain::idempotency::{self, PayloadHash};
use crate::domain::ids::{AccountKey, PinId, PinKey, WorkspaceId};
use crate::domain::message::PublishMessage;
use crate::domain::pin::{LIFETIME_MS, Pin, PinRequest, Placement, WaitReason};
use crate::domain::time::{Moment, SECOND_MS};
use crate::domain::token_bucket::{ACCEPT_HORIZON_MS, Bucket, Take, Token};
use crate::ports::{Accepted, PortError, PortResult, Taken, World};
use crate::telemetry::{self, Metric};

/// The pin must be written within this time of its owner, which otherwise might be dropped as one without a pin.
const WRITE_WITHIN_MS: i64 = 15 * SECOND_MS;
/// A take that loses its race is planned anew this often before the pin joins the backlog.
const TAKE_ATTEMPTS: usize = 4;

#[derive(Debug)]
pub enum Acceptance {
    New(Pin, Attempt),
    /// The same key and payload as before.
    Replay(Pin, Attempt),
}

#[derive(Debug, Error)]
pub enum AcceptError {
    #[error("the idempotency key was used with another payload")]
    KeyReused { existing: PinId },
    #[error("no such account in this workspace")]
    AccountNotFound,
    #[error("the account is disconnected")]
    AccountDisconnected,
    #[error(transparent)]
    Port(#[from] PortError),
}

/// Accepts `request`, exactly once per key.
///
/// # Errors
/// When the key stands for another payload, the account can't publish, or a port is unavailable; then nothing was
/// promised, and the same request may be sent again.
pub async fn accept_pin(world: &World, workspace: WorkspaceId, request: PinRequest) -> Result<Acceptance, AcceptError> {
    let began_ms = world.system.monotonic_ms();
    let account_key = AccountKey { workspace, account: request.account };
    let key = PinKey { workspace, pin: idempotency::pin_id(workspace, &request.idempotency_key) };
    let payload_hash = PayloadHash::of(&request);

    // A cheap look first: a replay costs no writes and no token. The condition on the pin's write decides all the same.
    let (existing, account) =
        try_join(world.store.pins(std::slice::from_ref(&key)), world.store.account(account_key)).await?;
    if let Some((pin, attempt)) = existing.into_iter().flatten().next() {
        return replay(pin, attempt, &payload_hash);
    }
    let account = account.ok_or(AcceptError::AccountNotFound)?;
    if !account.is_connected() {
        return Err(AcceptError::AccountDisconnected);
    }

    let now = world.system.now();
    let Placed { placement, token, bucket } = place(world, account_key, now).await?;
    let expires_at = Moment((now.unix_seconds() + (LIFETIME_MS + world.settings.retention_ms) / SECOND_MS) * SECOND_MS);
    let nonce = world.nonce();
    let pin = Pin { key, request, payload_hash, created_at: now, placement, expires_at, nonce };

    let content = idempotency::content_hash(&pin.request);
    let sibling = world.store.put_sibling(account_key, &content, key.pin, expires_at);
    let (owner, sibling) = join(write_owner(world, &pin, &bucket), sibling).await;
    owner?;
    sibling?;
    if world.system.monotonic_ms() - began_ms > WRITE_WITHIN_MS {
        return Err(PortError::Unavailable { port: "table", reason: "accepting took too long".into() }.into());
    }
    match world.store.put_pin(&pin).await? {
        Accepted::New if world.system.monotonic_ms() - began_ms > WRITE_WITHIN_MS => {
            // The write itself took so long that its owner may have been given up as one without a pin.
            write_owner(world, &pin, &bucket).await?;
        }
        Accepted::New => {}
        Accepted::Existing(first) => return lost_the_race(world, &pin, *first).await,
    }
    if let Some(token) = token {
        send(world, &pin, token).await;
    }
    telemetry::count(Metric::PinAccepted, 1, None, now);
    let attempt = Attempt::untouched(&pin);
    tracing::info!(
        workspace_id = %workspace, account_id = %account_key.account, pin_id = %key.pin,
        status = attempt.status.name(), "accepted"
    );
    Ok(Acceptance::New(pin, attempt))
}

fn replay(pin: Pin, attempt: Attempt, payload_hash: &PayloadHash) -> Result<Acceptance, AcceptError> {
    if pin.payload_hash.same_payload(payload_hash) {
        Ok(Acceptance::Replay(pin, attempt))
    } else {
        Err(AcceptError::KeyReused { existing: pin.key.pin })
    }
}

/// Somebody accepted the same key meanwhile. What we wrote for our own pin is left to expire, except a backlog row,
/// which would cost a token.
async fn lost_the_race(world: &World, ours: &Pin, first: Pin) -> Result<Acceptance, AcceptError> {
    let row = BacklogRow::of(ours, 0);
    if matches!(ours.placement, Placement::Backlog(_)) && row != BacklogRow::of(&first, 0) {
        world.store.delete_backlog(ours.account_key(), &[row]).await?;
    }
    let read = world.store.pins(std::slice::from_ref(&first.key)).await?;
    let attempt = read.into_iter().flatten().next().map_or_else(|| Attempt::untouched(&first), |(_, attempt)| attempt);
    replay(first, attempt, &ours.payload_hash)
}

/// Where the pin goes, the token that was taken for it, and the bucket as last seen.
struct Placed {
    placement: Placement,
    token: Option<Token>,
    bucket: Bucket,
}

impl Placed {
    fn in_backlog(reason: WaitReason, bucket: Bucket) -> Self {
        Self { placement: Placement::Backlog(reason), token: None, bucket }
    }
}

/// Takes the account's next slot if it is near and nobody waits.
async fn place(world: &World, account: AccountKey, now: Moment) -> PortResult<Placed> {
    let mut bucket = world.store.bucket(account).await?;
    for _ in 0..TAKE_ATTEMPTS {
        let pace = &bucket.pace(&world.settings.pace, now);
        // An account on hold is the dispatcher's to try, with one pin at a time.
        if bucket.is_paused(now) || bucket.is_on_hold() {
            return Ok(Placed::in_backlog(bucket.wait_reason(), bucket));
        }
        if bucket.next_slot(pace, now) > now.plus_ms(ACCEPT_HORIZON_MS) {
            break;
        }
        // The mark outlasts the backlog by a minute or more; in that time, look whether anybody is really there.
        let is_marked = bucket.waiting_at.is_some();
        if is_marked && !world.store.backlog(account, 1).await?.is_empty() {
            break;
        }
        let mut take = Take::plan(&bucket, pace, now, 1, ACCEPT_HORIZON_MS, world.nonce());
        take.behind_waiting = is_marked;
        match world.store.take(account, &take).await? {
            Taken::Tokens(tokens) => {
                let token = tokens.first().copied().unwrap_or(Token { slot: now, valid_until: now });
                let placement = if token.slot <= now { Placement::Now } else { Placement::Slot(token.slot) };
                return Ok(Placed { placement, token: Some(token), bucket });
            }
            Taken::Refused(current) => bucket = current,
        }
    }
    Ok(Placed::in_backlog(WaitReason::AccountPacing, bucket))
}

/// The first owner: for a pin that goes to the queue a clock row, otherwise its backlog row.
async fn write_owner(world: &World, pin: &Pin, bucket: &Bucket) -> PortResult<()> {
    let start = match pin.placement {
        Placement::Now => pin.created_at,
        Placement::Slot(slot) => slot,
        Placement::Backlog(_) => {
            return backlog::join(world, pin.account_key(), &BacklogRow::of(pin, 0), bucket).await;
        }
    };
    world.store.put_clock(&ClockRow::new(vec![pin.key], start, 0, world.system.nonce())).await
}

/// Hands the pin to the queue. If that fails the pin is accepted all the same: its clock row brings it back.
async fn send(world: &World, pin: &Pin, token: Token) {
    let message = PublishMessage::new(pin.key, pin.request.account, 0, Some(token));
    let delay_ms = token.slot.since_ms(world.system.now()).max(0);
    let sent = world.queue.send(&[(message, delay_ms)]).await;
    if !matches!(&sent, Ok(unsent) if unsent.is_empty()) {
        let error = sent.err().map(|error| error.to_string());
        tracing::warn!(pin_id = %pin.key.pin, error, "accepted but not sent; the watchdog will send it");
    }
}
