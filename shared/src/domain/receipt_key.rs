//! The keys that sign receipts: Ed25519. A key's id is the thumbprint of its public key (RFC 7638), so no other key can
//! have the same id.

use aws_lc_rs::signature::{ED25519, ED25519_PUBLIC_KEY_LEN, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use secrecy::zeroize::Zeroizing;
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::domain::secret::Secret;

/// The length of a seed, in bytes.
pub const SEED_BYTES: usize = 32;
/// The type and the curve of the keys, as a JWK names them (RFC 8037).
pub const KEY_TYPE: &str = "OKP";
pub const CURVE: &str = "Ed25519";

/// The public part of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    pub kid: String,
    /// The 32 bytes of the key in URL-safe Base64 without padding, as a JWK has them.
    pub x: String,
}

/// A key that signs receipts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiptKey {
    pub public: PublicKey,
    /// The private part in URL-safe Base64 without padding.
    seed: Secret,
}

/// The keys of the stack: one signs, and all of them are published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiptKeyring {
    pub signing: ReceiptKey,
    /// The keys that signed before, the latest first. Their private parts are not kept.
    pub retired: Vec<PublicKey>,
}

/// The text or the bytes are no key.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("the key is unusable")]
pub struct Unusable;

/// Why a text is no set of published keys.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum NotAKeySet {
    #[error("it is no JWK set")]
    Unreadable,
    #[error("the key {0:?} has another id than its thumbprint")]
    WrongId(String),
    #[error("it has no Ed25519 key")]
    Empty,
}

impl PublicKey {
    fn of(bytes: &[u8]) -> Self {
        let x = BASE64.encode(bytes);
        let members = format!(r#"{{"crv":"{CURVE}","kty":"{KEY_TYPE}","x":"{x}"}}"#);
        Self { kid: BASE64.encode(Sha256::digest(members.as_bytes())), x }
    }

    /// The key whose JWK has this `x`.
    ///
    /// # Errors
    /// When it isn't 32 bytes in URL-safe Base64.
    pub fn parse(x: &str) -> Result<Self, Unusable> {
        let bytes = BASE64.decode(x).map_err(|_| Unusable)?;
        if bytes.len() == ED25519_PUBLIC_KEY_LEN { Ok(Self::of(&bytes)) } else { Err(Unusable) }
    }

    /// Whether this key's private part made the signature of the message.
    pub fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        let Ok(bytes) = BASE64.decode(&self.x) else { return false };
        UnparsedPublicKey::new(&ED25519, bytes).verify(message, signature).is_ok()
    }
}

impl ReceiptKey {
    /// The key of these random bytes.
    ///
    /// # Errors
    /// When AWS-LC refuses them.
    pub fn of_seed(seed: &[u8; SEED_BYTES]) -> Result<Self, Unusable> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| Unusable)?;
        Ok(Self { public: PublicKey::of(pair.public_key().as_ref()), seed: Secret::new(BASE64.encode(seed)) })
    }

    /// The key of a stored seed.
    ///
    /// # Errors
    /// When it isn't 32 bytes in URL-safe Base64.
    pub fn parse(seed: &str) -> Result<Self, Unusable> {
        let seed = bytes_of(seed)?;
        Self::of_seed(&seed)
    }

    /// The private part, for the code that stores it.
    pub fn seed(&self) -> &Secret {
        &self.seed
    }

    /// Signs a message.
    ///
    /// # Errors
    /// When AWS-LC can't.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Unusable> {
        let seed = bytes_of(self.seed.expose())?;
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed[..]).map_err(|_| Unusable)?;
        pair.try_sign(message).map(|signature| <[u8]>::to_vec(signature.as_ref())).map_err(|_| Unusable)
    }
}

fn bytes_of(seed: &str) -> Result<Zeroizing<[u8; SEED_BYTES]>, Unusable> {
    let decoded = Zeroizing::new(BASE64.decode(seed).map_err(|_| Unusable)?);
    let mut bytes = Zeroizing::new([0_u8; SEED_BYTES]);
    if decoded.len() != bytes.len() {
        return Err(Unusable);
    }
    bytes.copy_from_slice(&decoded);
    Ok(bytes)
}

impl ReceiptKeyring {
    /// With one key.
    pub fn of(signing: ReceiptKey) -> Self {
        Self { signing, retired: Vec::new() }
    }

    /// With a new key in front, which signs from now on.
    #[must_use]
    pub fn rotated(&self, signing: ReceiptKey) -> Self {
        Self { signing, retired: self.public() }
    }

