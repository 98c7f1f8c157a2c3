//! The operator's commands for workspaces, users and keys.

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use pinbridge_shared::context::Context;
use pinbridge_shared::domain::ids::{AccountId, KeyId, OrganizationId, WorkspaceId};
use pinbridge_shared::domain::secret::Secret;
use pinbridge_shared::domain::tenant::scope::{Scope, Scopes};
use pinbridge_shared::domain::tenant::user::{Email, PASSWORD_MAX, PASSWORD_MIN, Role};
use pinbridge_shared::domain::tenant::{DEFAULT_TIMEZONE, NAME_MAX, Workspace};
use pinbridge_shared::flows::tenants::api_keys::{self, NewKey};
use pinbridge_shared::flows::tenants::people::{self, NewUser};
use pinbridge_shared::flows::tenants::projects;
use serde_json::{Value, json};
use uuid::Uuid;

/// The variable that holds a password, so that it stays out of the shell's history.
const PASSWORD_VARIABLE: &str = "PINBRIDGE_USER_PASSWORD";

#[derive(Subcommand)]
pub enum PeopleCommand {
    /// Creates a production workspace, and a new organisation for it unless --organization-id is given
    CreateWorkspace {
        #[arg(long)]
        name: String,
        /// The organisation that the workspace joins
        #[arg(long)]
        organization_id: Option<OrganizationId>,
    },
    /// Creates a user who can log in to a workspace's organisation. The password comes from the variable
    /// PINBRIDGE_USER_PASSWORD; without it, the command generates one and prints it once
    CreateUser(NewUserArgs),
    /// Sets a user's password (see create-user) and ends the user's sessions
    SetPassword {
        #[arg(long)]
        email: String,
    },
    /// Deletes a user, ends the user's sessions and frees the address
    DeleteUser {
        #[arg(long)]
        email: String,
    },
    /// Deletes an organisation with its users. Its workspaces must be deleted and gone (see delete-workspace)
    DeleteOrganization {
        #[arg(long)]
        organization_id: OrganizationId,
    },
    /// Creates an API key for a workspace and prints it once
    CreateKey {
        #[arg(long)]
        workspace_id: WorkspaceId,
        #[arg(long, default_value = "operator's key")]
        name: String,
        /// Any of read, write, destructive. Default: all three
        #[arg(long, value_delimiter = ',')]
        scopes: Vec<String>,
        /// An account that the key may use; repeat it for more. Default: all accounts of the workspace
        #[arg(long)]
        account_id: Vec<AccountId>,
    },
    /// Lists a workspace's API keys, including revoked ones
    ListKeys {
        #[arg(long)]
        workspace_id: WorkspaceId,
    },
    /// Revokes an API key at once
    RevokeKey {
        #[arg(long)]
        workspace_id: WorkspaceId,
        #[arg(long)]
        key_id: KeyId,
    },
    /// Makes a new key for signing sessions. Sessions signed with the previous key stay valid until they expire or
    /// until the next rotation
    RotateSessionKey,
}

#[derive(Args)]
pub struct NewUserArgs {
    #[arg(long)]
    pub email: String,
    #[arg(long)]
    workspace_id: WorkspaceId,
    #[arg(long)]
    full_name: Option<String>,
    /// owner (all permissions), editor (reads and writes) or viewer (reads)
    #[arg(long, default_value = "owner")]
    role: String,
}

