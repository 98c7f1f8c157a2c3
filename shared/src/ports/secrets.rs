//! Port: storage of the accounts' tokens.

use async_trait::async_trait;

use super::{PortResult, Write};
use crate::domain::ids::AccountKey;
use crate::domain::secret::Secret;
use crate::domain::time::Moment;

/// The tokens of one grant, as Pinterest issued them together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tokens {
    pub access: Secret,
    pub refresh: Option<Secret>,
    pub access_expires_at: Option<Moment>,
    pub refresh_expires_at: Option<Moment>,
    /// The granted scopes, separated by commas or spaces; `None` when Pinterest didn't return them.
    pub scopes: Option<String>,
}

impl Tokens {
    /// Tokens without further information, such as those that a person entered.
    pub fn bare(access: impl Into<String>, refresh: Option<String>) -> Self {
        Self {
            access: Secret::new(access),
            refresh: refresh.map(Secret::new),
            access_expires_at: None,
            refresh_expires_at: None,
            scopes: None,
        }
    }

    /// Whether no token is empty. An empty token never replaces a good one.
    pub fn are_whole(&self) -> bool {
        !self.access.is_empty() && self.refresh.as_ref().is_none_or(|token| !token.is_empty())
    }
}

/// Stored tokens and the id of their version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    pub version: String,
    /// The version whose refresh token was used to get these tokens.
    pub follows: Option<String>,
    pub tokens: Tokens,
}

/// The tokens that are stored for an account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Custody {
    /// The tokens in use.
    pub current: Option<Stored>,
    /// Staged tokens: newer ones that are stored and not yet in use.
    pub pending: Option<Stored>,
}

impl Custody {
    /// The staged tokens, if they were obtained with the current ones (and not with tokens that a person has since
    /// replaced).
    pub fn successor(&self) -> Option<&Stored> {
        let current = &self.current.as_ref()?.version;
        self.pending.as_ref().filter(|pending| pending.follows.as_ref() == Some(current) && pending.version != *current)
    }
}

/// How tokens are removed. In either case they become unreadable at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removal {
    /// An operator can still restore them within the recovery window.
    Recoverable,
    Final,
}

/// Storage of the accounts' tokens.
///
/// A refresh stores its result in two steps. [`stage_tokens`](Secrets::stage_tokens) stores what Pinterest has just
/// issued, before it is used. [`promote_tokens`](Secrets::promote_tokens) makes it current, unless a person has
/// reconnected the account meanwhile.
#[async_trait]
pub trait Secrets: Send + Sync {
    /// The current tokens; `None` when the account has none. May answer from memory unless `fresh`.
    async fn tokens(&self, account: AccountKey, fresh: bool) -> PortResult<Option<Tokens>>;
    /// Everything that is stored for the account, never from memory.
    async fn custody(&self, account: AccountKey) -> PortResult<Custody>;
    /// Makes these the current tokens, whatever is stored: a person has just connected the account.
    async fn store_tokens(&self, account: AccountKey, version: &str, tokens: &Tokens) -> PortResult<()>;
    /// Stages tokens beside the current ones. Repeating it under the same version is harmless.
    async fn stage_tokens(&self, account: AccountKey, staged: &Stored) -> PortResult<()>;
    /// Makes the staged version current if `follows` is still current. The write is done if the version is
    /// current now.
    async fn promote_tokens(&self, account: AccountKey, version: &str, follows: &str) -> PortResult<Write<()>>;
    /// Removes all tokens of the account, staged ones included.
    async fn remove_tokens(&self, account: AccountKey, removal: Removal) -> PortResult<()>;
}
