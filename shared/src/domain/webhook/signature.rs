//! The headers that sign a request: PinBridge's, and those of Standard Webhooks, with the same secret.
//!
//! Receivers look PinBridge's headers up by their exact casing. While a secret is being replaced, both the new and the
//! previous one sign, so that a receiver can change over at any time.

use std::iter;

use aws_lc_rs::hmac;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use base64::engine::{DecodePaddingMode, Engine};

use super::delivery::DeliveryId;
use super::endpoint::Secrets;
use crate::domain::event::EventType;
use crate::domain::secret::Secret;
use crate::domain::time::Moment;

/// What begins a secret whose rest is Base64, as the libraries of Standard Webhooks make them.
pub const SECRET_PREFIX: &str = "whsec_";
const USER_AGENT: &str = "PinBridge-Webhooks/1";

/// Decodes what the libraries of Standard Webhooks decode: with or without padding, and with any last bits.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A request to sign.
#[derive(Clone, Copy)]
pub struct Signing<'a> {
    pub delivery: DeliveryId,
    pub event: EventType,
    /// The time that the signature covers. Receivers refuse one that is minutes away from their clock.
    pub sent_at: Moment,
    pub body: &'a str,
    pub secrets: &'a Secrets,
    /// Decides whether the previous secret is still valid.
    pub now: Moment,
}

/// All headers of the request, in exactly this casing.
pub fn headers(request: &Signing<'_>) -> Vec<(String, String)> {
    let Signing { body, secrets, now, .. } = *request;
    let previous = secrets.previous.as_ref().filter(|(_, until)| now < *until).map(|(secret, _)| secret);
    let id = request.delivery.0.to_string();
    let timestamp = request.sent_at.unix_seconds().to_string();
    let signed = format!("{id}.{timestamp}.{body}");
    let standard: Vec<String> =
        iter::once(&secrets.current).chain(previous).map(|secret| of_standard_webhooks(secret, &signed)).collect();
    let mut headers = vec![
        ("Content-Type", "application/json".to_owned()),
        ("User-Agent", USER_AGENT.to_owned()),
        ("X-PinBridge-Event", request.event.name().to_owned()),
        ("X-PinBridge-Delivery-ID", id.clone()),
        ("X-PinBridge-Signature", of_pinbridge(&secrets.current, body)),
    ];
    headers.extend(previous.map(|secret| ("X-PinBridge-Signature-Previous", of_pinbridge(secret, body))));
    headers.extend([("webhook-id", id), ("webhook-timestamp", timestamp), ("webhook-signature", standard.join(" "))]);
    headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// The HMAC of the body in lower-case hexadecimal digits. The key is the secret's text.
fn of_pinbridge(secret: &Secret, body: &str) -> String {
    hmac_sha256(secret.expose().as_bytes(), body).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn of_standard_webhooks(secret: &Secret, signed: &str) -> String {
    let encoded = secret.expose().strip_prefix(SECRET_PREFIX);
    let decoded = encoded.and_then(|encoded| LENIENT.decode(encoded).ok());
    let code = hmac_sha256(decoded.as_deref().unwrap_or(secret.expose().as_bytes()), signed);
    format!("v1,{}", STANDARD.encode(code))
}

fn hmac_sha256(key: &[u8], text: &str) -> hmac::Tag {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes())
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use uuid::Uuid;

    use super::*;

    /// `tests/receivers/vectors.py` computes them with Python's hmac, and independent receivers verify them.
    const VECTORS: &str = include_str!("../../../../tests/receivers/vectors.json");

    fn secret(value: &Value) -> Secret {
        Secret::new(value["secret"].as_str().expect("a secret"))
    }

    fn time(value: &Value) -> Moment {
        Moment(value.as_i64().expect("milliseconds"))
    }

    #[test]
    fn requests_are_signed_as_the_vectors_are() {
        let vectors: Vec<Value> = serde_json::from_str(VECTORS).expect("JSON");
        assert!(vectors.iter().any(|vector| vector["previous"]["is_valid"] == true), "a rotation is among them");
        for vector in &vectors {
            let previous = &vector["previous"];
            let secrets = Secrets {
                current: secret(vector),
                previous: previous.is_object().then(|| (secret(previous), time(&previous["until"]))),
            };
            let sent_at = time(&vector["sent_at"]);
            let request = Signing {
                delivery: DeliveryId(Uuid::parse_str(vector["delivery"].as_str().expect("an id")).expect("a UUID")),
                event: EventType::parse(vector["event"].as_str().expect("a name")).expect("an event"),
                sent_at,
                body: vector["body"].as_str().expect("a body"),
                secrets: &secrets,
                now: sent_at,
            };
            let expected: Vec<(String, String)> =
                serde_json::from_value(vector["headers"].clone()).expect("names and values");
            assert_eq!(headers(&request), expected, "{}", vector["name"]);
        }
    }

    #[test]
    fn known_answers_are_repeated() {
        // printf '{"a":1}' | openssl dgst -sha256 -hmac 0123456789abcdef
        let code = "1c76fbb930d3aa8b1633728fae212c68ca68a6752bb319b98be6fe17e86cf5b8";
        assert_eq!(of_pinbridge(&Secret::new("0123456789abcdef"), r#"{"a":1}"#), code);
        // The example of the specification of Standard Webhooks.
        let (secret, signed) = (Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), SPECIFIED);
        assert_eq!(of_standard_webhooks(&secret, signed), "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    const SPECIFIED: &str = r#"msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{"test": 2432232314}"#;

    #[test]
    fn a_key_in_base64_needs_no_padding() {
        let sign = |secret: &str| of_standard_webhooks(&Secret::new(secret), "text");
        assert_eq!(sign("whsec_AAECAwQFBgcICQoLDA0ODw=="), sign("whsec_AAECAwQFBgcICQoLDA0ODw"));
        assert_eq!(sign("whsec_AAECAwQFBgcICQoLDA0ODw"), sign("whsec_AAECAwQFBgcICQoLDA0ODx"), "the last bits");
        assert_ne!(sign("whsec_AAECAwQFBgcICQoLDA0ODw"), sign("AAECAwQFBgcICQoLDA0ODw"), "a plain secret");
    }
}
