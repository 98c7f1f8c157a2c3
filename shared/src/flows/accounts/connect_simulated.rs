//! Connects a sandbox's simulated accounts. It works as with Pinterest's accounts, but without any call to Pinterest.

use super::connect;
use crate::context::Context;
use crate::domain::account::Account;
use crate::domain::account::health::Health;
use crate::domain::ids::{AccountKey, WorkspaceId};
use crate::domain::sandbox::{ACCOUNTS_MAX, code, scopes};
use crate::ports::{PinterestUser, PortError, PortResult, Tokens};

/// Calls at the same moment connect the first account together. A call that lost all its rounds checks up to this many
/// times whether another one is done.
const FIRST_ACCOUNT_TRIES_MAX: usize = 8;

/// The user that the account with that number belongs to.
fn user(number: u32) -> PinterestUser {
    PinterestUser {
        id: code(number),
        username: Some(format!("sandbox_{number}")),
        business_name: Some(format!("Sandbox account {number}")),
    }
}

/// Connects the account with that number, or connects it again: a simulated refusal ends, and the account's pins
/// continue.
///
/// # Errors
/// When the table is unavailable.
pub async fn connect_simulated(context: &Context, workspace: WorkspaceId, number: u32) -> PortResult<Account> {
    let key = AccountKey::simulated(workspace, number);
    // Custody composes a simulated account's tokens by itself, and refreshes none ahead of time.
    let tokens = Tokens { scopes: Some(scopes()), ..Tokens::bare("simulated", None) };
    let account = connect::connect_user(context, key, &user(number), &tokens).await?;
    tracing::info!(workspace_id = %workspace, account_id = %key.account, number, "simulated account connected");
    Ok(account)
}

/// Connects the sandbox's first account, unless it exists. An account that was disconnected stays so.
///
/// # Errors
/// When the table is unavailable.
pub async fn ensure_first_account(context: &Context, workspace: WorkspaceId) -> PortResult<()> {
    let mut tries = 0;
    loop {
        let known = context.store.account(AccountKey::simulated(workspace, 1)).await?;
        // An account without a name was never finished.
        if known.is_some_and(|account| !account.is_forgotten()) {
            return Ok(());
        }
        tries += 1;
        match connect_simulated(context, workspace, 1).await {
            Err(PortError::Contended { .. }) if tries < FIRST_ACCOUNT_TRIES_MAX => {}
            connected => return connected.map(|_| ()),
        }
    }
}

/// Returns the number of the account that a person connects next: the first that has to be connected again, or else the
/// first unused one. `None` when the sandbox has as many accounts as it can have and all of them work.
///
/// # Errors
/// When the table is unavailable.
pub async fn next_account(context: &Context, workspace: WorkspaceId) -> PortResult<Option<u32>> {
    let mut unused = None;
    for number in 1..=ACCOUNTS_MAX {
        let key = AccountKey::simulated(workspace, number);
        match context.store.account(key).await?.filter(|account| !account.is_forgotten()) {
            None => unused = unused.or(Some(number)),
            Some(account) => {
                let bucket = context.store.bucket(key).await?;
                let health = Health::of(&account, &bucket, context.system.now());
                if !health.publishes() {
                    return Ok(Some(number));
                }
            }
        }
    }
    Ok(unused)
}
