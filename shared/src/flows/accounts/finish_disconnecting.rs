//! Finishes what a disconnection or a connection that died half-way has left: tokens of an account that isn't
//! connected.

use crate::context::Context;
use crate::domain::account::Account;
use crate::domain::account::credentials::{Lease, TokenLife};
use crate::domain::ids::AccountKey;
use crate::domain::time::MINUTE_MS;
use crate::ports::{PortResult, Removal};

/// After this time the refresher takes over a removal that isn't recorded as done.
pub const REMOVED_BY_REFRESHER_MS: i64 = 2 * MINUTE_MS;
/// Longer than a removal that was begun in time can take.
const REMOVAL_LEASE_MS: i64 = MINUTE_MS;

/// Records that nothing is left for the refresher to remove. A failure is only logged: the refresher would remove
/// nothing.
pub async fn removed(context: &Context, account: Option<Account>) {
    let Some(account) = account.filter(|account| account.life.refresh_at.is_some()) else { return };
    let done = Account { life: TokenLife::default(), ..account.next(context.system.now(), context.nonce()) };
    if let Err(error) = context.store.save_account(&done).await {
        tracing::warn!(
            workspace_id = %account.key.workspace, account_id = %account.key.account, %error,
            "token removal not recorded; the refresher repeats it"
        );
    }
}

/// Removes the tokens of an account whose disconnection or connection died half-way. The lease keeps a connection that
/// is made meanwhile from storing tokens. A removal that would outlast the lease isn't made.
///
/// # Errors
/// When a port is unavailable; the next run continues.
pub async fn finish_disconnecting(context: &Context, key: AccountKey) -> PortResult<()> {
    let (began, now) = (context.begin(), context.system.now());
    let Some(account) = context.store.account(key).await? else { return Ok(()) };
    let is_due = account.revoked_at.is_some() && account.life.is_due(now);
    if !is_due || account.life.busy_until("", now).is_some() {
        return Ok(());
    }
    let lease = Some(Lease { holder: context.nonce(), until: now.plus_ms(REMOVAL_LEASE_MS) });
    let life = TokenLife { lease, ..TokenLife::to_be_removed(now.plus_ms(REMOVED_BY_REFRESHER_MS)) };
    let claimed = Account { life, ..account.next(now, context.nonce()) };
    if !context.store.save_account(&claimed).await?.is_done() {
        return Ok(());
    }
    if context.took_ms(began) > context.settings.deadlines.send_within_ms {
        return Ok(());
    }
    context.secrets.remove_tokens(key, Removal::Recoverable).await?;
    removed(context, Some(claimed)).await;
    tracing::info!(
        workspace_id = %key.workspace, account_id = %key.account,
        "tokens of a disconnected account removed"
    );
    Ok(())
}
