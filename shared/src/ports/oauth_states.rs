//! Connections that somebody has begun.

use async_trait::async_trait;

use super::PortResult;
use crate::domain::account::oauth::{PendingAuthorization, PresentedState};

/// The same table as the store's, as far as begun connections are concerned. Rows expire by themselves; whoever takes one
/// looks at its end too.
#[async_trait]
pub trait OAuthStates: Send + Sync {
    /// Keeps the state under its hash.
    async fn put_state(&self, state: &PresentedState, pending: &PendingAuthorization) -> PortResult<()>;
    /// Takes it away: whoever asks first has it, everybody else `None`.
    async fn take_state(&self, state: &PresentedState) -> PortResult<Option<PendingAuthorization>>;
}
