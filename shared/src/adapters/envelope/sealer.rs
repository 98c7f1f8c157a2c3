//! Who seals the secret texts of the table, and opens them: [`DataKeys`](super::data_keys::DataKeys).

use async_trait::async_trait;

use super::sealing::Binding;
use crate::domain::secret::Secret;
use crate::ports::PortResult;

#[async_trait]
pub trait Sealer: Send + Sync {
    /// Seals a text; returns the key's id with the sealed bytes.
    ///
    /// # Errors
    /// When there is no key to be had.
    async fn seal(&self, binding: &Binding, text: &Secret) -> PortResult<(String, Vec<u8>)>;

    /// Opens what was sealed for the same binding under the key with this id.
    ///
    /// # Errors
    /// When the key isn't there, or the seal doesn't open.
    async fn open(&self, binding: &Binding, key_id: &str, sealed: &[u8]) -> PortResult<Secret>;
}

/// One key in memory: for tests on a table without Secrets Manager.
#[cfg(any(test, feature = "testing"))]
pub struct HeldKey;

#[cfg(any(test, feature = "testing"))]
impl HeldKey {
    fn bytes() -> super::keyring::KeyBytes {
        secrecy::zeroize::Zeroizing::new([7; 32])
    }
}

#[cfg(any(test, feature = "testing"))]
#[async_trait]
impl Sealer for HeldKey {
    async fn seal(&self, binding: &Binding, text: &Secret) -> PortResult<(String, Vec<u8>)> {
        Ok(("held".to_owned(), super::sealing::seal(&Self::bytes(), binding, text)?))
    }

    async fn open(&self, binding: &Binding, _: &str, sealed: &[u8]) -> PortResult<Secret> {
        super::sealing::open(&Self::bytes(), binding, sealed)
    }
}
