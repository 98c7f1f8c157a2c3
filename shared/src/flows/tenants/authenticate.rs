//! Identifies the caller: what a key or a session grants, as the table has it now.

use futures_util::future::try_join;
use thiserror::Error;

use crate::context::Context;
use crate::domain::ids::AccountId;
pub use crate::domain::pin::origin::Actor as Who;
use crate::domain::tenant::api_key::{PresentedKey, USED_EVERY_MS};
use crate::domain::tenant::scope::Scopes;
use crate::domain::tenant::session::{self, NotASession, Session};
use crate::domain::tenant::user::User;
use crate::domain::tenant::{Workspace, WorkspaceState};
use crate::ports::{PortError, PortResult};

/// What a caller may do.
#[derive(Clone, Debug)]
pub struct Grant {
    pub who: Who,
    /// The key's name, or the person's address.
    pub label: String,
    pub workspace: Workspace,
    pub scopes: Scopes,
    /// The accounts that the key may use; `None`: all of the workspace.
    pub allowed: Option<Vec<AccountId>>,
    /// The session of a person.
    pub session: Option<Session>,
    /// False for a person whose address isn't proven.
    pub is_proven: bool,
    /// Who made the first key of the chain that the key comes from.
    pub root: Option<Who>,
}

/// The caller isn't told which of the reasons it was.
#[derive(Debug, Error)]
pub enum Refused {
    #[error("no such key, or not any more")]
    Key,
    #[error("no such session, or not any more")]
    Session,
    #[error(transparent)]
    Port(#[from] PortError),
}

/// What the key grants. Its use is recorded once an hour.
///
/// # Errors
/// When there is no such key, it was revoked, or its workspace is deleted.
pub async fn by_key(context: &Context, text: &str) -> Result<Grant, Refused> {
    let presented = PresentedKey::parse(text).map_err(|_| Refused::Key)?;
    let id = presented.id();
    let (key, workspace) =
        try_join(context.tenants.api_key(presented.workspace, id), context.tenants.workspace(presented.workspace))
            .await?;
    let key = key.filter(|key| key.hash == presented.hash() && key.revoked_at.is_none()).ok_or(Refused::Key)?;
    let workspace = workspace.filter(|workspace| workspace.state != WorkspaceState::Deleted).ok_or(Refused::Key)?;
    let now = context.system.now();
    if key.is_use_news(now) {
        let recorded = context.tenants.note_use(presented.workspace, id, now, now.plus_ms(-USED_EVERY_MS)).await;
        // The request continues without it: the next one records the use.
        if let Err(error) = recorded {
            tracing::warn!(%error, "key use not recorded");
        }
    }
    Ok(Grant {
        who: Who::Key(id),
        root: key.root(),
        label: key.name,
        workspace,
        scopes: key.scopes,
        allowed: key.allowed,
        session: None,
        is_proven: true,
    })
}

/// What the session grants, as its person's row has it now.
///
/// # Errors
/// When there is no such session, it has ended, or its workspace is deleted or another organisation's.
pub async fn by_session(context: &Context, token: &str) -> Result<Grant, Refused> {
    let session = read(context, token).await?;
    let (user, workspace) =
        try_join(person_of(context, &session), context.tenants.workspace(session.workspace)).await?;
    let user = user.ok_or(Refused::Session)?;
    // An unverified person has no organisation yet.
    let prospect =
        user.prospect("").map(|(_, workspace)| workspace).filter(|workspace| workspace.id == session.workspace);
    let workspace = prospect
        .or(workspace)
        .filter(|found| found.organization == user.organization && found.state != WorkspaceState::Deleted)
        .ok_or(Refused::Session)?;
    let label = user.email.as_str().to_owned();
    let (who, scopes) = (Who::User(user.id), user.role.scopes());
    let is_proven = user.is_proven();
    Ok(Grant { who, label, workspace, scopes, allowed: None, session: Some(session), is_proven, root: None })
}

/// The person whose session it is, unless it has ended.
///
/// # Errors
/// When the table is unavailable.
pub async fn person_of(context: &Context, session: &Session) -> PortResult<Option<User>> {
    let user = context.tenants.user(session.user).await?;
    Ok(user
        .filter(|user| user.epoch == session.epoch && user.organization == session.organization)
        .filter(|user| !user.has_ended(session.id) && !user.is_void(context.system.now())))
}

async fn read(context: &Context, token: &str) -> Result<Session, Refused> {
    let now = context.system.now();
    let ring = context.session_keys.keyring(false).await?;
    match session::read(token, &ring, now) {
        // Another instance may have seen a rotation before this one.
        Err(NotASession::UnknownKey) => {
            let ring = context.session_keys.keyring(true).await?;
            session::read(token, &ring, now).map_err(|_| Refused::Session)
        }
        read => read.map_err(|_| Refused::Session),
    }
}
