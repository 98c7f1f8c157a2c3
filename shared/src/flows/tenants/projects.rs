//! Organisations and their workspaces, which the public API calls projects.

use thiserror::Error;
use uuid::Uuid;

use super::WRITES_MAX;
use super::api_keys::{self, KeyError, NewKey};
use crate::context::Context;
use crate::domain::ids::{KeyId, OrganizationId, WorkspaceId};
use crate::domain::secret::Secret;
use crate::domain::tenant::api_key::{self, ApiKey, Maker, PresentedKey};
use crate::domain::tenant::scope::Scopes;
use crate::domain::tenant::user::Email;
use crate::domain::tenant::{Organization, Workspace, WorkspaceEnvironment, WorkspaceState};
use crate::flows::accounts::connect_simulated;
use crate::ports::OptimisticWrites;
use crate::ports::{PortError, PortResult};

/// The sandbox's name unless another is asked for.
const SANDBOX_NAME: &str = "Sandbox";
/// The name of the key that comes with the sandbox's creation.
const SANDBOX_KEY_NAME: &str = "Sandbox's first key";

/// An organisation with those of its workspaces that aren't deleted, the oldest first.
#[derive(Clone, Debug)]
pub struct Projects {
    pub organization: Organization,
    pub workspaces: Vec<Workspace>,
}

