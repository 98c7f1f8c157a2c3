//! Logs people in, and opens their sessions.

use thiserror::Error;
use uuid::Uuid;

use super::projects::{self, Projects, WRITES_MAX};
use crate::context::Context;
use crate::domain::ids::{OrganizationId, UserId, WorkspaceId};
use crate::domain::secret::Secret;
use crate::domain::tenant::login::{FAILURES_MAX, LoginAttempts, TooMany};
use crate::domain::tenant::session::{self, Session};
use crate::domain::tenant::user::{Email, NOBODYS_PASSWORD, User};
use crate::domain::tenant::{Workspace, WorkspaceState};
use crate::ports::{OptimisticWrites, PortError, PortResult};

/// Each write that loses has seen another attempt counted, and there are at most this many.
const COUNTS_MAX: usize = FAILURES_MAX as usize + 3;
/// How long a client waits when so many log in at once that none is counted, in seconds.
const CONTENDED_S: u64 = 1;

/// A person in one of their workspaces.
#[derive(Clone, Debug)]
pub struct Presence {
    pub user: User,
    pub active: Workspace,
    pub projects: Projects,
}

#[derive(Debug, Error)]
pub enum LoginError {
    /// The address is unknown or the password is wrong. The caller isn't told which.
    #[error("wrong address or password")]
    Wrong,
    #[error("too many wrong passwords")]
    TooMany { retry_after_s: u64 },
    /// Every workspace of the organisation is deleted.
    #[error("there is no workspace to log in to")]
    NoWorkspace,
    #[error(transparent)]
    Port(#[from] PortError),
}

/// Logs a person in, to the oldest workspace that is in use; returns the person with a token.
///
/// # Errors
/// When the password is wrong, or there have been too many wrong ones.
pub async fn log_in(context: &Context, email: &Email, password: &Secret) -> Result<(Presence, Secret), LoginError> {
    let known = context.tenants.user(email.user()).await?;
    let user = check_password(context, email.user(), known, password).await?;
    let projects = projects::of_organization(context, user.organization).await?;
    let in_use = projects.workspaces.iter().find(|workspace| workspace.state == WorkspaceState::Active);
    let active = in_use.or(projects.workspaces.first()).cloned().ok_or(LoginError::NoWorkspace)?;
    let token = open_session(context, &user, active.id).await?;
    Ok((Presence { user, active, projects }, token))
}

/// The workspace that the address' owner would be logged in to, for the activity log; the nil workspace where the
/// address is unknown. Both take equally long. When the table is unavailable, it is the nil workspace too.
pub async fn workspace_of(context: &Context, email: &Email) -> WorkspaceId {
    let nil_workspace = WorkspaceId(Uuid::nil());
    let Ok(user) = context.tenants.user(email.user()).await else { return nil_workspace };
    let organization = user.map_or(OrganizationId(Uuid::nil()), |user| user.organization);
    let mut workspaces = context.tenants.workspaces(organization).await.unwrap_or_default();
    workspaces.retain(|workspace| workspace.state == WorkspaceState::Active);
    match workspaces.into_iter().min_by_key(|workspace| (workspace.created_at, workspace.id)) {
        Some(workspace) => workspace.id,
        None => {
            let _ = context.tenants.workspace(nil_workspace).await;
            nil_workspace
        }
    }
}

/// Issues a token for the person in that workspace.
///
/// # Errors
/// When the signing key can't be read.
pub async fn open_session(context: &Context, user: &User, workspace: WorkspaceId) -> PortResult<Secret> {
    let ring = context.session_keys.keyring(false).await?;
    let session = Session { user: user.id, organization: user.organization, workspace, epoch: user.epoch };
    session::issue(&session, &ring.current, context.system.now())
        .map_err(|_| PortError::Broken { port: "session keys", reason: "a session could not be signed".into() })
}

/// Counts the attempt, then compares the password; for an unknown address with a placeholder hash, which takes as long.
/// `id` is the address's, whether or not the address is known.
pub(crate) async fn check_password(
    context: &Context,
    id: UserId,
    known: Option<User>,
    password: &Secret,
) -> Result<User, LoginError> {
    count_attempt(context, id).await?;
    let hash = known.as_ref().map_or_else(|| Secret::new(NOBODYS_PASSWORD), |user| user.password.clone());
    let is_right = context.passwords.verify(password, &hash).await?;
    let user = known.filter(|_| is_right).ok_or(LoginError::Wrong)?;
    forgive(context, id).await?;
    Ok(user)
}

async fn count_attempt(context: &Context, user: UserId) -> Result<(), LoginError> {
    let mut counts = OptimisticWrites::of("login attempts", COUNTS_MAX);
    while counts.has_round() {
        let now = context.system.now();
        let attempts = context.tenants.login_attempts(user).await?;
        let next = attempts
            .next(now, context.nonce())
            .map_err(|TooMany { until }| LoginError::TooMany { retry_after_s: TooMany { until }.retry_after_s(now) })?;
        if context.tenants.save_login_attempts(&next).await?.is_done() {
            return Ok(());
        }
    }
    Err(LoginError::TooMany { retry_after_s: CONTENDED_S })
}

/// Forgets the attempts that were counted, because the password was right. Where others keep counting, the count stays.
async fn forgive(context: &Context, user: UserId) -> PortResult<()> {
    let mut writes = OptimisticWrites::of("login attempts", WRITES_MAX);
    while writes.has_round() {
        let attempts: LoginAttempts = context.tenants.login_attempts(user).await?;
        if attempts.count == 0
            || context.tenants.save_login_attempts(&attempts.forgiven(context.nonce())).await?.is_done()
        {
            break;
        }
    }
    Ok(())
}
