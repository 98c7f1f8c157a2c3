//! The lease that lets one dispatcher run at a time.

use async_trait::async_trait;

use super::PortResult;
use crate::domain::time::Moment;

/// The lease that lets one dispatcher run at a time. The same table as every other [`Store`](super::Store) port.
#[async_trait]
pub trait DispatcherLease: Send + Sync {
    /// Takes the dispatcher's lease until `until`, unless somebody else holds one.
    async fn take_lease(&self, holder: &str, now: Moment, until: Moment) -> PortResult<bool>;
    async fn release_lease(&self, holder: &str) -> PortResult<()>;
}
