//! Ends an account's hold early, when its connection works again.

use crate::context::Context;
use crate::domain::ids::AccountKey;
use crate::ports::OptimisticWrites;
use crate::ports::PortResult;

/// Another writer of the bucket comes first this often at most.
const ROUNDS_MAX: usize = 5;

/// Lets waiting pins go with the dispatcher's next tick; does nothing when the account isn't on hold. A failure is only
/// logged: a hold ends by itself within a quarter of an hour.
pub async fn release_hold(context: &Context, key: AccountKey) {
    if let Err(error) = release(context, key).await {
        tracing::warn!(workspace_id = %key.workspace, account_id = %key.account, %error, "hold not released");
    }
}

async fn release(context: &Context, key: AccountKey) -> PortResult<()> {
    let mut writes = OptimisticWrites::of("pacing row", ROUNDS_MAX);
    loop {
        writes.begin()?;
        let Some(hold) = context.store.bucket(key).await?.hold else { return Ok(()) };
        let now = context.system.now();
        context.store.mark_waiting(key, now).await?;
        if context.store.lift_hold(key, hold.until, now).await?.is_done() {
            return Ok(());
        }
    }
}
