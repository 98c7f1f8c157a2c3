//! Deleting a pin: nobody sees it any more, and unless it is just being published it never is.
//!
//! A pin that waits is ended and hidden by one transaction, so it is either the deletion that counts or the write-ahead. One that
//! is being published is only hidden: the call under way may still publish it, and no further attempt begins. Its key stays
//! taken until its rows expire.

use thiserror::Error;

use crate::context::Context;
use crate::domain::ids::PinKey;
use crate::domain::pacing::backlog::BacklogRow;
use crate::domain::pin::Pin;
use crate::domain::pin::attempt::{Attempt, Status};
use crate::domain::recovery::RecoveryMarker;
use crate::ports::{PortError, PortResult, Saved};

/// A pin that changes under the writer is read again this often.
const WRITES_MAX: usize = 6;

#[derive(Debug, Error)]
pub enum DeleteError {
    #[error("no such pin in this workspace")]
    NotFound,
    /// Its Pin may just come to be, and was to be deleted too.
    #[error("the pin is being published")]
    Publishing,
    /// It is there by now, and was to be deleted first.
    #[error("the pin is published")]
    Published,
    #[error(transparent)]
    Port(#[from] PortError),
}

/// Deletes the pin; answers it as it was.
///
/// # Errors
/// When the pin isn't there, or a port is unavailable. A call that failed may have deleted it.
pub async fn delete_pin(context: &Context, key: PinKey) -> Result<(Pin, Attempt), DeleteError> {
    delete_pin_if(context, key, |_| Ok(())).await
}

/// The same for a pin without a Pin: one that is published, or is just being published, is left as it is.
///
/// # Errors
/// As [`delete_pin`].
pub async fn delete_unpublished(context: &Context, key: PinKey) -> Result<(Pin, Attempt), DeleteError> {
    delete_pin_if(context, key, |attempt| match attempt.status {
        Status::Publishing => Err(DeleteError::Publishing),
        Status::Published => Err(DeleteError::Published),
        Status::Queued | Status::Deferred | Status::Failed => Ok(()),
    })
    .await
}

async fn delete_pin_if(
    context: &Context,
    key: PinKey,
    allows: impl Fn(&Attempt) -> Result<(), DeleteError>,
) -> Result<(Pin, Attempt), DeleteError> {
    let mut first: Option<(Pin, Attempt)> = None;
    for _ in 0..WRITES_MAX {
        let Some((pin, attempt)) = context.store.pins(&[key]).await?.into_iter().flatten().next() else {
            return Err(DeleteError::NotFound);
        };
        if first.is_none() && pin.hidden_at.is_some() {
            return Err(DeleteError::NotFound);
        }
        allows(&attempt)?;
        let seen = first.get_or_insert_with(|| (pin.clone(), attempt.clone()));
        let is_done = match (attempt.status, pin.hidden_at) {
            // Hidden, and read again after that: whatever attempt begins from now on sees it.
            (Status::Publishing, Some(_)) | (Status::Published, Some(_)) => true,
            (Status::Publishing, None) => {
                let hidden = Pin { hidden_at: Some(context.system.now()), ..pin.clone() };
                context.store.hide_pin(&hidden).await?;
                false
            }
            _ => end(context, &pin, &attempt).await?,
        };
        if is_done {
            tracing::info!(
                workspace_id = %key.workspace, pin_id = %key.pin, status = attempt.status.name(), "deleted"
            );
            return Ok(seen.clone());
        }
    }
    Err(PortError::Unavailable { port: "table", reason: "the pin changes all the time".into() }.into())
}

/// Ends the pin's attempts and hides it; `false` when somebody else wrote first.
async fn end(context: &Context, pin: &Pin, attempt: &Attempt) -> PortResult<bool> {
    let now = context.system.now();
    let Ok(next) = attempt.deleted(now, pin, context.nonce()) else { return Ok(false) };
    if attempt.status == Status::Deferred {
        // It may wait in the backlog, where no row of the clock names it: the tally reads of its end by this one.
        let row = RecoveryMarker::new(vec![pin.key], now, 0, context.system.nonce());
        context.store.put_marker(&row).await?;
    }
    let is_saved = if pin.hidden_at.is_some() {
        context.store.save_attempt(pin, &next).await? == Saved::Yes
    } else {
        context.store.save_pin(&Pin { hidden_at: Some(now), ..pin.clone() }, &next).await?
    };
    if is_saved && attempt.status == Status::Deferred {
        // Left behind, it would only cost its account a token.
        let row = BacklogRow::of(pin, attempt.generation);
        if let Err(error) = context.store.delete_backlog(pin.account_key(), &[row]).await {
            tracing::warn!(pin_id = %pin.key.pin, %error, "a deleted pin's place in the backlog stays until its turn");
        }
    }
    Ok(is_saved)
}
