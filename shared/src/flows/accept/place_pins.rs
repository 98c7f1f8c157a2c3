//! Places an account's new pins: in its next free slots while these are near and no pin waits, otherwise in the
//! backlog.

use crate::context::Context;
use crate::domain::ids::AccountKey;
use crate::domain::pacing::bucket::{ACCEPT_HORIZON_MS, Bucket, Take, Token};
use crate::domain::pin::{Placement, WaitReason};
use crate::domain::time::Moment;
use crate::flows::pacing::mend_bucket::mended;
use crate::ports::{OptimisticWrites, PortResult, Taken};

/// A take that loses its race is planned again this often before the pins join the backlog.
const TAKE_ATTEMPTS: usize = 4;

/// A pin's placement, and the token that was taken for it.
#[derive(Clone, Copy, Debug)]
pub struct Placed {
    pub placement: Placement,
    pub token: Option<Token>,
}

/// Places `count` pins of the account, in their order, with one write of its bucket. Returns the bucket as last read.
///
/// # Errors
/// When the table is unavailable. Tokens that were taken by then are lost.
pub async fn place(
    context: &Context,
    account: AccountKey,
    count: usize,
    now: Moment,
) -> PortResult<(Vec<Placed>, Bucket)> {
    let in_backlog = |reason| Placed { placement: Placement::Backlog(reason), token: None };
    let mut bucket = mended(context, account, context.store.bucket(account).await?).await?;
    let mut takes = OptimisticWrites::of("pacing row", TAKE_ATTEMPTS);
    while takes.has_round() {
        let pace = &bucket.pace(&context.settings.pace, now);
        // The dispatcher tries an account on hold, with one pin at a time.
        if bucket.is_paused(now) || bucket.is_on_hold() {
            return Ok((vec![in_backlog(bucket.wait_reason()); count], bucket));
        }
        let horizon = now.plus_ms(ACCEPT_HORIZON_MS);
        if bucket.is_crowded(now) || bucket.next_slot(pace, now) > horizon {
            break;
        }
        // The mark outlasts the backlog by a minute or more. In that time, check whether a pin really waits.
        if bucket.waiting_at.is_some() && !context.store.backlog(account, 1).await?.is_empty() {
            break;
        }
        let room = bucket.tokens_until(pace, now, horizon).max(1);
        let wanted = u32::try_from(count).unwrap_or(u32::MAX).min(room);
        let take = Take::plan(&bucket, pace, now, wanted, ACCEPT_HORIZON_MS, context.nonce());
        match context.store.take(account, &take).await? {
            Taken::Tokens(tokens) => {
                let mut placed: Vec<Placed> = tokens.into_iter().map(|token| with_token(token, now)).collect();
                placed.resize(count, in_backlog(WaitReason::AccountPacing));
                return Ok((placed, bucket));
            }
            Taken::Refused(current) => bucket = current,
        }
    }
    Ok((vec![in_backlog(WaitReason::AccountPacing); count], bucket))
}

fn with_token(token: Token, now: Moment) -> Placed {
    let placement = if token.slot <= now { Placement::Now } else { Placement::Slot(token.slot) };
    Placed { placement, token: Some(token) }
}
