//! A version of an account's tokens as text: the content of a secret, and what is sealed in envelope mode.

use serde::{Deserialize, Serialize};

use crate::domain::secret::Secret;
use crate::domain::time::Moment;
use crate::ports::{PortError, PortResult, Stored, Tokens};

const PORT: &str = "secrets";

/// The text's JSON.
#[derive(Serialize, Deserialize)]
pub(super) struct StoredTokens {
    access_token: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
    /// Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    access_expires_at: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refresh_expires_at: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    scopes: Option<String>,
    /// The version whose refresh token these were issued for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    follows: Option<String>,
}

impl StoredTokens {
    /// The tokens as text, which is wiped from memory when dropped.
    pub(super) fn text_of(tokens: &Tokens, follows: Option<&str>) -> PortResult<Secret> {
        if !tokens.are_whole() {
            return Err(PortError::Broken { port: PORT, reason: "an empty token is never stored".into() });
        }
        let stored = Self {
            access_token: tokens.access.expose().to_owned(),
            refresh_token: tokens.refresh.as_ref().map(|token| token.expose().to_owned()),
            access_expires_at: tokens.access_expires_at.map(|at| at.0),
            refresh_expires_at: tokens.refresh_expires_at.map(|at| at.0),
            scopes: tokens.scopes.clone(),
            follows: follows.map(str::to_owned),
        };
        let text = serde_json::to_string(&stored);
        text.map(Secret::new)
            .map_err(|_| PortError::Broken { port: PORT, reason: "tokens could not be written".into() })
    }

    /// Parses the text. Neither the text nor a parser's error about it may reach a log.
    pub(super) fn parse(version: &str, text: &str) -> PortResult<Stored> {
        let stored: Self = serde_json::from_str(text)
            .map_err(|_| PortError::Broken { port: PORT, reason: "a secret is not a pair of tokens".into() })?;
        let tokens = Tokens {
            access: Secret::new(stored.access_token),
            refresh: stored.refresh_token.map(Secret::new),
            access_expires_at: stored.access_expires_at.map(Moment),
            refresh_expires_at: stored.refresh_expires_at.map(Moment),
            scopes: stored.scopes,
        };
        Ok(Stored { version: version.to_owned(), follows: stored.follows, tokens })
    }
}
