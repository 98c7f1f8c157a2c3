//! Port: Pinterest's token endpoint.

use async_trait::async_trait;
use thiserror::Error;

use super::secrets::Tokens;
use crate::domain::pin::attempt::Upstream;
use crate::domain::secret::Secret;

/// A grant request that returned no tokens.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum GrantFailure {
    /// Pinterest refuses this code or refresh token: nothing was issued.
    #[error("Pinterest refused the grant")]
    Refused(Upstream),
    /// Pinterest refuses the app itself (its credentials or its access). No account is at fault; an operator has to
    /// act.
    #[error("Pinterest refused the app's credentials")]
    AppRefused(Upstream),
    /// Nothing was issued, for a temporary reason: the request was not sent, or the refusal passes (such as a rate
    /// limit).
    #[error("Pinterest could not issue tokens now")]
    NotNow { upstream: Upstream, retry_after_ms: Option<i64> },
    /// Possibly issued: the answer was lost, unreadable, or a 5xx. A code or a rotated refresh token may be used up.
    #[error("no answer came from Pinterest, or it left open whether tokens were issued")]
    Unknown(Upstream),
}

/// The app's side of OAuth.
#[async_trait]
pub trait OAuth: Send + Sync {
    /// Whether a Pinterest app is configured.
    fn is_configured(&self) -> bool;
    /// The URL that Pinterest sends the browser back to, if it is configured.
    fn callback_url(&self) -> Option<String> {
        None
    }
    /// The URL at which a person grants access, or `None` when no Pinterest app is configured.
    fn authorization_url(&self, state: &str) -> Option<String>;
    /// Exchanges a code for tokens.
    async fn exchange(&self, code: &Secret) -> Result<Tokens, GrantFailure>;
    /// Exchanges a refresh token for new tokens; the old one may stop working at once. If the answer contains no new
    /// refresh token, the result contains the old one.
    async fn refresh(&self, refresh: &Secret) -> Result<Tokens, GrantFailure>;
}
