//! People: creating them, their passwords, their profiles.

use thiserror::Error;

use super::WRITES_MAX;
use super::by_address::{Known, by_address};
use super::log_in::{self, LoginError, Presence};
use super::projects;
use crate::context::Context;
use crate::domain::ids::{OrganizationId, UserId, WorkspaceId};
use crate::domain::secret::Secret;
use crate::domain::tenant::login::Source;
use crate::domain::tenant::proof::Proof;
use crate::domain::tenant::session::Session;
use crate::domain::tenant::user::{Email, Role, User};
use crate::domain::time::{Moment, SECOND_MS};
use crate::ports::OptimisticWrites;
use crate::ports::{Admission, PortError, PortResult};

/// Why a person was not created or changed.
#[derive(Debug, Error)]
pub enum PeopleError {
    #[error("the address is taken")]
    EmailTaken,
    #[error("there is no such organisation")]
    NoOrganization,
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

/// Creates a person of an organisation, as an operator does: the address counts as proven.
///
/// # Errors
/// When the address is taken, there is no such organisation, or a port is unavailable.
pub async fn create_user(context: &Context, organization: OrganizationId, new: NewUser) -> Result<User, PeopleError> {
    if by_address(context, &new.email).await?.owner.is_some() {
        return Err(PeopleError::EmailTaken);
    }
    let user = new_user(context, organization, new).await?;
    let admission = Admission { user: &user, founds: None, invitation: None };
    if context.tenants.admit(admission).await?.is_done() {
        return Ok(user);
    }
    match context.tenants.organization(organization).await? {
        Some(_) => Err(PeopleError::EmailTaken),
        None => Err(PeopleError::NoOrganization),
    }
}

/// The row of a new person, whose address counts as proven. Its id is random: whoever had the address before is another
/// person.
pub(super) async fn new_user(context: &Context, organization: OrganizationId, new: NewUser) -> PortResult<User> {
    let password = context.passwords.hash(&new.password).await?;
    let now = context.system.now();
    Ok(User {
        id: UserId(context.uuid()),
        email: new.email,
        full_name: new.full_name,
        timezone: new.timezone,
        password,
        organization,
        role: new.role,
        epoch: now.0,
        ended: Vec::new(),
        proof: Proof::Proven(now),
        created_at: now,
        rev: 1,
        nonce: context.nonce(),
    })
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
    let known = Known { owner: Some(user), claimant: None };
    log_in::check_password(context, &email, known, current, source).await?;
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

/// The person whose address it is. An unproven registration is nobody's.
///
/// # Errors
/// When there is no such person, or a port is unavailable.
pub async fn find(context: &Context, email: &Email) -> Result<User, PeopleError> {
    by_address(context, email).await?.owner.ok_or(PeopleError::NotFound)
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
    // First: whoever joins at this moment is either listed below, or finds no organisation.
    context.tenants.close_organization(id).await?;
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
    if let Some(presence) = Presence::prospective(&user) {
        return Ok(presence);
    }
    let (active, projects) = projects::of_workspace(context, workspace).await?;
    Ok(Presence { user, active, projects })
}
