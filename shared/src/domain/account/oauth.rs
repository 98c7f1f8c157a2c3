//! The OAuth state of a pending authorization. The callback must bring it, once, within ten minutes.
//!
//! The state contains its workspace, as an API key does. The callback comes from a browser without a key, and finds the
//! table partition by it. Only the state's SHA-256 is stored.

use sha2::{Digest, Sha256};
use thiserror::Error;
use uuid::Uuid;

use crate::domain::ids::WorkspaceId;
use crate::domain::secret::Secret;
use crate::domain::time::{MINUTE_MS, Moment};

/// How long a person has to grant the authorization.
pub const STATE_LIFE_MS: i64 = 10 * MINUTE_MS;
const WORKSPACE_HEX: usize = 32;
/// 32 random bytes in hex.
const SECRET_HEX: usize = 64;

/// Who started an authorization, where the browser goes afterwards, and until when it may be finished.
#[derive(Clone, PartialEq, Eq)]
pub struct PendingAuthorization {
    /// The id of the API key or the user, for the activity log.
    pub by: String,
    /// An address of the integrator's; `None`: the browser stays on our page.
    pub return_to: Option<String>,
    /// The integrator's own text, which comes back with the result.
    pub client_state: Option<String>,
    pub expires_at: Moment,
}

impl PendingAuthorization {
    /// `by` names who started the authorization, for the log.
    pub fn new(by: impl Into<String>, expires_at: Moment) -> Self {
        Self { by: by.into(), return_to: None, client_state: None, expires_at }
    }
}

/// Without the integrator's texts, which may be secret.
impl std::fmt::Debug for PendingAuthorization {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PendingAuthorization")
            .field("by", &self.by)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

/// A state as the callback presents it. Its `Debug` output hides it.
#[derive(Clone)]
pub struct PresentedState {
    pub workspace: WorkspaceId,
    hash: [u8; 32],
}

/// The text is no state of this system.
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
    /// When the text doesn't have the form of a state.
    pub fn parse(text: &str) -> Result<Self, NotAState> {
        let is_hex = text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        if text.len() != WORKSPACE_HEX + SECRET_HEX || !is_hex {
            return Err(NotAState);
        }
        let workspace = Uuid::try_parse(&text[..WORKSPACE_HEX]).map_err(|_| NotAState)?;
        Ok(Self { workspace: WorkspaceId(workspace), hash: Sha256::digest(text.as_bytes()).into() })
    }

    /// Creates a state from 32 random bytes; returns it with its text.
    pub fn compose(workspace: WorkspaceId, secret: [u8; 32]) -> (Self, Secret) {
        let secret: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
        let text = format!("{}{secret}", workspace.0.simple());
        (Self { workspace, hash: Sha256::digest(text.as_bytes()).into() }, Secret::new(text))
    }

    /// The key under which it is stored: the lower-case hex of its SHA-256.
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
