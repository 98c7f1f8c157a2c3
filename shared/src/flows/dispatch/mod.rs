//! The work of each minute. One dispatcher at a time releases due schedules and backlogs, and runs the rescuer; then it
//! brings the rollups up to date. Schedules and backlogs take turns in being the first.
//!
//! Read this file first. [`release_backlog`] and [`rescue`] are its two large parts.

pub mod release_backlog;
pub mod rescue;

use self::rescue::Mode;
use super::schedules::release_due;
use super::schedules::release_schedules::Released;
use super::stats::roll_up;
use crate::context::Context;
use crate::domain::recovery::{FIRST_REACH_BACK_MINUTES, RESCAN_MINUTES};
use crate::domain::time::{Moment, SECOND_MS};
use crate::ports::PortResult;
use crate::telemetry;

/// The lease outlives the longest run, so that no other dispatcher joins one that hangs before it is dead.
const LEASE_MS: i64 = 58 * SECOND_MS;

/// What a run did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// False when another dispatcher was at work.
    pub ran: bool,
    pub scheduled: Released,
    pub released: usize,
    pub resent: usize,
    /// The minute from which a recovery that ran out of time continues.
    pub go_on_from: Option<i64>,
}

/// # Errors
/// When the table is unavailable. The next tick starts where this one stopped.
pub async fn dispatch(context: &Context, mode: Mode, ends_at_ms: i64) -> PortResult<Report> {
    let holder = context.system.nonce();
    let now = context.system.now();
    // A recovery runs when every other dispatcher of its stack is dead, so it doesn't wait for their lease.
    if mode == Mode::Tick && !context.store.take_lease(&holder, now, now.plus_ms(LEASE_MS)).await? {
        return Ok(Report::default());
    }
    let begun = begin(context, now).await;
    if let Err(error) = &begun {
        telemetry::count_failed_work("dispatcher", error.port(), now);
        tracing::error!(
            port = error.port(), %error, "beginning of the first run not recorded; the next run tries again"
        );
    }
    let (scheduled, released, rescued) = if mode == Mode::Tick {
        let (scheduled, released) = release(context, now, ends_at_ms).await;
        // The rescuer sets its watermark, by which the next run would take the beginning for recorded: the rollup would
        // begin whenever it is first made.
        let rescued =
            if begun.is_ok() { rescue::run(context, mode, ends_at_ms).await? } else { rescue::Rescued::default() };
        (scheduled, released?, rescued)
    } else {
        // A recovery resends what the queue has lost. It runs before the release, because it could not tell released
        // pins from lost ones. It leaves schedules to the next tick: a schedule's owner is its row in the table.
        let rescued = rescue::run(context, mode, ends_at_ms).await?;
        (Released::default(), release_backlog::release_all(context, ends_at_ms).await?, rescued)
    };
    if mode == Mode::Tick {
        context.store.release_lease(&holder).await?;
    }
    let report = Report { ran: true, scheduled, released, resent: rescued.resent, go_on_from: rescued.go_on_from };
    tracing::info!(
        scheduled = scheduled.released,
        late = scheduled.late,
        released,
        resent = rescued.resent,
        ?mode,
        "dispatched"
    );
    // Last, and without the lease: however long it takes, the next dispatcher doesn't wait. Two at once do no harm.
    if mode == Mode::Tick {
        roll_up::roll_up_quietly(context, ends_at_ms).await;
    }
    Ok(report)
}

/// On the very first run, notes from when on markers, schedules and rollups are looked at. That is done before anything
/// else: a dispatcher that fails for its first hours would otherwise begin later each time, and never look at what was
/// accepted before.
async fn begin(context: &Context, now: Moment) -> PortResult<()> {
    if context.store.watermark().await?.is_some() {
        return Ok(());
    }
    let from = now.minute() - FIRST_REACH_BACK_MINUTES;
    context.schedules.set_release_watermark(from).await?;
    context.rollups.set_rolled_up(from - RESCAN_MINUTES).await?;
    // The last: whoever finds it finds the others.
    context.store.set_watermark(from).await
}

/// Releases schedules and backlogs: in even minutes backlogs first, in odd ones schedules. A dispatcher that dies in
/// one of these parts in each run still comes to the other in every second one. (Schedules are released minutes ahead.)
async fn release(context: &Context, now: Moment, ends_at_ms: i64) -> (Released, PortResult<usize>) {
    if now.minute() % 2 == 0 {
        let released = release_backlog::release_all(context, ends_at_ms).await;
        (release_scheduled(context, ends_at_ms).await, released)
    } else {
        let scheduled = release_scheduled(context, ends_at_ms).await;
        (scheduled, release_backlog::release_all(context, ends_at_ms).await)
    }
}

/// Releases due schedules. A failure is logged, and doesn't keep backlogs and markers waiting.
async fn release_scheduled(context: &Context, ends_at_ms: i64) -> Released {
    release_due::release_due(context, ends_at_ms).await.unwrap_or_else(|error| {
        telemetry::count_failed_work("dispatcher", error.port(), context.system.now());
        tracing::error!(port = error.port(), %error, "schedules not released; the next run continues");
        Released::default()
    })
}
