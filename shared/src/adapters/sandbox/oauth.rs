//! [`OAuth`]: a simulated refresh token gets the next tokens of its grant. Authorization codes are only Pinterest's: a
//! sandbox's account is connected without one (`flows/accounts/connect_simulated.rs`).

use async_trait::async_trait;

use super::{Sandbox, simulated, upstream};
use crate::domain::pin::attempt::Upstream;
use crate::domain::pin::failure::Failure;
use crate::domain::sandbox::{SimulatedToken, scopes};
use crate::domain::secret::Secret;
use crate::ports::{GrantFailure, OAuth, Tokens};

#[async_trait]
impl OAuth for Sandbox {
    fn is_configured(&self) -> bool {
        self.oauth.is_configured()
    }

    fn callback_url(&self) -> Option<String> {
        self.oauth.callback_url()
    }

    fn authorization_url(&self, state: &str) -> Option<String> {
        self.oauth.authorization_url(state)
    }

    async fn exchange(&self, code: &Secret) -> Result<Tokens, GrantFailure> {
        self.oauth.exchange(code).await
    }

    async fn refresh(&self, refresh: &Secret) -> Result<Tokens, GrantFailure> {
        let Some(token) = simulated(refresh) else {
            return self.oauth.refresh(refresh).await;
        };
        let not_now = |_| GrantFailure::NotNow { upstream: Upstream::default(), retry_after_ms: None };
        let account = self.account(token.account).await.map_err(not_now)?;
        if account.refusal(token) == Some(Failure::TokenRevoked) {
            return Err(GrantFailure::Refused(upstream(Failure::TokenRevoked)));
        }
        let next = SimulatedToken { serial: account.serial + 1, ..token };
        // Without a refresh token in the answer there is nothing to refresh ahead: no account of a sandbox is ever due.
        Ok(Tokens { scopes: Some(scopes()), ..Tokens::bare(next.text("access").expose(), None) })
    }
}
