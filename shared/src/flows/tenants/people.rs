//! People: creating them, their passwords, their profiles.

use thiserror::Error;

use super::log_in::{self, Issued, LoginError, Presence};
use super::projects::{self, WRITES_MAX};
use crate::context::Context;
use crate::domain::ids::{OrganizationId, UserId, WorkspaceId};
use crate::domain::secret::Secret;
use crate::domain::tenant::login::Source;
use crate::domain::tenant::session::Session;
use crate::domain::tenant::user::{Email, Role, User};
use crate::domain::time::{Moment, SECOND_MS};
use crate::ports::OptimisticWrites;
use crate::ports::{PortError, PortResult};

#[derive(Debug, Error)]
pub enum PeopleError {
    #[error("the address is taken")]
    EmailTaken,
    /// Only operators may register people.
    #[error("registration is closed")]
    RegistrationClosed,
    #[error("there is no such person")]
    NotFound,
    #[error(transparent)]
    Login(#[from] LoginError),
    #[error(transparent)]
    Port(#[from] PortError),
}

/// The person to create.
#[derive(Clone, Debug)]
pub struct NewUser {
    pub email: Email,
    pub full_name: Option<String>,
    pub password: Secret,
    pub timezone: String,
    pub role: Role,
}

/// # Errors
/// When the address is taken, or a port is unavailable.
pub async fn create_user(context: &Context, organization: OrganizationId, new: NewUser) -> Result<User, PeopleError> {
    let id = new.email.user();
    if context.tenants.user(id).await?.is_some() {
        return Err(PeopleError::EmailTaken);
    }
    let password = context.passwords.hash(&new.password).await?;
    let now = context.system.now();
    let user = User {
        id,
        email: new.email,
        full_name: new.full_name,
        timezone: new.timezone,
        password,
        organization,
        role: new.role,
        // Derived from the time, so that a person who had the address before never has a session of this person's.
        epoch: now.0,
        ended: Vec::new(),
        created_at: now,
        rev: 1,
        nonce: context.nonce(),
    };
    if context.tenants.save_user(&user).await?.is_done() { Ok(user) } else { Err(PeopleError::EmailTaken) }
}

/// Creates an organisation with a production workspace and its owner, and logs the owner in. Their ids are random, so
/// that a registration never gets an organisation that exists: not that of a person who had the address before, and
/// none in removal. A registration that stopped before its person was created leaves an organisation that nobody can
/// reach; the next try creates another.
///
/// # Errors
/// When registration is closed or the address is taken, or a port is unavailable.
pub async fn register(
    context: &Context,
    new: NewUser,
    workspace_name: Option<String>,
) -> Result<(Presence, Issued), PeopleError> {
    if !context.settings.registration_open {
        return Err(PeopleError::RegistrationClosed);
    }
    let id = new.email.user();
    if context.tenants.user(id).await?.is_some() {
        return Err(PeopleError::EmailTaken);
    }
    let name = workspace_name.or_else(|| new.full_name.clone()).unwrap_or_else(|| new.email.as_str().to_owned());
    let workspace = projects::found(context, WorkspaceId(context.uuid()), None, &name).await?;
    let user = create_user(context, workspace.organization, NewUser { role: Role::Owner, ..new }).await?;
    let projects = projects::of_organization(context, user.organization).await?;
    let token = log_in::open_session(context, &user, workspace.id).await?;
    Ok((Presence { user, active: workspace, projects }, token))
}

/// Changes a password whose owner knows it. Every session of the person ends; wrong current passwords count as wrong
/// logins.
///
/// # Errors
/// When the current password is wrong, or a port is unavailable.
pub async fn change_password(
    context: &Context,
    id: UserId,
    current: &Secret,
    new: &Secret,
    source: &Source,
) -> Result<(), PeopleError> {
    let user = context.tenants.user(id).await?.ok_or(PeopleError::NotFound)?;
    let email = user.email.clone();
    log_in::check_password(context, &email, Some(user), current, source).await?;
    put_password(context, id, new).await.map(|_| ())
}

/// Sets a password, as an operator does. Every session ends, and wrong passwords from before don't count any more: who
/// got a new password can log in with it.
///
/// # Errors
/// When there is no such person, or a port is unavailable.
pub async fn set_password(context: &Context, id: UserId, new: &Secret) -> Result<(), PeopleError> {
    let user = put_password(context, id, new).await?;
    Ok(log_in::unlock_address(context, &user.email).await?)
}

/// Sets the password and lifts no limit. What a person does must not: the counts of an address are kept with those of
/// others, whose limits a stranger could lift by changing a password of their own.
async fn put_password(context: &Context, id: UserId, new: &Secret) -> Result<User, PeopleError> {
    let hash = context.passwords.hash(new).await?;
    let mut writes = OptimisticWrites::of("user", WRITES_MAX);
    loop {
        writes.begin()?;
        let user = context.tenants.user(id).await?.ok_or(PeopleError::NotFound)?;
        let next = user.with_password(hash.clone(), context.system.now(), context.nonce());
        if context.tenants.save_user(&next).await?.is_done() {
            return Ok(next);
        }
    }
}

/// Ends a session: its token, and those that continued it in other workspaces. A token of 0.2.0 names no session; its
/// logout ends all of the person's.
///
/// # Errors
/// When there is no such person, or a port is unavailable; repeating it is harmless.
pub async fn log_out(context: &Context, session: &Session) -> Result<(), PeopleError> {
    let until = Moment(session.ends_at_s() * SECOND_MS);
    let mut writes = OptimisticWrites::of("user", WRITES_MAX);
    loop {
        writes.begin()?;
        let user = context.tenants.user(session.user).await?.ok_or(PeopleError::NotFound)?;
        let (now, nonce) = (context.system.now(), context.nonce());
        let next = match session.id {
            Some(id) => user.logged_out(id, until, now, nonce),
            None => user.logged_out_everywhere(now, nonce),
        };
        if context.tenants.save_user(&next).await?.is_done() {
            return Ok(());
        }
    }
}

/// The person with that address.
///
/// # Errors
/// When there is no such person, or a port is unavailable.
pub async fn find(context: &Context, email: &Email) -> Result<User, PeopleError> {
    context.tenants.user(email.user()).await?.ok_or(PeopleError::NotFound)
}

/// Ends every session of a person and makes their password useless, before what they left behind is revoked.
///
/// # Errors
/// When there is no such person, or a port is unavailable.
pub async fn lock(context: &Context, id: UserId) -> Result<(), PeopleError> {
    put_password(context, id, &Secret::new(context.version())).await.map(|_| ())
}

/// Removes a person. Their sessions end, and their address is free again.
///
/// # Errors
/// When there is no such person, or a port is unavailable; repeating it is harmless.
pub async fn remove(context: &Context, id: UserId) -> Result<(), PeopleError> {
    let user = context.tenants.user(id).await?.ok_or(PeopleError::NotFound)?;
    Ok(context.tenants.remove_user(&user).await?)
}

/// Removes an organisation with its people, once nothing of its workspaces is left; returns whether it did.
///
/// # Errors
/// When a port is unavailable; repeating it is harmless.
pub async fn remove_organization(context: &Context, id: OrganizationId) -> Result<bool, PeopleError> {
    if !context.tenants.workspaces(id).await?.is_empty() {
        return Ok(false);
    }
    for user in context.tenants.users(id).await? {
        context.tenants.remove_user(&user).await?;
    }
    context.tenants.remove_organization(id).await?;
    Ok(true)
}

/// A change of a person's own profile; `None` leaves a field unchanged.
#[derive(Clone, Debug, Default)]
pub struct Introduction {
    pub full_name: Option<String>,
    pub timezone: Option<String>,
}

/// # Errors
/// When there is no such person, or a port is unavailable.
pub async fn introduce(context: &Context, id: UserId, change: &Introduction) -> Result<User, PeopleError> {
    let mut writes = OptimisticWrites::of("user", WRITES_MAX);
    loop {
        writes.begin()?;
        let user = context.tenants.user(id).await?.ok_or(PeopleError::NotFound)?;
        let next = User {
            full_name: change.full_name.clone().or_else(|| user.full_name.clone()),
            timezone: change.timezone.clone().unwrap_or_else(|| user.timezone.clone()),
            ..user.next(context.nonce())
        };
        if context.tenants.save_user(&next).await?.is_done() {
            return Ok(next);
        }
    }
}

/// The person, in that workspace.
///
/// # Errors
/// When the table is unavailable.
pub async fn presence(context: &Context, id: UserId, workspace: WorkspaceId) -> PortResult<Presence> {
    let gone = || PortError::Broken { port: "table", reason: "a person's row is missing".into() };
    let user = context.tenants.user(id).await?.ok_or_else(gone)?;
    let (active, projects) = projects::of_workspace(context, workspace).await?;
    Ok(Presence { user, active, projects })
}
