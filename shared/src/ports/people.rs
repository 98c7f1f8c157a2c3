//! Port: passwords, and the keys that sign people's sessions.

use async_trait::async_trait;

use super::PortResult;
use crate::domain::secret::Secret;
use crate::domain::tenant::session::Keyring;

/// A slow password hash, computed on threads that serve no requests.
#[async_trait]
pub trait Passwords: Send + Sync {
    /// The password's hash with its salt and cost, as a PHC string.
    async fn hash(&self, password: &Secret) -> PortResult<Secret>;
    /// Whether the hash is that of the password. It takes equally long in both cases.
    async fn verify(&self, password: &Secret, hash: &Secret) -> PortResult<bool>;
}

/// Storage of the keys that sign sessions.
#[async_trait]
pub trait SessionKeys: Send + Sync {
    /// The keys. The first call creates the first key; concurrent calls get the same key. May answer from memory unless
    /// `fresh`.
    async fn keyring(&self, fresh: bool) -> PortResult<Keyring>;
    /// Creates a new current key; the key before it stays valid until the next rotation.
    async fn rotate(&self) -> PortResult<Keyring>;
}
