//! Port: the dispatcher's lease.

use async_trait::async_trait;

use super::PortResult;
use crate::domain::time::Moment;

/// The lease that lets one dispatcher run at a time, in the table that all [`Store`](super::Store) ports share.
#[async_trait]
pub trait DispatcherLease: Send + Sync {
    /// Takes the lease until `until`, unless another holder has it at `now`. Returns whether the caller has it.
    async fn take_lease(&self, holder: &str, now: Moment, until: Moment) -> PortResult<bool>;
    /// Gives the lease back, if the holder has it.
    async fn release_lease(&self, holder: &str) -> PortResult<()>;
}
