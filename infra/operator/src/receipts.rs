//! `operator verify-receipt` and `rotate-receipt-key`.

use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Args;
use pinbridge_shared::context::Context;
use pinbridge_shared::domain::jws;
use pinbridge_shared::domain::receipt_key::{self, PublicKey};
use serde_json::{Value, json};

#[derive(Args)]
pub struct VerifyArgs {
    /// The published keys: a copy of /.well-known/pinbridge-receipt-keys.json
    #[arg(long, value_name = "FILE")]
    keys: PathBuf,
    /// A receipt, or the whole answer of GET /v1/pins/{id}/receipt. Default: standard input
    receipt: Option<PathBuf>,
}

/// Answers what a valid receipt says. Needs no deployment and no network.
pub fn verify(arguments: &VerifyArgs) -> anyhow::Result<Value> {
    let keys = receipt_key::key_set(&read(&arguments.keys)?)
        .with_context(|| format!("{} has no usable keys", arguments.keys.display()))?;
    let text = match &arguments.receipt {
        Some(path) => read(path)?,
        None => io::read_to_string(io::stdin()).context("standard input can't be read")?,
    };
    verified(text.trim(), &keys)
}

fn read(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("{} can't be read", path.display()))
}

fn verified(text: &str, keys: &[PublicKey]) -> anyhow::Result<Value> {
    if !text.starts_with('{') {
        return jws::verify(text, keys).context("the receipt is not valid");
    }
    let answer: Value = serde_json::from_str(text).context("the file is no JSON")?;
    let receipt = answer["receipt"].as_str().context("the JSON has no receipt")?;
    let claims = jws::verify(receipt, keys).context("the receipt is not valid")?;
    // Whoever reads the file reads these.
    if answer.get("claims").is_some_and(|shown| *shown != claims) {
        bail!("the receipt is not valid: the claims beside it are not the ones that were signed");
    }
    Ok(claims)
}

/// Makes a new key, which signs from now on. The keys before it stay published.
pub async fn rotate(context: &Context) -> anyhow::Result<Value> {
    let published = context.receipt_keys.rotate().await?;
    let ids: Vec<&str> = published.iter().map(|key| key.kid.as_str()).collect();
    Ok(json!({"current": ids.first(), "published": ids}))
}

#[cfg(test)]
mod tests {
    use pinbridge_shared::domain::receipt_key::{ReceiptKey, SEED_BYTES};

    use super::*;

    fn key(number: u8) -> ReceiptKey {
        ReceiptKey::of_seed(&[number; SEED_BYTES]).expect("a key")
    }

    fn refusal(text: &str) -> String {
        let error = verified(text, &[key(1).public]).expect_err("refused");
        format!("{error:#}")
    }

    #[test]
    fn a_receipt_is_taken_alone_and_as_the_api_answers_it() {
        let claims = json!({"status": "published"});
        let receipt = jws::sign(&key(1), claims.to_string().as_bytes()).expect("signed");
        for text in [receipt.clone(), json!({"receipt": receipt, "kid": "k", "claims": claims}).to_string()] {
            assert_eq!(verified(&text, &[key(2).public, key(1).public]).expect("valid"), claims);
        }
        let shown = json!({"receipt": receipt, "claims": {"status": "failed"}}).to_string();
        assert!(refusal(&shown).contains("not the ones that were signed"), "{}", refusal(&shown));
    }

    #[test]
    fn an_invalid_receipt_is_refused_with_the_reason() {
        let theirs = jws::sign(&key(2), b"{}").expect("signed");
        let answer = json!({"receipt": theirs, "claims": {}}).to_string();
        for (text, why) in [
            (theirs.as_str(), "the receipt is not valid: the key set has no key"),
            (answer.as_str(), "the receipt is not valid: the key set has no key"),
            ("a.b", "the receipt is not valid: it is no JWS"),
            ("", "the receipt is not valid: it is no JWS"),
            ("{", "the file is no JSON"),
            ("{}", "the JSON has no receipt"),
        ] {
            assert!(refusal(text).starts_with(why), "{text}: {}", refusal(text));
        }
    }
}
