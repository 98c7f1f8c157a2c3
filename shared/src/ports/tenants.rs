//! Port: organisations, workspaces, keys and people.

use async_trait::async_trait;

use super::{PortResult, Write};
use crate::domain::ids::{InvitationId, KeyId, OrganizationId, UserId, WorkspaceId};
use crate::domain::tenant::api_key::ApiKey;
use crate::domain::tenant::claim::Claim;
use crate::domain::tenant::invitation::Invitation;
use crate::domain::tenant::login::{AddressAttempts, Bucket, Source, SourceAttempts};
use crate::domain::tenant::user::{Email, User};
use crate::domain::tenant::{Organization, Workspace};
use crate::domain::time::Moment;

/// Whose an address is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AddressRows {
    /// Who has proven it, or was given it by an operator. A person of 0.2.0 has no such row.
    pub owner: Option<UserId>,
    /// The newest unproven registration, also when it is void.
    pub claim: Option<Claim>,
}

/// A person who gets the address of their row.
#[derive(Clone, Copy, Debug)]
pub struct Admission<'a> {
    /// A new row, or the next version of an unproven one.
    pub user: &'a User,
    /// What the person founds. `None`: they join an organisation, which must exist.
    pub founds: Option<(&'a Organization, &'a Workspace)>,
    /// The invitation that this takes.
    pub invitation: Option<InvitationId>,
}

/// Tenants, in the store's table. Every read is consistent, so a revoked key or session is refused at once.
///
/// Each `save_…` writes the row if the stored one has the revision before `next.rev` (for 1: if none is stored), and
/// otherwise answers a conflict.
#[async_trait]
pub trait Tenants: Send + Sync {
    async fn save_organization(&self, next: &Organization) -> PortResult<Write<()>>;
    async fn organization(&self, id: OrganizationId) -> PortResult<Option<Organization>>;

    async fn save_workspace(&self, next: &Workspace) -> PortResult<Write<()>>;
    async fn workspace(&self, id: WorkspaceId) -> PortResult<Option<Workspace>>;
    /// In no particular order.
    async fn workspaces(&self, organization: OrganizationId) -> PortResult<Vec<Workspace>>;

    async fn save_api_key(&self, next: &ApiKey) -> PortResult<Write<()>>;
    async fn api_key(&self, workspace: WorkspaceId, id: KeyId) -> PortResult<Option<ApiKey>>;
    /// Includes revoked keys; in no particular order.
    async fn api_keys(&self, workspace: WorkspaceId) -> PortResult<Vec<ApiKey>>;
    /// Deletes a key, as if it had never been.
    async fn remove_api_key(&self, workspace: WorkspaceId, id: KeyId) -> PortResult<()>;
    /// Records a use of a key, unless a use after `unless_since` is recorded, or the key is gone. Returns whether it
    /// was recorded. Changes nothing else.
    async fn note_use(&self, workspace: WorkspaceId, id: KeyId, now: Moment, unless_since: Moment) -> PortResult<bool>;

    /// Writes the person, the row of their address, what they found, and takes the invitation: all of it or nothing.
    /// A conflict when the address is somebody's, the person's row isn't the version before, the organisation isn't
    /// there, or the invitation is gone.
    async fn admit(&self, admission: Admission<'_>) -> PortResult<Write<()>>;
    /// Writes an unproven registration with its claim of the address: both or neither.
    async fn save_claim(&self, user: &User, claim: &Claim) -> PortResult<Write<()>>;
    /// The rows of the address; both are `None` when there are none.
    async fn address(&self, email: &Email) -> PortResult<AddressRows>;
    /// Only the next version of a row that exists.
    async fn save_user(&self, next: &User) -> PortResult<Write<()>>;
    async fn user(&self, id: UserId) -> PortResult<Option<User>>;
    /// In no particular order.
    async fn users(&self, organization: OrganizationId) -> PortResult<Vec<User>>;

    /// Writes the invitation's row.
    async fn save_invitation(&self, invitation: &Invitation) -> PortResult<()>;
    async fn invitation(&self, id: InvitationId) -> PortResult<Option<Invitation>>;
    /// In no particular order; includes those that expired lately.
    async fn invitations(&self) -> PortResult<Vec<Invitation>>;
    /// Returns whether there was one.
    async fn remove_invitation(&self, id: InvitationId) -> PortResult<bool>;

    /// Deletes a user with all rows that name them. Their tokens are refused from then on. The row of the address goes
    /// only if it names this user: somebody else may have it by now.
    async fn remove_user(&self, user: &User) -> PortResult<()>;
    /// Deletes an organisation's own row: from then on, nobody joins it.
    async fn close_organization(&self, id: OrganizationId) -> PortResult<()>;
    /// Deletes an organisation's own rows; its users and workspaces must be deleted before.
    async fn remove_organization(&self, id: OrganizationId) -> PortResult<()>;

    async fn save_source_attempts(&self, next: &SourceAttempts) -> PortResult<Write<()>>;
    /// [`SourceAttempts::none`] when there were none.
    async fn source_attempts(&self, source: &Source) -> PortResult<SourceAttempts>;
    /// Deletes the count of a source; returns whether there was one.
    async fn remove_source_attempts(&self, source: &Source) -> PortResult<bool>;

    async fn save_address_attempts(&self, next: &AddressAttempts) -> PortResult<Write<()>>;
    /// [`AddressAttempts::none`] when there were none.
    async fn address_attempts(&self, bucket: Bucket) -> PortResult<AddressAttempts>;

    /// Records that the person logged in from that source, until `until`.
    async fn note_source(&self, user: UserId, source: &Source, until: Moment) -> PortResult<()>;
    /// Whether such a record has not expired at `now`.
    async fn knows_source(&self, user: UserId, source: &Source, now: Moment) -> PortResult<bool>;
}
