//! Retries a failed pin under a new generation. Its earlier attempts are kept and don't count.
//!
//! The order of the writes keeps the pin owned: the recovery marker owns the pin before it waits at all, and its
//! backlog row or message comes only after the write that makes it wait (a message for a failed pin would just be
//! acknowledged).

use thiserror::Error;

use super::edit_pin;
use crate::context::Context;
use crate::domain::ids::PinKey;
use crate::domain::message::PublishMessage;
use crate::domain::pacing::backlog::BacklogRow;
use crate::domain::pacing::bucket::{ACCEPT_HORIZON_MS, Bucket, Take, Token};
use crate::domain::pin::attempt::{Attempt, Status};
use crate::domain::pin::edit::Edit;
use crate::domain::pin::failure::Failure;
use crate::domain::pin::fields;
use crate::domain::pin::{Pin, WaitReason};
use crate::domain::recovery::{OWNED_WITHIN_MS, RecoveryMarker};
use crate::domain::time::Moment;
use crate::flows::pacing::join_backlog;
use crate::ports::{MAX_DELAY_MS, OptimisticWrites, PortError, PortResult, Taken, Write};
use crate::telemetry::{self, Metric};

/// A take that loses its race is planned again this often; then the publisher takes the token.
const TAKE_ATTEMPTS: usize = 4;

