//! The operator's commands for workspaces, users and keys.

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use pinbridge_shared::context::Context;
use pinbridge_shared::domain::ids::{AccountId, InvitationId, KeyId, OrganizationId, WorkspaceId};
use pinbridge_shared::domain::secret::Secret;
use pinbridge_shared::domain::tenant::WorkspaceState;
use pinbridge_shared::domain::tenant::invitation::Invitation;
use pinbridge_shared::domain::tenant::login::Source;
use pinbridge_shared::domain::tenant::scope::{Scope, Scopes};
use pinbridge_shared::domain::tenant::user::{Email, PASSWORD_MAX, PASSWORD_MIN, Role};
use pinbridge_shared::domain::tenant::{DEFAULT_TIMEZONE, NAME_MAX, Workspace};
use pinbridge_shared::flows::tenants::api_keys::{self, NewKey};
use pinbridge_shared::flows::tenants::leavers::{self, Leaver};
use pinbridge_shared::flows::tenants::people::{self, NewUser};
use pinbridge_shared::flows::tenants::{by_address, invitations, log_in, projects};
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
    /// Sets a user's password (see create-user), ends the user's sessions and lifts the address's limit of wrong
    /// passwords. Lists the API keys that the user created and the schedules that user or keys created
    SetPassword {
        #[arg(long)]
        email: String,
        /// Revokes those keys and cancels those schedules
        #[arg(long)]
        revoke: bool,
    },
    /// Lifts the limits of wrong passwords: of an address, of a network, or of both
    UnlockLogin(UnlockArgs),
    /// Deletes a user, ends the user's sessions and frees the address. Lists the API keys that the user created and
    /// the schedules that user or keys created: they go on, and can't be found by the user later
    DeleteUser {
        #[arg(long)]
        email: String,
        /// Revokes those keys and cancels those schedules first
        #[arg(long)]
        revoke: bool,
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
    /// Invites an email address to register once, within a week: to a workspace's organisation, or without
    /// --workspace-id to found one. Prints the token once; the person sends it as invite_token. It replaces the
    /// address's open invitation, which is printed too. Needs Registration=invited or open
    Invite {
        #[arg(long)]
        email: String,
        #[arg(long)]
        workspace_id: Option<WorkspaceId>,
        /// owner (all permissions), editor (reads and writes) or viewer (reads)
        #[arg(long, default_value = "owner", requires = "workspace_id")]
        role: String,
    },
    /// Lists the open invitations
    ListInvitations,
    /// Revokes an invitation that was not accepted
    RevokeInvitation {
        #[arg(long)]
        invitation_id: InvitationId,
    },
    /// Lists a workspace's API keys, including revoked ones
    ListKeys {
        #[arg(long)]
        workspace_id: WorkspaceId,
    },
    /// Revokes an API key at once. Lists the keys that it created and the schedules that they created
    RevokeKey {
        #[arg(long)]
        workspace_id: WorkspaceId,
        #[arg(long)]
        key_id: KeyId,
        /// Revokes those keys and cancels those schedules
        #[arg(long)]
        revoke: bool,
    },
    /// Makes a new key for signing sessions. Sessions signed with the previous key stay valid until they expire or
    /// until the next rotation
    RotateSessionKey,
}

#[derive(Args)]
#[group(required = true, multiple = true)]
pub struct UnlockArgs {
    /// Forgets the wrong passwords for this address, wherever they came from
    #[arg(long)]
    email: Option<String>,
    /// Forgets the wrong passwords from this IP address, or from the /64 network of an IPv6 address. `direct` stands
    /// for requests that came through no API Gateway, as on the local stack
    #[arg(long)]
    source: Option<String>,
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
        PeopleCommand::SetPassword { email, revoke } => {
            let user = people::find(context, &parse_email(&email)?).await?;
            let (password, generated) = password()?;
            people::set_password(context, user.id, &password).await?;
            let mut answer = json!({"email": user.email.as_str(), "password": generated});
            answer["left"] = left(context, &Leaver::person(context, &user).await?, revoke).await?;
            Ok(answer)
        }
        PeopleCommand::UnlockLogin(arguments) => unlock_login(context, &arguments).await,
        PeopleCommand::DeleteUser { email, revoke } => {
            let user = people::find(context, &parse_email(&email)?).await?;
            let leaver = Leaver::person(context, &user).await?;
            if revoke {
                // The user goes last, so that a repetition after a failure finds what is left.
                people::lock(context, user.id).await?;
            }
            let left = left(context, &leaver, revoke).await?;
            people::remove(context, user.id).await?;
            Ok(json!({"email": user.email.as_str(), "deleted": true, "left": left}))
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
            let scopes = parse_scopes(&scopes)?;
            let new = NewKey { name, scopes, allowed, authorized_by: None, maker: None };
            let (key, text) = api_keys::create(context, workspace_id, new).await?;
            Ok(json!({"workspace_id": workspace_id, "key_id": key.id, "api_key": text.expose()}))
        }
        PeopleCommand::Invite { email, workspace_id, role } => {
            let (email, role) = (parse_email(&email)?, parse_role(&role)?);
            let workspace = match workspace_id {
                Some(id) => Some(known(context, id).await?),
                None => None,
            };
            if workspace.as_ref().is_some_and(|workspace| workspace.state != WorkspaceState::Active) {
                bail!("the workspace is being removed: nobody can join it");
            }
            if by_address::by_address(context, &email).await?.owner.is_some() {
                bail!("the address has an account already");
            }
            let joins = workspace.as_ref().map(|workspace| (workspace, role));
            let invited = invitations::invite(context, email, joins).await?;
            let mut answer = shown(&invited.invitation);
            answer["replaced"] = invited.replaced.iter().map(shown).collect();
            answer["invite_token"] = json!(invited.token.expose());
            Ok(answer)
        }
        PeopleCommand::ListInvitations => Ok(invitations::list(context).await?.iter().map(shown).collect()),
        PeopleCommand::RevokeInvitation { invitation_id } => {
            if !invitations::revoke(context, invitation_id).await? {
                bail!("there is no open invitation {invitation_id}");
            }
            Ok(json!({"invitation_id": invitation_id, "revoked": true}))
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
        PeopleCommand::RevokeKey { workspace_id, key_id, revoke } => {
            let key = api_keys::revoke(context, workspace_id, key_id).await?;
            let left = left(context, &Leaver::key(context, workspace_id, key_id).await?, revoke).await?;
            Ok(json!({"key_id": key.id, "revoked_at": key.revoked_at.map(|at| at.rfc3339()), "left": left}))
        }
        PeopleCommand::RotateSessionKey => {
            let ring = context.session_keys.rotate().await?;
            Ok(json!({"current": ring.current.id, "previous": ring.previous.map(|key| key.id)}))
        }
    }
}

