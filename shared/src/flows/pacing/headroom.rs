//! How much an account can publish now, and when a pin that is accepted now would start.

use super::rate_meter::{self, MeterError, RateMeter};
use crate::context::Context;
use crate::domain::ids::AccountKey;
use crate::domain::pin::Priority;
use crate::domain::time::{MINUTE_MS, Moment};

/// How soon a pin that is accepted now would start.
#[derive(Clone, Debug)]
pub struct Headroom {
    pub meter: RateMeter,
    /// When the pin would start, as things stand; `None` while a person has to act first.
    pub starts_at: Option<Moment>,
}

/// # Errors
/// When the account is unknown or the table is unavailable.
pub async fn headroom(context: &Context, account: AccountKey, priority: Priority) -> Result<Headroom, MeterError> {
    let now = context.system.now();
    let meter = rate_meter::read(context, account).await?;
    let before = if meter.waiting == 0 { 0 } else { waiting_before(context, account, priority).await? };
    let bucket = context.store.bucket(account).await?;
    let pace = bucket.pace(&context.settings.pace, now);
    let opens_at = meter.budget.filter(|budget| budget.allowance == 0).map(|budget| budget.resets_at);
    let first = bucket.next_slot(&pace, bucket.opens_at(now)).max(opens_at.unwrap_or(now));
    // In a crowd it joins the backlog, which the dispatcher releases at its next tick.
    let first = if bucket.is_crowded(now) { first.max(now.plus_ms(MINUTE_MS)) } else { first };
    let wait_ms = i64::try_from(before).unwrap_or(i64::MAX).saturating_mul(pace.interval_ms);
    let starts_at = (!meter.is_on_hold).then(|| first.plus_ms(wait_ms));
    Ok(Headroom { meter, starts_at })
}

/// The number of waiting pins that go first, counted as far as the meter counts.
async fn waiting_before(context: &Context, account: AccountKey, priority: Priority) -> Result<usize, MeterError> {
    let rows = context.store.backlog(account, rate_meter::WAITING_COUNTED_MAX).await?;
    Ok(rows.iter().filter(|row| row.priority <= priority).count())
}
