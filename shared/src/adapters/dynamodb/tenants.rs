//! Workspaces and API keys.

use super::item::{Builder, Reader, moment};
use super::{DynamoStore, keys};
use crate::domain::api_key::{PresentedKey, Workspace};
use crate::domain::ids::WorkspaceId;
use crate::domain::time::Moment;
use crate::ports::{PortResult, Tenants};
use async_trait::async_trait;

impl DynamoStore {
    pub(super) async fn write_workspace(&self, workspace: &Workspace) -> PortResult<()> {
        let row = Builder::keyed(keys::workspace(workspace.id), keys::WORKSPACE).text("name", &workspace.name);
        self.put(row.build()).await
    }

    pub(super) async fn get_workspace(&self, id: WorkspaceId) -> PortResult<Option<Workspace>> {
        let item = self.get(keys::workspace(id), keys::WORKSPACE, false).await?;
        item.map(|item| Ok(Workspace { id, name: Reader(&item).text("name")? })).transpose()
    }

    pub(super) async fn write_api_key(&self, key: &PresentedKey, name: &str, now: Moment) -> PortResult<()> {
        let row =
            Builder::keyed(keys::api_keys(key.workspace), key.hash_hex()).text("name", name).value("at", moment(now));
        self.put(row.build()).await
    }

    pub(super) async fn has_api_key(&self, key: &PresentedKey) -> PortResult<bool> {
        Ok(self.get(keys::api_keys(key.workspace), &key.hash_hex(), false).await?.is_some())
    }
}

#[async_trait]
impl Tenants for DynamoStore {
    async fn put_workspace(&self, workspace: &Workspace) -> PortResult<()> {
        self.write_workspace(workspace).await
    }

    async fn workspace(&self, id: WorkspaceId) -> PortResult<Option<Workspace>> {
        self.get_workspace(id).await
    }

    async fn put_api_key(&self, key: &PresentedKey, name: &str, now: Moment) -> PortResult<()> {
        self.write_api_key(key, name, now).await
    }

    async fn api_key_exists(&self, key: &PresentedKey) -> PortResult<bool> {
        self.has_api_key(key).await
    }
}