/// What a user or a key left behind. With `revoke`, what this ended of it.
async fn left(context: &Context, leaver: &Leaver, revoke: bool) -> anyhow::Result<Value> {
    let left = if revoke { leavers::revoke(context, leaver).await? } else { leavers::list(context, leaver).await? };
    let keys: Vec<Value> = left
        .keys
        .iter()
        .map(|key| {
            json!({
                "workspace_id": key.workspace,
                "key_id": key.id,
                "name": key.name,
                "created_at": key.created_at.rfc3339(),
                "last_used_at": key.last_used_at.map(|at| at.rfc3339()),
            })
        })
        .collect();
    let schedules: Vec<Value> = left
        .schedules
        .iter()
        .map(|view| {
            json!({
                "workspace_id": view.schedule.key.workspace,
                "schedule_id": view.schedule.key.schedule,
                "account_id": view.schedule.request.account,
                "run_at": view.schedule.run_at.rfc3339(),
            })
        })
        .collect();
    Ok(json!({"keys": keys, "schedules": schedules, "revoked": revoke}))
}

/// Creates a user and returns it as JSON, with the password if it was generated.
pub async fn create_user(context: &Context, arguments: NewUserArgs) -> anyhow::Result<Value> {
    let email = parse_email(&arguments.email)?;
    let role = parse_role(&arguments.role)?;
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

/// An invitation without its token.
fn shown(invitation: &Invitation) -> Value {
    json!({
        "invitation_id": invitation.id,
        "email": invitation.email.as_str(),
        "workspace_id": invitation.joins.map(|joins| joins.workspace),
        "role": invitation.joins.map(|joins| joins.role.name()),
        "created_at": invitation.created_at.rfc3339(),
        "expires_at": invitation.expires_at.rfc3339(),
    })
}

fn parse_role(name: &str) -> anyhow::Result<Role> {
    Role::parse(name).context("the role is none of owner, editor, viewer")
}

async fn unlock_login(context: &Context, arguments: &UnlockArgs) -> anyhow::Result<Value> {
    // Both are read before anything is written.
    let email = arguments.email.as_deref().map(parse_email).transpose()?;
    let source = arguments.source.as_deref().map(parse_source).transpose()?;
    if let Some(email) = &email {
        log_in::unlock_address(context, email).await?;
    }
    let had_attempts = match &source {
        Some(source) => Some(log_in::unlock_source(context, source).await?),
        None => None,
    };
    Ok(json!({
        "email": email.as_ref().map(Email::as_str),
        "source": source.map(|source| source.to_string()),
        "source_had_attempts": had_attempts,
        "unlocked": true,
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

/// An address, or the name that the log gives to requests that came through no API Gateway.
fn parse_source(text: &str) -> anyhow::Result<Source> {
    let direct = Source::direct();
    if text.trim() == direct.to_string() {
        return Ok(direct);
    }
    Source::parse(text).with_context(|| format!("{text:?} is not an IP address"))
}

fn check_name(name: &str) -> anyhow::Result<()> {
    if name.trim().is_empty() || name.chars().count() > NAME_MAX {
        bail!("a name has 1 to {NAME_MAX} characters");
    }
    if name.contains(char::is_control) {
        bail!("a name has no control characters");
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
        assert!(check_name("a\u{1b}[2Jb").is_err() && check_name("a\nb").is_err());
        assert!(check_name(" ").is_err() && check_name(&"a".repeat(NAME_MAX + 1)).is_err());
    }
}