/// Why a pin was not retried.
#[derive(Debug, Error)]
pub enum RetryError {
    #[error("no such pin in this workspace")]
    NotFound,
    #[error("the pin is {}", .0.name())]
    NotFailed(Status),
    /// Its last call may have created a Pin, and the caller hasn't accepted a second one.
    #[error("a Pin of it may exist")]
    MayDuplicate,
    /// Its schedule was retried: another pin takes its place.
    #[error("the pin's schedule continues with another pin")]
    Superseded,
    #[error("the pin is older than any pin may get")]
    Overdue,
    #[error("the account is disconnected")]
    AccountDisconnected,
    /// Its `publish_before` has passed.
    #[error("the pin comes too late")]
    TooLate,
    /// The new `publish_before` leaves no time to start.
    #[error("the pin would come too late")]
    TooSoon,
    /// The account that the pin was to be moved to.
    #[error("no such account in this workspace")]
    AccountNotFound,
    #[error(transparent)]
    Port(#[from] PortError),
}

/// Retries a failed pin. `accept_duplicate` says that a second Pin is acceptable.
///
/// # Errors
/// When the pin doesn't exist or can't be retried, or a port is unavailable. A call that failed half-way may have
/// retried the pin; the pin's state shows it.
pub async fn retry_pin(context: &Context, key: PinKey, accept_duplicate: bool) -> Result<(Pin, Attempt), RetryError> {
    retry_pin_with(context, key, accept_duplicate, &Edit::default()).await
}

/// Like [`retry_pin`], with a change of what is published or where. The caller checks whether the new board can be
/// reached ([`preflight`](crate::flows::boards::board_preflight::preflight)).
///
/// # Errors
/// As [`retry_pin`].
pub async fn retry_pin_with(
    context: &Context,
    key: PinKey,
    accept_duplicate: bool,
    edit: &Edit,
) -> Result<(Pin, Attempt), RetryError> {
    let began = context.begin();
    let read = context.store.pins(&[key]).await?.into_iter().flatten().next();
    let (pin, attempt) = read.filter(|(pin, _)| pin.hidden_at.is_none()).ok_or(RetryError::NotFound)?;
    let request = edit.apply(&pin.request);
    let is_edited = request != pin.request;
    let changed = fields::changed(&pin.request, &request);
    let pin = Pin { request, edit: pin.edit + u32::from(is_edited), ..pin };
    let bucket = check(context, &pin, &attempt, accept_duplicate, edit).await?;
    let (now, account) = (context.system.now(), pin.account_key());
    let plan = plan(context, &pin, &bucket, now).await?;
    let owner = || {
        let now = context.system.now();
        RecoveryMarker::new(vec![key], plan.start().map_or(now, |start| start.max(now)), 0, context.system.nonce())
    };
    context.store.put_marker(&owner()).await?;
    if let Some(before) = edit.publish_before.flatten() {
        context.store.put_marker(&RecoveryMarker::too_late(vec![key], before, context.system.nonce())).await?;
    }
    let next =
        attempt.retried(now, plan.waits(), context.nonce()).map_err(|_| RetryError::NotFailed(attempt.status))?;
    let next = next.made_by(edit.by);
    let next = if is_edited { next.with_edit().made_by(edit.by).changing(changed) } else { next };
    // Nothing owns it by now, if the rescuer has read the marker of a failed pin.
    if context.took_ms(began) > OWNED_WITHIN_MS {
        return Err(PortError::Unavailable { port: "table", reason: "retrying the pin took too long".into() }.into());
    }
    match save(context, &pin, &next, is_edited).await? {
        Write::Done => {}
        Write::Conflict(Some(current)) if current.status != Status::Failed => {
            return Err(RetryError::NotFailed(current.status));
        }
        Write::Conflict(Some(_)) => {
            return Err(PortError::Contended { row: "pin", writes: 1 }.into());
        }
        Write::Conflict(None) => return Err(RetryError::NotFound),
    }
    // From here on the pin is retried: what can't be done now, the rescuer does by the pin's marker.
    if context.took_ms(began) > OWNED_WITHIN_MS {
        context.store.put_marker(&owner()).await?;
    }
    let handed_over = match plan {
        Plan::Backlog(..) => {
            join_backlog::join(context, account, &BacklogRow::of(&pin, next.generation), &bucket).await
        }
        Plan::Now | Plan::Slot(_) => {
            let token = take(context, &pin, bucket).await?;
            send(context, &pin, &next, token, token.map(|token| token.slot)).await
        }
        Plan::Due(at) => send(context, &pin, &next, None, Some(at)).await,
    };
    if let Err(error) = handed_over {
        tracing::warn!(
            workspace_id = %key.workspace, pin_id = %key.pin, %error,
            "retried pin not handed over; the rescuer resends it"
        );
    }
    telemetry::count(Metric::PinRetried, 1, attempt.failure.map(Failure::code), now);
    tracing::info!(
        workspace_id = %key.workspace, account_id = %account.account, pin_id = %key.pin,
        error_code = attempt.failure.map(Failure::code), status = next.status.name(), accept_duplicate, "pin retried"
    );
    Ok((pin, next))
}

async fn save(
    context: &Context,
    pin: &Pin,
    next: &Attempt,
    is_edited: bool,
) -> PortResult<Write<Option<Box<Attempt>>>> {
    if !is_edited {
        return context.store.save_attempt(pin, next).await;
    }
    edit_pin::put_sibling(context, pin).await?;
    if context.store.save_pin(pin, next).await?.is_done() {
        return Ok(Write::Done);
    }
    let read = context.store.pins(&[pin.key]).await?.into_iter().flatten().next();
    let current = read.filter(|(pin, _)| pin.hidden_at.is_none()).map(|(_, current)| Box::new(current));
    Ok(Write::Conflict(current))
}

/// Checks whether the pin may be retried; returns its account's bucket.
async fn check(
    context: &Context,
    pin: &Pin,
    attempt: &Attempt,
    accept_duplicate: bool,
    edit: &Edit,
) -> Result<Bucket, RetryError> {
    if attempt.status != Status::Failed {
        return Err(RetryError::NotFailed(attempt.status));
    }
    if attempt.is_superseded {
        return Err(RetryError::Superseded);
    }
    if pin.is_overdue(context.system.now()) {
        return Err(RetryError::Overdue);
    }
    if pin.is_too_late(context.system.now()) {
        return Err(RetryError::TooLate);
    }
    let start = pin.may_start_at(context.system.now());
    if edit.publish_before.is_some() && pin.request.ends_too_soon(start) {
        return Err(RetryError::TooSoon);
    }
    if attempt.ended_unresolved(context.settings.deadlines.quiesce_ms) && !accept_duplicate {
        return Err(RetryError::MayDuplicate);
    }
    let account = context.store.account(pin.account_key()).await?;
    if account.is_none() && edit.account.is_some() {
        return Err(RetryError::AccountNotFound);
    }
    if !account.is_some_and(|account| account.is_connected()) {
        return Err(RetryError::AccountDisconnected);
    }
    Ok(context.store.bucket(pin.account_key()).await?)
}

/// Where the pin goes, as far as it is known before a token is taken.
#[derive(Clone, Copy)]
enum Plan {
    Now,
    Slot(Moment),
    /// Its own time is still to come; its token is taken then.
    Due(Moment),
    Backlog(WaitReason, Option<Moment>),
}

impl Plan {
    /// When the pin's message becomes visible.
    fn start(self) -> Option<Moment> {
        match self {
            Self::Slot(at) | Self::Due(at) => Some(at),
            Self::Now | Self::Backlog(..) => None,
        }
    }

