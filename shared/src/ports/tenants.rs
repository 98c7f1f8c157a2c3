//! Who uses the system: workspaces and their keys.

use async_trait::async_trait;

use super::PortResult;
use crate::domain::api_key::{PresentedKey, Workspace};
use crate::domain::ids::WorkspaceId;
use crate::domain::time::Moment;

/// The same table, as far as people and keys are concerned.
#[async_trait]
pub trait Tenants: Send + Sync {
    async fn put_workspace(&self, workspace: &Workspace) -> PortResult<()>;
    async fn workspace(&self, id: WorkspaceId) -> PortResult<Option<Workspace>>;
    async fn put_api_key(&self, key: &PresentedKey, name: &str, now: Moment) -> PortResult<()>;
    async fn api_key_exists(&self, key: &PresentedKey) -> PortResult<bool>;
}
