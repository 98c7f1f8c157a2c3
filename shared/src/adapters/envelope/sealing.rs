//! AES-256-GCM over a secret text of the table, bound to what it belongs to.

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use secrecy::zeroize::Zeroizing;

use super::error::broken;
use super::keyring::KeyBytes;
use crate::domain::ids::AccountKey;
use crate::domain::secret::Secret;
use crate::domain::task::{Awaited, TaskTokenId};
use crate::domain::webhook::endpoint::EndpointKey;
use crate::ports::PortResult;

/// Each names one use of a data key, and the format of what is sealed. None is the beginning of another.
const TOKENS: &[u8] = b"pinbridge tokens 1";
const WEBHOOK_SECRET: &[u8] = b"pinbridge webhook secret 1";
const TASK_TOKEN: &[u8] = b"pinbridge task token 1";
const TAG_LEN: usize = 16;

/// What a ciphertext is bound to: its purpose and its owner. It opens for the same ones only. Everything before a
/// version has a fixed length, so no two of them are equal.
pub struct Binding {
    /// The sealed text and its owner, as errors name them.
    text: &'static str,
    owner: &'static str,
    bytes: Vec<u8>,
}

impl Binding {
    /// One version of an account's tokens.
    pub fn tokens(account: AccountKey, version: &str) -> Self {
        let parts = [TOKENS, account.workspace.0.as_bytes(), account.account.0.as_bytes(), version.as_bytes()];
        Self { text: "tokens", owner: "account", bytes: parts.concat() }
    }

    /// The secrets of a webhook endpoint, whatever the revision of its row.
    pub fn webhook_secrets(endpoint: EndpointKey) -> Self {
        let parts = [WEBHOOK_SECRET, endpoint.workspace.0.as_bytes(), endpoint.endpoint.0.as_bytes()];
        Self { text: "webhook secrets", owner: "endpoint", bytes: parts.concat() }
    }

    /// A token of a task that waits for a pin or an import.
    pub fn task_token(awaited: Awaited, id: &TaskTokenId) -> Self {
        let (workspace, owner) = (awaited.workspace().0, awaited.id());
        let parts = [TASK_TOKEN, workspace.as_bytes(), owner.as_bytes(), id.0.as_bytes()];
        Self { text: "task tokens", owner: awaited.name(), bytes: parts.concat() }
    }

    /// The sealed text, as errors name it.
    pub fn text(&self) -> &'static str {
        self.text
    }

    fn aad(&self) -> Aad<&[u8]> {
        Aad::from(self.bytes.as_slice())
    }
}

fn cipher(key: &KeyBytes) -> PortResult<RandomizedNonceKey> {
    RandomizedNonceKey::new(&AES_256_GCM, &key[..]).map_err(|_| broken("a data key is unusable"))
}

/// Seals a text into a random nonce (96 bits, drawn by AWS-LC for each seal), the ciphertext, and its tag.
///
/// # Errors
/// When the key is unusable.
pub fn seal(key: &KeyBytes, binding: &Binding, text: &Secret) -> PortResult<Vec<u8>> {
    // Room for the tag from the start: a buffer that grew would leave the clear text in memory.
    let mut sealed = Vec::with_capacity(text.expose().len() + TAG_LEN);
    sealed.extend_from_slice(text.expose().as_bytes());
    let nonce = cipher(key)?
        .seal_in_place_append_tag(binding.aad(), &mut sealed)
        .map_err(|_| broken(&format!("{} could not be sealed", binding.text)))?;
    Ok([nonce.as_ref().as_slice(), &sealed].concat())
}

