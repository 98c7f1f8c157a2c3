//! AES-256-GCM over one version of one account's tokens.

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use secrecy::zeroize::Zeroizing;

use super::error::broken;
use super::keyring::KeyBytes;
use crate::domain::ids::AccountKey;
use crate::domain::secret::Secret;
use crate::ports::PortResult;

/// Names this use of a data key, and the format of what is sealed.
const PURPOSE: &[u8] = b"pinbridge tokens 1";
const TAG_LEN: usize = 16;

/// What a ciphertext is bound to. Everything before the version has a fixed length, so no two of them are equal.
fn bound_to(account: AccountKey, version: &str) -> Aad<Vec<u8>> {
    let parts = [PURPOSE, account.workspace.0.as_bytes(), account.account.0.as_bytes(), version.as_bytes()];
    Aad::from(parts.concat())
}

fn cipher(key: &KeyBytes) -> PortResult<RandomizedNonceKey> {
    RandomizedNonceKey::new(&AES_256_GCM, &key[..]).map_err(|_| broken("a data key is unusable"))
}

/// Seals a text into a random nonce (96 bits, drawn by AWS-LC for each seal), the ciphertext, and its tag.
///
/// # Errors
/// When the key is unusable.
pub fn seal(key: &KeyBytes, account: AccountKey, version: &str, text: &Secret) -> PortResult<Vec<u8>> {
    // Room for the tag from the start: a buffer that grew would leave the clear text in memory.
    let mut sealed = Vec::with_capacity(text.expose().len() + TAG_LEN);
    sealed.extend_from_slice(text.expose().as_bytes());
    let nonce = cipher(key)?
        .seal_in_place_append_tag(bound_to(account, version), &mut sealed)
        .map_err(|_| broken("tokens could not be sealed"))?;
    Ok([nonce.as_ref().as_slice(), &sealed].concat())
}

/// Opens what [`seal`] has sealed.
///
/// # Errors
/// When it was sealed for another account or version, under another key, or has been changed.
pub fn open(key: &KeyBytes, account: AccountKey, version: &str, sealed: &[u8]) -> PortResult<Secret> {
    let refused = || broken("sealed tokens are unreadable: changed, or not this account's");
    let (nonce, rest) = sealed.split_at_checked(NONCE_LEN).ok_or_else(refused)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| refused())?;
    let mut clear = Zeroizing::new(rest.to_vec());
    let text = cipher(key)?.open_in_place(nonce, bound_to(account, version), &mut clear[..]).map_err(|_| refused())?;
    std::str::from_utf8(text).map(Secret::new).map_err(|_| refused())
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::ids::{AccountId, WorkspaceId};

    fn account(workspace: u128, account: u128) -> AccountKey {
        AccountKey { workspace: WorkspaceId(Uuid::from_u128(workspace)), account: AccountId(Uuid::from_u128(account)) }
    }

    fn key(byte: u8) -> KeyBytes {
        Zeroizing::new([byte; 32])
    }

    #[test]
    fn what_is_sealed_is_opened_again_and_every_seal_differs() {
        let text = Secret::new("{\"access_token\":\"pina_1✂\"}");
        let seals: Vec<_> = (0..2).map(|_| seal(&key(1), account(1, 1), "v1", &text).expect("sealed")).collect();
        assert_ne!(seals[0], seals[1], "a nonce is never used twice");
        for sealed in seals {
            assert!(!sealed.windows(6).any(|part| part == b"pina_1"), "nothing in the clear");
            assert!(open(&key(1), account(1, 1), "v1", &sealed).expect("opened") == text);
        }
    }

    #[test]
    fn a_seal_opens_for_its_own_account_version_and_key_only() {
        let sealed = seal(&key(1), account(1, 2), "v1", &Secret::new("text")).expect("sealed");
        let strangers = [(account(2, 1), "v1"), (account(1, 1), "v1"), (account(2, 2), "v1"), (account(1, 2), "v2")];
        for (stranger, version) in strangers {
            open(&key(1), stranger, version, &sealed).expect_err("another's");
        }
        open(&key(2), account(1, 2), "v1", &sealed).expect_err("another key");
    }

    #[test]
    fn a_changed_or_cut_seal_is_refused_and_never_a_panic() {
        let sealed = seal(&key(1), account(1, 1), "v1", &Secret::new("text")).expect("sealed");
        for index in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[index] ^= 1;
            open(&key(1), account(1, 1), "v1", &changed).expect_err("changed");
            open(&key(1), account(1, 1), "v1", &sealed[..index]).expect_err("cut");
        }
    }
}