    /// Every key that is published. The first one signs.
    pub fn public(&self) -> Vec<PublicKey> {
        std::iter::once(&self.signing.public).chain(&self.retired).cloned().collect()
    }
}

/// What a set of keys may say of a key. Other members have no meaning here.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    crv: Option<String>,
    x: Option<String>,
    kid: Option<String>,
}

/// The Ed25519 keys of a JWK set, as the API publishes it. Keys of other types are skipped.
///
/// # Errors
/// When the text is no JWK set, has no such key, or has one under another id than its own.
pub fn key_set(text: &str) -> Result<Vec<PublicKey>, NotAKeySet> {
    let set: Value = serde_json::from_str(text).map_err(|_| NotAKeySet::Unreadable)?;
    let listed = set["keys"].as_array().ok_or(NotAKeySet::Unreadable)?;
    let mut keys = Vec::new();
    for jwk in listed {
        let jwk = Jwk::deserialize(jwk).map_err(|_| NotAKeySet::Unreadable)?;
        if jwk.kty != KEY_TYPE || jwk.crv.as_deref() != Some(CURVE) {
            continue;
        }
        let key = PublicKey::parse(jwk.x.as_deref().unwrap_or_default()).map_err(|_| NotAKeySet::Unreadable)?;
        if let Some(kid) = jwk.kid.filter(|kid| *kid != key.kid) {
            return Err(NotAKeySet::WrongId(kid));
        }
        keys.push(key);
    }
    if keys.is_empty() { Err(NotAKeySet::Empty) } else { Ok(keys) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    // The example of RFC 8037, appendix A.
    const SEED: &str = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A";
    const X: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
    const KID: &str = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k";

    fn key(number: u8) -> ReceiptKey {
        ReceiptKey::of_seed(&[number; SEED_BYTES]).expect("a key")
    }

    #[test]
    fn a_seed_has_the_public_key_and_the_thumbprint_of_the_standard() {
        let key = ReceiptKey::parse(SEED).expect("a key");
        assert_eq!((key.public.x.as_str(), key.public.kid.as_str()), (X, KID));
        assert_eq!(PublicKey::parse(X), Ok(key.public.clone()));
        assert_eq!(key.seed().expose(), SEED);
        for wrong in ["", "AAAA", "not base64!", &SEED[..42]] {
            assert_eq!(ReceiptKey::parse(wrong).err(), Some(Unusable), "{wrong}");
            assert_eq!(PublicKey::parse(wrong).err(), Some(Unusable), "{wrong}");
        }
    }

    #[test]
    fn a_signature_is_verified_by_its_key_over_its_message_only() {
        let signature = key(1).sign(b"message").expect("signed");
        assert!(key(1).public.has_signed(b"message", &signature));
        assert!(!key(2).public.has_signed(b"message", &signature));
        assert!(!key(1).public.has_signed(b"massage", &signature));
        assert!(!key(1).public.has_signed(b"message", &signature[1..]));
        assert!(!key(1).public.has_signed(b"message", &[]));
    }

    #[test]
    fn a_rotated_ring_signs_with_the_new_key_and_publishes_all_of_them() {
        let ring = ReceiptKeyring::of(key(1)).rotated(key(2)).rotated(key(3));
        assert_eq!(ring.signing, key(3));
        assert_eq!(ring.public(), [key(3).public, key(2).public, key(1).public]);
        assert!(!format!("{ring:?}").contains(key(3).seed().expose()));
    }

    #[test]
    fn a_key_set_has_the_ids_that_its_keys_have() {
        let jwk = |kid: &str| json!({"kty": "OKP", "crv": "Ed25519", "x": X, "kid": kid, "use": "sig", "alg": "EdDSA"});
        let others = json!({"kty": "EC", "crv": "P-256", "x": "a", "y": "b", "kid": "another type"});
        let set = |keys: Value| key_set(&json!({"keys": keys}).to_string());
        let known = PublicKey { kid: KID.into(), x: X.into() };
        assert_eq!(set(json!([others, jwk(KID)])), Ok(vec![known]));
        assert_eq!(set(json!([jwk("mine")])), Err(NotAKeySet::WrongId("mine".into())));
        assert_eq!(set(json!([others])), Err(NotAKeySet::Empty));
        assert_eq!(set(json!([{"kty": "OKP", "crv": "Ed25519", "x": "AAAA"}])), Err(NotAKeySet::Unreadable));
        assert_eq!(set(json!([1])), Err(NotAKeySet::Unreadable));
        assert_eq!(key_set("{}"), Err(NotAKeySet::Unreadable));
        assert_eq!(key_set("keys"), Err(NotAKeySet::Unreadable));
    }
}
