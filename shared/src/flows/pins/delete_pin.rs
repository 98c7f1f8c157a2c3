//! Deletes a pin: clients don't see it any more, and unless it is being published at this moment, it is never
//! published.
//!
//! A waiting pin is ended and hidden by one transaction, so either the deletion or the write-ahead takes effect. A pin
//! that is being published is only hidden: the call under way may still publish it, and no further attempt begins. Its
//! key stays taken until its rows expire.

use thiserror::Error;

use crate::context::Context;
use crate::domain::ids::PinKey;
use crate::domain::pin::Pin;
use crate::domain::pin::attempt::{Attempt, Status};
use crate::domain::recovery::{OWNED_WITHIN_MS, RecoveryMarker};
use crate::flows::pacing::join_backlog;
use crate::ports::OptimisticWrites;
use crate::ports::{PortError, PortResult, Write};

/// A pin that another writer changes is read again this often.
const WRITES_MAX: usize = 6;

/// Why a pin was not deleted.
#[derive(Debug, Error)]
pub enum DeleteError {
    #[error("no such pin in this workspace")]
    NotFound,
    /// Its Pin may be created at this moment, and was to be deleted too.
    #[error("the pin is being published")]
    Publishing,
    /// Its Pin exists by now, and was to be deleted first.
    #[error("the pin is published")]
    Published,
    #[error(transparent)]
    Port(#[from] PortError),
}

/// Deletes the pin; returns it as it was.
///
/// # Errors
/// When the pin doesn't exist, or a port is unavailable. A call that failed may have deleted it.
pub async fn delete_pin(context: &Context, key: PinKey) -> Result<(Pin, Attempt), DeleteError> {
    delete_pin_if(context, key, false, |_| Ok(())).await
}

/// Like [`delete_pin`], for a published pin whose Pin was just deleted on Pinterest; its row records that.
///
/// # Errors
/// As [`delete_pin`].
pub async fn delete_with_its_pin(context: &Context, key: PinKey) -> Result<(Pin, Attempt), DeleteError> {
    delete_pin_if(context, key, true, |_| Ok(())).await
}

/// Like [`delete_pin`], for a pin without a Pin: a pin that is published, or being published, stays as it is.
///
/// # Errors
/// As [`delete_pin`].
pub async fn delete_unpublished(context: &Context, key: PinKey) -> Result<(Pin, Attempt), DeleteError> {
    delete_pin_if(context, key, false, |attempt| match attempt.status {
        Status::Publishing => Err(DeleteError::Publishing),
        Status::Published => Err(DeleteError::Published),
        Status::Queued | Status::Deferred | Status::Failed => Ok(()),
    })
    .await
}

async fn delete_pin_if(
    context: &Context,
    key: PinKey,
    is_removed: bool,
    allows: impl Fn(&Attempt) -> Result<(), DeleteError>,
) -> Result<(Pin, Attempt), DeleteError> {
    let mut first: Option<(Pin, Attempt)> = None;
    let mut writes = OptimisticWrites::of("pin", WRITES_MAX);
    loop {
        writes.begin()?;
        let Some((pin, attempt)) = context.store.pins(&[key]).await?.into_iter().flatten().next() else {
            return Err(DeleteError::NotFound);
        };
        if first.is_none() && pin.hidden_at.is_some() {
            return Err(DeleteError::NotFound);
        }
        allows(&attempt)?;
        let seen = first.get_or_insert_with(|| (pin.clone(), attempt.clone()));
        let is_done = match (attempt.status, pin.hidden_at) {
            // Hidden, and read again after that: every attempt that begins from now on sees it.
            (Status::Publishing, Some(_)) | (Status::Published, Some(_)) => true,
            (Status::Publishing, None) => {
                let hidden = Pin { hidden_at: Some(context.system.now()), ..pin.clone() };
                context.store.hide_pin(&hidden).await?;
                false
            }
            _ => end(context, &pin, &attempt, is_removed).await?,
        };
        if is_done {
            tracing::info!(
                workspace_id = %key.workspace, pin_id = %key.pin, status = attempt.status.name(), "pin deleted"
            );
            return Ok(seen.clone());
        }
    }
}

/// Ends the pin's attempts and hides it; `false` when another writer came first. `is_removed`: its Pin is deleted.
async fn end(context: &Context, pin: &Pin, attempt: &Attempt, is_removed: bool) -> PortResult<bool> {
    let now = context.system.now();
    let Ok(next) = attempt.deleted(now, pin, context.nonce()) else { return Ok(false) };
    let removed_at = next.removed_at.or(is_removed.then_some(now));
    let next = Attempt { removed_at, ..next };
    // It may wait in the backlog, where no marker names it: the rollup learns of its end by this one.
    let row = || RecoveryMarker::new(vec![pin.key], context.system.now(), 0, context.system.nonce());
    let needs_marker = attempt.status == Status::Deferred;
    let began = context.begin();
    if needs_marker {
        context.store.put_marker(&row()).await?;
    }
    let is_saved = if pin.hidden_at.is_some() {
        context.store.save_attempt(pin, &next).await? == Write::Done
    } else {
        context.store.save_pin(&Pin { hidden_at: Some(now), ..pin.clone() }, &next).await?.is_done()
    };
    if is_saved && needs_marker && context.took_ms(began) > OWNED_WITHIN_MS {
        // The marker may have been read before the write.
        context.store.put_marker(&row()).await?;
    }
    if is_saved && let Err(error) = join_backlog::leave(context, pin, attempt).await {
        tracing::warn!(
            workspace_id = %pin.key.workspace, pin_id = %pin.key.pin, %error,
            "backlog row of a deleted pin not deleted"
        );
    }
    Ok(is_saved)
}
