//! API keys: `pb_live_<workspace><secret>`, and `pb_test_…` in a sandbox, so that everybody sees which one they hold. A
//! key is shown once, and stored as its SHA-256. The prefix is a part of the hashed text: no key works under the other
//! one.
//!
//! The key contains the workspace, so that its lookup is a read in that workspace's partition.

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use thiserror::Error;
use uuid::Uuid;

use super::WorkspaceEnvironment;
use super::scope::Scopes;
use super::session::Session;
use super::user::Email;
use crate::domain::ids::{AccountId, KeyId, WorkspaceId};
use crate::domain::pin::origin::Actor;
use crate::domain::time::{HOUR_MS, Moment};

/// `last_used_at` is written at most this often per key, in milliseconds.
pub const USED_EVERY_MS: i64 = HOUR_MS;
/// The most keys of one workspace that aren't revoked.
pub const KEYS_MAX: usize = 200;
/// The most makers before its own that a key remembers: enough for a key that was replaced by itself every quarter for
/// years, and half a kilobyte.
pub const ANCESTORS_MAX: usize = 32;
/// The most accounts in a key's allow-list.
pub const ALLOWED_MAX: usize = 100;
/// The prefix of a production workspace's keys, and of a sandbox's keys of 0.2.0 and before.
pub const LIVE_PREFIX: &str = "pb_live_";
/// The prefix of a sandbox's keys.
pub const TEST_PREFIX: &str = "pb_test_";
/// Separates the id's digest from every other use of the hash.
const ID_DOMAIN: &[u8] = b"pinbridge key id\0";
const WORKSPACE_HEX: usize = 32;
/// 32 random bytes in hex.
const SECRET_HEX: usize = 64;

/// A key as a client presents it. It has no `Display`, and its `Debug` output hides it.
#[derive(Clone)]
pub struct PresentedKey {
    pub workspace: WorkspaceId,
    hash: [u8; 32],
}

/// The text is no API key of this system.
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
    /// When the text doesn't have the form of a key.
    pub fn parse(text: &str) -> Result<Self, NotAKey> {
        let body = text.strip_prefix(LIVE_PREFIX).or_else(|| text.strip_prefix(TEST_PREFIX)).ok_or(NotAKey)?;
        let is_hex = body.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        if body.len() != WORKSPACE_HEX + SECRET_HEX || !is_hex {
            return Err(NotAKey);
        }
        let workspace = Uuid::try_parse(&body[..WORKSPACE_HEX]).map_err(|_| NotAKey)?;
        Ok(Self { workspace: WorkspaceId(workspace), hash: Sha256::digest(text.as_bytes()).into() })
    }

    /// The key's public id: a digest with its own domain separator, which reveals nothing of the stored hash.
    pub fn id(&self) -> KeyId {
        let digest: [u8; 32] = Sha256::new().chain_update(ID_DOMAIN).chain_update(self.hash).finalize().into();
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        KeyId(uuid::Builder::from_custom_bytes(bytes).into_uuid())
    }

    /// The hash that is stored of the key.
    pub fn hash(&self) -> KeyHash {
        KeyHash(self.hash)
    }
}

/// A key's SHA-256. The key has 256 random bits, so no slow hash is needed. It is compared in constant time.
#[derive(Clone, Copy)]
pub struct KeyHash(pub [u8; 32]);

impl PartialEq for KeyHash {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for KeyHash {}

impl std::fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeyHash(..)")
    }
}

/// Whether a credential is meant as a key, be it valid or not.
pub fn is_key(text: &str) -> bool {
    text.starts_with(LIVE_PREFIX) || text.starts_with(TEST_PREFIX)
}

/// Creates the text of a new production key from 32 random bytes.
pub fn compose(workspace: WorkspaceId, secret: [u8; 32]) -> String {
    compose_in(WorkspaceEnvironment::Production, workspace, secret)
}

/// Creates the text of a new key from 32 random bytes.
pub fn compose_in(environment: WorkspaceEnvironment, workspace: WorkspaceId, secret: [u8; 32]) -> String {
    let prefix = match environment {
        WorkspaceEnvironment::Production => LIVE_PREFIX,
        WorkspaceEnvironment::Sandbox => TEST_PREFIX,
    };
    let secret: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{prefix}{}{secret}", workspace.0.simple())
}

/// Where a key comes from, in the public API's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// Created by a person, another key or an operator.
    Manual,
    /// Created for a program that a person has authorised.
    OAuth,
}

impl KeySource {
    pub fn name(self) -> &'static str {
        match self {
            Self::Manual => "manual",
            Self::OAuth => "oauth",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        [Self::Manual, Self::OAuth].into_iter().find(|source| source.name() == name)
    }
}

/// A key as stored, without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    pub id: KeyId,
    pub workspace: WorkspaceId,
    pub hash: KeyHash,
    pub name: String,
    pub scopes: Scopes,
    /// The accounts that it may use; `None`: all accounts of the workspace, also future ones.
    pub allowed: Option<Vec<AccountId>>,
    pub source: KeySource,
    pub client_name: Option<String>,
    /// The person who created it, if a person did.
    pub authorized_by: Option<Email>,
    /// Who created it. `None`: an operator, or a build that didn't record it.
    pub made_by: Option<Actor>,
    /// Who made the key that made it, and so on, the first one first: the rows of keys expire, and their makers must be
    /// found all the same. At most [`ANCESTORS_MAX`].
    pub ancestors: Vec<Actor>,
    pub created_at: Moment,
    /// Up to [`USED_EVERY_MS`] late.
    pub last_used_at: Option<Moment>,
    pub revoked_at: Option<Moment>,
    /// When the row of a revoked key expires.
    pub expires_at: Option<Moment>,
    /// Counts the row's writes; each write is conditional on the `rev` before it. (Recording a use isn't counted.)
    pub rev: u64,
    /// Identifies the last write, so that the SDK's repetition of it is recognised.
    pub nonce: String,
}

