//! Port: a destination of the stack that takes the events of every workspace.

use async_trait::async_trait;

use super::PortResult;
use crate::domain::event::bus_event::BusEvent;

/// A bus or a queue of whoever operates the stack.
#[async_trait]
pub trait EventBus: Send + Sync {
    /// Puts the events; returns the places of those that were not accepted. An event that is put again arrives twice.
    async fn put(&self, events: &[BusEvent]) -> PortResult<Vec<usize>>;
}
