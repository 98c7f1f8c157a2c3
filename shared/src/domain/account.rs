//! A connected Pinterest user.

use super::ids::AccountKey;
use super::pin::WaitReason;
use super::time::Moment;
use super::token_bucket::Bucket;
use super::token_life::TokenLife;

/// The scopes that publishing needs.
pub const PUBLISHING_SCOPES: [&str; 5] =
    ["boards:read", "boards:write", "pins:read", "pins:write", "user_accounts:read"];

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    pub key: AccountKey,
    pub pinterest_user_id: String,
    pub username: Option<String>,
    pub display_name: Option<String>,
    /// As granted, separated by commas.
    pub scopes: String,
    pub created_at: Moment,
    pub updated_at: Moment,
    /// When it was disconnected by its owner or an operator.
    pub revoked_at: Option<Moment>,
    pub life: TokenLife,
    /// Counts the row's writes; each write is conditional on the one before.
    pub rev: u64,
    /// Names the last write, so that its repetition is recognised.
    pub nonce: String,
}

impl Account {
    /// Not disconnected, and not given up by Pinterest for certain.
    pub fn is_connected(&self) -> bool {
        self.revoked_at.is_none() && self.life.dead.is_none()
    }

    /// The next write of the row.
    #[must_use]
    pub fn next(&self, now: Moment, nonce: String) -> Self {
        Self { updated_at: now, rev: self.rev + 1, nonce, ..self.clone() }
    }

    /// The publishing scopes that were not granted.
    pub fn missing_scopes(&self) -> Vec<String> {
        let granted: Vec<&str> = self.scopes.split([',', ' ']).map(str::trim).collect();
        PUBLISHING_SCOPES.iter().filter(|scope| !granted.contains(scope)).map(ToString::to_string).collect()
    }
}

/// The state of the connection, in the words of the public API's `health_status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    Healthy,
    MissingScopes,
    TokenExpired,
    /// Pinterest refused the connection or the app's access; the account's pins are held.
    OnHold,
    Revoked,
}

impl Health {
    pub fn of(account: &Account, bucket: &Bucket, now: Moment) -> Self {
        let is_held = bucket.is_paused(now) && bucket.wait_reason() == WaitReason::AccountOnHold;
        if !account.is_connected() {
            Self::Revoked
        } else if is_held {
            Self::OnHold
        } else if account.life.access_expires_at.is_some_and(|at| at <= now) {
            Self::TokenExpired
        } else if !account.missing_scopes().is_empty() {
            Self::MissingScopes
        } else {
            Self::Healthy
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::MissingScopes => "scope_missing",
            Self::TokenExpired => "token_expired",
            Self::OnHold => "on_hold",
            Self::Revoked => "token_revoked",
        }
    }

    pub fn message(self) -> &'static str {
        match self {
            Self::Healthy => "The connection works.",
            Self::MissingScopes => "A scope that publishing needs was not granted; reconnect the account.",
            Self::TokenExpired => "The access token has expired; reconnect the account.",
            Self::OnHold => {
                "Pinterest refused the account's connection or the app's access; its pins are held. Reconnect it."
            }
            Self::Revoked => "The account was disconnected.",
        }
    }

    pub fn needs_reconnect(self) -> bool {
        self != Self::Healthy
    }
}
