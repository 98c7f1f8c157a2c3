//! Workspaces and keys in memory.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;

use super::{FakeStore, Tables};
use crate::domain::api_key::{PresentedKey, Workspace};
use crate::domain::ids::WorkspaceId;
use crate::domain::time::Moment;
use crate::ports::{PortResult, Tenants};

#[derive(Default)]
pub(super) struct Rows {
    workspaces: BTreeMap<WorkspaceId, Workspace>,
    api_keys: BTreeSet<(WorkspaceId, String)>,
}

#[async_trait]
impl Tenants for FakeStore {
    async fn put_workspace(&self, workspace: &Workspace) -> PortResult<()> {
        let put = |t: &mut Tables| {
            t.tenants.workspaces.insert(workspace.id, workspace.clone());
        };
        self.call("tenants.put_workspace", put).await
    }

    async fn workspace(&self, id: WorkspaceId) -> PortResult<Option<Workspace>> {
        self.call("tenants.workspace", |t| t.tenants.workspaces.get(&id).cloned()).await
    }

    async fn put_api_key(&self, key: &PresentedKey, _: &str, _: Moment) -> PortResult<()> {
        let put = |t: &mut Tables| {
            t.tenants.api_keys.insert((key.workspace, key.hash_hex()));
        };
        self.call("tenants.put_api_key", put).await
    }

    async fn api_key_exists(&self, key: &PresentedKey) -> PortResult<bool> {
        self.call("tenants.api_key_exists", |t| t.tenants.api_keys.contains(&(key.workspace, key.hash_hex()))).await
    }
}