    /// Why the pin waits and until when, if it does.
    fn waits(self) -> Option<(WaitReason, Option<Moment>)> {
        match self {
            Self::Now => None,
            Self::Slot(slot) => Some((WaitReason::AccountPacing, Some(slot))),
            Self::Due(at) => Some((WaitReason::Scheduled, Some(at))),
            Self::Backlog(reason, until) => Some((reason, until)),
        }
    }
}

/// Plans as an acceptance would: the next slot if that is near and no pin waits.
async fn plan(context: &Context, pin: &Pin, bucket: &Bucket, now: Moment) -> PortResult<Plan> {
    if let Some(at) = pin.not_before().filter(|at| *at > now) {
        return Ok(Plan::Due(at));
    }
    // The dispatcher tries an account on hold, with one pin at a time.
    if bucket.is_paused(now) || bucket.is_on_hold() {
        return Ok(Plan::Backlog(bucket.wait_reason(), bucket.paused_until().filter(|until| *until > now)));
    }
    let slot = bucket.next_slot(&bucket.pace(&context.settings.pace, now), now);
    let is_far = bucket.is_crowded(now) || slot > now.plus_ms(ACCEPT_HORIZON_MS);
    if is_far || (bucket.waiting_at.is_some() && !context.store.backlog(pin.account_key(), 1).await?.is_empty()) {
        return Ok(Plan::Backlog(WaitReason::AccountPacing, None));
    }
    Ok(if slot <= now { Plan::Now } else { Plan::Slot(slot) })
}

/// Sends the message for its token's slot or the pin's own time; without a token, the publisher takes one.
async fn send(
    context: &Context,
    pin: &Pin,
    next: &Attempt,
    token: Option<Token>,
    at: Option<Moment>,
) -> PortResult<()> {
    let message = PublishMessage::new(pin.key, pin.request.account, next.generation, token);
    let delay_ms = at.map_or(0, |at| at.since_ms(context.system.now()).clamp(0, MAX_DELAY_MS));
    match context.queue.send(&[(message, delay_ms)]).await?.as_slice() {
        [] => Ok(()),
        _ => Err(PortError::Unavailable { port: "publish queue", reason: "the message was not taken".into() }),
    }
}

async fn take(context: &Context, pin: &Pin, mut bucket: Bucket) -> PortResult<Option<Token>> {
    let mut takes = OptimisticWrites::of("pacing row", TAKE_ATTEMPTS);
    while takes.has_round() {
        let now = context.system.now();
        if bucket.is_paused(now) || bucket.is_crowded(now) {
            return Ok(None);
        }
        let pace = bucket.pace(&context.settings.pace, now);
        let take = Take::plan(&bucket, &pace, now, 1, ACCEPT_HORIZON_MS, context.nonce());
        match context.store.take(pin.account_key(), &take).await? {
            Taken::Tokens(tokens) => return Ok(tokens.first().copied()),
            Taken::Refused(current) => bucket = current,
        }
    }
    Ok(None)
}
