//! Changes what a pin publishes, before it is published.
//!
//! The pin's row and its attempt's are written together, the latter under a new revision: a worker that has read the
//! old content loses its write-ahead and reads again. So the content that is published was in force when its attempt
//! began.

use thiserror::Error;

use crate::context::Context;
use crate::domain::ids::PinKey;
use crate::domain::pin::attempt::{Attempt, Status};
use crate::domain::pin::edit::Edit;
use crate::domain::pin::fields;
use crate::domain::pin::idempotency::content_hashes;
use crate::domain::pin::origin::Actor;
use crate::domain::pin::{Pin, PinRequest};
use crate::domain::recovery::RecoveryMarker;
use crate::domain::time::Moment;
use crate::ports::OptimisticWrites;
use crate::ports::PortError;

/// A pin that another writer changes is read again this often.
const WRITES_MAX: usize = 4;

/// Why a pin was not edited.
#[derive(Debug, Error)]
pub enum EditError {
    #[error("no such pin in this workspace")]
    NotFound,
    #[error("the pin is published")]
    AlreadyPublished,
    #[error("the pin is being published")]
    Publishing,
    /// The new `publish_before` has passed, or leaves no time to start.
    #[error("the pin would come too late")]
    TooLate,
    /// Its schedule was retried with another pin: the change would reach nothing.
    #[error("the pin's schedule continues with another pin")]
    Superseded,
    /// An attempt was made, and the change was to come before the first one.
    #[error("the pin has begun")]
    Begun,
    #[error(transparent)]
    Port(#[from] PortError),
}

/// Makes the change; a change without effect writes nothing.
///
/// # Errors
/// When the pin doesn't exist, is published or being published, or a port is unavailable. A call that failed may have
/// made the change; repeating it is harmless.
pub async fn edit_pin(context: &Context, key: PinKey, edit: &Edit) -> Result<(Pin, Attempt), EditError> {
    change_pin(context, key, |request| edit.apply(request), false, edit.by).await
}

/// Like [`edit_pin`], with any change of the request, but only before the pin's first attempt.
///
/// # Errors
/// As [`edit_pin`]; [`EditError::Begun`] when an attempt was made.
pub async fn edit_unbegun(
    context: &Context,
    key: PinKey,
    change: impl Fn(&PinRequest) -> PinRequest,
    by: Option<Actor>,
) -> Result<(Pin, Attempt), EditError> {
    change_pin(context, key, change, true, by).await
}

async fn change_pin(
    context: &Context,
    key: PinKey,
    change: impl Fn(&PinRequest) -> PinRequest,
    only_unbegun: bool,
    by: Option<Actor>,
) -> Result<(Pin, Attempt), EditError> {
    let mut writes = OptimisticWrites::of("pin", WRITES_MAX);
    loop {
        writes.begin()?;
        let read = context.store.pins(&[key]).await?.into_iter().flatten().next();
        let (pin, attempt) = read.filter(|(pin, _)| pin.hidden_at.is_none()).ok_or(EditError::NotFound)?;
        match attempt.status {
            Status::Published => return Err(EditError::AlreadyPublished),
            Status::Publishing => return Err(EditError::Publishing),
            Status::Failed if attempt.is_superseded => return Err(EditError::Superseded),
            Status::Queued | Status::Deferred | Status::Failed if only_unbegun && !attempt.has_never_begun() => {
                return Err(EditError::Begun);
            }
            Status::Queued | Status::Deferred | Status::Failed => {}
        }
        let request = change(&pin.request);
        if request == pin.request {
            return Ok((pin, attempt));
        }
        let now = context.system.now();
        if request.publish_before != pin.request.publish_before {
            plan_end(context, key, &request, pin.may_start_at(now)).await?;
        }
        let Ok(next) = attempt.edited(now, context.nonce()) else { continue };
        let next = next.made_by(by).changing(fields::changed(&pin.request, &request));
        let edited = Pin { request, edit: next.edit, ..pin };
        put_sibling(context, &edited).await?;
        if context.store.save_pin(&edited, &next).await?.is_done() {
            tracing::info!(workspace_id = %key.workspace, pin_id = %key.pin, edit = edited.edit, "pin edited");
            return Ok((edited, next));
        }
    }
}

/// Files the marker by which the rescuer ends the pin if it doesn't start before the new time.
async fn plan_end(context: &Context, key: PinKey, request: &PinRequest, start: Moment) -> Result<(), EditError> {
    let Some(before) = request.publish_before else { return Ok(()) };
    if request.ends_too_soon(start) {
        return Err(EditError::TooLate);
    }
    let marker = RecoveryMarker::too_late(vec![key], before, context.system.nonce());
    Ok(context.store.put_marker(&marker).await?)
}

/// Writes the rows by which pins of the new content are found. They are written before the content is in force.
///
/// # Errors
/// When the table is unavailable.
pub async fn put_sibling(context: &Context, edited: &Pin) -> Result<(), PortError> {
    for content in content_hashes(&edited.request) {
        context.store.put_sibling(edited.account_key(), &content, edited.key.pin, edited.expires_at).await?;
    }
    Ok(())
}
