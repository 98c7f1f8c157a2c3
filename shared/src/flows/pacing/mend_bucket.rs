//! Empties a bucket that a machine with a bad clock has written, before somebody waits for it.

use crate::context::Context;
use crate::domain::ids::AccountKey;
use crate::domain::pacing::bucket::{Bucket, Take};
use crate::ports::{PortResult, Taken};
use crate::telemetry::{self, Metric};

/// The bucket as read; if a bad clock has written it, the bucket after its reset.
///
/// # Errors
/// When the table is unavailable.
pub async fn mended(context: &Context, account: AccountKey, bucket: Bucket) -> PortResult<Bucket> {
    let (now, pace) = (context.system.now(), &context.settings.pace);
    let is_bad = bucket.is_of_bad_clock(pace, now, context.settings.deadlines.clock_skew_ms);
    // A pause keeps every take away; its end comes first.
    if !is_bad || bucket.is_paused_by_pinterest(now) {
        return Ok(bucket);
    }
    let reset = Take::reset(&bucket, pace, now, context.nonce());
    match context.store.take(account, &reset).await? {
        Taken::Refused(current) => Ok(current),
        Taken::Tokens(_) => {
            let ahead_s = bucket.tat.since_ms(now) / 1_000;
            telemetry::count(Metric::BadClockReset, 1, Some("pace"), now);
            tracing::error!(
                workspace_id = %account.workspace, account_id = %account.account, ahead_s,
                "pacing row of a bad clock reset"
            );
            context.store.bucket(account).await
        }
    }
}
