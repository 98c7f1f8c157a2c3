//! Admits callers as long as they have credit, and charges what their calls cost.
//!
//! A call's cost is known when it has ended. So it may begin while any credit is left, and what it cost beyond that is
//! owed: the next block pays it first.
//!
//! If the row can't be reached, calls that publish pass: a limit must not become an outage of publishing. Any other
//! call passes until the instance has lent a block; then it is refused as when the table is unavailable.

use std::sync::{MutexGuard, PoisonError};

use thiserror::Error;

use crate::context::Context;
use crate::domain::credit::purse::{Admission, Ask, Purse, Purses};
use crate::domain::credit::row::{Lease, LeaseFrom};
use crate::domain::credit::{Allowance, Holder, Spent};
use crate::domain::time::SECOND_MS;
use crate::ports::{Leased, PortError, PortResult};
use crate::telemetry::{self, Metric};

/// The first write may have an old idea of the row, the second may reset it; the others lose against other instances.
const WRITES_MAX: usize = 5;

/// A call that comes while another one asks the row waits for its answer: this long each time, and up to
/// [`WAITS_MAX`] times.
const WAIT_MS: i64 = SECOND_MS / 20;
const WAITS_MAX: usize = 30;

/// Why a call may not begin.
#[derive(Clone, Debug, Error)]
pub enum NotAdmitted {
    #[error("the credit is used up")]
    Spent(Spent),
    #[error("the credit's row can't be reached")]
    RowUnreachable,
}

/// What a holder has left, as far as this instance knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    pub allowance: Allowance,
    /// In credits.
    pub left: u32,
}

/// Lets a call of the holder begin. `publishes`: the call creates, retries or changes pins.
///
/// # Errors
/// When the credit is used up, or the row can't be reached and the instance has lent enough.
pub async fn admit(context: &Context, holder: &Holder, publishes: bool) -> Result<(), NotAdmitted> {
    let Some(allowance) = context.settings.limits.of(holder) else { return Ok(()) };
    for _ in 0..WAITS_MAX {
        let now = context.system.now();
        let admission = purse(&mut purses(context), context, holder, allowance).admission(allowance, now);
        let was_asked = match admission {
            Admission::Granted => return Ok(()),
            Admission::Refused(spent) => return Err(NotAdmitted::Spent(spent)),
            Admission::NotAsked => false,
            Admission::Lease(ask) => match lease(context, holder, allowance, ask).await {
                Ok(None) => return Ok(()),
                Ok(Some(spent)) => return Err(NotAdmitted::Spent(spent)),
                Err(error) => {
                    tracing::warn!(%error, holder = holder.kind(), "credit row unreachable");
                    true
                }
            },
        };
        let may_lend = purse(&mut purses(context), context, holder, allowance).may_lend(allowance);
        if publishes || may_lend {
            return Ok(());
        }
        if was_asked {
            break;
        }
        context.system.sleep_ms(WAIT_MS).await;
    }
    Err(NotAdmitted::RowUnreachable)
}

/// Charges what a call of the holder has cost. A block that is due is leased at once: the instance may never be called
/// again.
pub async fn charge(context: &Context, holder: &Holder, cost: u32) {
    let Some(allowance) = context.settings.limits.of(holder) else { return };
    let now = context.system.now();
    let due = purse(&mut purses(context), context, holder, allowance).charge(allowance, cost, now);
    if let Some(ask) = due
        && let Err(error) = lease(context, holder, allowance, ask).await
    {
        tracing::warn!(%error, holder = holder.kind(), "credit row unreachable");
    }
}

/// Whether this instance knows, without asking the row, that the holder's credit is used up.
pub fn known_refusal(context: &Context, holder: &Holder) -> Option<Spent> {
    context.settings.limits.of(holder)?;
    purses(context).known(holder)?.refusal(context.system.now())
}

/// `None`: the holder is not limited.
pub fn standing(context: &Context, holder: &Holder) -> Option<Standing> {
    let allowance = context.settings.limits.of(holder)?;
    let now = context.system.now();
    let purses = purses(context);
    let left = match purses.known(holder) {
        Some(purse) if purse.refusal(now).is_some() => 0,
        Some(purse) => Lease::left(allowance, purse.seen_us, now).saturating_add(purse.credit()),
        None => allowance.per_minute,
    };
    Some(Standing { allowance, left: left.min(allowance.per_minute) })
}

/// Leases what is asked for. Returns when there is as much again if there isn't now.
async fn lease(context: &Context, holder: &Holder, allowance: Allowance, ask: Ask) -> PortResult<Option<Spent>> {
    let skew_ms = context.settings.deadlines.clock_skew_ms;
    let mut seen_us = purse(&mut purses(context), context, holder, allowance).guessed_us(context.system.now());
    for _ in 0..WRITES_MAX {
        let now = context.system.now();
        let lease = Lease::plan(seen_us, allowance, ask, now, skew_ms, context.nonce());
        let answer = context.credits.lease(holder, &lease).await;
        let mut purses = purses(context);
        let purse = purse(&mut purses, context, holder, allowance);
        match answer {
            Ok(Leased::Done(row)) if matches!(lease.from, LeaseFrom::BadClock { .. }) => {
                report_bad_clock(context, holder, &lease);
                seen_us = row.paid_us;
            }
            Ok(Leased::Done(row)) => {
                purse.leased(allowance, ask, row.paid_us, now);
                purse.is_shared = lease.from == LeaseFrom::Used;
                return Ok(None);
            }
            Ok(Leased::Refused(row)) => {
                let again = Lease::plan(row.paid_us, allowance, ask, now, skew_ms, String::new());
                let is_unsound = matches!(again.from, LeaseFrom::BadClock { .. });
                if let Some(spent) = again.refused_until(&row).filter(|_| !is_unsound) {
                    purse.refused(spent, row.paid_us);
                    telemetry::count(Metric::CreditSpent, 1, Some(holder.kind()), now);
                    tracing::warn!(holder = holder.name(), "credit of a caller spent");
                    return Ok(Some(spent));
                }
                seen_us = row.paid_us;
            }
            Err(error) => {
                purse.unreachable(now);
                return Err(error);
            }
        }
    }
    purse(&mut purses(context), context, holder, allowance).unreachable(context.system.now());
    Err(PortError::Contended { row: "credit of a caller", writes: WRITES_MAX })
}

fn report_bad_clock(context: &Context, holder: &Holder, lease: &Lease) {
    let LeaseFrom::BadClock { seen_us } = lease.from else { return };
    let ahead_s = (seen_us - lease.now_us()) / 1_000_000;
    telemetry::count(Metric::BadClockReset, 1, Some("credit"), context.system.now());
    tracing::error!(holder = holder.name(), ahead_s, "credit row of a bad clock reset");
}

fn purses(context: &Context) -> MutexGuard<'_, Purses> {
    context.purses.lock().unwrap_or_else(PoisonError::into_inner)
}

fn purse<'a>(purses: &'a mut Purses, context: &Context, holder: &Holder, allowance: Allowance) -> &'a mut Purse {
    purses.of(holder, allowance, context.system.now())
}
