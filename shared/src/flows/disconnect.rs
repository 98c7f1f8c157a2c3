//! Disconnecting an account: nothing is called in its name any more, its pins are held, its tokens are gone.

use thiserror::Error;

use super::publish_pin::pause;
use crate::domain::account::Account;
use crate::domain::ids::AccountKey;
use crate::domain::pin::WaitReason;
use crate::domain::retry::HOLD_PAUSE_MS;
use crate::domain::time::MINUTE_MS;
use crate::domain::token_bucket::Pause;
use crate::domain::token_life::{ASK_WITHIN_MS, Lease, TokenLife};
use crate::ports::{PortError, PortResult, Removal, World};

/// A refresher or a reconnecting person comes between this often at most.
const ROUNDS_MAX: usize = 5;

/// When the refresher takes over a removal that isn't noted as done.
const REMOVED_BY_REFRESHER_MS: i64 = 2 * MINUTE_MS;
/// Longer than a removal that was begun in time can take.
const REMOVAL_LEASE_MS: i64 = MINUTE_MS;

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
pub async fn disconnect(world: &World, key: AccountKey) -> Result<(), DisconnectError> {
    for _ in 0..ROUNDS_MAX {
        let account = world.store.account(key).await?.ok_or(DisconnectError::AccountNotFound)?;
        if account.revoked_at.is_none() && !world.store.save_account(&revoked(world, &account)).await? {
            continue;
        }
        let until = world.system.now().plus_ms(HOLD_PAUSE_MS);
        pause(world, key, Pause::new(&world.settings.pace, until, WaitReason::AccountOnHold)).await?;
        world.secrets.remove_tokens(key, Removal::Recoverable).await?;
        // Connected again meanwhile, it would have no tokens: the later of the two wishes counts, and that is ours.
        let after = world.store.account(key).await?;
        if after.as_ref().is_none_or(|account| account.revoked_at.is_some()) {
            removed(world, after).await;
            tracing::info!(workspace_id = %key.workspace, account_id = %key.account, "disconnected");
            return Ok(());
        }
    }
    Err(PortError::Unavailable { port: "table", reason: "the account's row changes all the time".into() }.into())
}

/// Should the removal fail, or this process die, the refresher removes the tokens.
fn revoked(world: &World, account: &Account) -> Account {
    let now = world.system.now();
    let life = TokenLife::to_be_removed(now.plus_ms(REMOVED_BY_REFRESHER_MS));
    Account { revoked_at: Some(now), life, ..account.next(now, world.nonce()) }
}

/// Nothing is left for the refresher to remove. Not worth failing for: it would remove nothing.
async fn removed(world: &World, account: Option<Account>) {
    let Some(account) = account.filter(|account| account.life.due_at.is_some()) else { return };
    let done = Account { life: TokenLife::default(), ..account.next(world.system.now(), world.nonce()) };
    if let Err(error) = world.store.save_account(&done).await {
        tracing::warn!(account_id = %account.key.account, %error, "a removal was not noted; it is repeated");
    }
}

/// Removes the tokens of an account whose disconnection, or connection, died half-way. Whoever connects it meanwhile is kept from
/// storing tokens by the lease; a removal that would outlast that isn't made.
///
/// # Errors
/// When a port is unavailable; the next run goes on.
pub async fn finish_disconnecting(world: &World, key: AccountKey) -> PortResult<()> {
    let (began_ms, now) = (world.system.monotonic_ms(), world.system.now());
    let Some(account) = world.store.account(key).await? else { return Ok(()) };
    let is_due = account.revoked_at.is_some() && account.life.is_due(now);
    if !is_due || account.life.busy_until("", now).is_some() {
        return Ok(());
    }
    let lease = Some(Lease { holder: world.nonce(), until: now.plus_ms(REMOVAL_LEASE_MS) });
    let life = TokenLife { lease, ..TokenLife::to_be_removed(now.plus_ms(REMOVED_BY_REFRESHER_MS)) };
    let claimed = Account { life, ..account.next(now, world.nonce()) };
    if !world.store.save_account(&claimed).await? {
        return Ok(());
    }
    let waited_ms = (world.system.monotonic_ms() - began_ms).max(world.system.now().since_ms(now));
    if waited_ms > ASK_WITHIN_MS {
        return Ok(());
    }
    world.secrets.remove_tokens(key, Removal::Recoverable).await?;
    removed(world, Some(claimed)).await;
    tracing::info!(workspace_id = %key.workspace, account_id = %key.account, "a disconnected account's tokens are removed");
    Ok(())
}
