//! Connects an account with a token that the operator already has.

use thiserror::Error;

use crate::context::Context;
use crate::domain::account::credentials::TokenLife;
use crate::domain::account::{Account, PUBLISHING_SCOPES};
use crate::domain::ids::{AccountKey, WorkspaceId};
use crate::domain::pin::failure::Failure;
use crate::domain::repeated_write::Trail;
use crate::domain::sandbox::SimulatedToken;
use crate::domain::tenant::WorkspaceEnvironment;
use crate::domain::time::{MINUTE_MS, SECOND_MS};
use crate::flows::pacing::release_hold::release_hold;
use crate::flows::pacing::share_tokens::share_tokens;
use crate::ports::OptimisticWrites;
use crate::ports::{PinterestUser, PortError, PortResult, ReadFailure, Tokens};

/// Another writer of the row comes first this often at most; the row has few writers.
const WRITES_MAX: usize = 5;
/// A connection that isn't finished by then has died: an invocation takes less.
const UNFINISHED_MS: i64 = 15 * MINUTE_MS;
const ASK_AGAIN_AFTER_MS: i64 = SECOND_MS / 2;

/// Why an account was not connected.
#[derive(Debug, Error)]
pub enum ConnectError {
    #[error("Pinterest refused the token: {0}")]
    Pinterest(ReadFailure),
    #[error("a sandbox never calls Pinterest, and a simulated token works only in a sandbox")]
    Sandbox,
    #[error(transparent)]
    Port(#[from] PortError),
}

/// Asks Pinterest whether it accepts the token, without storing anything.
///
/// # Errors
/// When Pinterest refuses it.
pub async fn try_token(context: &Context, tokens: &Tokens) -> Result<(), ConnectError> {
    context.pinterest.user(&tokens.access).await.map(|_| ()).map_err(ConnectError::Pinterest)
}

/// Asks Pinterest whose token it is, stores the tokens, then the account, then releases the account's pins. Connecting
/// the same user again keeps the account's id. Repeating it after a crash at any point works.
///
/// # Errors
/// When Pinterest refuses the token or a port is unavailable.
pub async fn connect_account(
    context: &Context,
    workspace: WorkspaceId,
    tokens: &Tokens,
) -> Result<Account, ConnectError> {
    let known = context.tenants.workspace(workspace).await?;
    let is_sandbox = known.is_some_and(|known| known.environment == WorkspaceEnvironment::Sandbox);
    if is_sandbox || SimulatedToken::parse(&tokens.access).is_some() {
        return Err(ConnectError::Sandbox);
    }
    let user = user(context, tokens).await?;
    let key = AccountKey::of_pinterest_user(workspace, &user.id);
    let account = connect_user(context, key, &user, tokens).await?;
    share_tokens(context, &account).await;
    Ok(account)
}

/// Connects the account of a Pinterest user who is known already.
pub(crate) async fn connect_user(
    context: &Context,
    key: AccountKey,
    user: &PinterestUser,
    tokens: &Tokens,
) -> PortResult<Account> {
    announce(context, key).await?;
    let mut writes = OptimisticWrites::of("account", WRITES_MAX);
    loop {
        writes.begin()?;
        context.secrets.store_tokens(key, &context.version(), tokens).await?;
        let account = save(context, key, user, tokens).await?;
        // A disconnection may have removed these tokens in between. This connection was requested later, so it is made
        // again.
        if context.secrets.tokens(key, true).await?.is_some() {
            release_hold(context, key).await;
            return Ok(account);
        }
    }
}

/// Writes the account's row before any tokens are stored, so that no tokens exist without a row. An account that isn't
/// connected yet gets a time at which the refresher removes what an unfinished connection has left.
async fn announce(context: &Context, key: AccountKey) -> PortResult<()> {
    let mut writes = OptimisticWrites::of("account", WRITES_MAX);
    loop {
        writes.begin()?;
        let (now, known) = (context.system.now(), context.store.account(key).await?);
        let next = match known {
            Some(account) if account.revoked_at.is_none() => return Ok(()),
            // Its tokens are being removed at this moment.
            Some(account) if account.life.busy_until("", now).is_some() => {
                let reason = "the account's tokens are being changed".into();
                return Err(PortError::Unavailable { port: "table", reason });
            }
            Some(account) => account.next(now, context.nonce()),
            None => Account {
                key,
                pinterest_user_id: String::new(),
                username: None,
                display_name: None,
                scopes: String::new(),
                created_at: now,
                updated_at: now,
                revoked_at: Some(now),
                life: TokenLife::default(),
                rev: 1,
                nonce: context.nonce(),
                trail: Trail::default(),
            },
        };
        let next = Account { life: TokenLife::to_be_removed(now.plus_ms(UNFINISHED_MS)), ..next };
        if context.store.save_account(&next).await?.is_done() {
            return Ok(());
        }
    }
}

/// Asks Pinterest whose token it is. An authorization code was spent for the token, so one lost answer doesn't waste
/// it.
async fn user(context: &Context, tokens: &Tokens) -> Result<PinterestUser, ConnectError> {
    match context.pinterest.user(&tokens.access).await {
        Err(read) if read.failure == Failure::PinterestUnreachable => {
            context.system.sleep_ms(ASK_AGAIN_AFTER_MS).await;
            context.pinterest.user(&tokens.access).await
        }
        answer => answer,
    }
    .map_err(ConnectError::Pinterest)
}

async fn save(context: &Context, key: AccountKey, user: &PinterestUser, tokens: &Tokens) -> PortResult<Account> {
    let now = context.system.now();
    let life = TokenLife::issued(
        now,
        tokens.access_expires_at,
        tokens.refresh_expires_at,
        tokens.refresh.is_some(),
        context.system.jitter(),
    );
    let mut writes = OptimisticWrites::of("account", WRITES_MAX);
    loop {
        writes.begin()?;
        let known = context.store.account(key).await?;
        let account = Account {
            key,
            pinterest_user_id: user.id.clone(),
            username: user.username.clone(),
            display_name: user.business_name.clone(),
            scopes: tokens.scopes.clone().unwrap_or_else(|| PUBLISHING_SCOPES.join(",")),
            created_at: known.as_ref().map_or(now, |known| known.created_at),
            trail: known.as_ref().map(|known| known.trail.behind(&known.nonce)).unwrap_or_default(),
            updated_at: now,
            revoked_at: None,
            life: life.clone(),
            rev: known.map_or(1, |known| known.rev + 1),
            nonce: context.nonce(),
        };
        if context.store.save_account(&account).await?.is_done() {
            return Ok(account);
        }
    }
}
