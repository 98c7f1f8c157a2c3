//! Custody of the accounts' tokens.

use async_trait::async_trait;

use super::PortResult;
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
    /// As granted, separated by commas or spaces; `None` when Pinterest didn't say.
    pub scopes: Option<String>,
}

impl Tokens {
    /// Tokens of which nothing else is known, such as those a person typed in.
    pub fn bare(access: impl Into<String>, refresh: Option<String>) -> Self {
        Self {
            access: Secret::new(access),
            refresh: refresh.map(Secret::new),
            access_expires_at: None,
            refresh_expires_at: None,
            scopes: None,
        }
    }

    /// Neither token may be empty: an empty one never takes the place of a good one.
    pub fn are_whole(&self) -> bool {
        !self.access.is_empty() && self.refresh.as_ref().is_none_or(|token| !token.is_empty())
    }
}

/// Stored tokens and the name of their version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    pub version: String,
    /// The version whose refresh token these were got with.
    pub follows: Option<String>,
    pub tokens: Tokens,
}

/// What is stored of an account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Custody {
    /// What everybody uses.
    pub current: Option<Stored>,
    /// Newer tokens that were stored and not yet made current.
    pub pending: Option<Stored>,
}

impl Custody {
    /// The pending tokens, if they were got with the current ones (and not with what a person has replaced since).
    pub fn successor(&self) -> Option<&Stored> {
        let current = &self.current.as_ref()?.version;
        self.pending.as_ref().filter(|pending| pending.follows.as_ref() == Some(current) && pending.version != *current)
    }
}

/// How tokens are removed. Either way they can't be read any more at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removal {
    /// An operator can still bring them back within the recovery window.
    Recoverable,
    Final,
}

/// Custody of the tokens.
///
/// A refresh stores in two steps: [`stage_tokens`](Secrets::stage_tokens) keeps what Pinterest has just issued, before anybody
/// uses it; [`promote_tokens`](Secrets::promote_tokens) makes it current, unless a person has reconnected the account meanwhile.
#[async_trait]
pub trait Secrets: Send + Sync {
    /// The current tokens; `None` when the account has none. May answer from memory unless `fresh`.
    async fn tokens(&self, account: AccountKey, fresh: bool) -> PortResult<Option<Tokens>>;
    /// Everything that is stored, never from memory.
    async fn custody(&self, account: AccountKey) -> PortResult<Custody>;
    /// Makes these the current tokens, whatever is there: a person has just connected the account.
    async fn store_tokens(&self, account: AccountKey, version: &str, tokens: &Tokens) -> PortResult<()>;
    /// Keeps tokens beside the current ones. Repeating it under the same version is harmless.
    async fn stage_tokens(&self, account: AccountKey, staged: &Stored) -> PortResult<()>;
    /// Makes the staged version current if `follows` still is; answers whether it is current now.
    async fn promote_tokens(&self, account: AccountKey, version: &str, follows: &str) -> PortResult<bool>;
    async fn remove_tokens(&self, account: AccountKey, removal: Removal) -> PortResult<()>;
}
