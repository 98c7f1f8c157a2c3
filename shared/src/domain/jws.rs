//! Signed receipts: JSON Web Signatures in the compact form (RFC 7515), with Ed25519 (`EdDSA`, RFC 8037).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;

use super::receipt_key::{PublicKey, ReceiptKey, Unusable};

/// The type of a receipt, so that nothing else that the keys might sign can be taken for one.
pub const TYPE: &str = "pinbridge-receipt+jwt";
/// The one algorithm that receipts are signed with.
pub const ALGORITHM: &str = "EdDSA";

/// Why a text is no valid receipt.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum NotAReceipt {
    #[error("it is no JWS in the compact form")]
    Malformed,
    #[error("its algorithm is {0:?}, not \"EdDSA\"")]
    Algorithm(String),
    #[error("its type is not \"pinbridge-receipt+jwt\"")]
    Type,
    #[error("its header asks for extensions that receipts don't have")]
    Critical,
    #[error("its header names no key")]
    NoKey,
    #[error("the key set has no key {0:?}; it may be older than the receipt")]
    UnknownKey(String),
    #[error("its signature doesn't fit: it was changed, or signed with another key")]
    Signature,
}

#[derive(Serialize, Deserialize)]
struct Header {
    alg: String,
    #[serde(default)]
    kid: Option<String>,
    #[serde(default)]
    typ: Option<String>,
    #[serde(default, skip_serializing)]
    crit: Option<Value>,
}

/// Signs a payload.
///
/// # Errors
/// When the key can't sign.
pub fn sign(key: &ReceiptKey, payload: &[u8]) -> Result<String, Unusable> {
    let (alg, kid, typ) = (ALGORITHM.to_owned(), Some(key.public.kid.clone()), Some(TYPE.to_owned()));
    let header = serde_json::to_vec(&Header { alg, kid, typ, crit: None }).map_err(|_| Unusable)?;
    let signed = format!("{}.{}", BASE64.encode(header), BASE64.encode(payload));
    let signature = key.sign(signed.as_bytes())?;
    Ok(format!("{signed}.{}", BASE64.encode(signature)))
}

