//! Pinterest's token endpoint.

use async_trait::async_trait;
use thiserror::Error;

use super::secrets::Tokens;
use crate::domain::pin::attempt::Upstream;
use crate::domain::secret::Secret;

/// A grant that brought no tokens.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum GrantFailure {
    /// Pinterest says that this code or refresh token is not good: nothing was issued.
    #[error("Pinterest refused the grant")]
    Refused(Upstream),
    /// Pinterest refuses the app itself (its credentials, its access): no account's fault, an operator's business.
    #[error("Pinterest refused the app's credentials")]
    AppRefused(Upstream),
    /// Surely nothing was issued, for now: unsent, or a refusal that passes (such as a rate limit).
    #[error("Pinterest could not issue tokens now")]
    NotNow { upstream: Upstream, retry_after_ms: Option<i64> },
    /// Perhaps issued: the answer was lost, unreadable, or a 5xx. A code or a rotated refresh token may be spent.
    #[error("Pinterest's answer was lost")]
    Unknown(Upstream),
}

/// The app's side of OAuth.
#[async_trait]
pub trait OAuth: Send + Sync {
    /// Whether there is a Pinterest app to ask with.
    fn is_configured(&self) -> bool;
    /// Where Pinterest sends the browser back to, if that is configured.
    fn callback_url(&self) -> Option<String> {
        None
    }
    /// Where a person agrees, or `None` when no Pinterest app is configured.
    fn authorization_url(&self, state: &str) -> Option<String>;
    /// Exchanges a code for tokens.
    async fn exchange(&self, code: &Secret) -> Result<Tokens, GrantFailure>;
    /// Exchanges a refresh token for new tokens; the old one may be dead from then on. An answer without a new refresh token
    /// has the old one in it.
    async fn refresh(&self, refresh: &Secret) -> Result<Tokens, GrantFailure>;
}
