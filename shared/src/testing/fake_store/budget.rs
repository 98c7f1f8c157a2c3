//! The app's daily budget of requests in memory.

use async_trait::async_trait;

use super::{FakeStore, Tables};
use crate::domain::pacing::budget::DaySpending;
use crate::ports::{Budget, PortResult, Write};

#[async_trait]
impl Budget for FakeStore {
    async fn day_spending(&self, day: i64) -> PortResult<DaySpending> {
        let read = |t: &mut Tables| t.days.get(&day).cloned().unwrap_or_else(|| DaySpending::nothing(day));
        self.call("store.day_spending", read).await
    }

    async fn save_day_spending(&self, next: &DaySpending) -> PortResult<Write<DaySpending>> {
        let day = |t: &mut Tables| {
            super::pacing::count(t.days.entry(next.day).or_insert_with(|| DaySpending::nothing(next.day)), next)
        };
        self.call("store.save_day_spending", day).await
    }
}
