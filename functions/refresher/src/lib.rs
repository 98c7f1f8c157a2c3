//! The five minutes' schedule: refreshes the tokens that are due.

use pinbridge_shared::domain::time::Moment;
use pinbridge_shared::flows::refresh_due::{Report, refresh_due};
use pinbridge_shared::ports::{PortResult, World};
use serde::{Deserialize, Serialize};

/// EventBridge's scheduled event, of which nothing matters here.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub struct ScheduledEvent {}

#[derive(Clone, Copy, Debug, Serialize)]
pub struct Done {
    pub renewed: usize,
    pub later: usize,
    pub hopeless: usize,
    pub failed: usize,
}

/// # Errors
/// When the table is unavailable; the next run goes on from there.
pub async fn handle(world: &World, _: ScheduledEvent, deadline: Moment) -> PortResult<Done> {
    let remaining_ms = deadline.since_ms(world.system.now());
    let ends_at_ms = world.system.monotonic_ms().saturating_add(remaining_ms);
    let Report { renewed, later, hopeless, failed } = refresh_due(world, ends_at_ms).await?;
    Ok(Done { renewed, later, hopeless, failed })
}
