//! Disconnects an account: no further call is made in its name, its pins are held, and its tokens are removed.

use thiserror::Error;

use super::finish_disconnecting::{REMOVED_BY_REFRESHER_MS, removed};
use crate::context::Context;
use crate::domain::account::Account;
use crate::domain::account::credentials::TokenLife;
use crate::domain::ids::AccountKey;
use crate::domain::pin::failure::Failure;
use crate::flows::pacing::pause_account::hold;
use crate::ports::OptimisticWrites;
use crate::ports::{PortError, Removal};

/// A refresher or a reconnecting person comes first this often at most.
const ROUNDS_MAX: usize = 5;

/// Why an account was not disconnected.
#[derive(Debug, Error)]
pub enum DisconnectError {
    #[error("no such account in this workspace")]
    AccountNotFound,
    #[error(transparent)]
    Port(#[from] PortError),
}

/// Marks the account as revoked, then removes its tokens. Repeating it is harmless, and finishes what a crash has left.
/// Workers read the account before every call, so only a call that was announced before is still made.
///
/// # Errors
/// When the account is unknown or a port is unavailable.
pub async fn disconnect(context: &Context, key: AccountKey) -> Result<(), DisconnectError> {
    let mut writes = OptimisticWrites::of("account", ROUNDS_MAX);
    loop {
        writes.begin()?;
        let account = context.store.account(key).await?.ok_or(DisconnectError::AccountNotFound)?;
        if account.revoked_at.is_none() && !context.store.save_account(&revoked(context, &account)).await?.is_done() {
            continue;
        }
        hold(context, key, Failure::AccountDisconnected).await?;
        context.secrets.remove_tokens(key, Removal::Recoverable).await?;
        // An account that was connected again meanwhile has lost its tokens. Of the two requests the later one counts,
        // which is this one.
        let after = context.store.account(key).await?;
        if after.as_ref().is_none_or(|account| account.revoked_at.is_some()) {
            removed(context, after).await;
            tracing::info!(workspace_id = %key.workspace, account_id = %key.account, "account disconnected");
            return Ok(());
        }
    }
}

/// The account's row, revoked. If the removal fails, or this process dies, the refresher removes the tokens.
fn revoked(context: &Context, account: &Account) -> Account {
    let now = context.system.now();
    let life = TokenLife::to_be_removed(now.plus_ms(REMOVED_BY_REFRESHER_MS));
    Account { revoked_at: Some(now), life, ..account.next(now, context.nonce()) }
}