/// Why a sandbox was not created or reset.
#[derive(Debug, Error)]
pub enum SandboxError {
    #[error("the organisation has no sandbox")]
    NotFound,
    /// Its contents may still be in removal.
    #[error("the sandbox was deleted")]
    Deleted,
    #[error(transparent)]
    Port(#[from] PortError),
}

fn lost(what: &str) -> PortError {
    PortError::Broken { port: "table", reason: format!("{what} is missing") }
}

/// # Errors
/// When the table is unavailable.
pub async fn of_organization(context: &Context, id: OrganizationId) -> PortResult<Projects> {
    let organization = context.tenants.organization(id).await?.ok_or_else(|| lost("an organisation"))?;
    let mut workspaces = context.tenants.workspaces(id).await?;
    workspaces.retain(|workspace| workspace.state != WorkspaceState::Deleted);
    workspaces.sort_by_key(|workspace| (workspace.created_at, workspace.id));
    Ok(Projects { organization, workspaces })
}

/// The workspace, with all workspaces of its organisation.
///
/// # Errors
/// When the table is unavailable.
pub async fn of_workspace(context: &Context, id: WorkspaceId) -> PortResult<(Workspace, Projects)> {
    let workspace = context.tenants.workspace(id).await?.ok_or_else(|| lost("a workspace"))?;
    let projects = of_organization(context, workspace.organization).await?;
    Ok((workspace, projects))
}

/// Creates a production workspace, and its organisation unless one is named. Existing rows stay unchanged.
///
/// # Errors
/// When the table is unavailable.
pub async fn found(
    context: &Context,
    id: WorkspaceId,
    organization: Option<OrganizationId>,
    name: &str,
) -> PortResult<Workspace> {
    // Derived, so that a repetition after a crash continues where it stopped.
    let of = organization.unwrap_or_else(|| OrganizationId(Uuid::new_v5(&id.0, b"organization")));
    let now = context.system.now();
    if context.tenants.organization(of).await?.is_none() {
        context.tenants.save_organization(&Organization::new(of, name, now, context.nonce())).await?;
    }
    if let Some(known) = context.tenants.workspace(id).await? {
        return Ok(known);
    }
    context.tenants.save_workspace(&Workspace::production(id, of, name, now, context.nonce())).await?;
    context.tenants.workspace(id).await?.ok_or_else(|| lost("a workspace"))
}

/// Creates the workspace, in an organisation of its own, with a key that has full access. Returns the key, of which
/// only the hash is stored. What exists already stays unchanged.
///
/// # Errors
/// When the table is unavailable.
pub async fn create_workspace(context: &Context, id: WorkspaceId, name: &str, secret: [u8; 32]) -> PortResult<String> {
    found(context, id, None, name).await?;
    let text = api_key::compose(id, secret);
    keep_key(context, &text).await?;
    Ok(text)
}

/// Stores a key with full access, unless it is stored already.
///
/// # Errors
/// When the text isn't a key, or the table is unavailable.
pub async fn keep_key(context: &Context, text: &str) -> PortResult<()> {
    let key = PresentedKey::parse(text)
        .map_err(|_| PortError::Broken { port: "keys", reason: "own key unreadable".into() })?;
    let row = ApiKey::new(&key, "first key", context.system.now(), context.nonce());
    context.tenants.save_api_key(&row).await.map(|_| ())
}

/// Who creates a sandbox: its first key is theirs.
#[derive(Clone, Debug, Default)]
pub struct Founder {
    /// `None`: an operator.
    pub maker: Option<Maker>,
    /// The person, if a person does.
    pub authorized_by: Option<Email>,
}

/// Creates the organisation's sandbox with a simulated account and a key, which is returned only here. Repeating it
/// returns the existing sandbox unchanged; a sandbox that never had a key gets one.
///
/// # Errors
/// When it was deleted, or the table is unavailable.
pub async fn create_sandbox(
    context: &Context,
    organization: &Organization,
    name: Option<String>,
    timezone: &str,
    founder: Founder,
) -> Result<(Workspace, Option<Secret>), SandboxError> {
    let (sandbox, is_new) = ensure_sandbox(context, organization, name, timezone).await?;
    // An earlier call may have died before it made the key, whose text would be lost anyway.
    let wants_key =
        is_new || (sandbox.state == WorkspaceState::Active && context.tenants.api_keys(sandbox.id).await?.is_empty());
    if !wants_key {
        return Ok((sandbox, None));
    }
    let Founder { maker, authorized_by } = founder;
    let (name, scopes) = (SANDBOX_KEY_NAME.into(), Scopes::ALL);
    let new = NewKey { name, scopes, allowed: None, authorized_by, maker };
    let (key, text) = match api_keys::create(context, sandbox.id, new).await {
        Ok(made) => made,
        Err(KeyError::Port(error)) => return Err(error.into()),
        // Others have made keys meanwhile.
        Err(_) => return Ok((sandbox, None)),
    };
    let claimed = claim_first_key(context, sandbox.id, key.id).await;
    if !matches!(claimed, Ok(true)) {
        // Nobody gets its text. If the claim was written all the same, a later call replaces it.
        context.tenants.remove_api_key(sandbox.id, key.id).await?;
    }
    Ok((sandbox, claimed?.then_some(text)))
}

/// Makes the stored key the sandbox's first one. Returns `false` when the key of another call is, or the sandbox was
/// closed.
async fn claim_first_key(context: &Context, sandbox: WorkspaceId, key: KeyId) -> PortResult<bool> {
    let mut writes = OptimisticWrites::of("sandbox workspace", WRITES_MAX);
    loop {
        writes.begin()?;
        let known = context.tenants.workspace(sandbox).await?.ok_or_else(|| lost("a workspace"))?;
        if known.state != WorkspaceState::Active {
            return Ok(false);
        }
        // A key is stored before it is claimed: a claimed one without a row was removed since.
        if let Some(first) = known.first_key
            && context.tenants.api_key(sandbox, first).await?.is_some()
        {
            return Ok(false);
        }
        let next = Workspace { first_key: Some(key), ..known.next(context.nonce()) };
        if context.tenants.save_workspace(&next).await?.is_done() {
            return Ok(true);
        }
    }
}

/// The sandbox with a simulated account, and whether this call has created it.
async fn ensure_sandbox(
    context: &Context,
    organization: &Organization,
    name: Option<String>,
    timezone: &str,
) -> Result<(Workspace, bool), SandboxError> {
    let id = organization.sandbox();
    let mut writes = OptimisticWrites::of("sandbox workspace", WRITES_MAX);
    loop {
        writes.begin()?;
        match context.tenants.workspace(id).await? {
            Some(known) if known.state == WorkspaceState::Deleted => return Err(SandboxError::Deleted),
            Some(known) => {
                // An earlier call may have died in between.
                if known.state == WorkspaceState::Active {
                    connect_simulated::ensure_first_account(context, id).await?;
                }
                return Ok((known, false));
            }
            None => {}
        }
        let name = name.clone().unwrap_or_else(|| SANDBOX_NAME.into());
        let sandbox = Workspace {
            environment: WorkspaceEnvironment::Sandbox,
            timezone: timezone.to_owned(),
            ..Workspace::production(id, organization.id, name, context.system.now(), context.nonce())
        };
        if context.tenants.save_workspace(&sandbox).await?.is_done() {
            connect_simulated::ensure_first_account(context, id).await?;
            return Ok((sandbox, true));
        }
    }
}

/// Closes the organisation's sandbox until its contents have been removed. Repeating it changes nothing.
///
/// # Errors
/// When there is no sandbox, or the table is unavailable.
pub async fn reset_sandbox(context: &Context, organization: &Organization) -> Result<Workspace, SandboxError> {
    let mut writes = OptimisticWrites::of("sandbox workspace", WRITES_MAX);
    loop {
        writes.begin()?;
        let sandbox = context.tenants.workspace(organization.sandbox()).await?.ok_or(SandboxError::NotFound)?;
        match sandbox.state {
            WorkspaceState::Resetting => return Ok(sandbox),
            WorkspaceState::Deleted => return Err(SandboxError::NotFound),
            WorkspaceState::Active => {}
        }
        let next = Workspace { state: WorkspaceState::Resetting, ..sandbox.next(context.nonce()) };
        if context.tenants.save_workspace(&next).await?.is_done() {
            return Ok(next);
        }
    }
}

/// Changes a workspace's name.
///
/// # Errors
/// When the table is unavailable.
pub async fn rename(context: &Context, id: WorkspaceId, name: &str) -> PortResult<Workspace> {
    let mut writes = OptimisticWrites::of("workspace", WRITES_MAX);
    loop {
        writes.begin()?;
        let known = context.tenants.workspace(id).await?.ok_or_else(|| lost("a workspace"))?;
        let next = Workspace { name: name.to_owned(), ..known.next(context.nonce()) };
        if context.tenants.save_workspace(&next).await?.is_done() {
            return Ok(next);
        }
    }
}

/// Changes fields of the company's profile.
///
/// # Errors
/// When the table is unavailable.
pub async fn describe(context: &Context, id: OrganizationId, fields: &[(&str, String)]) -> PortResult<Organization> {
    let mut writes = OptimisticWrites::of("organization", WRITES_MAX);
    loop {
        writes.begin()?;
        let known = context.tenants.organization(id).await?.ok_or_else(|| lost("an organisation"))?;
        let mut next = known.next(context.nonce());
        fields.iter().for_each(|(field, value)| next.profile.set(field, value));
        if context.tenants.save_organization(&next).await?.is_done() {
            return Ok(next);
        }
    }
}
