//! Port: the keys that sign receipts.

use async_trait::async_trait;

use super::PortResult;
use crate::domain::receipt_key::{PublicKey, ReceiptKey};

/// Storage of the keys that sign receipts. The first call of any method creates the first key; concurrent calls get the
/// same key.
#[async_trait]
pub trait ReceiptKeys: Send + Sync {
    /// The key that signs. May answer from memory.
    async fn signing(&self) -> PortResult<ReceiptKey>;
    /// Every key that ever signed, the one that signs first. May answer from memory, for seconds: a receipt of a new
    /// key must be verifiable soon.
    async fn public(&self) -> PortResult<Vec<PublicKey>>;
    /// Creates a new key, which signs from now on. The keys before it stay published. Answers as [`Self::public`].
    async fn rotate(&self) -> PortResult<Vec<PublicKey>>;
}
