//! A connected Pinterest account: its row, tokens, health, boards and analytics.

pub mod analytics;
pub mod board;
pub mod board_check;
pub mod board_list;
pub mod board_name;
pub mod credentials;
pub mod health;
pub mod oauth;
pub mod return_to;

use self::credentials::TokenLife;
use super::ids::AccountKey;
use super::repeated_write::Trail;
use super::time::Moment;

// Pinterest's names of the scopes that its users grant.

pub const BOARDS_READ: &str = "boards:read";
pub const BOARDS_WRITE: &str = "boards:write";
pub const BOARDS_READ_SECRET: &str = "boards:read_secret";
pub const BOARDS_WRITE_SECRET: &str = "boards:write_secret";
pub const PINS_READ: &str = "pins:read";
pub const PINS_WRITE: &str = "pins:write";
pub const USER_ACCOUNTS_READ: &str = "user_accounts:read";
pub const PINS_WRITE_SECRET: &str = "pins:write_secret";
/// Needed for keyword suggestions.
pub const ADS_READ: &str = "ads:read";

/// The scopes that publishing needs.
pub const PUBLISHING_SCOPES: [&str; 5] =
    ["boards:read", "boards:write", "pins:read", "pins:write", "user_accounts:read"];

/// A Pinterest user who is connected to a workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    pub key: AccountKey,
    pub pinterest_user_id: String,
    pub username: Option<String>,
    pub display_name: Option<String>,
    /// The granted scopes, separated by commas.
    pub scopes: String,
    pub created_at: Moment,
    pub updated_at: Moment,
    /// When its owner or an operator disconnected it.
    pub revoked_at: Option<Moment>,
    pub life: TokenLife,
    /// Counts the row's writes; each write is conditional on the `rev` before it.
    pub rev: u64,
    /// Identifies the last write, so that the SDK's repetition of it is recognised.
    pub nonce: String,
    /// The writes before it.
    pub trail: Trail,
}

impl Account {
    /// Whether it is neither disconnected nor given up after a confirmed refusal.
    pub fn is_connected(&self) -> bool {
        self.revoked_at.is_none() && self.life.dead.is_none()
    }

    /// Whether it was disconnected so long ago that only its id is left.
    pub fn is_forgotten(&self) -> bool {
        self.pinterest_user_id.is_empty()
    }

    /// The row's next version.
    #[must_use]
    pub fn next(&self, now: Moment, nonce: String) -> Self {
        let trail = self.trail.behind(&self.nonce);
        Self { updated_at: now, rev: self.rev + 1, nonce, trail, ..self.clone() }
    }

    /// The publishing scopes that were not granted.
    pub fn missing_scopes(&self) -> Vec<String> {
        self.missing_of(&PUBLISHING_SCOPES)
    }

    /// The scopes of `wanted` that were not granted.
    pub fn missing_of(&self, wanted: &[&str]) -> Vec<String> {
        let granted: Vec<&str> = self.scopes.split([',', ' ']).map(str::trim).collect();
        wanted.iter().filter(|scope| !granted.contains(scope)).map(ToString::to_string).collect()
    }
}
