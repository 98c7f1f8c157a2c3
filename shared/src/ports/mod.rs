//! What the flows need of the world, in domain words.
//!
//! Adapters implement these against AWS and Pinterest, `testing` implements them in memory, and one contract suite
//! checks both. No SDK type appears in a signature.

mod activity;
mod analytics;
mod board_checks;
mod boards;
mod imports;
mod oauth;
mod oauth_states;
mod people;
mod pin_index;
mod pinterest;
mod purge;
mod queue;
mod rollups;
mod schedules;
mod secrets;
mod simulated_accounts;
mod store;
mod system;
mod tenants;

use thiserror::Error;

pub use activity::*;
pub use analytics::*;
pub use board_checks::*;
pub use boards::*;
pub use imports::*;
pub use oauth::*;
pub use oauth_states::*;
pub use people::*;
pub use pin_index::*;
pub use pinterest::*;
pub use purge::*;
pub use queue::*;
pub use rollups::*;
pub use schedules::*;
pub use secrets::*;
pub use simulated_accounts::*;
pub use store::*;
pub use system::*;
pub use tenants::*;

/// A port could not do its work. What happened to the call is unknown unless the kind says otherwise.
#[derive(Clone, Debug, Error)]
pub enum PortError {
    /// Throttled, timed out or broken: the same call may work later. It may also have taken effect.
    #[error("{port} is unavailable: {reason}")]
    Unavailable { port: &'static str, reason: String },
    /// Refused or unreadable: repeating the call won't help.
    #[error("{port} failed: {reason}")]
    Broken { port: &'static str, reason: String },
}

pub type PortResult<T> = Result<T, PortError>;
