//! Invitations, which an operator makes, lists and revokes. Accepting one is a registration.

use crate::context::Context;
use crate::domain::ids::InvitationId;
use crate::domain::secret::Secret;
use crate::domain::tenant::Workspace;
use crate::domain::tenant::invitation::{INVITATION_MS, Invitation, Joins};
use crate::domain::tenant::one_time::{self, PresentedToken};
use crate::domain::tenant::user::{Email, Role};
use crate::domain::time::Moment;
use crate::ports::PortResult;

/// A new invitation.
#[derive(Debug)]
pub struct Invited {
    pub invitation: Invitation,
    /// Returned only here.
    pub token: Secret,
    /// The open invitations that it replaces, the oldest first.
    pub replaced: Vec<Invitation>,
}

/// Invites an address, to a workspace's organisation or to found one. It replaces the invitations that the address has:
/// their tokens and roles are void.
///
/// # Errors
/// When the table is unavailable.
pub async fn invite(context: &Context, email: Email, joins: Option<(&Workspace, Role)>) -> PortResult<Invited> {
    let (now, id) = (context.system.now(), context.uuid());
    let (token, hash) = one_time::issue(id, context.system.random());
    let joins =
        joins.map(|(workspace, role)| Joins { organization: workspace.organization, workspace: workspace.id, role });
    let expires_at = now.plus_ms(INVITATION_MS);
    let invitation = Invitation { id: InvitationId(id), hash, email, joins, created_at: now, expires_at };
    // First the others: if this fails half-way, the address has none, and never two.
    let mut replaced = of_address(context, &invitation.email).await?;
    for other in &replaced {
        context.tenants.remove_invitation(other.id).await?;
        tracing::info!(invitation_id = %other.id, replaced_by = %invitation.id, "invitation replaced");
    }
    context.tenants.save_invitation(&invitation).await?;
    keep_open(&mut replaced, now);
    Ok(Invited { invitation, token, replaced })
}

async fn of_address(context: &Context, email: &Email) -> PortResult<Vec<Invitation>> {
    let mut invitations = context.tenants.invitations().await?;
    invitations.retain(|invitation| invitation.email == *email);
    Ok(invitations)
}

/// The open invitations, the oldest first.
///
/// # Errors
/// When the table is unavailable.
pub async fn list(context: &Context) -> PortResult<Vec<Invitation>> {
    let mut invitations = context.tenants.invitations().await?;
    keep_open(&mut invitations, context.system.now());
    Ok(invitations)
}

/// Leaves the open ones, the oldest first.
fn keep_open(invitations: &mut Vec<Invitation>, now: Moment) {
    invitations.retain(|invitation| now < invitation.expires_at);
    invitations.sort_by_key(|invitation| (invitation.created_at, invitation.id));
}

/// Revokes an invitation; returns whether there was one that was not accepted.
///
/// # Errors
/// When the table is unavailable.
pub async fn revoke(context: &Context, id: InvitationId) -> PortResult<bool> {
    context.tenants.remove_invitation(id).await
}

/// The open invitation of that token, if it is the newest for the address: two operators may have invited at once.
pub(super) async fn open(context: &Context, token: &str, email: &Email) -> PortResult<Option<Invitation>> {
    let Some(token) = PresentedToken::parse(token) else { return Ok(None) };
    let invitation = context.tenants.invitation(InvitationId(token.id)).await?;
    let Some(invitation) = invitation.filter(|one| one.admits(&token, email, context.system.now())) else {
        return Ok(None);
    };
    let age = |invitation: &Invitation| (invitation.created_at, invitation.id);
    let newest = of_address(context, email).await?.iter().map(age).max();
    Ok(Some(invitation).filter(|invitation| newest.is_none_or(|newest| newest <= age(invitation))))
}
