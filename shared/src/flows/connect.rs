//! Setting a workspace up: its first key, and an account connected with a token that is already at hand.

use thiserror::Error;

use crate::domain::account::{Account, PUBLISHING_SCOPES};
use crate::domain::api_key::{self, PresentedKey, Workspace};
use crate::domain::ids::{AccountKey, WorkspaceId};
use crate::ports::{PortError, ReadFailure, Tokens, World};

#[derive(Debug, Error)]
pub enum ConnectError {
    #[error("Pinterest refused the token: {0}")]
    Pinterest(ReadFailure),
    #[error(transparent)]
    Port(#[from] PortError),
}

/// Creates the workspace (again is harmless) with another key; answers the key, which is stored as its hash only.
///
/// # Errors
/// When the table is unavailable.
pub async fn create_workspace(world: &World, workspace: &Workspace, secret: [u8; 32]) -> Result<String, PortError> {
    world.store.put_workspace(workspace).await?;
    let text = api_key::compose(workspace.id, secret);
    let key = PresentedKey::parse(&text)
        .map_err(|_| PortError::Broken { port: "keys", reason: "own key unreadable".into() })?;
    world.store.put_api_key(&key, "first key", world.system.now()).await?;
    Ok(text)
}

/// Asks Pinterest whether it honours the token, without storing anything.
///
/// # Errors
/// When Pinterest refuses it.
pub async fn try_token(world: &World, tokens: &Tokens) -> Result<(), ConnectError> {
    world.pinterest.user(&tokens.access).await.map(|_| ()).map_err(ConnectError::Pinterest)
}

/// Asks Pinterest whose token it is, stores the tokens, then the account. Connecting the same user again keeps its id.
///
/// # Errors
/// When Pinterest refuses the token or a port is unavailable.
pub async fn connect_account(world: &World, workspace: WorkspaceId, tokens: &Tokens) -> Result<Account, ConnectError> {
    let user = world.pinterest.user(&tokens.access).await.map_err(ConnectError::Pinterest)?;
    let key = AccountKey::of_pinterest_user(workspace, &user.id);
    let now = world.system.now();
    let known = world.store.account(key).await?;
    world.secrets.store_tokens(key, tokens).await?;
    let account = Account {
        key,
        pinterest_user_id: user.id,
        username: user.username,
        display_name: user.business_name,
        scopes: PUBLISHING_SCOPES.join(","),
        created_at: known.map_or(now, |known| known.created_at),
        updated_at: now,
        token_expires_at: None,
        revoked_at: None,
    };
    world.store.put_account(&account).await?;
    Ok(account)
}
