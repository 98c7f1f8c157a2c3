//! Setting a workspace up: its first key, and an account connected with a token that is already at hand.

use thiserror::Error;

use super::projects;
use super::release_hold::release_hold;
use crate::domain::account::{Account, PUBLISHING_SCOPES};
use crate::domain::api_key::{self, ApiKey, PresentedKey};
use crate::domain::failure::Failure;
use crate::domain::ids::{AccountKey, WorkspaceId};
use crate::domain::simulated::SimulatedToken;
use crate::domain::tenant::WorkspaceEnvironment;
use crate::domain::time::{MINUTE_MS, SECOND_MS};
use crate::domain::token_life::TokenLife;
use crate::ports::{PinterestUser, PortError, PortResult, ReadFailure, Tokens, World};

/// The row is written by few; somebody else wins this often at most.
const WRITES_MAX: usize = 5;
/// A connection that isn't finished by then has died: an invocation takes less.
const UNFINISHED_MS: i64 = 15 * MINUTE_MS;
const ASK_AGAIN_AFTER_MS: i64 = SECOND_MS / 2;

#[derive(Debug, Error)]
pub enum ConnectError {
    #[error("Pinterest refused the token: {0}")]
    Pinterest(ReadFailure),
    #[error("a sandbox never touches Pinterest, and a simulated token opens nothing elsewhere")]
    Sandbox,
    #[error(transparent)]
    Port(#[from] PortError),
}

/// Creates the workspace, in an organisation of its own, with a key that may do everything; answers the key, which is stored as
/// its hash only. What is there already is left as it is.
///
/// # Errors
/// When the table is unavailable.
pub async fn create_workspace(
    world: &World,
    id: WorkspaceId,
    name: &str,
    secret: [u8; 32],
) -> Result<String, PortError> {
    projects::found(world, id, None, name).await?;
    let text = api_key::compose(id, secret);
    keep_key(world, &text).await?;
    Ok(text)
}

/// Stores a key that may do everything, unless it is stored already.
///
/// # Errors
/// When it isn't a key, or the table is unavailable.
pub async fn keep_key(world: &World, text: &str) -> Result<(), PortError> {
    let key = PresentedKey::parse(text)
        .map_err(|_| PortError::Broken { port: "keys", reason: "own key unreadable".into() })?;
    let row = ApiKey::new(&key, "first key", world.system.now(), world.nonce());
    world.tenants.save_api_key(&row).await.map(|_| ())
}

/// Asks Pinterest whether it honours the token, without storing anything.
///
/// # Errors
/// When Pinterest refuses it.
pub async fn try_token(world: &World, tokens: &Tokens) -> Result<(), ConnectError> {
    world.pinterest.user(&tokens.access).await.map(|_| ()).map_err(ConnectError::Pinterest)
}

/// Asks Pinterest whose token it is, stores the tokens, then the account, then lets its pins go. Connecting the same user
/// again keeps the account's id; repeating it after a crash at any point works.
///
/// # Errors
/// When Pinterest refuses the token or a port is unavailable.
pub async fn connect_account(world: &World, workspace: WorkspaceId, tokens: &Tokens) -> Result<Account, ConnectError> {
    let known = world.tenants.workspace(workspace).await?;
    let is_sandbox = known.is_some_and(|known| known.environment == WorkspaceEnvironment::Sandbox);
    if is_sandbox || SimulatedToken::parse(&tokens.access).is_some() {
        return Err(ConnectError::Sandbox);
    }
    let user = user(world, tokens).await?;
    let key = AccountKey::of_pinterest_user(workspace, &user.id);
    Ok(connect_user(world, key, &user, tokens).await?)
}

/// The same once it is known whose the tokens are.
pub(super) async fn connect_user(
    world: &World,
    key: AccountKey,
    user: &PinterestUser,
    tokens: &Tokens,
) -> PortResult<Account> {
    announce(world, key).await?;
    for _ in 0..WRITES_MAX {
        world.secrets.store_tokens(key, &world.version(), tokens).await?;
        let account = save(world, key, user, tokens).await?;
        // A disconnection may have come between: it removed these tokens, and this connection is the later wish.
        if world.secrets.tokens(key, true).await?.is_some() {
            release_hold(world, key).await;
            return Ok(account);
        }
    }
    Err(contended())
}

/// Before anything is stored, a row says so: tokens never lie about without one. An account that isn't connected yet gets a time
/// by which the refresher removes what a connection that died half-way has left.
async fn announce(world: &World, key: AccountKey) -> PortResult<()> {
    for _ in 0..WRITES_MAX {
        let (now, known) = (world.system.now(), world.store.account(key).await?);
        let next = match known {
            Some(account) if account.revoked_at.is_none() => return Ok(()),
            // Its tokens are just being removed.
            Some(account) if account.life.busy_until("", now).is_some() => return Err(contended()),
            Some(account) => account.next(now, world.nonce()),
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
                nonce: world.nonce(),
            },
        };
        let next = Account { life: TokenLife::to_be_removed(now.plus_ms(UNFINISHED_MS)), ..next };
        if world.store.save_account(&next).await? {
            return Ok(());
        }
    }
    Err(contended())
}

fn contended() -> PortError {
    PortError::Unavailable { port: "table", reason: "the account's row changes all the time".into() }
}

/// Whose token it is. A code has been spent for it: one lost answer doesn't waste that.
async fn user(world: &World, tokens: &Tokens) -> Result<PinterestUser, ConnectError> {
    match world.pinterest.user(&tokens.access).await {
        Err(read) if read.failure == Failure::PinterestUnreachable => {
            world.system.sleep_ms(ASK_AGAIN_AFTER_MS).await;
            world.pinterest.user(&tokens.access).await
        }
        answer => answer,
    }
    .map_err(ConnectError::Pinterest)
}

async fn save(world: &World, key: AccountKey, user: &PinterestUser, tokens: &Tokens) -> PortResult<Account> {
    let now = world.system.now();
    let life = TokenLife::begun(
        now,
        tokens.access_expires_at,
        tokens.refresh_expires_at,
        tokens.refresh.is_some(),
        world.system.jitter(),
    );
    for _ in 0..WRITES_MAX {
        let known = world.store.account(key).await?;
        let account = Account {
            key,
            pinterest_user_id: user.id.clone(),
            username: user.username.clone(),
            display_name: user.business_name.clone(),
            scopes: tokens.scopes.clone().unwrap_or_else(|| PUBLISHING_SCOPES.join(",")),
            created_at: known.as_ref().map_or(now, |known| known.created_at),
            updated_at: now,
            revoked_at: None,
            life: life.clone(),
            rev: known.map_or(1, |known| known.rev + 1),
            nonce: world.nonce(),
        };
        if world.store.save_account(&account).await? {
            return Ok(account);
        }
    }
    Err(contended())
}
