//! Port: organisations, workspaces, keys and people.

use async_trait::async_trait;

use super::{PortResult, Write};
use crate::domain::ids::{KeyId, OrganizationId, UserId, WorkspaceId};
use crate::domain::tenant::api_key::ApiKey;
use crate::domain::tenant::login::{AddressAttempts, Bucket, Source, SourceAttempts};
use crate::domain::tenant::user::User;
use crate::domain::tenant::{Organization, Workspace};
use crate::domain::time::Moment;

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

    async fn save_user(&self, next: &User) -> PortResult<Write<()>>;
    async fn user(&self, id: UserId) -> PortResult<Option<User>>;
    /// In no particular order.
    async fn users(&self, organization: OrganizationId) -> PortResult<Vec<User>>;

    /// Deletes a user with all rows that name them. Their tokens are refused from then on.
    async fn remove_user(&self, user: &User) -> PortResult<()>;
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
