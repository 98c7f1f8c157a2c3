//! Who uses the system: organisations, workspaces, keys and people.

use async_trait::async_trait;

use super::PortResult;
use crate::domain::ids::{KeyId, OrganizationId, UserId, WorkspaceId};
use crate::domain::tenant::api_key::ApiKey;
use crate::domain::tenant::login::LoginAttempts;
use crate::domain::tenant::user::User;
use crate::domain::tenant::{Organization, Workspace};
use crate::domain::time::Moment;

/// The same table, as far as people and keys are concerned. Every reading is consistent: what was revoked is refused at once.
///
/// Each `save_…` writes the row if the stored one still has the revision before `next.rev` (1: there is none), and answers
/// whether it had.
#[async_trait]
pub trait Tenants: Send + Sync {
    async fn save_organization(&self, next: &Organization) -> PortResult<bool>;
    async fn organization(&self, id: OrganizationId) -> PortResult<Option<Organization>>;

    async fn save_workspace(&self, next: &Workspace) -> PortResult<bool>;
    async fn workspace(&self, id: WorkspaceId) -> PortResult<Option<Workspace>>;
    /// In no particular order.
    async fn workspaces(&self, organization: OrganizationId) -> PortResult<Vec<Workspace>>;

    async fn save_api_key(&self, next: &ApiKey) -> PortResult<bool>;
    async fn api_key(&self, workspace: WorkspaceId, id: KeyId) -> PortResult<Option<ApiKey>>;
    /// Revoked ones too, in no particular order.
    async fn api_keys(&self, workspace: WorkspaceId) -> PortResult<Vec<ApiKey>>;
    /// Notes a use, unless one since `unless_since` is noted, or the key is gone; answers whether it was. Changes nothing else.
    async fn note_use(&self, workspace: WorkspaceId, id: KeyId, now: Moment, unless_since: Moment) -> PortResult<bool>;

    async fn save_user(&self, next: &User) -> PortResult<bool>;
    async fn user(&self, id: UserId) -> PortResult<Option<User>>;
    /// In no particular order.
    async fn users(&self, organization: OrganizationId) -> PortResult<Vec<User>>;

    /// Removes a person with all that names them. Their tokens are refused from then on.
    async fn remove_user(&self, user: &User) -> PortResult<()>;
    /// Removes an organisation's own rows; nobody and nothing of it may be left.
    async fn remove_organization(&self, id: OrganizationId) -> PortResult<()>;

    async fn save_login_attempts(&self, next: &LoginAttempts) -> PortResult<bool>;
    /// [`LoginAttempts::none`] when there were none.
    async fn login_attempts(&self, user: UserId) -> PortResult<LoginAttempts>;
}
