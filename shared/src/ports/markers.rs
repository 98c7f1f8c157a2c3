//! Recovery markers, which the rescuer reads when their minute has passed.

use async_trait::async_trait;

use super::PortResult;
use crate::domain::recovery::RecoveryMarker;

/// Recovery markers, which the rescuer reads when their minute has passed. The same table as every other [`Store`](super::Store) port.
#[async_trait]
pub trait RecoveryMarkers: Send + Sync {
    async fn put_marker(&self, row: &RecoveryMarker) -> PortResult<()>;
    async fn delete_marker(&self, row: &RecoveryMarker) -> PortResult<()>;
    /// Every row of one minute and shard, read consistently.
    async fn markers(&self, minute: i64, shard: u32) -> PortResult<Vec<RecoveryMarker>>;
    /// The minute up to which the watchdog has worked.
    async fn watermark(&self) -> PortResult<Option<i64>>;
    /// Moves the watermark forward, never back.
    async fn set_watermark(&self, minute: i64) -> PortResult<()>;
}
