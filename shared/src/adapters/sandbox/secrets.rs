//! [`Secrets`]: a simulated account's tokens are composed, never stored.

use async_trait::async_trait;

use super::Sandbox;
use crate::domain::ids::AccountKey;
use crate::domain::sandbox::{SimulatedAccount, SimulatedToken, scopes};
use crate::ports::{Custody, PortResult, Removal, Secrets, Stored, Tokens, Write};

/// The access token doesn't expire.
fn tokens(token: SimulatedToken) -> Tokens {
    Tokens {
        access: token.text("access"),
        refresh: Some(token.text("refresh")),
        access_expires_at: None,
        refresh_expires_at: None,
        scopes: Some(scopes()),
    }
}

fn version(token: SimulatedToken) -> String {
    format!("{}.{}", token.grant, token.serial)
}

/// The version that a refresh has replaced with the current one.
fn before(account: &SimulatedAccount) -> Option<String> {
    let serial = account.serial.checked_sub(1)?;
    Some(version(SimulatedToken { serial, ..account.token() }))
}

fn current(account: &SimulatedAccount) -> Option<Stored> {
    let token = account.token();
    (!account.is_disconnected).then(|| Stored {
        version: version(token),
        follows: before(account),
        tokens: tokens(token),
    })
}

#[async_trait]
impl Secrets for Sandbox {
    async fn tokens(&self, account: AccountKey, fresh: bool) -> PortResult<Option<Tokens>> {
        if !account.account.is_simulated() {
            return self.secrets.tokens(account, fresh).await;
        }
        Ok(current(&self.account(account).await?).map(|stored| stored.tokens))
    }

    async fn custody(&self, account: AccountKey) -> PortResult<Custody> {
        if !account.account.is_simulated() {
            return self.secrets.custody(account).await;
        }
        Ok(Custody { current: current(&self.account(account).await?), pending: None })
    }

    /// Starts a new grant, whatever the tokens.
    async fn store_tokens(&self, account: AccountKey, version: &str, tokens: &Tokens) -> PortResult<()> {
        if !account.account.is_simulated() {
            return self.secrets.store_tokens(account, version, tokens).await;
        }
        let connect = |known: &mut SimulatedAccount| {
            known.connect();
            Ok::<(), ()>(())
        };
        self.change(account, connect).await.map(|_| ())
    }

    /// Stores nothing, and nothing is lost: the same refresh gets the same tokens.
    async fn stage_tokens(&self, account: AccountKey, staged: &Stored) -> PortResult<()> {
        if !account.account.is_simulated() {
            return self.secrets.stage_tokens(account, staged).await;
        }
        Ok(())
    }

    async fn promote_tokens(&self, account: AccountKey, new: &str, follows: &str) -> PortResult<Write<()>> {
        if !account.account.is_simulated() {
            return self.secrets.promote_tokens(account, new, follows).await;
        }
        let promote = |known: &mut SimulatedAccount| {
            if version(known.token()) == follows {
                known.serial += 1;
                return Ok(());
            }
            // Promoted before, and the answer was lost; or connected again meanwhile.
            Err(before(known).as_deref() == Some(follows))
        };
        let is_current = self.change(account, promote).await?.map_or_else(|is_current| is_current, |()| true);
        Ok(Write::done_if(is_current))
    }

    async fn remove_tokens(&self, account: AccountKey, removal: Removal) -> PortResult<()> {
        if !account.account.is_simulated() {
            return self.secrets.remove_tokens(account, removal).await;
        }
        let remove = |known: &mut SimulatedAccount| {
            // A row that was never written stays unwritten.
            let is_there = known.rev > 1 && !known.is_disconnected;
            known.is_disconnected = true;
            if is_there { Ok(()) } else { Err(()) }
        };
        self.change(account, remove).await.map(|_| ())
    }
}
