//! Ports: the interfaces to everything outside the core, in domain words.
//!
//! The adapters implement them for AWS and Pinterest, and `testing` implements them in memory. One contract suite per
//! port checks both. No SDK type appears in a signature.

/// A view of a port with the methods that it alters; the others pass through to its `inner`. The caller has
/// `async_trait` in scope.
#[macro_export]
macro_rules! altered_port {
    (
        $port:ident for $view:ident { $($altered:item)* }
        $(fn $name:ident($($argument:ident: $type:ty),*) -> $answer:ty;)*
    ) => {
        #[async_trait]
        impl $port for $view {
            $($altered)*
            $(async fn $name(&self, $($argument: $type),*) -> $answer { self.inner.$name($($argument),*).await })*
        }
    };
}

mod accounts;
mod activity;
mod analytics;
mod backlog;
mod board_checks;
mod boards;
mod budget;
mod credits;
mod event_bus;
mod imports;
mod lease;
mod mailer;
mod markers;
mod oauth;
mod oauth_states;
mod optimistic;
mod pacing;
mod people;
mod pin_index;
mod pins;
mod pinterest;
mod purge;
mod queue;
mod receipt_keys;
mod reconciliation;
mod rollups;
mod schedules;
mod secrets;
mod simulated_accounts;
mod store;
mod system;
mod task_tokens;
mod tenants;
mod webhook_sender;
mod webhooks;

use thiserror::Error;

pub use accounts::*;
pub use activity::*;
pub use analytics::*;
pub use backlog::*;
pub use board_checks::*;
pub use boards::*;
pub use budget::*;
pub use credits::*;
pub use event_bus::*;
pub use imports::*;
pub use lease::*;
pub use mailer::*;
pub use markers::*;
pub use oauth::*;
pub use oauth_states::*;
pub use optimistic::*;
pub use pacing::*;
pub use people::*;
pub use pin_index::*;
pub use pins::*;
pub use pinterest::*;
pub use purge::*;
pub use queue::*;
pub use receipt_keys::*;
pub use reconciliation::*;
pub use rollups::*;
pub use schedules::*;
pub use secrets::*;
pub use simulated_accounts::*;
pub use store::*;
pub use system::*;
pub use task_tokens::*;
pub use tenants::*;
pub use webhook_sender::*;
pub use webhooks::*;

/// A port's call failed. Whether the call took effect is unknown unless the variant says otherwise.
#[derive(Clone, Debug, Error)]
pub enum PortError {
    /// Throttled, timed out or broken: the same call may work later. It may also have taken effect.
    #[error("{port} is unavailable: {reason}")]
    Unavailable { port: &'static str, reason: String },
    /// Other writers kept changing the row: every round of reading and writing it was lost. Nothing was written.
    /// `writes` counts the rounds; of a reader, those in which it found two rows of different writes.
    #[error("contention: lost {writes} rounds on the {row} to other writers")]
    Contended { row: &'static str, writes: usize },
    /// Refused or unreadable: repeating the call doesn't help.
    #[error("{port} failed: {reason}")]
    Broken { port: &'static str, reason: String },
}

impl PortError {
    /// The port that failed, as logs and metrics name it.
    pub fn port(&self) -> &'static str {
        match self {
            Self::Unavailable { port, .. } | Self::Broken { port, .. } => port,
            // Optimistic writes are writes of the table. (Only an operator's rotations write the data keys and the
            // receipt keys so.)
            Self::Contended { .. } => "table",
        }
    }
}

/// The result of a call of a port.
pub type PortResult<T> = Result<T, PortError>;
