//! The accounts' backlogs in memory.

use async_trait::async_trait;

use super::{FakeStore, Tables};
use crate::domain::ids::AccountKey;
use crate::domain::pacing::backlog::BacklogRow;
use crate::domain::pin::Priority;
use crate::ports::{Backlog, PortResult};

#[async_trait]
impl Backlog for FakeStore {
    async fn put_backlog(&self, account: AccountKey, row: &BacklogRow) -> PortResult<()> {
        let put = |t: &mut Tables| {
            t.backlog.entry(account).or_default().insert(row.sort_key(), row.clone());
        };
        self.call("store.put_backlog", put).await
    }

    async fn backlog(&self, account: AccountKey, limit: usize) -> PortResult<Vec<BacklogRow>> {
        let first = |t: &mut Tables| t.backlog.entry(account).or_default().values().take(limit).cloned().collect();
        self.call("store.backlog", first).await
    }

    async fn backlog_of(&self, account: AccountKey, priority: Priority, limit: usize) -> PortResult<Vec<BacklogRow>> {
        let rows = |t: &mut Tables| {
            let rows = t.backlog.entry(account).or_default().values();
            rows.filter(|row| row.priority == priority).take(limit).cloned().collect()
        };
        self.call("store.backlog_of", rows).await
    }

    async fn backlog_position(&self, account: AccountKey, row: &BacklogRow, limit: u64) -> PortResult<Option<u64>> {
        self.call("store.backlog_position", |t| {
            let rows = t.backlog.entry(account).or_default();
            rows.contains_key(&row.sort_key())
                .then(|| rows.range(..row.sort_key()).take(usize::try_from(limit).unwrap_or(usize::MAX)).count() as u64)
        })
        .await
    }

    async fn in_backlog(&self, account: AccountKey, row: &BacklogRow) -> PortResult<bool> {
        let has = |t: &mut Tables| t.backlog.get(&account).is_some_and(|rows| rows.contains_key(&row.sort_key()));
        self.call("store.in_backlog", has).await
    }

    async fn delete_backlog(&self, account: AccountKey, rows: &[BacklogRow]) -> PortResult<()> {
        self.call("store.delete_backlog", |t| {
            let backlog = t.backlog.entry(account).or_default();
            for row in rows {
                backlog.remove(&row.sort_key());
            }
        })
        .await
    }
}
