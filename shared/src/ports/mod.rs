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
mod schedules;
mod secrets;
mod simulated_accounts;
mod store;
mod system;
mod tally;
mod tenants;

use std::sync::Arc;

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
pub use schedules::*;
pub use secrets::*;
pub use simulated_accounts::*;
pub use store::*;
pub use system::*;
pub use tally::*;
pub use tenants::*;

use crate::domain::rules::{Rule, Rules};

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

/// Everything a flow works with.
#[derive(Clone)]
pub struct World {
    pub store: Arc<dyn Store>,
    /// The same table as `store`.
    pub tenants: Arc<dyn Tenants>,
    /// The same table.
    pub oauth_states: Arc<dyn OAuthStates>,
    /// The same table.
    pub board_checks: Arc<dyn BoardChecks>,
    /// The same table.
    pub pin_index: Arc<dyn PinIndex>,
    /// The same table.
    pub imports: Arc<dyn Imports>,
    /// The same table.
    pub activity: Arc<dyn ActivityLog>,
    /// The same table.
    pub schedules: Arc<dyn Schedules>,
    pub passwords: Arc<dyn Passwords>,
    pub session_keys: Arc<dyn SessionKeys>,
    /// The same table.
    pub purge: Arc<dyn Purge>,
    /// The same table.
    pub tally: Arc<dyn Tally>,
    pub queue: Arc<dyn Queue>,
    pub secrets: Arc<dyn Secrets>,
    pub pinterest: Arc<dyn Pinterest>,
    pub boards: Arc<dyn Boards>,
    pub analytics: Arc<dyn Analytics>,
    pub oauth: Arc<dyn OAuth>,
    pub system: Arc<dyn System>,
    pub settings: crate::config::Settings,
    pub rules: Rules,
}

impl World {
    /// A fresh name for a version of stored tokens: 64 hex digits.
    pub fn version(&self) -> String {
        self.system.random().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// A fresh id.
    pub fn uuid(&self) -> uuid::Uuid {
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&self.system.random()[..16]);
        uuid::Builder::from_random_bytes(bytes).into_uuid()
    }

    /// A fresh name for a write. (An empty one names nothing: no write is ever recognised by it.)
    pub fn nonce(&self) -> String {
        if self.rules.hold(Rule::Nonce) { self.system.nonce() } else { String::new() }
    }
}
