//! Takes a token for a write that a caller waits for: of a board or a section, or the deletion of a Pin. It gets a
//! token at once, or the caller is told when there will be one; it never queues.

use thiserror::Error;

use super::mend_bucket::mended;
use crate::context::Context;
use crate::domain::ids::AccountKey;
use crate::domain::pacing::bucket::{Bucket, OwnWrite, Take};
use crate::domain::pacing::pace::{Pace, TOKEN_VALID_AT_LEAST_MS};
use crate::domain::time::{Moment, SECOND_MS};
use crate::ports::{OptimisticWrites, PortError, Taken};

/// A take that loses its race is planned again this often.
const TAKE_ATTEMPTS: usize = 4;
/// A write that lost every race may be sent again after this time.
const BUSY_MS: i64 = SECOND_MS;

/// Why a write that a caller waits for can't be made now.
#[derive(Debug, Error)]
pub enum OwnWriteError {
    /// There is no token before this moment.
    #[error("the account has no token before {0:?}")]
    NotBefore(Moment),
    #[error(transparent)]
    Port(#[from] PortError),
}

/// Takes a token that a pin could start with now, or else one of the reserve. The call must follow at once.
///
/// # Errors
/// When there is no token now, or the table is unavailable.
pub async fn take(context: &Context, account: AccountKey) -> Result<(), OwnWriteError> {
    let mut bucket = mended(context, account, context.store.bucket(account).await?).await?;
    let mut takes = OptimisticWrites::of("pacing row", TAKE_ATTEMPTS);
    while takes.has_round() {
        let now = context.system.now();
        let pace = bucket.pace(&context.settings.pace, now);
        if let Some((until, _)) = bucket.pause_of_pinterest(now) {
            return Err(OwnWriteError::NotBefore(until));
        }
        // No pin needs this token.
        let at_once = !is_waited_for(&bucket, now) && bucket.next_slot(&pace, now) <= now;
        if at_once {
            let take = Take::plan(&bucket, &pace, now, 1, TOKEN_VALID_AT_LEAST_MS, context.nonce());
            match context.store.take(account, &take).await? {
                Taken::Tokens(tokens) => {
                    // Another take in between may have moved the slot a little.
                    let slot = tokens.first().map_or(now, |token| token.slot);
                    context.system.sleep_ms(slot.since_ms(context.system.now()).max(0)).await;
                    return Ok(());
                }
                Taken::Refused(current) => bucket = current,
            }
            continue;
        }
        let write = OwnWrite::plan(&bucket, &pace, now, context.nonce())
            .map_err(|reserve_at| OwnWriteError::NotBefore(soonest(&bucket, &pace, now, reserve_at)))?;
        if context.store.take_own_write(account, &write).await?.is_done() {
            return Ok(());
        }
        bucket = context.store.bucket(account).await?;
    }
    Err(OwnWriteError::NotBefore(context.system.now().plus_ms(BUSY_MS)))
}

/// When there is a token, as things stand: the reserve's, or an earlier one that no pin waits for.
fn soonest(bucket: &Bucket, pace: &Pace, now: Moment, reserve_at: Moment) -> Moment {
    if is_waited_for(bucket, now) {
        return reserve_at;
    }
    bucket.next_slot(pace, now).min(reserve_at)
}

/// Whether the tokens are for pins that wait.
fn is_waited_for(bucket: &Bucket, now: Moment) -> bool {
    bucket.is_on_hold() || bucket.waiting_at.is_some() || bucket.is_crowded(now)
}
