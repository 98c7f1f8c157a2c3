//! Who this stack is: one workspace, one key and one person who logs in, made once and kept beside the data.

use std::path::Path;

use anyhow::{Context as _, bail};
use pinbridge_shared::adapters::system;
use pinbridge_shared::context::Context;
use pinbridge_shared::domain::ids::WorkspaceId;
use pinbridge_shared::domain::secret::Secret;
use pinbridge_shared::domain::tenant::DEFAULT_TIMEZONE;
use pinbridge_shared::domain::tenant::user::{Email, Role};
use pinbridge_shared::flows::accounts::connect;
use pinbridge_shared::flows::tenants::people::{self, NewUser, PeopleError};
use pinbridge_shared::flows::tenants::projects;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::files::write_private;

const FILE: &str = "identity.json";
const NAME: &str = "local";
/// The demo login. Its password is made for each folder.
const EMAIL: &str = "demo@pinbridge.local";

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
    /// Who logs in; folders of before there were people get it when they are started.
    #[serde(default)]
    pub login: Option<Login>,
}

#[derive(Clone, Serialize, Deserialize)]
pub struct Login {
    pub email: String,
    pub password: String,
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

    /// Reads the stack's identity, or creates the workspace, its key and its login, or what an older folder has none of. The
    /// file is written last: without it, nothing refers to what was created.
    ///
    /// # Errors
    /// When the table or the folder can't be written.
    pub async fn load_or_create(context: &Context, data_dir: &Path, pinterest: &str) -> anyhow::Result<Self> {
        let mut identity = match Self::load(data_dir)? {
            Some(known) if known.login.is_some() => return Ok(known),
            Some(older) => older,
            None => {
                let workspace_id = WorkspaceId(Uuid::new_v4());
                let api_key = connect::create_workspace(context, workspace_id, NAME, system::secret()).await?;
                Self { workspace_id, api_key, pinterest: pinterest.into(), board_id: None, login: None }
            }
        };
        let workspace = projects::found(context, identity.workspace_id, None, NAME).await?;
        connect::keep_key(context, &identity.api_key).await?;
        let login = Login { email: EMAIL.into(), password: Uuid::new_v4().simple().to_string() };
        let email = Email::parse(&login.email).context("the demo's address")?;
        let (id, password) = (email.user(), Secret::new(login.password.as_str()));
        let new = NewUser {
            email,
            full_name: Some("Demo".into()),
            password: password.clone(),
            timezone: DEFAULT_TIMEZONE.into(),
            role: Role::Owner,
        };
        match people::create_user(context, workspace.organization, new).await {
            // Killed before the file was written: nobody knows that password.
            Err(PeopleError::EmailTaken) => people::set_password(context, id, &password).await?,
            created => drop(created?),
        }
        identity.login = Some(login);
        identity.save(data_dir)?;
        Ok(identity)
    }

    /// # Errors
    /// When the folder can't be written.
    pub fn save(&self, data_dir: &Path) -> anyhow::Result<()> {
        write_private(&data_dir.join(FILE), &serde_json::to_string_pretty(self)?)
    }
}
