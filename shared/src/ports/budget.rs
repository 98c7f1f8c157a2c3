//! Port: the app's daily budget of requests.

use async_trait::async_trait;

use super::{PortResult, Write};
use crate::domain::pacing::budget::DaySpending;

/// The app's daily budget of requests, in the table that all [`Store`](super::Store) ports share.
#[async_trait]
pub trait Budget: Send + Sync {
    /// The requests made on this day (UTC, days since the epoch). Consistent read.
    async fn day_spending(&self, day: i64) -> PortResult<DaySpending>;
    /// Writes the row if the stored one has the revision before `next.rev`.
    async fn save_day_spending(&self, next: &DaySpending) -> PortResult<Write<DaySpending>>;
}
