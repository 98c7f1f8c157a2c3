//! Heeds what Pinterest asks of the account in its answer to any other call than a create: a write that a caller waits
//! for, a reading of a board, a read of the API.

use crate::context::Context;
use crate::domain::ids::AccountKey;
use crate::domain::pacing::bucket::Pause;
use crate::domain::pin::WaitReason;
use crate::domain::pin::failure::Failure;
use crate::domain::pin::retry::limit_pause_ms;
use crate::domain::time::SECOND_MS;
use crate::flows::pacing::pause_account::pause;
use crate::ports::{PortResult, ReadFailure};

/// A pause that can't be written is tried this often: a caller may wait for the answer.
const TRIES_MAX: usize = 3;
const TRY_PAUSE_MS: i64 = SECOND_MS / 5;

/// What was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    Read,
    Write,
}

/// Pauses the account if the answer was a 429, or says that the account is blocked: publishing through a block would
/// prolong it, whichever call met it.
///
/// # Errors
/// When the table is unavailable, also when asked again.
pub async fn heed(context: &Context, account: AccountKey, call: Call, refused: &ReadFailure) -> PortResult<()> {
    let Some(limit) = refused.limit() else { return Ok(()) };
    let mut tries = 1;
    loop {
        match try_to_heed(context, account, call, limit, refused.retry_after_ms).await {
            Err(_) if tries < TRIES_MAX => tries += 1,
            answer => return answer,
        }
        context.system.sleep_ms(TRY_PAUSE_MS).await;
    }
}

async fn try_to_heed(
    context: &Context,
    account: AccountKey,
    call: Call,
    limit: Failure,
    retry_after_ms: Option<i64>,
) -> PortResult<()> {
    let now = context.system.now();
    let configured = &context.settings.pace;
    let until = now.plus_ms(limit_pause_ms(limit, retry_after_ms));
    let planned = Pause::new(configured, until, WaitReason::AccountPaused).because(limit);
    // A write that was refused for the rate slows the account down, as a create does. Reads have a limit of their own.
    let planned = match (call, limit) {
        (Call::Write, Failure::RateLimited) => planned.slowing(&context.store.bucket(account).await?, now),
        _ => planned,
    };
    pause(context, account, planned).await
}
