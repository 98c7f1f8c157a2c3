//! The minute's work: one dispatcher at a time releases what is scheduled, then backlogs, and tends the clock; then the tally is
//! brought up to date.

pub mod release_backlog;
pub mod rescue;

use self::rescue::{Mode, Rescued};
use super::schedules::release_due;
use super::schedules::release_schedules::Released;
use super::stats::roll_up;
use crate::context::Context;
use crate::domain::invariants::Rule;
use crate::domain::time::SECOND_MS;
use crate::ports::PortResult;

/// A lease outlives the longest run, so that a dispatcher that hangs is not joined by another before it is dead.
const LEASE_MS: i64 = 58 * SECOND_MS;

/// What a run did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// False when another dispatcher was at work.
    pub ran: bool,
    pub scheduled: Released,
    pub released: usize,
    pub resent: usize,
    /// Where a recovery that ran out of time goes on.
    pub go_on_from: Option<i64>,
}

/// # Errors
/// When the table is unavailable. The next tick starts where this one stopped.
pub async fn dispatch(context: &Context, mode: Mode, ends_at_ms: i64) -> PortResult<Report> {
    let holder = context.system.nonce();
    let now = context.system.now();
    // A recovery follows the death of every other dispatcher of its stack; it doesn't wait for their lease.
    if mode == Mode::Tick && !context.store.take_lease(&holder, now, now.plus_ms(LEASE_MS)).await? {
        return Ok(Report::default());
    }
    // First what has a time. A recovery leaves it to the next tick: a schedule's owner is in the table.
    let scheduled = if mode == Mode::Tick { release_scheduled(context, ends_at_ms).await } else { Released::default() };
    // A recovery sends again what the queue has lost; what is released before it, it could not tell from that.
    let (released, watch) = if mode == Mode::Tick {
        let released = release_backlog::release_all(context, ends_at_ms).await?;
        (released, watch(context, mode, ends_at_ms).await?)
    } else {
        let watch = watch(context, mode, ends_at_ms).await?;
        (release_backlog::release_all(context, ends_at_ms).await?, watch)
    };
    if mode == Mode::Tick {
        context.store.release_lease(&holder).await?;
    }
    let report = Report { ran: true, scheduled, released, resent: watch.resent, go_on_from: watch.go_on_from };
    tracing::info!(
        scheduled = scheduled.released,
        late = scheduled.late,
        released,
        resent = watch.resent,
        ?mode,
        "dispatched"
    );
    // Last, and without the lease: however long it takes, the next dispatcher isn't kept waiting. Two at once do no harm.
    if mode == Mode::Tick {
        roll_up::roll_up_quietly(context, ends_at_ms).await;
    }
    Ok(report)
}

/// Whatever is wrong with schedules keeps nobody else waiting.
async fn release_scheduled(context: &Context, ends_at_ms: i64) -> Released {
    release_due::release_due(context, ends_at_ms).await.unwrap_or_else(|error| {
        tracing::error!(%error, "schedules could not be released; the next run goes on");
        Released::default()
    })
}

async fn watch(context: &Context, mode: Mode, ends_at_ms: i64) -> PortResult<Rescued> {
    if context.rules.hold(Rule::Rescuer) {
        rescue::run(context, mode, ends_at_ms).await
    } else {
        Ok(Rescued::default())
    }
}
