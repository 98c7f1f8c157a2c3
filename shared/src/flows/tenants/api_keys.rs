//! Creates, changes and revokes a workspace's keys.

use thiserror::Error;

use super::{WRITES_MAX, authenticate};
use crate::context::Context;
use crate::domain::ids::{AccountId, AccountKey, KeyId, WorkspaceId};
use crate::domain::pin::origin::Actor;
use crate::domain::secret::Secret;
use crate::domain::tenant::WorkspaceEnvironment;
use crate::domain::tenant::api_key::{self, ApiKey, KEYS_MAX, Maker, PresentedKey};
use crate::domain::tenant::scope::Scopes;
use crate::domain::tenant::user::Email;
use crate::ports::OptimisticWrites;
use crate::ports::{PortError, PortResult};

/// How often the call that creates a key checks whether others have withdrawn theirs.
const ROOM_READS_MAX: usize = 10;

/// Why a key was not created, changed or revoked.
#[derive(Debug, Error)]
pub enum KeyError {
    #[error("no such key in this workspace")]
    NotFound,
    #[error("the key is revoked")]
    Revoked,
    #[error("account {0} is not connected to this workspace")]
    UnknownAccount(AccountId),
    #[error("the workspace has as many keys as it may have")]
    TooMany,
    /// While the key was created, the key or the session that creates it ended.
    #[error("whoever creates the key may not any more")]
    MakerEnded(Actor),
    #[error(transparent)]
    Port(#[from] PortError),
}

/// The key to create.
#[derive(Clone, Debug)]
pub struct NewKey {
    pub name: String,
    pub scopes: Scopes,
    pub allowed: Option<Vec<AccountId>>,
    /// The person who creates it, if a person does.
    pub authorized_by: Option<Email>,
    /// `None`: an operator.
    pub maker: Option<Maker>,
}

/// The change; `None` leaves a field unchanged.
#[derive(Clone, Debug, Default)]
pub struct KeyChange {
    pub name: Option<String>,
    pub scopes: Option<Scopes>,
    pub allowed: Option<Vec<AccountId>>,
}

/// Creates a key. Returns its row, and the key itself, which is returned only here.
///
/// # Errors
/// When the allow-list names an unknown account, there are too many keys, or a port is unavailable.
pub async fn create(context: &Context, workspace: WorkspaceId, new: NewKey) -> Result<(ApiKey, Secret), KeyError> {
    check_accounts(context, workspace, new.allowed.as_deref()).await?;
    let in_use = context.tenants.api_keys(workspace).await?.iter().filter(|key| key.revoked_at.is_none()).count();
    if in_use >= KEYS_MAX {
        return Err(KeyError::TooMany);
    }
    let environment = context.tenants.workspace(workspace).await?.map(|known| known.environment);
    let environment = environment.unwrap_or(WorkspaceEnvironment::Production);
    let text = Secret::new(api_key::compose_in(environment, workspace, context.system.random()));
    let presented = PresentedKey::parse(text.expose())
        .map_err(|_| PortError::Broken { port: "keys", reason: "own key unreadable".into() })?;
    let ancestors = match new.maker {
        Some(Maker { who: Actor::Key(key), workspace, .. }) => {
            let maker = context.tenants.api_key(workspace, key).await?;
            maker.map(|maker| maker.ancestors_of_made()).unwrap_or_default()
        }
        Some(_) | None => Vec::new(),
    };
    let key = ApiKey {
        scopes: new.scopes,
        allowed: new.allowed,
        authorized_by: new.authorized_by,
        made_by: new.maker.map(|maker| maker.who),
        ancestors,
        ..ApiKey::new(&presented, new.name, context.system.now(), context.nonce())
    };
    if !context.tenants.save_api_key(&key).await?.is_done() {
        return Err(PortError::Contended { row: "API key", writes: 1 }.into());
    }
    let refusal = match new.maker {
        Some(maker) if !may_make(context, maker).await? => KeyError::MakerEnded(maker.who),
        _ if !has_room(context, &key).await? => KeyError::TooMany,
        _ => return Ok((key, text)),
    };
    context.tenants.remove_api_key(workspace, key.id).await?;
    Err(refusal)
}

/// Whether the maker has its power still, now that the key is written. Whoever takes a maker's power first ends the
/// maker, then its keys: a key that is written later than those were listed is found out here.
async fn may_make(context: &Context, maker: Maker) -> PortResult<bool> {
    Ok(match (maker.who, maker.session) {
        (Actor::Key(key), _) => {
            let row = context.tenants.api_key(maker.workspace, key).await?;
            row.is_some_and(|maker| maker.revoked_at.is_none())
        }
        (Actor::User(_), Some(session)) => authenticate::person_of(context, &session).await?.is_some(),
        (Actor::User(id), None) => context.tenants.user(id).await?.is_some(),
    })
}

/// Whether the key may stay, now that it is written. Parallel calls may all have found room for one more; so each looks
/// again at what the others wrote. The last one to be written sees all that stay, so no more than [`KEYS_MAX`] do. The
/// newest withdraw, and the others wait for that a few times.
async fn has_room(context: &Context, key: &ApiKey) -> PortResult<bool> {
    for _ in 0..ROOM_READS_MAX {
        let mut in_use = context.tenants.api_keys(key.workspace).await?;
        in_use.retain(|other| other.revoked_at.is_none());
        if in_use.len() <= KEYS_MAX {
            return Ok(true);
        }
        let before = in_use.iter().filter(|other| (other.created_at, other.id) < (key.created_at, key.id)).count();
        if before >= KEYS_MAX {
            break;
        }
    }
    Ok(false)
}

/// The workspace's keys, the oldest first; revoked ones as long as they are kept.
///
/// # Errors
/// When the table is unavailable.
pub async fn list(context: &Context, workspace: WorkspaceId) -> PortResult<Vec<ApiKey>> {
    let mut keys = context.tenants.api_keys(workspace).await?;
    keys.sort_by_key(|key| (key.created_at, key.id));
    Ok(keys)
}

/// # Errors
/// When there is no such key, it is revoked, the allow-list names an unknown account, or a port is unavailable.
pub async fn change(
    context: &Context,
    workspace: WorkspaceId,
    id: KeyId,
    change: KeyChange,
) -> Result<ApiKey, KeyError> {
    check_accounts(context, workspace, change.allowed.as_deref()).await?;
    let mut writes = OptimisticWrites::of("API key", WRITES_MAX);
    loop {
        writes.begin()?;
        let key = context.tenants.api_key(workspace, id).await?.ok_or(KeyError::NotFound)?;
        if key.revoked_at.is_some() {
            return Err(KeyError::Revoked);
        }
        let mut next = key.next(context.nonce());
        next.name = change.name.clone().unwrap_or(next.name);
        next.scopes = change.scopes.unwrap_or(next.scopes);
        next.allowed = change.allowed.clone().or(next.allowed);
        if context.tenants.save_api_key(&next).await?.is_done() {
            return Ok(next);
        }
    }
}

/// Revokes the key. Its row stays as long as other rows do. Repeating it changes nothing.
///
/// # Errors
/// When there is no such key, or a port is unavailable.
pub async fn revoke(context: &Context, workspace: WorkspaceId, id: KeyId) -> Result<ApiKey, KeyError> {
    let mut writes = OptimisticWrites::of("API key", WRITES_MAX);
    loop {
        writes.begin()?;
        let key = context.tenants.api_key(workspace, id).await?.ok_or(KeyError::NotFound)?;
        if key.revoked_at.is_some() {
            return Ok(key);
        }
        let now = context.system.now();
        let next = ApiKey {
            revoked_at: Some(now),
            expires_at: Some(now.plus_ms(context.settings.revoked_keys_kept_ms)),
            ..key.next(context.nonce())
        };
        if context.tenants.save_api_key(&next).await?.is_done() {
            return Ok(next);
        }
    }
}

async fn check_accounts(
    context: &Context,
    workspace: WorkspaceId,
    allowed: Option<&[AccountId]>,
) -> Result<(), KeyError> {
    for account in allowed.unwrap_or_default() {
        if context.store.account(AccountKey { workspace, account: *account }).await?.is_none() {
            return Err(KeyError::UnknownAccount(*account));
        }
    }
    Ok(())
}
