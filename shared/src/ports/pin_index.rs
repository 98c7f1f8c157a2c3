//! Port: the index of a workspace's pins.

use async_trait::async_trait;

use super::PortResult;
use crate::domain::ids::WorkspaceId;
use crate::domain::pin::listing::{Span, Stretch};

/// The index of a workspace's pins; it reads keys only. Eventually consistent.
#[async_trait]
pub trait PinIndex: Send + Sync {
    /// The beginning of the span: about `limit` keys, more or fewer, but at least one if there is any. A caller that
    /// needs more continues after its `end`.
    async fn stretch(&self, workspace: WorkspaceId, span: &Span, limit: usize) -> PortResult<Stretch>;
}
