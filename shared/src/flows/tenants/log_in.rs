//! Logs people in, and opens their sessions.

use thiserror::Error;
use uuid::Uuid;

use super::WRITES_MAX;
use super::by_address::{Known, by_address};
use super::projects::{self, Projects};
use crate::context::Context;
use crate::domain::ids::{OrganizationId, UserId, WorkspaceId};
use crate::domain::secret::Secret;
use crate::domain::tenant::login::{
    ADDRESS_FAILURES_MAX, AddressAttempts, AddressId, FAILURES_MAX, FRESH_FAILURES_MAX, KNOWN_SOURCE_MS,
    SOURCE_FAILURES_MAX, Source,
};
use crate::domain::tenant::session::{self, Session, SessionId};
use crate::domain::tenant::user::{Email, NOBODYS_PASSWORD, User};
use crate::domain::tenant::{Workspace, WorkspaceState};
use crate::ports::{OptimisticWrites, PortError, PortResult};

/// Each write that loses has seen another attempt of its source counted, and there are at most this many.
const COUNTS_MAX: usize = SOURCE_FAILURES_MAX as usize + 3;
/// How long a client waits when so many log in at once that none is counted, in seconds.
const CONTENDED_S: u64 = 1;

/// A person in one of their workspaces.
#[derive(Clone, Debug)]
pub struct Presence {
    pub user: User,
    pub active: Workspace,
    pub projects: Projects,
}

impl Presence {
    /// An unproven person, in the workspace that their address will found; `None` for a proven one.
    pub fn prospective(user: &User) -> Option<Self> {
        let (organization, active) = user.prospect("")?;
        let projects = Projects { organization, workspaces: vec![active.clone()] };
        Some(Self { user: user.clone(), active, projects })
    }
}

/// A token of a session.
#[derive(Debug)]
pub struct Issued {
    pub token: Secret,
    /// How long it lasts, in seconds.
    pub lasts_s: i64,
}

/// Why a login, or another check of a password, was refused.
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
/// When the password is wrong, or there have been too many wrong ones for the address or from the source.
pub async fn log_in(
    context: &Context,
    email: &Email,
    password: &Secret,
    source: &Source,
) -> Result<(Presence, Issued), LoginError> {
    let known = by_address(context, email).await?;
    let user = check_password(context, email, known, password, source).await?;
    if let Some(presence) = Presence::prospective(&user) {
        let token = open_session(context, &user, presence.active.id).await?;
        return Ok((presence, token));
    }
    let projects = projects::of_organization(context, user.organization).await?;
    let in_use = projects.workspaces.iter().find(|workspace| workspace.state == WorkspaceState::Active);
    let active = in_use.or(projects.workspaces.first()).cloned().ok_or(LoginError::NoWorkspace)?;
    let token = open_session(context, &user, active.id).await?;
    Ok((Presence { user, active, projects }, token))
}

/// The address' owner with the workspace that they would be logged in to, for the activity log; the nil workspace where
/// the address is unknown. Both take equally long. When the table is unavailable, it is the nil workspace too.
pub async fn owner_of(context: &Context, email: &Email) -> (UserId, WorkspaceId) {
    let owner = by_address(context, email).await.unwrap_or_default().owner;
    let id = owner.as_ref().map_or(UserId(Uuid::nil()), |user| user.id);
    (id, workspace_of(context, owner).await)
}

