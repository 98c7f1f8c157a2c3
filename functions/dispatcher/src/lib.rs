//! The minute's schedule: releases backlogs and tends the watchdog's clock.

use pinbridge_shared::domain::time::Moment;
use pinbridge_shared::flows::dispatch::dispatch;
use pinbridge_shared::flows::watchdog::Mode;
use pinbridge_shared::ports::{PortResult, World};
use serde::{Deserialize, Serialize};

/// EventBridge's scheduled event, as far as it matters here.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct ScheduledEvent {
    pub detail: Detail,
}

/// Empty when the schedule sends it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Detail {
    /// Sent after the queue has lost its messages: every unfinished pin is sent again.
    pub recover: bool,
}

#[derive(Clone, Copy, Debug, Serialize)]
pub struct Done {
    /// False when another dispatcher was at work.
    pub ran: bool,
    pub released: usize,
    pub resent: usize,
}

/// # Errors
/// When the table is unavailable; the next minute goes on from there.
pub async fn handle(world: &World, event: ScheduledEvent, deadline: Moment) -> PortResult<Done> {
    let mode = if event.detail.recover { Mode::Recover } else { Mode::Tick };
    let remaining_ms = deadline.since_ms(world.system.now());
    let ends_at_ms = world.system.monotonic_ms().saturating_add(remaining_ms);
    let report = dispatch(world, mode, ends_at_ms).await?;
    Ok(Done { ran: report.ran, released: report.released, resent: report.resent })
}