/// The payload of a receipt that one of these keys has signed.
///
/// # Errors
/// The first reason for which it isn't valid.
pub fn verify(receipt: &str, keys: &[PublicKey]) -> Result<Value, NotAReceipt> {
    let malformed = || NotAReceipt::Malformed;
    let (signed, signature) = receipt.rsplit_once('.').ok_or_else(malformed)?;
    let (header, payload) = signed.split_once('.').ok_or_else(malformed)?;
    let decode = |text: &str| BASE64.decode(text).map_err(|_| NotAReceipt::Malformed);
    let (header, payload, signature) = (decode(header)?, decode(payload)?, decode(signature)?);
    let header: Header = serde_json::from_slice(&header).map_err(|_| NotAReceipt::Malformed)?;
    if header.alg != ALGORITHM {
        return Err(NotAReceipt::Algorithm(header.alg));
    }
    if header.crit.is_some() {
        return Err(NotAReceipt::Critical);
    }
    if header.typ.as_deref() != Some(TYPE) {
        return Err(NotAReceipt::Type);
    }
    let kid = header.kid.ok_or(NotAReceipt::NoKey)?;
    let Some(key) = keys.iter().find(|key| key.kid == kid) else { return Err(NotAReceipt::UnknownKey(kid)) };
    if !key.has_signed(signed.as_bytes(), &signature) {
        return Err(NotAReceipt::Signature);
    }
    serde_json::from_slice(&payload).map_err(|_| NotAReceipt::Malformed)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::receipt_key::SEED_BYTES;

    fn key(number: u8) -> ReceiptKey {
        ReceiptKey::of_seed(&[number; SEED_BYTES]).expect("a key")
    }

    fn keys() -> [PublicKey; 2] {
        [key(1).public, key(2).public]
    }

    fn claims() -> Value {
        json!({"pin_id": "5e0e1f5a-7f4d-4a8e-9d55-0d3c5b3f2a10", "status": "published"})
    }

    fn receipt(number: u8) -> String {
        sign(&key(number), claims().to_string().as_bytes()).expect("signed")
    }

    /// A receipt with another header, signed by that key all the same.
    fn with_header(header: &Value, number: u8) -> String {
        let signed = format!("{}.{}", BASE64.encode(header.to_string()), BASE64.encode(claims().to_string()));
        let signature = key(number).sign(signed.as_bytes()).expect("signed");
        format!("{signed}.{}", BASE64.encode(signature))
    }

    #[test]
    fn the_example_of_the_standard_is_signed_as_there() {
        let key = ReceiptKey::parse("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A").expect("a key");
        let signature = key.sign(b"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc").expect("signed");
        assert_eq!(
            BASE64.encode(signature),
            "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
        );
    }

    #[test]
    fn a_receipt_is_valid_under_the_key_that_its_header_names() {
        for number in [1, 2] {
            assert_eq!(verify(&receipt(number), &keys()), Ok(claims()));
        }
        let header = receipt(1).split('.').next().map(|text| BASE64.decode(text).expect("base64")).expect("a header");
        let header: Value = serde_json::from_slice(&header).expect("JSON");
        assert_eq!(header, json!({"alg": "EdDSA", "kid": key(1).public.kid, "typ": "pinbridge-receipt+jwt"}));
    }

    #[test]
    fn a_changed_payload_and_another_key_are_refused() {
        let made = receipt(1);
        let parts: Vec<&str> = made.split('.').collect();
        let other = BASE64.encode(claims().to_string().replace("published", "failed"));
        let changed = format!("{}.{other}.{}", parts[0], parts[2]);
        assert_eq!(verify(&changed, &keys()), Err(NotAReceipt::Signature));
        assert_eq!(verify(&receipt(3), &keys()), Err(NotAReceipt::UnknownKey(key(3).public.kid)));
        assert_eq!(verify(&made, &[]), Err(NotAReceipt::UnknownKey(key(1).public.kid)));
    }

    #[test]
    fn a_swapped_kid_is_refused() {
        let header = json!({"alg": "EdDSA", "kid": key(2).public.kid, "typ": TYPE});
        assert_eq!(verify(&with_header(&header, 1), &keys()), Err(NotAReceipt::Signature));
        let theirs = PublicKey { kid: key(1).public.kid, ..key(2).public };
        assert_eq!(verify(&receipt(1), &[theirs]), Err(NotAReceipt::Signature));
    }

    #[test]
    fn another_algorithm_type_or_extension_is_refused_although_the_signature_fits() {
        let kid = key(1).public.kid;
        for (header, why) in [
            (json!({"alg": "none", "kid": kid, "typ": TYPE}), NotAReceipt::Algorithm("none".into())),
            (json!({"alg": "HS256", "kid": kid, "typ": TYPE}), NotAReceipt::Algorithm("HS256".into())),
            (json!({"alg": "EdDSA", "kid": kid, "typ": "JWT"}), NotAReceipt::Type),
            (json!({"alg": "EdDSA", "kid": kid}), NotAReceipt::Type),
            (json!({"alg": "EdDSA", "typ": TYPE}), NotAReceipt::NoKey),
            (json!({"alg": "EdDSA", "kid": kid, "typ": TYPE, "crit": ["b64"]}), NotAReceipt::Critical),
            (json!({"kid": kid, "typ": TYPE}), NotAReceipt::Malformed),
        ] {
            assert_eq!(verify(&with_header(&header, 1), &keys()), Err(why), "{header}");
        }
        let unsigned = format!("{}.", with_header(&json!({"alg": "none"}), 1).rsplit_once('.').expect("three parts").0);
        assert_eq!(verify(&unsigned, &keys()), Err(NotAReceipt::Algorithm("none".into())));
    }

    #[test]
    fn what_is_no_compact_jws_is_refused() {
        let made = receipt(1);
        let altered = [made[1..].to_owned(), format!("{made}="), format!("{made}.a"), format!(" {made}")];
        for wrong in ["", "a", "a.b", ".."].into_iter().chain(altered.iter().map(String::as_str)) {
            assert_eq!(verify(wrong, &keys()), Err(NotAReceipt::Malformed), "{wrong}");
        }
        let without_signature = made.rsplit_once('.').expect("three parts").0;
        assert_eq!(verify(&format!("{without_signature}."), &keys()), Err(NotAReceipt::Signature));
    }
}
