//! What an account may publish now, read from its bucket.

use futures_util::future::try_join4;
use thiserror::Error;

use super::budget_left;
use crate::context::Context;
use crate::domain::ids::AccountKey;
use crate::domain::pacing::bucket::Bucket;
use crate::domain::pacing::budget::{DaySpending, Request, next_day};
use crate::domain::pacing::pace::Pace;
use crate::domain::pin::WaitReason;
use crate::domain::time::Moment;
use crate::flows::pins::unfinished;
use crate::ports::PortError;

/// Pins that wait, in the backlog and in the queue, are counted up to here.
pub const WAITING_COUNTED_MAX: usize = 1_000;

/// Why the meter could not be read.
#[derive(Debug, Error)]
pub enum MeterError {
    #[error("no such account in this workspace")]
    AccountNotFound,
    #[error(transparent)]
    Port(#[from] PortError),
}

/// The day's budget as this workspace sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BudgetMeter {
    pub requests: u32,
    /// By all workspaces, reconciliation included.
    pub spent: u32,
    /// How many more creates this workspace may make today, as things stand.
    pub allowance: u32,
    pub resets_at: Moment,
}

/// The account's pace, pauses and waiting pins.
#[derive(Clone, Debug, PartialEq)]
pub struct RateMeter {
    pub account: AccountKey,
    /// Below one, the next pin has to wait.
    pub tokens_available: f64,
    /// The envelope as configured, and as it counts now.
    pub configured: Pace,
    pub pace: Pace,
    /// Until when the account is slowed, if it is.
    pub slowed_until: Option<Moment>,
    pub paused: Option<(Moment, WaitReason)>,
    pub is_on_hold: bool,
    /// Pins that have not begun: in the backlog, or with a slot in the queue.
    pub waiting: usize,
    pub waiting_is_at_least: bool,
    pub budget: Option<BudgetMeter>,
}

/// # Errors
/// When the account is unknown or the table is unavailable.
pub async fn read(context: &Context, account: AccountKey) -> Result<RateMeter, MeterError> {
    let store = &context.store;
    let (known, bucket, backlog, spending) = try_join4(
        store.account(account),
        store.bucket(account),
        store.backlog(account, WAITING_COUNTED_MAX),
        budget_left::today(context),
    )
    .await?;
    known.ok_or(MeterError::AccountNotFound)?;
    // The meter counts up to a thousand waiting pins, those in the backlog first.
    let in_queue = match WAITING_COUNTED_MAX - backlog.len() {
        0 => 0,
        left => unfinished::waiting_in_queue(context, account, &backlog, left).await?,
    };
    let waiting = backlog.len() + in_queue;
    let now = context.system.now();
    let pace = bucket.pace(&context.settings.pace, now);
    Ok(RateMeter {
        account,
        tokens_available: available(&bucket, &pace, backlog.is_empty(), now),
        configured: context.settings.pace,
        pace,
        slowed_until: bucket.slow_until.filter(|until| *until > now),
        paused: bucket.paused_until().filter(|until| *until > now).map(|until| (until, bucket.wait_reason())),
        is_on_hold: bucket.is_on_hold(),
        waiting,
        waiting_is_at_least: waiting == WAITING_COUNTED_MAX,
        budget: spending.map(|day| budget(context, account, &day, now)),
    })
}

/// A pin that is sent now goes behind the waiting ones, and isn't sent at all on an account on hold: no token is free
/// for it.
fn available(bucket: &Bucket, pace: &Pace, is_backlog_empty: bool, now: Moment) -> f64 {
    if is_backlog_empty && !bucket.is_on_hold() { bucket.tokens_available(pace, now) } else { 0.0 }
}

fn budget(context: &Context, account: AccountKey, day: &DaySpending, now: Moment) -> BudgetMeter {
    let budget = context.settings.daily_budget;
    let allowance = day.allowance(budget, Request::Create(account.workspace));
    BudgetMeter { requests: budget.calls, spent: day.spent(), allowance, resets_at: next_day(now) }
}
