//! Joining an account's backlog, so that no pin in it is ever overlooked.

use futures_util::future::try_join_all;

use crate::domain::backlog::BacklogRow;
use crate::domain::ids::AccountKey;
use crate::domain::time::Moment;
use crate::domain::token_bucket::{Bucket, WAITING_FRESH_MS};
use crate::ports::{PortResult, World};

/// Marks the account as waiting, then writes the row.
///
/// The dispatcher finds backlogs by the mark and clears it only after an empty query that began at least a minute after
/// it. A mark that is seconds old is therefore safe to rely on; if writing took long, it is set again afterwards.
pub async fn join(world: &World, account: AccountKey, row: &BacklogRow, bucket: &Bucket) -> PortResult<()> {
    join_all(world, account, std::slice::from_ref(row), bucket).await
}

/// The same for several pins of the account, with one mark.
pub async fn join_all(world: &World, account: AccountKey, rows: &[BacklogRow], bucket: &Bucket) -> PortResult<()> {
    let began_ms = world.system.monotonic_ms();
    let now = world.system.now();
    if !is_fresh(bucket.waiting_at, now) {
        world.store.mark_waiting(account, now).await?;
    }
    try_join_all(rows.iter().map(|row| world.store.put_backlog(account, row))).await?;
    if world.system.monotonic_ms() - began_ms > WAITING_FRESH_MS {
        world.store.mark_waiting(account, world.system.now()).await?;
    }
    Ok(())
}

fn is_fresh(waiting_at: Option<Moment>, now: Moment) -> bool {
    waiting_at.is_some_and(|at| (0..=WAITING_FRESH_MS).contains(&now.since_ms(at)))
}