async fn workspace_of(context: &Context, user: Option<User>) -> WorkspaceId {
    let nil_workspace = WorkspaceId(Uuid::nil());
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

/// Begins a session of the person in that workspace.
///
/// # Errors
/// When the signing key can't be read.
pub async fn open_session(context: &Context, user: &User, workspace: WorkspaceId) -> PortResult<Issued> {
    let session = Session {
        user: user.id,
        organization: user.organization,
        workspace,
        epoch: user.epoch,
        id: Some(SessionId(context.uuid())),
        began_at_s: context.system.now().unix_seconds(),
    };
    issue(context, &session).await
}

/// Continues a session in another workspace. It ends when it would have ended.
///
/// # Errors
/// When the signing key can't be read.
pub async fn continue_session(context: &Context, session: &Session, workspace: WorkspaceId) -> PortResult<Issued> {
    issue(context, &Session { workspace, ..*session }).await
}

async fn issue(context: &Context, session: &Session) -> PortResult<Issued> {
    let ring = context.session_keys.keyring(false).await?;
    let now = context.system.now();
    let token = session::issue(session, &ring.current, now)
        .map_err(|_| PortError::Broken { port: "session keys", reason: "a session could not be signed".into() })?;
    Ok(Issued { token, lasts_s: session.lasts_s(now) })
}

/// Counts the attempt, then compares the password: with the owner's, then with that of the newest unproven
/// registration, if there is one. For an address that is nobody's, the first is a placeholder, which takes as long.
/// `email` is the address, whether or not it is known.
pub(crate) async fn check_password(
    context: &Context,
    email: &Email,
    known: Known,
    password: &Secret,
    source: &Source,
) -> Result<User, LoginError> {
    let address = AddressId::of(email);
    let owner = known.owner.as_ref().map_or_else(|| email.derived_user(), |user| user.id);
    count_attempt(context, owner, &address, source).await?;
    let hash = known.owner.as_ref().map_or_else(|| Secret::new(NOBODYS_PASSWORD), |user| user.password.clone());
    let mut found = known.owner;
    if !context.passwords.verify(password, &hash).await? {
        found = match known.claimant {
            Some(claimant) if context.passwords.verify(password, &claimant.password).await? => Some(claimant),
            _ => None,
        };
    }
    let Some(user) = found else {
        count_failure(context, &address).await?;
        return Err(LoginError::Wrong);
    };
    // Anybody may claim an address. The password of a claim lifts no limit of the address, or its owner's could be
    // guessed between logins to the claim. Nor do strangers' registrations leave other rows than their own.
    if user.is_proven() {
        forgive(context, &address, source).await?;
        let until = context.system.now().plus_ms(KNOWN_SOURCE_MS);
        context.tenants.note_source(user.id, source, until).await?;
    }
    Ok(user)
}

/// Counts a registration as an attempt to log in: each computes a password's hash, and each may send a mail.
///
/// # Errors
/// When there were too many.
pub(crate) async fn count_registration(context: &Context, email: &Email, source: &Source) -> Result<(), LoginError> {
    count_attempt(context, email.derived_user(), &AddressId::of(email), source).await
}

/// Counts the attempt in the row of its source, unless there were too many.
async fn count_attempt(
    context: &Context,
    owner: UserId,
    address: &AddressId,
    source: &Source,
) -> Result<(), LoginError> {
    let about = context.tenants.address_attempts(address.bucket()).await?;
    let failures_max = failures_max(context, &about, owner, source).await?;
    let mut counts = OptimisticWrites::of("login attempts", COUNTS_MAX);
    while counts.has_round() {
        let now = context.system.now();
        let attempts = context.tenants.source_attempts(source).await?;
        let next = attempts
            .next(address, failures_max, &about, now, context.nonce())
            .map_err(|refused| LoginError::TooMany { retry_after_s: refused.retry_after_s(now) })?;
        if context.tenants.save_source_attempts(&next).await?.is_done() {
            if next.total() == SOURCE_FAILURES_MAX {
                tracing::warn!(%source, "login attempts of a source at their limit");
            }
            return Ok(());
        }
    }
    Err(LoginError::TooMany { retry_after_s: CONTENDED_S })
}

/// How many attempts for the address the source has.
async fn failures_max(context: &Context, about: &AddressAttempts, owner: UserId, source: &Source) -> PortResult<u32> {
    let now = context.system.now();
    let is_limited = about.is_guessed(now) && !context.tenants.knows_source(owner, source, now).await?;
    Ok(if is_limited { FRESH_FAILURES_MAX } else { FAILURES_MAX })
}

/// Counts a wrong password for the address. Where so many guess at once that the count is lost, theirs are counted.
async fn count_failure(context: &Context, address: &AddressId) -> PortResult<()> {
    let bucket = address.bucket();
    let mut writes = OptimisticWrites::of("login attempts", WRITES_MAX);
    while writes.has_round() {
        let attempts = context.tenants.address_attempts(bucket).await?;
        let next = attempts.next(context.system.now(), context.nonce());
        if context.tenants.save_address_attempts(&next).await?.is_done() {
            if next.count == ADDRESS_FAILURES_MAX {
                tracing::warn!(bucket = bucket.0, "login guesses for an address from many sources");
            }
            break;
        }
    }
    Ok(())
}

/// Forgets the attempts that were counted, because the owner's password was right. Where others keep counting, the
/// count stays.
async fn forgive(context: &Context, address: &AddressId, source: &Source) -> PortResult<()> {
    let mut writes = OptimisticWrites::of("login attempts", COUNTS_MAX);
    while writes.has_round() {
        let attempts = context.tenants.source_attempts(source).await?;
        if attempts.failures.get(address).is_none_or(|failures| failures.count == 0) {
            break;
        }
        let next = attempts.forgiven(address, context.nonce());
        if context.tenants.save_source_attempts(&next).await?.is_done() {
            break;
        }
    }
    Ok(())
}

/// Lifts the limits of an address: attempts that were counted before don't count any more, wherever they came from.
///
/// # Errors
/// When the table is unavailable; repeating it is harmless.
pub async fn unlock_address(context: &Context, email: &Email) -> PortResult<()> {
    let bucket = AddressId::of(email).bucket();
    let mut writes = OptimisticWrites::of("login attempts", WRITES_MAX);
    loop {
        writes.begin()?;
        let attempts = context.tenants.address_attempts(bucket).await?;
        let next = attempts.lifted(context.system.now(), context.nonce());
        if context.tenants.save_address_attempts(&next).await?.is_done() {
            return Ok(());
        }
    }
}

/// Forgets what was counted of a source; returns whether there was anything.
///
/// # Errors
/// When the table is unavailable; repeating it is harmless.
pub async fn unlock_source(context: &Context, source: &Source) -> PortResult<bool> {
    context.tenants.remove_source_attempts(source).await
}
