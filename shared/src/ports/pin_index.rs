//! The list of a workspace's pins.

use async_trait::async_trait;

use super::PortResult;
use crate::domain::ids::WorkspaceId;
use crate::domain::pin::listing::{Span, Stretch};

/// The list of a workspace's pins, of which it reads keys only. Eventually consistent.
#[async_trait]
pub trait PinIndex: Send + Sync {
    /// The beginning of the span: about `limit` keys, more or fewer, but at least one if there is any. Whoever needs more goes on
    /// behind its `end`.
    async fn stretch(&self, workspace: WorkspaceId, span: &Span, limit: usize) -> PortResult<Stretch>;
}
