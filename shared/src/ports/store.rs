//! The one table, as far as publishing needs it.

use async_trait::async_trait;

use super::{Accounts, Backlog, Budget, DispatcherLease, Pacing, Pins, PortResult, Reconciliation, RecoveryMarkers};

/// Answers whether the table does.
#[async_trait]
pub trait Ping: Send + Sync {
    /// A cheap read that proves the table answers.
    async fn ping(&self) -> PortResult<()>;
}

/// Every row family that publishing uses, each a port of its own.
pub trait Store:
    Ping + Accounts + Pins + Reconciliation + Pacing + Budget + Backlog + RecoveryMarkers + DispatcherLease
{
}

impl<T: Ping + Accounts + Pins + Reconciliation + Pacing + Budget + Backlog + RecoveryMarkers + DispatcherLease> Store
    for T
{
}
