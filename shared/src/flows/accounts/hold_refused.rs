//! Holds an account whose tokens Pinterest refuses to readers, also after a refresh.

use crate::context::Context;
use crate::domain::account::Account;
use crate::domain::ids::AccountKey;
use crate::domain::pin::failure::Failure;
use crate::domain::secret::Secret;
use crate::flows::pacing::pause_account::hold;
use crate::ports::PortResult;

/// Holds the account because Pinterest has refused a reader's access token and, after it was refreshed, the new one:
/// once for each forced refresh, however many readers were refused. Publishers hold it by their own refusals. A failure
/// is only logged.
pub async fn hold_refused(context: &Context, key: AccountKey, used: &Secret) {
    if let Err(error) = try_to_hold(context, key, used).await {
        tracing::warn!(workspace_id = %key.workspace, account_id = %key.account, %error, "account not held");
    }
}

async fn try_to_hold(context: &Context, key: AccountKey, used: &Secret) -> PortResult<()> {
    let Some(account) = context.store.account(key).await?.filter(Account::is_connected) else { return Ok(()) };
    let Some(current) = context.secrets.custody(key).await?.current else { return Ok(()) };
    let now = context.system.now();
    let is_new = current.tokens.access == *used && account.life.was_forced_lately(current.follows.as_deref(), now);
    let Some(life) = account.life.held_for_refusal().filter(|_| is_new) else { return Ok(()) };
    let next = Account { life, ..account.next(now, context.nonce()) };
    // Of several readers, the one that writes this holds the account.
    if context.store.save_account(&next).await?.is_done() {
        hold(context, key, Failure::TokenRevoked).await?;
    }
    Ok(())
}
