//! Plans the duplicate check of a pin that was just published.

use crate::context::Context;
use crate::domain::ids::PinKey;
use crate::domain::pin::attempt::Attempt;
use crate::domain::reconcile::duplicate_check::{self, DuplicateCheck};
use crate::domain::recovery::RecoveryMarker;
use crate::domain::time::Moment;
use crate::ports::PortResult;

/// Files the marker, if the pin is to be checked.
///
/// It runs after the publish is recorded, so that a pin whose record fails is never checked, and a crash in between
/// skips the check. Publishing doesn't depend on it: a marker that can't be written is only logged.
pub async fn plan(context: &Context, pin: PinKey, attempt: &Attempt) {
    if context.settings.duplicate_check == DuplicateCheck::Off || !duplicate_check::is_wanted(attempt) {
        return;
    }
    let due = context.system.now().plus_ms(context.settings.duplicate_check_after_ms);
    if let Err(error) = file(context, pin, due, 0).await {
        tracing::warn!(workspace_id = %pin.workspace, pin_id = %pin.pin, %error, "duplicate check not planned");
    }
}

/// Writes the recovery marker that asks for the check at `due`. `tries`: how many checks have failed so far.
///
/// # Errors
/// When the table is unavailable.
pub async fn file(context: &Context, pin: PinKey, due: Moment, tries: u32) -> PortResult<()> {
    context.store.put_marker(&RecoveryMarker::duplicate_check(pin, due, tries, context.system.nonce())).await
}
