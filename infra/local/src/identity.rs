//! The identity of a local stack: one workspace, one API key and one user, created once and kept in the data directory.

use std::path::Path;

use anyhow::{Context as _, bail};
use pinbridge_shared::adapters::system;
use pinbridge_shared::context::Context;
use pinbridge_shared::domain::ids::WorkspaceId;
use pinbridge_shared::domain::secret::Secret;
use pinbridge_shared::domain::tenant::DEFAULT_TIMEZONE;
use pinbridge_shared::domain::tenant::user::{Email, Role};
use pinbridge_shared::flows::tenants::people::{self, NewUser, PeopleError};
use pinbridge_shared::flows::tenants::projects;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::data_files::is_missing;
use crate::files::{damaged, write_private};

pub const FILE: &str = "identity.json";
const NAME: &str = "local";
/// The email address of the demo user. Each data directory has its own password.
const EMAIL: &str = "demo@pinbridge.local";

#[derive(Clone, Serialize, Deserialize)]
pub struct Identity {
    pub workspace_id: WorkspaceId,
    pub api_key: String,
    /// The Pinterest that this data belongs to: `simulator`, or an origin. Tokens and waiting pins of one must never be
    /// sent to another.
    pub pinterest: String,
    /// The first board of the first account, as last read, so that a start works while Pinterest is unreachable.
    #[serde(default)]
    pub board_id: Option<String>,
    /// The demo user. A folder of an early version has none; the next start adds it.
    #[serde(default)]
    pub login: Option<Login>,
    /// The secret of the webhook whose deliveries [`crate::receiver`] prints, once there was one.
    #[serde(default)]
    pub receiver_secret: Option<String>,
    /// The data files that a start has left in the folder. See [`crate::data_files`].
    #[serde(default)]
    pub files: Vec<String>,
}

#[derive(Clone, Serialize, Deserialize)]
pub struct Login {
    pub email: String,
    pub password: String,
}

impl Identity {
    /// Checks that the folder does not belong to another Pinterest.
    ///
    /// # Errors
    /// When it does, or when its identity can't be read.
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

    /// Checks that the folder's table wasn't used under an identity that is gone.
    ///
    /// # Errors
    /// When it was, or the table can't be read.
    pub async fn check_rows(context: &Context, data_dir: &Path) -> anyhow::Result<()> {
        if !Self::is_kept(data_dir) && was_used(context).await? {
            bail!("{}", is_missing(&data_dir.join(FILE)));
        }
        Ok(())
    }

    /// Whether an earlier start kept its identity in this folder.
    pub fn is_kept(data_dir: &Path) -> bool {
        data_dir.join(FILE).exists()
    }

    /// The identity that an earlier start kept in this folder, if there was one.
    ///
    /// # Errors
    /// When it can't be read.
    pub fn load(data_dir: &Path) -> anyhow::Result<Option<Self>> {
        let path = data_dir.join(FILE);
        if !path.exists() {
            return Ok(None);
        }
        let bytes = std::fs::read(&path).with_context(|| format!("could not read {}", path.display()))?;
        serde_json::from_slice(&bytes).map(Some).with_context(|| damaged(&path))
    }

    /// Reads the identity, or creates the workspace, the API key and the demo user. Adds the user to a folder of an
    /// early version. The file is written last: until then, nothing refers to the new rows.
    ///
    /// # Errors
    /// When the table or the folder can't be written.
    pub async fn load_or_create(context: &Context, data_dir: &Path, pinterest: &str) -> anyhow::Result<Self> {
        let mut identity = match Self::load(data_dir)? {
            Some(known) if known.login.is_some() => return Ok(known),
            Some(older) => older,
            None => {
                let workspace_id = WorkspaceId(Uuid::new_v4());
                let api_key = projects::create_workspace(context, workspace_id, NAME, system::secret()).await?;
                Self {
                    workspace_id,
                    api_key,
                    pinterest: pinterest.into(),
                    board_id: None,
                    login: None,
                    receiver_secret: None,
                    files: Vec::new(),
                }
            }
        };
        let workspace = projects::found(context, identity.workspace_id, None, NAME).await?;
        projects::keep_key(context, &identity.api_key).await?;
        let login = Login { email: EMAIL.into(), password: Uuid::new_v4().simple().to_string() };
        let email = Email::parse(&login.email).context("the demo user's email address")?;
        let password = Secret::new(login.password.as_str());
        let new = NewUser {
            email: email.clone(),
            full_name: Some("Demo".into()),
            password: password.clone(),
            timezone: DEFAULT_TIMEZONE.into(),
            role: Role::Owner,
        };
        match people::create_user(context, workspace.organization, new).await {
            // An earlier start ended before it wrote the file, so nobody knows the password that it set.
            Err(PeopleError::EmailTaken) => {
                let known = people::find(context, &email).await?;
                people::set_password(context, known.id, &password).await?;
            }
            created => drop(created?),
        }
        identity.login = Some(login);
        identity.save(data_dir)?;
        Ok(identity)
    }

    /// Writes the identity file.
    ///
    /// # Errors
    /// When the folder can't be written.
    pub fn save(&self, data_dir: &Path) -> anyhow::Result<()> {
        write_private(&data_dir.join(FILE), &serde_json::to_string_pretty(self)?)
    }
}

/// Whether an earlier start has connected accounts for the demo user's organisation. It kept its identity before that.
async fn was_used(context: &Context) -> anyhow::Result<bool> {
    let email = Email::parse(EMAIL).context("the demo user's email address")?;
    let user = match people::find(context, &email).await {
        Ok(user) => user,
        Err(PeopleError::NotFound) => return Ok(false),
        Err(error) => return Err(error.into()),
    };
    for workspace in projects::of_organization(context, user.organization).await?.workspaces {
        if !context.store.accounts(workspace.id).await?.is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}