pub async fn run(context: &Context, command: PeopleCommand) -> anyhow::Result<Value> {
    match command {
        PeopleCommand::CreateWorkspace { name, organization_id } => {
            check_name(&name)?;
            if let Some(id) = organization_id {
                let known = context.tenants.organization(id).await?;
                known.with_context(|| format!("there is no organisation {id}"))?;
            }
            let workspace = projects::found(context, WorkspaceId(Uuid::new_v4()), organization_id, &name).await?;
            Ok(json!({"workspace_id": workspace.id, "organization_id": workspace.organization}))
        }
        PeopleCommand::CreateUser(arguments) => create_user(context, arguments).await,
        PeopleCommand::SetPassword { email } => {
            let email = parse_email(&email)?;
            let (password, generated) = password()?;
            people::set_password(context, email.user(), &password).await?;
            Ok(json!({"email": email.as_str(), "password": generated}))
        }
        PeopleCommand::DeleteUser { email } => {
            let email = parse_email(&email)?;
            people::remove(context, email.user()).await?;
            Ok(json!({"email": email.as_str(), "deleted": true}))
        }
        PeopleCommand::DeleteOrganization { organization_id } => {
            if !people::remove_organization(context, organization_id).await? {
                bail!("the organisation still has workspaces: delete them and wait until they are gone");
            }
            Ok(json!({"organization_id": organization_id, "deleted": true}))
        }
        PeopleCommand::CreateKey { workspace_id, name, scopes, account_id } => {
            check_name(&name)?;
            known(context, workspace_id).await?;
            let allowed = (!account_id.is_empty()).then_some(account_id);
            let new = NewKey { name, scopes: parse_scopes(&scopes)?, allowed, authorized_by: None };
            let (key, text) = api_keys::create(context, workspace_id, new).await?;
            Ok(json!({"workspace_id": workspace_id, "key_id": key.id, "api_key": text.expose()}))
        }
        PeopleCommand::ListKeys { workspace_id } => {
            known(context, workspace_id).await?;
            let keys = api_keys::list(context, workspace_id).await?;
            Ok(keys
                .iter()
                .map(|key| {
                    json!({
                        "key_id": key.id,
                        "name": key.name,
                        "scopes": key.scopes.names(),
                        "account_ids": key.allowed,
                        "created_at": key.created_at.rfc3339(),
                        "last_used_at": key.last_used_at.map(|at| at.rfc3339()),
                        "revoked_at": key.revoked_at.map(|at| at.rfc3339()),
                    })
                })
                .collect())
        }
        PeopleCommand::RevokeKey { workspace_id, key_id } => {
            let key = api_keys::revoke(context, workspace_id, key_id).await?;
            Ok(json!({"key_id": key.id, "revoked_at": key.revoked_at.map(|at| at.rfc3339())}))
        }
        PeopleCommand::RotateSessionKey => {
            let ring = context.session_keys.rotate().await?;
            Ok(json!({"current": ring.current.id, "previous": ring.previous.map(|key| key.id)}))
        }
    }
}

/// Creates a user and returns it as JSON, with the password if it was generated.
pub async fn create_user(context: &Context, arguments: NewUserArgs) -> anyhow::Result<Value> {
    let email = parse_email(&arguments.email)?;
    let role = Role::parse(&arguments.role).context("the role is none of owner, editor, viewer")?;
    let workspace = known(context, arguments.workspace_id).await?;
    let (password, generated) = password()?;
    let timezone = DEFAULT_TIMEZONE.to_owned();
    let new = NewUser { email, full_name: arguments.full_name, password, timezone, role };
    let user = people::create_user(context, workspace.organization, new).await?;
    Ok(json!({
        "user_id": user.id,
        "email": user.email.as_str(),
        "role": user.role.name(),
        "organization_id": user.organization,
        "password": generated,
    }))
}

impl NewUserArgs {
    pub fn owner(email: String, workspace_id: WorkspaceId) -> Self {
        Self { email, workspace_id, full_name: None, role: Role::Owner.name().into() }
    }
}

pub async fn known(context: &Context, id: WorkspaceId) -> anyhow::Result<Workspace> {
    context.tenants.workspace(id).await?.with_context(|| format!("there is no workspace {id}"))
}

pub fn parse_email(text: &str) -> anyhow::Result<Email> {
    Email::parse(text).with_context(|| format!("{text:?} is not an email address"))
}

fn check_name(name: &str) -> anyhow::Result<()> {
    if name.trim().is_empty() || name.chars().count() > NAME_MAX {
        bail!("a name has 1 to {NAME_MAX} characters");
    }
    Ok(())
}

fn parse_scopes(names: &[String]) -> anyhow::Result<Scopes> {
    if names.is_empty() {
        return Ok(Scopes::ALL);
    }
    let parse = |name: &String| {
        Scope::parse(name.trim()).with_context(|| format!("{name:?} is none of read, write, destructive"))
    };
    names.iter().map(parse).collect()
}

/// The password from the variable, or a generated one with its text, which the caller must print.
fn password() -> anyhow::Result<(Secret, Option<String>)> {
    if let Some(given) = std::env::var(PASSWORD_VARIABLE).ok().filter(|text| !text.is_empty()) {
        let characters = given.chars().count();
        if !(PASSWORD_MIN..=PASSWORD_MAX).contains(&characters) {
            bail!("the password in {PASSWORD_VARIABLE} has not {PASSWORD_MIN} to {PASSWORD_MAX} characters");
        }
        return Ok((Secret::new(given), None));
    }
    // 122 random bits.
    let generated = Uuid::new_v4().simple().to_string();
    Ok((Secret::new(generated.as_str()), Some(generated)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_all_unless_named_and_misspelt_ones_are_refused() {
        let parse = |names: &[&str]| parse_scopes(&names.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(parse(&[]).expect("all"), Scopes::ALL);
        assert_eq!(parse(&["read", " write"]).expect("two").names(), ["read", "write"]);
        assert!(parse(&["reed"]).is_err());
    }

    #[test]
    fn a_blank_or_too_long_name_is_refused() {
        assert!(check_name("Paper & Co.").is_ok());
        assert!(check_name(" ").is_err() && check_name(&"a".repeat(NAME_MAX + 1)).is_err());
    }
}
