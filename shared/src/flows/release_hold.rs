//! Ending an account's hold before its time: its connection is good again.

use crate::domain::ids::AccountKey;
use crate::domain::token_bucket::Resume;
use crate::ports::{PortError, PortResult, World};

/// Others who write the bucket come between this often at most.
const ROUNDS_MAX: usize = 5;

/// Lets what waits go with the dispatcher's next tick; nothing when the account isn't on hold. Never worth failing for: a hold
/// ends by itself within a quarter of an hour.
pub async fn release_hold(world: &World, key: AccountKey) {
    if let Err(error) = release(world, key).await {
        tracing::warn!(account_id = %key.account, %error, "a hold was not ended");
    }
}

async fn release(world: &World, key: AccountKey) -> PortResult<()> {
    for _ in 0..ROUNDS_MAX {
        let (bucket, now) = (world.store.bucket(key).await?, world.system.now());
        let Some(resume) = Resume::plan(&bucket, &world.settings.pace, now) else {
            return Ok(());
        };
        world.store.mark_waiting(key, now).await?;
        if world.store.resume(key, &resume).await? {
            return Ok(());
        }
    }
    Err(PortError::Unavailable { port: "table", reason: "the account's bucket changes all the time".into() })
}
