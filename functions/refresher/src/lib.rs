//! Runs every five minutes: refreshes the tokens that are due, then goes on removing what deleted workspaces and
//! disconnected accounts have left.

use pinbridge_shared::adapters::lambda::ends_at_ms;
use pinbridge_shared::context::Context;
use pinbridge_shared::domain::time::Moment;
use pinbridge_shared::flows::accounts::forget_accounts::forget_accounts;
use pinbridge_shared::flows::accounts::refresh_due::{Report, refresh_due};
use pinbridge_shared::flows::tenants::purge;
use pinbridge_shared::ports::PortResult;
use serde::{Deserialize, Serialize};

/// EventBridge's scheduled event. None of its fields is used.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub struct ScheduledEvent {}

#[derive(Clone, Copy, Debug, Serialize)]
pub struct Done {
    pub renewed: usize,
    pub retry_later: usize,
    pub needs_reconnect: usize,
    pub failed: usize,
    /// Workspaces of which nothing is left any more.
    pub purged: usize,
    /// Disconnected accounts whose names are forgotten.
    pub forgotten: usize,
}

/// # Errors
/// When the table is unavailable; the next run goes on from there.
pub async fn handle(context: &Context, _: ScheduledEvent, deadline: Moment) -> PortResult<Done> {
    let ends_at_ms = ends_at_ms(context, deadline);
    let Report { renewed, retry_later, needs_reconnect, failed } = refresh_due(context, ends_at_ms).await?;
    // Removals are not urgent and lose nothing when they fail: the next run goes on.
    let purged = purge::continue_all(context, ends_at_ms).await.map(|report| report.done);
    let forgotten = forget_accounts(context, ends_at_ms).await;
    for error in [purged.as_ref().err(), forgotten.as_ref().err()].into_iter().flatten() {
        tracing::warn!(%error, "removal work not read");
    }
    let (purged, forgotten) = (purged.unwrap_or_default(), forgotten.unwrap_or_default());
    Ok(Done { renewed, retry_later, needs_reconnect, failed, purged, forgotten })
}
