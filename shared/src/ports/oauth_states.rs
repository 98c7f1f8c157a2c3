//! Port: the OAuth states of pending authorizations.

use async_trait::async_trait;

use super::PortResult;
use crate::domain::account::oauth::{PendingAuthorization, PresentedState};

/// Pending authorizations, in the store's table. Rows expire by themselves, but late, so the caller that takes one
/// checks its expiry too.
#[async_trait]
pub trait OAuthStates: Send + Sync {
    /// Stores the authorization under the state's hash.
    async fn put_state(&self, state: &PresentedState, pending: &PendingAuthorization) -> PortResult<()>;
    /// Reads the authorization and leaves it. It may be taken a moment later.
    async fn state(&self, state: &PresentedState) -> PortResult<Option<PendingAuthorization>>;
    /// Removes the authorization and returns it. Only the first caller gets it; later callers get `None`.
    async fn take_state(&self, state: &PresentedState) -> PortResult<Option<PendingAuthorization>>;
}
