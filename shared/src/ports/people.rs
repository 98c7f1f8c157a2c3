//! Passwords and the key of people's sessions.

use async_trait::async_trait;

use super::PortResult;
use crate::domain::secret::Secret;
use crate::domain::tenant::session::Keyring;

/// A slow hash, away from the threads that serve others.
#[async_trait]
pub trait Passwords: Send + Sync {
    /// The password's hash with its salt and cost, as a PHC string.
    async fn hash(&self, password: &Secret) -> PortResult<Secret>;
    /// Whether the hash is that password's. It takes as long whether it is or not.
    async fn verify(&self, password: &Secret, hash: &Secret) -> PortResult<bool>;
}

/// Custody of the keys that sign sessions.
#[async_trait]
pub trait SessionKeys: Send + Sync {
    /// The keys; the first one is made when it is first asked for, and whoever asks at the same time gets the same. May answer
    /// from memory unless `fresh`.
    async fn keyring(&self, fresh: bool) -> PortResult<Keyring>;
    /// Makes a new current key; the one before is believed until the next rotation.
    async fn rotate(&self) -> PortResult<Keyring>;
}
