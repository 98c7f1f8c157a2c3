//! Recovery markers in memory.

use async_trait::async_trait;

use super::{FakeStore, Tables};
use crate::domain::recovery::RecoveryMarker;
use crate::ports::{PortResult, RecoveryMarkers};

#[async_trait]
impl RecoveryMarkers for FakeStore {
    async fn put_marker(&self, row: &RecoveryMarker) -> PortResult<()> {
        let put = |t: &mut Tables| {
            t.markers.entry((row.minute, row.shard)).or_default().insert(row.id.clone(), row.clone());
        };
        self.call("store.put_marker", put).await
    }

    async fn delete_marker(&self, row: &RecoveryMarker) -> PortResult<()> {
        let delete = |t: &mut Tables| {
            t.markers.entry((row.minute, row.shard)).or_default().remove(&row.id);
        };
        self.call("store.delete_marker", delete).await
    }

    async fn markers(&self, minute: i64, shard: u32) -> PortResult<Vec<RecoveryMarker>> {
        let rows =
            |t: &mut Tables| t.markers.get(&(minute, shard)).into_iter().flat_map(|r| r.values().cloned()).collect();
        self.call("store.markers", rows).await
    }

    async fn watermark(&self) -> PortResult<Option<i64>> {
        self.call("store.watermark", |t| t.watermark).await
    }

    async fn set_watermark(&self, minute: i64) -> PortResult<()> {
        self.call("store.set_watermark", |t| t.watermark = t.watermark.max(Some(minute))).await
    }
}
