//! Joins an account's backlog, so that the dispatcher never overlooks a pin in it; and leaves it.

use futures_util::future::try_join_all;

use crate::context::Context;
use crate::domain::ids::AccountKey;
use crate::domain::pacing::backlog::BacklogRow;
use crate::domain::pacing::bucket::{Bucket, WAITING_FRESH_MS};
use crate::domain::pin::Pin;
use crate::domain::pin::attempt::{Attempt, Status};
use crate::domain::time::Moment;
use crate::ports::PortResult;

/// Marks the account as waiting, then writes the row.
///
/// The dispatcher finds backlogs by the mark, and clears it only after an empty query that began at least a minute
/// after the mark was set. A mark that is seconds old is therefore safe to rely on; if writing took long, it is set
/// again afterwards.
///
/// # Errors
/// When the table is unavailable; repeating it is harmless.
pub async fn join(context: &Context, account: AccountKey, row: &BacklogRow, bucket: &Bucket) -> PortResult<()> {
    join_all(context, account, std::slice::from_ref(row), bucket).await
}

/// Like [`join`], for several pins of the account, with one mark.
///
/// # Errors
/// As [`join`].
pub async fn join_all(context: &Context, account: AccountKey, rows: &[BacklogRow], bucket: &Bucket) -> PortResult<()> {
    let began = context.begin();
    let now = context.system.now();
    if !is_fresh(bucket.waiting_at, now) {
        context.store.mark_waiting(account, now).await?;
    }
    try_join_all(rows.iter().map(|row| context.store.put_backlog(account, row))).await?;
    if context.took_ms(began) > WAITING_FRESH_MS {
        context.store.mark_waiting(account, context.system.now()).await?;
    }
    Ok(())
}

/// Deletes the row of a pin that has ended while it was as in `attempt`. Left behind, the row would only cost its
/// account a token.
///
/// # Errors
/// When the table is unavailable.
pub async fn leave(context: &Context, pin: &Pin, attempt: &Attempt) -> PortResult<()> {
    if attempt.status != Status::Deferred {
        return Ok(());
    }
    context.store.delete_backlog(pin.account_key(), &[BacklogRow::of(pin, attempt.generation)]).await
}

fn is_fresh(waiting_at: Option<Moment>, now: Moment) -> bool {
    waiting_at.is_some_and(|at| (0..=WAITING_FRESH_MS).contains(&now.since_ms(at)))
}
