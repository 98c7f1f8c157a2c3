//! People, projects and keys.

use pinbridge_shared::domain::secret::Secret;
use pinbridge_shared::domain::tenant::scope::Scope;
use pinbridge_shared::domain::tenant::session::SESSION_S;
use pinbridge_shared::domain::tenant::user::{Role, User};
use pinbridge_shared::domain::tenant::{Organization, Workspace};
use pinbridge_shared::flows::tenants::log_in::Presence;
use pinbridge_shared::flows::tenants::projects::Projects;
use serde_json::{Value, json};

/// Whoever hosts the system has all of it.
pub const PLAN: &str = "enterprise";

fn user(user: &User) -> Value {
    json!({
        "id": user.id,
        "email": user.email.as_str(),
        "full_name": user.full_name,
        "timezone": user.timezone,
        // An operator created the account, or registration is open to anybody: nobody sends mail here.
        "email_verified": true,
        "created_at": user.created_at.rfc3339(),
    })
}

fn organization(organization: &Organization) -> Value {
    json!({"id": organization.id, "name": organization.name})
}

fn workspace(workspace: &Workspace) -> Value {
    json!({
        "id": workspace.id,
        "name": workspace.name,
        "environment": workspace.environment.name(),
        "timezone": workspace.timezone,
        "plan": PLAN,
        // Ours.
        "state": workspace.state.name(),
    })
}

fn permissions(role: Role) -> Value {
    let scopes = role.scopes();
    let manages = scopes.has(Scope::Destructive);
    json!({
        "can_manage_members": false,
        "can_manage_billing": false,
        "can_manage_api_keys": manages,
        "can_manage_integrations": scopes.has(Scope::Write),
        "can_publish": scopes.has(Scope::Write),
        "can_delete_assets": manages,
        "can_reset_sandbox": manages,
        "can_view_reports": scopes.has(Scope::Read),
        "can_delete_content": manages,
    })
}

/// The contract's `MeResponse`.
pub fn me(presence: &Presence) -> Value {
    let Presence { user: person, active, projects } = presence;
    let workspaces: Vec<Value> = projects.workspaces.iter().map(workspace).collect();
    let (organization, role) = (organization(&projects.organization), person.role.name());
    json!({
        "user": user(person),
        "organization": organization,
        "active_project": workspace(active),
        "projects": workspaces,
        "workspace": workspace(active),
        "available_organizations": [{
            "organization": organization,
            "organization_role": role,
            "permissions": permissions(person.role),
            "active_project": workspace(active),
            "projects": workspaces,
        }],
        "organization_role": role,
        "permissions": permissions(person.role),
    })
}

/// The same with a token: `AuthResponse`.
pub fn session(presence: &Presence, token: &Secret) -> Value {
    with_token(me(presence), token)
}

fn with_token(mut view: Value, token: &Secret) -> Value {
    view["access_token"] = json!(token.expose());
    view["token_type"] = json!("bearer");
    view["expires_in"] = json!(SESSION_S);
    view
}

pub fn profile(user: &User, workspace: &Workspace, organization: &Organization) -> Value {
    let mut view = json!({
        "full_name": user.full_name,
        "email": user.email.as_str(),
        "pending_email_change_to": null,
        "pending_email_change_requested_at": null,
        "workspace_name": workspace.name,
    });
    for (field, value) in organization.profile.fields() {
        view[field] = json!(value);
    }
    view
}

fn project(workspace: &Workspace) -> Value {
    json!({
        "id": workspace.id,
        "name": workspace.name,
        "environment": workspace.environment.name(),
        "plan": PLAN,
        "created_at": workspace.created_at.rfc3339(),
        // Ours.
        "state": workspace.state.name(),
    })
}

/// The contract's `ProjectsContextResponse`.
pub fn projects(active: &Workspace, projects: &Projects) -> Value {
    json!({
        "organization": organization(&projects.organization),
        "active_project": project(active),
        "projects": projects.workspaces.iter().map(project).collect::<Vec<_>>(),
    })
}

/// The same with a token: `ProjectSwitchResponse`.
pub fn switched(active: &Workspace, known: &Projects, token: &Secret) -> Value {
    with_token(projects(active, known), token)
}
