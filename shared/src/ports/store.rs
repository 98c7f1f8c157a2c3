//! Port: the rows of the one table that publishing needs.

use async_trait::async_trait;

use super::{Accounts, Backlog, Budget, DispatcherLease, Pacing, Pins, PortResult, Reconciliation, RecoveryMarkers};

/// The health check of the table.
#[async_trait]
pub trait Ping: Send + Sync {
    /// A cheap read, which fails when the table is unavailable.
    async fn ping(&self) -> PortResult<()>;
}

/// All row families that publishing uses; each is a port of its own.
pub trait Store:
    Ping + Accounts + Pins + Reconciliation + Pacing + Budget + Backlog + RecoveryMarkers + DispatcherLease
{
}

impl<T: Ping + Accounts + Pins + Reconciliation + Pacing + Budget + Backlog + RecoveryMarkers + DispatcherLease> Store
    for T
{
}
