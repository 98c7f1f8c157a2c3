//! The minute's schedule: releases backlogs and schedules, runs the rescuer, and rolls up.

use pinbridge_shared::adapters::lambda::ends_at_ms;
use pinbridge_shared::context::Context;
use pinbridge_shared::domain::time::Moment;
use pinbridge_shared::flows::dispatch::rescue::Mode;
use pinbridge_shared::flows::dispatch::{Report, dispatch};
use pinbridge_shared::ports::PortResult;
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
    /// Pins accepted from this moment on (Unix milliseconds) are left alone; default: now.
    pub accepted_before: Option<Moment>,
    /// The minute from which a recovery that ran out of time goes on, as its answer said.
    pub go_on_from: Option<i64>,
}

#[derive(Clone, Copy, Debug, Serialize)]
pub struct Done {
    /// False when another dispatcher was at work.
    pub ran: bool,
    /// Schedules that became pins, and how many of them after their time.
    pub scheduled: usize,
    pub late: usize,
    pub released: usize,
    pub resent: usize,
    /// Set when a recovery has to be called again, with this.
    pub go_on_from: Option<i64>,
}

/// # Errors
/// When the table is unavailable; the next minute goes on from there.
pub async fn handle(context: &Context, event: ScheduledEvent, deadline: Moment) -> PortResult<Done> {
    let detail = event.detail;
    let accepted_before = detail.accepted_before.unwrap_or_else(|| context.system.now());
    let mode = if detail.recover { Mode::Recover { from: detail.go_on_from, accepted_before } } else { Mode::Tick };
    let ends_at_ms = ends_at_ms(context, deadline);
    let report = dispatch(context, mode, ends_at_ms).await?;
    let Report { ran, scheduled, released, resent, go_on_from } = report;
    Ok(Done { ran, scheduled: scheduled.released, late: scheduled.late, released, resent, go_on_from })
}
