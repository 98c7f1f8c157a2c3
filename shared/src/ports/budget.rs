//! The app's daily budget of requests.

use async_trait::async_trait;

use super::{PortResult, Write};
use crate::domain::pacing::budget::DaySpending;

/// The app's daily budget of requests. The same table as every other [`Store`](super::Store) port.
#[async_trait]
pub trait Budget: Send + Sync {
    /// What was spent on that day (UTC, since the epoch), read consistently.
    async fn day_spending(&self, day: i64) -> PortResult<DaySpending>;
    /// Writes the row if the stored one still has the revision before `next.rev`.
    async fn save_day_spending(&self, next: &DaySpending) -> PortResult<Write<DaySpending>>;
}
