//! Who this stack is: one workspace and one key, made once and kept beside the data.

use std::path::Path;

use anyhow::Context;
use pinbridge_shared::adapters::system;
use pinbridge_shared::domain::api_key::Workspace;
use pinbridge_shared::domain::ids::WorkspaceId;
use pinbridge_shared::flows::connect;
use pinbridge_shared::ports::World;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::files::write_private;

const FILE: &str = "identity.json";

#[derive(Clone, Serialize, Deserialize)]
pub struct Identity {
    pub workspace_id: WorkspaceId,
    pub api_key: String,
}

impl Identity {
    /// Reads the stack's identity, or creates the workspace and its key. The file is written last: without it, nothing
    /// refers to what was created.
    ///
    /// # Errors
    /// When the table or the folder can't be written.
    pub async fn load_or_create(world: &World, data_dir: &Path) -> anyhow::Result<Self> {
        let path = data_dir.join(FILE);
        if path.exists() {
            let text = std::fs::read_to_string(&path).with_context(|| format!("could not read {}", path.display()))?;
            return serde_json::from_str(&text).with_context(|| format!("{} is not readable as JSON", path.display()));
        }
        let workspace = Workspace { id: WorkspaceId(Uuid::new_v4()), name: "local".into() };
        let api_key = connect::create_workspace(world, &workspace, system::secret()).await?;
        let identity = Self { workspace_id: workspace.id, api_key };
        write_private(&path, &serde_json::to_string_pretty(&identity)?)?;
        Ok(identity)
    }
}
