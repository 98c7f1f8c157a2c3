//! Unresolved pins and the scans of their boards in memory.

use async_trait::async_trait;

use super::{FakeStore, Tables};
use crate::domain::ids::{BoardKey, PinId};
use crate::domain::reconcile::board_scan::BoardScan;
use crate::domain::time::Moment;
use crate::ports::{PortResult, Reconciliation, Write};

#[async_trait]
impl Reconciliation for FakeStore {
    async fn put_unresolved(&self, board: &BoardKey, pin: PinId, _: Moment) -> PortResult<()> {
        let put = |t: &mut Tables| {
            t.unresolved.entry(board.clone()).or_default().insert(pin);
        };
        self.call("store.put_unresolved", put).await
    }

    async fn unresolved(&self, board: &BoardKey, limit: usize) -> PortResult<Vec<PinId>> {
        self.call("store.unresolved", |t| t.unresolved.get(board).into_iter().flatten().take(limit).copied().collect())
            .await
    }

    async fn delete_unresolved(&self, board: &BoardKey, pins: &[PinId]) -> PortResult<()> {
        let delete = |t: &mut Tables| {
            if let Some(unresolved) = t.unresolved.get_mut(board) {
                pins.iter().for_each(|pin| {
                    unresolved.remove(pin);
                });
            }
        };
        self.call("store.delete_unresolved", delete).await
    }

    async fn board_scan(&self, board: &BoardKey) -> PortResult<BoardScan> {
        self.call("store.board_scan", |t| t.scans.get(board).cloned().unwrap_or_default()).await
    }

    async fn save_board_scan(&self, board: &BoardKey, next: &BoardScan) -> PortResult<Write<()>> {
        self.call("store.save_board_scan", |t| Write::done_if(t.save_board_scan(board, next))).await
    }
}
