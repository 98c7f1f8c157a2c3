//! Pauses an account: none of its pins is published until the pause is over.

use crate::context::Context;
use crate::domain::ids::AccountKey;
use crate::domain::pacing::bucket::Pause;
use crate::domain::pin::WaitReason;
use crate::domain::pin::failure::Failure;
use crate::domain::pin::retry::HOLD_PAUSE_MS;
use crate::domain::time::Moment;
use crate::ports::PortResult;
use crate::telemetry::{self, Metric};

/// Holds an account until a person acts: it is tried again after [`HOLD_PAUSE_MS`]. `failure` says what for.
///
/// # Errors
/// When the table is unavailable.
pub async fn hold(context: &Context, account: AccountKey, failure: Failure) -> PortResult<()> {
    let until = context.system.now().plus_ms(HOLD_PAUSE_MS);
    let hold = Pause::new(&context.settings.pace, until, WaitReason::AccountOnHold);
    pause(context, account, hold.because(failure)).await
}

/// # Errors
/// When the table is unavailable.
pub async fn pause(context: &Context, account: AccountKey, pause: Pause) -> PortResult<()> {
    context.store.pause(account, &pause).await?;
    telemetry::count(Metric::AccountPaused, 1, Some(pause.reason.code()), context.system.now());
    tracing::warn!(
        workspace_id = %account.workspace, account_id = %account.account, reason = pause.reason.code(),
        until = pause.until.rfc3339(), slow_until = pause.slow_until.map(Moment::rfc3339), "account paused"
    );
    Ok(())
}
