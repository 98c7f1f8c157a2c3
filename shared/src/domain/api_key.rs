//! API keys: `pb_live_<workspace><secret>`, shown once and stored as a SHA-256.
//!
//! The workspace is part of the key, so that looking a key up is a read in its own workspace's partition.

use sha2::{Digest, Sha256};
use thiserror::Error;
use uuid::Uuid;

use super::ids::{KeyId, WorkspaceId};

pub const KEY_PREFIX: &str = "pb_live_";
/// Keeps the id's digest apart from every other use of the hash.
const ID_DOMAIN: &[u8] = b"pinbridge key id\0";
const WORKSPACE_HEX: usize = 32;
/// 32 random bytes in hex.
const SECRET_HEX: usize = 64;

/// A key as presented by a client. It has no `Display` and its `Debug` shows nothing.
#[derive(Clone)]
pub struct PresentedKey {
    pub workspace: WorkspaceId,
    hash: [u8; 32],
}

#[derive(Debug, Error, PartialEq, Eq)]
#[error("not a key of this system")]
pub struct NotAKey;

impl std::fmt::Debug for PresentedKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PresentedKey(..)")
    }
}

impl PresentedKey {
    /// # Errors
    /// When the text can't be a key of ours, whatever is stored.
    pub fn parse(text: &str) -> Result<Self, NotAKey> {
        let body = text.strip_prefix(KEY_PREFIX).ok_or(NotAKey)?;
        let is_hex = body.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        if body.len() != WORKSPACE_HEX + SECRET_HEX || !is_hex {
            return Err(NotAKey);
        }
        let workspace = Uuid::try_parse(&body[..WORKSPACE_HEX]).map_err(|_| NotAKey)?;
        Ok(Self { workspace: WorkspaceId(workspace), hash: Sha256::digest(text.as_bytes()).into() })
    }

    /// The key's public id: a digest with a domain of its own, which tells nothing of the stored hash.
    pub fn id(&self) -> KeyId {
        let digest: [u8; 32] = Sha256::new().chain_update(ID_DOMAIN).chain_update(self.hash).finalize().into();
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        KeyId(uuid::Builder::from_custom_bytes(bytes).into_uuid())
    }

    /// The name under which the key is stored: the lower-case hex of its SHA-256.
    pub fn hash_hex(&self) -> String {
        self.hash.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Writes a new key from 32 random bytes.
pub fn compose(workspace: WorkspaceId, secret: [u8; 32]) -> String {
    let secret: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{KEY_PREFIX}{}{secret}", workspace.0.simple())
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workspace {
    pub id: WorkspaceId,
    pub name: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_composed_key_parses_to_its_workspace() {
        let workspace = WorkspaceId(Uuid::from_u128(42));
        let text = compose(workspace, [0xab; 32]);
        let key = PresentedKey::parse(&text).expect("our own key");
        assert_eq!(key.workspace, workspace);
        assert_eq!(key.hash_hex().len(), 64);
        assert_eq!(format!("{key:?}"), "PresentedKey(..)");
    }

    #[test]
    fn anything_else_is_not_a_key() {
        let good = compose(WorkspaceId(Uuid::from_u128(42)), [1; 32]);
        for bad in ["", "pb_live_", "nonsense", &good[1..], &good[..good.len() - 1], &good.to_uppercase()] {
            assert_eq!(PresentedKey::parse(bad).err(), Some(NotAKey), "{bad}");
        }
        assert!(PresentedKey::parse(&format!("pb_live_{}", "é".repeat(48))).is_err(), "no panic on a split character");
    }
}
