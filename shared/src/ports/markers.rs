//! Port: recovery markers.

use async_trait::async_trait;

use super::PortResult;
use crate::domain::recovery::RecoveryMarker;

/// Recovery markers, which the rescuer reads when their minute has passed, in the table that all
/// [`Store`](super::Store) ports share. Minutes are counted from the epoch.
#[async_trait]
pub trait RecoveryMarkers: Send + Sync {
    /// Writes the marker over any with the same minute and id.
    async fn put_marker(&self, row: &RecoveryMarker) -> PortResult<()>;
    /// Deletes the marker, if it exists.
    async fn delete_marker(&self, row: &RecoveryMarker) -> PortResult<()>;
    /// Every marker of one minute and shard. Consistent read.
    async fn markers(&self, minute: i64, shard: u32) -> PortResult<Vec<RecoveryMarker>>;
    /// The minute up to which the rescuer has handled all markers; `None` before its first run.
    async fn watermark(&self) -> PortResult<Option<i64>>;
    /// Moves the watermark forward, never back.
    async fn set_watermark(&self, minute: i64) -> PortResult<()>;
}
