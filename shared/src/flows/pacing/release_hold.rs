//! Ending an account's hold before its time: its connection is good again.

use crate::context::Context;
use crate::domain::ids::AccountKey;
use crate::domain::pacing::bucket::Resume;
use crate::ports::{PortError, PortResult};

/// Others who write the bucket come between this often at most.
const ROUNDS_MAX: usize = 5;

/// Lets what waits go with the dispatcher's next tick; nothing when the account isn't on hold. Never worth failing for: a hold
/// ends by itself within a quarter of an hour.
pub async fn release_hold(context: &Context, key: AccountKey) {
    if let Err(error) = release(context, key).await {
        tracing::warn!(account_id = %key.account, %error, "a hold was not ended");
    }
}

async fn release(context: &Context, key: AccountKey) -> PortResult<()> {
    for _ in 0..ROUNDS_MAX {
        let (bucket, now) = (context.store.bucket(key).await?, context.system.now());
        let Some(resume) = Resume::plan(&bucket, &context.settings.pace, now) else {
            return Ok(());
        };
        context.store.mark_waiting(key, now).await?;
        if context.store.resume(key, &resume).await? {
            return Ok(());
        }
    }
    Err(PortError::Unavailable { port: "table", reason: "the account's bucket changes all the time".into() })
}
