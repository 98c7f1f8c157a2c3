//! Who this stack is: one workspace and one key, made once and kept beside the data.

use std::path::Path;

use anyhow::{Context, bail};
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
    /// The Pinterest that this data belongs to: `simulator`, or an origin. Tokens and waiting pins of one must never
    /// reach another.
    pub pinterest: String,
    /// The first account's first board, as last seen: a start needs no answer from Pinterest.
    #[serde(default)]
    pub board_id: Option<String>,
}

impl Identity {
    /// Refuses a folder that belongs to another Pinterest.
    ///
    /// # Errors
    /// When it does, or its identity can't be read.
    pub fn check(data_dir: &Path, pinterest: &str) -> anyhow::Result<()> {
        match Self::load(data_dir)? {
            Some(known) if known.pinterest != pinterest => bail!(
                "the folder {} belongs to {}, not to {pinterest} (--data-dir takes another)",
                data_dir.display(),
                known.pinterest
            ),
            _ => Ok(()),
        }
    }

    fn load(data_dir: &Path) -> anyhow::Result<Option<Self>> {
        let path = data_dir.join(FILE);
        if !path.exists() {
            return Ok(None);
        }
        let text = std::fs::read_to_string(&path).with_context(|| format!("could not read {}", path.display()))?;
        serde_json::from_str(&text).map(Some).with_context(|| format!("{} is not readable as JSON", path.display()))
    }

    /// Reads the stack's identity, or creates the workspace and its key. The file is written last: without it, nothing
    /// refers to what was created.
    ///
    /// # Errors
    /// When the table or the folder can't be written.
    pub async fn load_or_create(world: &World, data_dir: &Path, pinterest: &str) -> anyhow::Result<Self> {
        if let Some(known) = Self::load(data_dir)? {
            return Ok(known);
        }
        let workspace = Workspace { id: WorkspaceId(Uuid::new_v4()), name: "local".into() };
        let api_key = connect::create_workspace(world, &workspace, system::secret()).await?;
        let identity = Self { workspace_id: workspace.id, api_key, pinterest: pinterest.into(), board_id: None };
        identity.save(data_dir)?;
        Ok(identity)
    }

    /// # Errors
    /// When the folder can't be written.
    pub fn save(&self, data_dir: &Path) -> anyhow::Result<()> {
        write_private(&data_dir.join(FILE), &serde_json::to_string_pretty(self)?)
    }
}
