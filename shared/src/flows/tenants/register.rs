//! Registers people: whoever an operator invited, or everybody who proves an address. All ids are random, and a person
//! is written together with what they found: a registration lands in nothing that exists, not in what a person with the
//! address had before, and in nothing that is being removed.

use thiserror::Error;

use super::by_address::by_address;
use super::log_in::{self, Issued, LoginError, Presence};
use super::people::{self, NewUser};
use super::projects::Projects;
use super::{invitations, prove_address};
use crate::config::Registration;
use crate::context::Context;
use crate::domain::ids::{OrganizationId, WorkspaceId};
use crate::domain::tenant::claim::{Claim, MAIL_EVERY_MS};
use crate::domain::tenant::invitation::{Invitation, Joins};
use crate::domain::tenant::login::{Source, TooMany};
use crate::domain::tenant::one_time;
use crate::domain::tenant::proof::{Awaited, CLAIM_MS, LINK_MS, Proof};
use crate::domain::tenant::user::{Role, User};
use crate::domain::tenant::{Organization, Workspace, WorkspaceState};
use crate::ports::{Admission, PortError};

/// Why nobody was registered.
#[derive(Debug, Error)]
pub enum RegisterError {
    #[error("registration is closed")]
    Closed,
    /// There is none, it was used or revoked, has expired, or is for another address. The caller isn't told which.
    #[error("no invitation for this address")]
    NotInvited,
    /// Only whoever has an invitation for the address is told.
    #[error("the address is taken")]
    EmailTaken,
    #[error("too many registrations")]
    TooMany { retry_after_s: u64 },
    /// The address had a mail a moment ago, or as many as it may have.
    #[error("too many mails to the address")]
    Mailed { retry_after_s: u64 },
    /// The mail was refused, or not taken in time.
    #[error("the mail could not be sent")]
    Unsent(#[source] PortError),
    #[error(transparent)]
    Port(#[from] PortError),
}

/// A person who registers.
#[derive(Clone, Debug)]
pub struct NewRegistration {
    /// The role is the invitation's, or owner of what is founded.
    pub person: NewUser,
    /// The name of the workspace that is founded; by default the person's.
    pub workspace_name: Option<String>,
    pub invite_token: Option<String>,
}

impl NewRegistration {
    fn name(&self) -> String {
        let named = self.workspace_name.clone().or_else(|| self.person.full_name.clone());
        named.unwrap_or_else(|| self.person.email.as_str().to_owned())
    }
}

impl RegisterError {
    fn mailed(refused: TooMany, context: &Context) -> Self {
        Self::Mailed { retry_after_s: refused.retry_after_s(context.system.now()) }
    }
}

impl From<LoginError> for RegisterError {
    fn from(error: LoginError) -> Self {
        match error {
            LoginError::TooMany { retry_after_s } => Self::TooMany { retry_after_s },
            LoginError::Port(error) => Self::Port(error),
            // Counting an attempt compares no password and reads no workspace.
            LoginError::Wrong | LoginError::NoWorkspace => Self::NotInvited,
        }
    }
}

/// Registers a person and opens a session. Without an invitation, the session can do no more than prove the address;
/// the answer and its cost are the same whether or not the address has an account.
///
/// # Errors
/// When the person may not register, there were too many attempts, or a port is unavailable.
pub async fn register(
    context: &Context,
    new: NewRegistration,
    source: &Source,
) -> Result<(Presence, Issued), RegisterError> {
    match (context.settings.registration, new.invite_token.is_some()) {
        (Registration::Closed, _) => Err(RegisterError::Closed),
        (Registration::Invited | Registration::Open, true) | (Registration::Invited, false) => {
            by_invitation(context, new, source).await
        }
        (Registration::Open, false) => claim(context, new, source).await,
    }
}

/// Registers a person whose address is to be proven, and sends the mail.
async fn claim(context: &Context, new: NewRegistration, source: &Source) -> Result<(Presence, Issued), RegisterError> {
    log_in::count_registration(context, &new.person.email, source).await?;
    let now = context.system.now();
    let (name, email) = (new.name(), new.person.email.clone());
    let organization = OrganizationId(context.uuid());
    let person = people::new_user(context, organization, NewUser { role: Role::Owner, ..new.person }).await?;
    let (token, link) = one_time::issue(person.id.0, context.system.random());
    let awaited = Awaited {
        until: now.plus_ms(CLAIM_MS),
        workspace: WorkspaceId(context.uuid()),
        workspace_name: name,
        link,
        link_until: now.plus_ms(LINK_MS),
    };
    let user = User { proof: Proof::Awaited(awaited), ..person };
    let rows = context.tenants.address(&email).await?;
    let claimed = (user.id, now.plus_ms(CLAIM_MS));
    let claim = Claim::mailed(rows.claim.as_ref(), &email, claimed, now, context.nonce())
        .map_err(|refused| RegisterError::mailed(refused, context))?;
    if !context.tenants.save_claim(&user, &claim).await?.is_done() {
        // Another mail to the address is on its way.
        return Err(RegisterError::mailed(TooMany { until: now.plus_ms(MAIL_EVERY_MS) }, context));
    }
    let mail = prove_address::mail(context, &user, &token).await?;
    prove_address::send(context, &mail).await.map_err(RegisterError::Unsent)?;
    let presence = Presence::prospective(&user).ok_or_else(nothing_founded)?;
    let session = log_in::open_session(context, &user, presence.active.id).await?;
    Ok((presence, session))
}

fn nothing_founded() -> PortError {
    PortError::Broken { port: "table", reason: "an unproven person founds nothing".into() }
}

async fn by_invitation(
    context: &Context,
    new: NewRegistration,
    source: &Source,
) -> Result<(Presence, Issued), RegisterError> {
    let token = new.invite_token.as_deref().unwrap_or_default();
    let invitation = invitations::open(context, token, &new.person.email).await?.ok_or(RegisterError::NotInvited)?;
    log_in::count_registration(context, &new.person.email, source).await?;
    if by_address(context, &new.person.email).await?.owner.is_some() {
        return Err(RegisterError::EmailTaken);
    }
    let presence = match invitation.joins {
        Some(joins) => join(context, new, &invitation, joins).await?,
        None => found(context, new, &invitation).await?,
    };
    let token = log_in::open_session(context, &presence.user, presence.active.id).await?;
    Ok((presence, token))
}

async fn join(
    context: &Context,
    new: NewRegistration,
    invitation: &Invitation,
    joins: Joins,
) -> Result<Presence, RegisterError> {
    let active = context.tenants.workspace(joins.workspace).await?;
    // It may have been deleted since, or belong to nobody any more.
    let active =
        active.filter(|active| active.state == WorkspaceState::Active && active.organization == joins.organization);
    let active = active.ok_or(RegisterError::NotInvited)?;
    let person = NewUser { role: joins.role, ..new.person };
    let user = people::new_user(context, joins.organization, person).await?;
    admit(context, Admission { user: &user, founds: None, invitation: Some(invitation.id) }).await?;
    let projects = super::projects::of_organization(context, joins.organization).await?;
    Ok(Presence { user, active, projects })
}

async fn found(context: &Context, new: NewRegistration, invitation: &Invitation) -> Result<Presence, RegisterError> {
    let (organization, workspace) = founding(context, &new.name());
    let user = people::new_user(context, organization.id, NewUser { role: Role::Owner, ..new.person }).await?;
    let founds = Some((&organization, &workspace));
    admit(context, Admission { user: &user, founds, invitation: Some(invitation.id) }).await?;
    let projects = Projects { organization, workspaces: vec![workspace.clone()] };
    Ok(Presence { user, active: workspace, projects })
}

async fn admit(context: &Context, admission: Admission<'_>) -> Result<(), RegisterError> {
    if context.tenants.admit(admission).await?.is_done() {
        return Ok(());
    }
    // Somebody was faster: with the address, or with the invitation.
    let is_taken = by_address(context, &admission.user.email).await?.owner.is_some();
    Err(if is_taken { RegisterError::EmailTaken } else { RegisterError::NotInvited })
}

/// A new organisation with its workspace.
fn founding(context: &Context, name: &str) -> (Organization, Workspace) {
    let (now, organization) = (context.system.now(), OrganizationId(context.uuid()));
    let workspace = WorkspaceId(context.uuid());
    (
        Organization::new(organization, name, now, context.nonce()),
        Workspace::production(workspace, organization, name, now, context.nonce()),
    )
}

/// Whether anybody may register at all: the first thing that a caller is told.
///
/// # Errors
/// When registration is closed.
pub fn is_possible(context: &Context) -> Result<(), RegisterError> {
    if context.settings.registration == Registration::Closed { Err(RegisterError::Closed) } else { Ok(()) }
}
