//! Port: the rows from which instances of the API lease credit for their callers.

use async_trait::async_trait;

use super::PortResult;
use crate::domain::credit::Holder;
use crate::domain::credit::row::{CreditRow, Lease};

/// The result of a lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Leased {
    /// The row as the write left it.
    Done(CreditRow),
    /// The condition failed; the row as it is now, which may be missing.
    Refused(CreditRow),
}

/// The credit of callers, in the store's table.
#[async_trait]
pub trait Credits: Send + Sync {
    /// Makes the one conditional write, as [`Lease::apply`] does.
    async fn lease(&self, holder: &Holder, lease: &Lease) -> PortResult<Leased>;
}