impl ApiKey {
    /// A new key with every scope.
    pub fn new(key: &PresentedKey, name: impl Into<String>, now: Moment, nonce: String) -> Self {
        Self {
            id: key.id(),
            workspace: key.workspace,
            hash: key.hash(),
            name: name.into(),
            scopes: Scopes::ALL,
            allowed: None,
            source: KeySource::Manual,
            client_name: None,
            authorized_by: None,
            made_by: None,
            ancestors: Vec::new(),
            created_at: now,
            last_used_at: None,
            revoked_at: None,
            expires_at: None,
            rev: 1,
            nonce,
        }
    }

    /// The row's next version.
    #[must_use]
    pub fn next(&self, nonce: String) -> Self {
        Self { rev: self.rev + 1, nonce, ..self.clone() }
    }

    /// The ancestors of a key that this key makes. The first one always stays: it is whom a chain is followed from.
    pub fn ancestors_of_made(&self) -> Vec<Actor> {
        let mut ancestors: Vec<Actor> = self.makers().collect();
        if ancestors.len() > ANCESTORS_MAX {
            ancestors.drain(1..=ancestors.len() - ANCESTORS_MAX);
        }
        ancestors
    }

    /// Its maker with the makers before, the first one first.
    pub fn makers(&self) -> impl Iterator<Item = Actor> + '_ {
        self.ancestors.iter().copied().chain(self.made_by)
    }

    /// The first maker of the chain that the key comes from.
    pub fn root(&self) -> Option<Actor> {
        self.makers().next()
    }

    /// Whether a use at `now` is to be recorded.
    pub fn is_use_news(&self, now: Moment) -> bool {
        self.last_used_at.is_none_or(|at| now.since_ms(at) >= USED_EVERY_MS)
    }
}

/// The person or the key that creates a key.
#[derive(Clone, Copy, Debug)]
pub struct Maker {
    pub who: Actor,
    /// Where it acts. The new key may be of another workspace: the sandbox.
    pub workspace: WorkspaceId,
    /// A person's.
    pub session: Option<Session>,
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
        assert_eq!(format!("{key:?}, {:?}", key.hash()), "PresentedKey(..), KeyHash(..)");
        let other = PresentedKey::parse(&compose(workspace, [0xac; 32])).expect("our own key");
        assert!(key.hash() == key.hash() && key.hash() != other.hash() && key.id() != other.id());
        let same_bytes = key.id().0.into_bytes().iter().zip(key.hash().0).filter(|(a, b)| **a == *b).count();
        assert!(same_bytes < 4, "the public id reveals nothing of the hash");
    }

    #[test]
    fn a_key_remembers_the_first_maker_and_the_latest_ones() {
        let actor = |id| Actor::Key(KeyId(Uuid::from_u128(id)));
        let presented = PresentedKey::parse(&compose(WorkspaceId(Uuid::from_u128(42)), [1; 32])).expect("our own key");
        let mut key = ApiKey::new(&presented, "k", Moment(5), "n".into());
        assert_eq!((key.root(), key.ancestors_of_made()), (None, Vec::new()));
        for id in 0..100 {
            let ancestors = key.ancestors_of_made();
            key = ApiKey { id: KeyId(Uuid::from_u128(id + 1)), made_by: Some(actor(id)), ancestors, ..key };
        }
        assert_eq!((key.root(), key.ancestors.len()), (Some(actor(0)), ANCESTORS_MAX));
        let latest: Vec<Actor> = key.makers().collect();
        assert_eq!(latest[latest.len() - 3..], [actor(97), actor(98), actor(99)]);
    }

    #[test]
    fn a_sandboxs_key_shows_that_it_is_one_and_works_under_no_other_prefix() {
        let workspace = WorkspaceId(Uuid::from_u128(42));
        let test = compose_in(WorkspaceEnvironment::Sandbox, workspace, [1; 32]);
        assert!(test.starts_with("pb_test_") && is_key(&test));
        assert!(is_key("pb_live_x") && !is_key("pb_dev_x") && !is_key("eyJhbGciOi"));
        let (test, live) = (PresentedKey::parse(&test), PresentedKey::parse(&compose(workspace, [1; 32])));
        let (test, live) = (test.expect("our own key"), live.expect("our own key"));
        assert_eq!(test.workspace, live.workspace);
        assert!(test.id() != live.id() && test.hash() != live.hash());
    }

    #[test]
    fn a_use_is_recorded_once_an_hour() {
        let key = PresentedKey::parse(&compose(WorkspaceId(Uuid::from_u128(42)), [1; 32])).expect("our own key");
        let key = ApiKey::new(&key, "k", Moment(5), "n".into());
        assert!(key.is_use_news(Moment(5)));
        let used = ApiKey { last_used_at: Some(Moment(5)), ..key };
        assert!(!used.is_use_news(Moment(4 + USED_EVERY_MS)) && used.is_use_news(Moment(5 + USED_EVERY_MS)));
    }

    #[test]
    fn anything_else_is_not_a_key() {
        let good = compose(WorkspaceId(Uuid::from_u128(42)), [1; 32]);
        for bad in ["", "pb_live_", "pb_test_", "nonsense", &good[1..], &good[..good.len() - 1], &good.to_uppercase()] {
            assert_eq!(PresentedKey::parse(bad).err(), Some(NotAKey), "{bad}");
        }
        assert!(PresentedKey::parse(&format!("pb_live_{}", "é".repeat(48))).is_err(), "no panic on a split character");
    }
}
