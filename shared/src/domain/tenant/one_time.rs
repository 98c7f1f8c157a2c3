//! One-time tokens, which a link or an invitation carries: the id of what they open, and 32 random bytes. Only their
//! SHA-256 is stored.

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use uuid::Uuid;

use crate::domain::secret::Secret;

const ID_HEX: usize = 32;
/// 32 random bytes in hex.
const SECRET_HEX: usize = 64;
/// Separates these digests from every other use of the hash.
const DOMAIN: &[u8] = b"pinbridge one-time token\0";

/// A token's digest. It is compared in constant time.
#[derive(Clone, Copy)]
pub struct TokenHash(pub [u8; 32]);

impl PartialEq for TokenHash {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for TokenHash {}

impl std::fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TokenHash(..)")
    }
}

/// A token as a client presents it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PresentedToken {
    /// Of the person or the invitation that it opens.
    pub id: Uuid,
    pub hash: TokenHash,
}

impl PresentedToken {
    /// `None` when the text doesn't have the form of a token.
    pub fn parse(text: &str) -> Option<Self> {
        let is_hex = text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        if text.len() != ID_HEX + SECRET_HEX || !is_hex {
            return None;
        }
        let id = Uuid::try_parse(&text[..ID_HEX]).ok()?;
        let hash = Sha256::new().chain_update(DOMAIN).chain_update(text.as_bytes()).finalize().into();
        Some(Self { id, hash: TokenHash(hash) })
    }
}

/// A new token for that id, with what is stored of it.
pub fn issue(id: Uuid, secret: [u8; 32]) -> (Secret, TokenHash) {
    let secret: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    let text = format!("{}{secret}", id.simple());
    let digest = Sha256::new().chain_update(DOMAIN).chain_update(text.as_bytes()).finalize();
    (Secret::new(text), TokenHash(digest.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issued_token_is_read_back_and_another_one_is_not_it() {
        let id = Uuid::from_u128(42);
        let (text, hash) = issue(id, [0xab; 32]);
        let read = PresentedToken::parse(text.expose()).expect("our own token");
        assert_eq!(read, PresentedToken { id, hash });
        assert_ne!(issue(id, [0xac; 32]).1, hash);
        assert_ne!(issue(Uuid::from_u128(43), [0xab; 32]).1, hash);
        assert!((20..=512).contains(&text.expose().len()), "what the official client accepts");
        assert!(!format!("{read:?} {hash:?}").contains(&text.expose()[32..]));
    }

    #[test]
    fn anything_else_is_no_token() {
        let (good, _) = issue(Uuid::from_u128(42), [1; 32]);
        let good = good.expose();
        for bad in ["", "nonsense", &good[1..], &format!("{good}0"), &good.to_uppercase(), &"é".repeat(48)] {
            assert_eq!(PresentedToken::parse(bad), None, "{bad}");
        }
    }
}