/// Opens what [`seal`] has sealed.
///
/// # Errors
/// When it was sealed for another purpose, owner or version, under another key, or has been changed.
pub fn open(key: &KeyBytes, binding: &Binding, sealed: &[u8]) -> PortResult<Secret> {
    let Binding { text, owner, .. } = binding;
    let refused = || broken(&format!("sealed {text} are unreadable: changed, or not this {owner}'s"));
    let (nonce, rest) = sealed.split_at_checked(NONCE_LEN).ok_or_else(refused)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| refused())?;
    let mut clear = Zeroizing::new(rest.to_vec());
    let text = cipher(key)?.open_in_place(nonce, binding.aad(), &mut clear[..]).map_err(|_| refused())?;
    std::str::from_utf8(text).map(Secret::new).map_err(|_| refused())
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::ids::{AccountId, EndpointId, ImportId, PinId, PinKey, WorkspaceId};
    use crate::domain::import::ImportKey;

    fn account(workspace: u128, account: u128) -> AccountKey {
        AccountKey { workspace: WorkspaceId(Uuid::from_u128(workspace)), account: AccountId(Uuid::from_u128(account)) }
    }

    fn endpoint(workspace: u128, endpoint: u128) -> EndpointKey {
        let workspace = WorkspaceId(Uuid::from_u128(workspace));
        EndpointKey { workspace, endpoint: EndpointId(Uuid::from_u128(endpoint)) }
    }

    fn task(workspace: u128, pin: u128, id: &str) -> Binding {
        let workspace = WorkspaceId(Uuid::from_u128(workspace));
        let pin = Awaited::Pin(PinKey { workspace, pin: PinId(Uuid::from_u128(pin)) });
        Binding::task_token(pin, &TaskTokenId(id.to_owned()))
    }

    fn key(byte: u8) -> KeyBytes {
        Zeroizing::new([byte; 32])
    }

    #[test]
    fn what_is_sealed_is_opened_again_and_every_seal_differs() {
        let text = Secret::new("{\"access_token\":\"pina_1✂\"}");
        let binding = Binding::tokens(account(1, 1), "v1");
        let seals: Vec<_> = (0..2).map(|_| seal(&key(1), &binding, &text).expect("sealed")).collect();
        assert_ne!(seals[0], seals[1], "a nonce is never used twice");
        for sealed in seals {
            assert!(!sealed.windows(6).any(|part| part == b"pina_1"), "nothing in the clear");
            assert!(open(&key(1), &binding, &sealed).expect("opened") == text);
        }
    }

    #[test]
    fn a_seal_opens_for_its_own_purpose_owner_version_and_key_only() {
        let own = Binding::tokens(account(1, 2), "v1");
        let sealed = seal(&key(1), &own, &Secret::new("text")).expect("sealed");
        let strangers = [(account(2, 1), "v1"), (account(1, 1), "v1"), (account(2, 2), "v1"), (account(1, 2), "v2")];
        for (stranger, version) in strangers {
            open(&key(1), &Binding::tokens(stranger, version), &sealed).expect_err("another's");
        }
        open(&key(2), &own, &sealed).expect_err("another key");
        open(&key(1), &Binding::webhook_secrets(endpoint(1, 2)), &sealed).expect_err("another purpose");

        let own = Binding::webhook_secrets(endpoint(1, 2));
        let sealed = seal(&key(1), &own, &Secret::new("text")).expect("sealed");
        assert!(open(&key(1), &own, &sealed).expect("opened") == Secret::new("text"));
        for stranger in [endpoint(2, 1), endpoint(1, 1), endpoint(2, 2)] {
            open(&key(1), &Binding::webhook_secrets(stranger), &sealed).expect_err("another's");
        }
        open(&key(1), &Binding::tokens(account(1, 2), ""), &sealed).expect_err("another purpose");

        let own = task(1, 2, "a");
        let sealed = seal(&key(1), &own, &Secret::new("text")).expect("sealed");
        assert!(open(&key(1), &own, &sealed).expect("opened") == Secret::new("text"));
        let import = ImportKey { workspace: WorkspaceId(Uuid::from_u128(1)), import: ImportId(Uuid::from_u128(3)) };
        let import = Binding::task_token(Awaited::Import(import), &TaskTokenId("a".to_owned()));
        let others = [task(2, 2, "a"), task(1, 1, "a"), task(1, 2, "b"), import];
        for stranger in others.into_iter().chain([Binding::webhook_secrets(endpoint(1, 2))]) {
            open(&key(1), &stranger, &sealed).expect_err("another's");
        }
    }

    #[test]
    fn what_a_seal_is_bound_to_stays_as_it_is_or_no_stored_seal_opens() {
        let (workspace, owner) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let ids = [workspace.as_bytes().as_slice(), owner.as_bytes().as_slice()].concat();
        let tokens = [b"pinbridge tokens 1".as_slice(), &ids, b"v1".as_slice()].concat();
        assert_eq!(Binding::tokens(account(1, 2), "v1").bytes, tokens);
        let webhooks = [b"pinbridge webhook secret 1".as_slice(), &ids].concat();
        assert_eq!(Binding::webhook_secrets(endpoint(1, 2)).bytes, webhooks);
        let tasks = [b"pinbridge task token 1".as_slice(), &ids, b"a".as_slice()].concat();
        assert_eq!(task(1, 2, "a").bytes, tasks);
    }

    #[test]
    fn a_changed_or_cut_seal_is_refused_and_never_a_panic() {
        let binding = Binding::tokens(account(1, 1), "v1");
        let sealed = seal(&key(1), &binding, &Secret::new("text")).expect("sealed");
        for index in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[index] ^= 1;
            open(&key(1), &binding, &changed).expect_err("changed");
            open(&key(1), &binding, &sealed[..index]).expect_err("cut");
        }
    }
}
