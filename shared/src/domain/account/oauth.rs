//! The state of a begun connection: what a callback must bring along, once, within ten minutes.
//!
//! It carries its workspace, as an API key does, so that the callback (which comes from a browser, without a key) finds the
//! partition. It is stored as a SHA-256.

use sha2::{Digest, Sha256};
use thiserror::Error;
use uuid::Uuid;

use crate::domain::ids::WorkspaceId;
use crate::domain::secret::Secret;
use crate::domain::time::{MINUTE_MS, Moment};

/// How long a person has to agree.
pub const STATE_LIFE_MS: i64 = 10 * MINUTE_MS;
const WORKSPACE_HEX: usize = 32;
/// 32 random bytes in hex.
const SECRET_HEX: usize = 64;

/// Who began a connection, and until when it may be finished.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingAuthorization {
    /// The key or the person, by id: for the log.
    pub by: String,
    pub expires_at: Moment,
}

/// A state as presented; its `Debug` shows nothing.
#[derive(Clone)]
pub struct PresentedState {
    pub workspace: WorkspaceId,
    hash: [u8; 32],
}

#[derive(Debug, Error, PartialEq, Eq)]
#[error("not a state of this system")]
pub struct NotAState;

impl std::fmt::Debug for PresentedState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PresentedState(..)")
    }
}

impl PresentedState {
    /// # Errors
    /// When the text can't be a state of ours, whatever is stored.
    pub fn parse(text: &str) -> Result<Self, NotAState> {
        let is_hex = text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        if text.len() != WORKSPACE_HEX + SECRET_HEX || !is_hex {
            return Err(NotAState);
        }
        let workspace = Uuid::try_parse(&text[..WORKSPACE_HEX]).map_err(|_| NotAState)?;
        Ok(Self { workspace: WorkspaceId(workspace), hash: Sha256::digest(text.as_bytes()).into() })
    }

    /// A new one from 32 random bytes, and its text.
    pub fn compose(workspace: WorkspaceId, secret: [u8; 32]) -> (Self, Secret) {
        let secret: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
        let text = format!("{}{secret}", workspace.0.simple());
        (Self { workspace, hash: Sha256::digest(text.as_bytes()).into() }, Secret::new(text))
    }

    /// The name under which it is stored: the lower-case hex of its SHA-256.
    pub fn hash_hex(&self) -> String {
        self.hash.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_composed_state_parses_to_its_workspace() {
        let workspace = WorkspaceId(Uuid::from_u128(42));
        let (composed, text) = PresentedState::compose(workspace, [0xab; 32]);
        let state = PresentedState::parse(text.expose()).expect("our own state");
        assert_eq!((state.workspace, state.hash_hex()), (workspace, composed.hash_hex()));
        assert!(!text.expose().contains(&state.hash_hex()));
        assert_eq!(format!("{state:?}"), "PresentedState(..)");
    }

    #[test]
    fn anything_else_is_not_a_state() {
        let (_, good) = PresentedState::compose(WorkspaceId(Uuid::from_u128(42)), [1; 32]);
        let good = good.expose();
        for bad in ["", "nonsense", &good[1..], &good.to_uppercase(), &format!("{good}0"), &"é".repeat(48)] {
            assert_eq!(PresentedState::parse(bad).err(), Some(NotAState), "{bad}");
        }
    }
}
