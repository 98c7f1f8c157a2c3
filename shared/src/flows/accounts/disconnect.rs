//! Disconnecting an account: nothing is called in its name any more, its pins are held, its tokens are gone.

use thiserror::Error;

use super::finish_disconnecting::{REMOVED_BY_REFRESHER_MS, removed};
use crate::context::Context;
use crate::domain::account::Account;
use crate::domain::account::credentials::TokenLife;
use crate::domain::ids::AccountKey;
use crate::domain::pacing::bucket::Pause;
use crate::domain::pin::WaitReason;
use crate::domain::pin::retry::HOLD_PAUSE_MS;
use crate::flows::publish::publish_pin::pause;
use crate::ports::{PortError, Removal};

/// A refresher or a reconnecting person comes between this often at most.
const ROUNDS_MAX: usize = 5;

#[derive(Debug, Error)]
pub enum DisconnectError {
    #[error("no such account in this workspace")]
    AccountNotFound,
    #[error(transparent)]
    Port(#[from] PortError),
}

/// Marks the account, then removes its tokens. Doing it again is harmless, and finishes what a crash has left. Workers read
/// the account before every call: only a call that was announced before is still made.
///
/// # Errors
/// When the account is unknown or a port is unavailable.
pub async fn disconnect(context: &Context, key: AccountKey) -> Result<(), DisconnectError> {
    for _ in 0..ROUNDS_MAX {
        let account = context.store.account(key).await?.ok_or(DisconnectError::AccountNotFound)?;
        if account.revoked_at.is_none() && !context.store.save_account(&revoked(context, &account)).await? {
            continue;
        }
        let until = context.system.now().plus_ms(HOLD_PAUSE_MS);
        pause(context, key, Pause::new(&context.settings.pace, until, WaitReason::AccountOnHold)).await?;
        context.secrets.remove_tokens(key, Removal::Recoverable).await?;
        // Connected again meanwhile, it would have no tokens: the later of the two wishes counts, and that is ours.
        let after = context.store.account(key).await?;
        if after.as_ref().is_none_or(|account| account.revoked_at.is_some()) {
            removed(context, after).await;
            tracing::info!(workspace_id = %key.workspace, account_id = %key.account, "disconnected");
            return Ok(());
        }
    }
    Err(PortError::Unavailable { port: "table", reason: "the account's row changes all the time".into() }.into())
}

/// Should the removal fail, or this process die, the refresher removes the tokens.
fn revoked(context: &Context, account: &Account) -> Account {
    let now = context.system.now();
    let life = TokenLife::to_be_removed(now.plus_ms(REMOVED_BY_REFRESHER_MS));
    Account { revoked_at: Some(now), life, ..account.next(now, context.nonce()) }
}
