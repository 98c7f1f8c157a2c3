//! The projects (workspaces) of an organisation: production and its sandbox.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use pinbridge_shared::context::Context;
use pinbridge_shared::domain::ids::WorkspaceId;
use pinbridge_shared::domain::tenant::{self, NAME_MAX, WorkspaceEnvironment, WorkspaceState};
use pinbridge_shared::flows::tenants::projects::{Founder, SandboxError};
use pinbridge_shared::flows::tenants::{log_in, people, projects};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
use uuid::Uuid;

use super::self_hosted::{PLAN, Plan};
use super::session_token::Token;
use crate::activity::Resource;
use crate::auth::Caller;
use crate::endpoint::{ADMINISTER, Endpoint, READ, SESSION, get, post, tagged};
use crate::error::ApiError;
use crate::error::codes::{
    INVALID_CREDENTIALS, LOGIN_RATE_LIMITED, NO_WORKSPACE, NOT_FOUND, SANDBOX_NOT_FOUND, WORKSPACE_DELETED,
    WORKSPACE_RESETTING,
};
use crate::openapi::schema::{Time, names};
use crate::request::field::{Line, request};
use crate::request::options::Unknown;
use crate::request::{self, MaybeJsonObject};
use crate::routes::examples::WORKSPACE;

pub fn endpoints() -> Vec<Endpoint> {
    tagged(
        "Projects",
        vec![
            get("/v1/projects", READ, list)
                .operation("list_projects", "List the organisation's projects")
                .about("A project is a workspace. An organisation has a production project and at most one sandbox.")
                .answers::<Projects>(200, "The active project and all projects.")
                .fails(&[NOT_FOUND]),
            post("/v1/projects/sandbox", ADMINISTER, create_sandbox)
                .operation("create_sandbox", "Create the organisation's sandbox")
                .audited("project.sandbox_created", Resource::None, &[])
                .about(
                    "An organisation has one sandbox. Its first key comes in `api_key`, and begins with `pb_test_`. It \
                     is the only answer with it, so store it. If the sandbox exists already, the request changes nothing \
                     and answers it without a key.",
                )
                .may_take::<SandboxCreate>(|| json!({"name": "Paper & Co. (sandbox)"}))
                .answers::<CreatedSandbox>(201, "The projects, with the sandbox.")
                .fails(&[NOT_FOUND, WORKSPACE_DELETED]),
            post("/v1/projects/sandbox/reset", ADMINISTER, reset_sandbox)
                .operation("reset_sandbox", "Reset the sandbox")
                .audited("project.sandbox_reset", Resource::None, &[])
                .about(
                    "Removes the content of the sandbox. Until the removal is complete, requests to the sandbox \
                     answer 409 `workspace_resetting`.",
                )
                .answers::<Projects>(200, "The projects. The removal continues in the background.")
                .fails(&[NOT_FOUND, WORKSPACE_DELETED]),
            post("/v1/projects/switch", SESSION, switch)
                .operation("switch_project", "Open a session for another project")
                .audited("project.switched", Resource::None, &[])
                .about(
                    "The answer has a new token for the project. The token of the request stays valid for its own \
                     project. The session still ends 12 hours after its login.",
                )
                .takes::<ProjectSwitch>(|| json!({"project_id": WORKSPACE}))
                .answers::<SwitchedProjects>(200, "The projects, with a session token for the selected one.")
                .fails(&[NOT_FOUND, WORKSPACE_RESETTING, NO_WORKSPACE, INVALID_CREDENTIALS, LOGIN_RATE_LIMITED]),
        ],
    )
}

names!(
    Environment,
    "The environment of a project. A sandbox never calls Pinterest.",
    [WorkspaceEnvironment::Production.name(), WorkspaceEnvironment::Sandbox.name()]
);
names!(
    ProjectState,
    "Extension: the state of a project. `resetting`: its content is being removed.",
    [WorkspaceState::Active.name(), WorkspaceState::Resetting.name(), WorkspaceState::Deleted.name()]
);

request! {
    /// The name of the sandbox.
    #[schemars(deny_unknown_fields)]
    pub struct SandboxCreate {
        pub name: Option<Line<NAME_MAX>>,
    }
}

request! {
    /// The project to open a session for.
    pub struct ProjectSwitch {
        pub project_id: Uuid,
    }
}

/// An organisation.
#[derive(Clone, Serialize, JsonSchema)]
pub struct Organization {
    pub id: Uuid,
    pub name: String,
}

impl From<&tenant::Organization> for Organization {
    fn from(organization: &tenant::Organization) -> Self {
        Self { id: organization.id.0, name: organization.name.clone() }
    }
}

/// A project, which is a workspace.
#[derive(Serialize, JsonSchema)]
pub struct Project {
    pub id: Uuid,
    pub name: String,
    pub environment: Environment,
    pub plan: Plan,
    pub created_at: Time,
    pub state: ProjectState,
}

/// The projects of an organisation.
#[derive(Serialize, JsonSchema)]
pub struct Projects {
    pub organization: Organization,
    pub active_project: Project,
    pub projects: Vec<Project>,
}

/// The projects of an organisation, with the key of a new sandbox.
#[derive(Serialize, JsonSchema)]
pub struct CreatedSandbox {
    #[serde(flatten)]
    pub projects: Projects,
    /// Extension: a key with every scope of the sandbox. No other answer has it. `null`: the sandbox had one before.
    pub api_key: Option<String>,
}

/// The projects of an organisation, with the token of a session.
#[derive(Serialize, JsonSchema)]
pub struct SwitchedProjects {
    #[serde(flatten)]
    pub projects: Projects,
    #[serde(flatten)]
    pub token: Token,
}

impl From<&tenant::Workspace> for Project {
    fn from(workspace: &tenant::Workspace) -> Self {
        Self {
            id: workspace.id.0,
            name: workspace.name.clone(),
            environment: Environment(workspace.environment.name()),
            plan: PLAN,
            created_at: workspace.created_at.into(),
            state: ProjectState(workspace.state.name()),
        }
    }
}

impl Projects {
    fn of(active: &tenant::Workspace, known: &projects::Projects) -> Self {
        Self {
            organization: (&known.organization).into(),
            active_project: active.into(),
            projects: known.workspaces.iter().map(Project::from).collect(),
        }
    }
}

impl From<SandboxError> for ApiError {
    fn from(error: SandboxError) -> Self {
        match error {
            SandboxError::NotFound => SANDBOX_NOT_FOUND.into(),
            SandboxError::Deleted => WORKSPACE_DELETED.into(),
            SandboxError::Port(error) => error.into(),
        }
    }
}

async fn list(State(context): State<Context>, caller: Caller) -> Result<Json<Projects>, ApiError> {
    let (active, known) = projects::of_workspace(&context, caller.workspace).await?;
    Ok(Json(Projects::of(&active, &known)))
}

/// Answers an existing sandbox unchanged, without a key.
async fn create_sandbox(
    State(context): State<Context>,
    caller: Caller,
    unknown: Unknown,
    MaybeJsonObject(body): MaybeJsonObject,
) -> Result<(StatusCode, Json<CreatedSandbox>), ApiError> {
    let SandboxCreate { name } = request::known_body_of(&body, &unknown)?;
    let name = name.map(|name| name.trimmed());
    let (active, known) = projects::of_workspace(&context, caller.workspace).await?;
    let authorized_by = caller.email(&context).await?;
    let founder = Founder { maker: Some(caller.maker()), authorized_by };
    let (_, key) = projects::create_sandbox(&context, &known.organization, name, &active.timezone, founder).await?;
    let known = projects::of_organization(&context, known.organization.id).await?;
    let api_key = key.map(|key| key.expose().to_owned());
    Ok((StatusCode::CREATED, Json(CreatedSandbox { projects: Projects::of(&active, &known), api_key })))
}

/// Closes the sandbox until its content is removed.
async fn reset_sandbox(State(context): State<Context>, caller: Caller) -> Result<Json<Projects>, ApiError> {
    let (_, known) = projects::of_workspace(&context, caller.workspace).await?;
    projects::reset_sandbox(&context, &known.organization).await?;
    let (active, known) = projects::of_workspace(&context, caller.workspace).await?;
    Ok(Json(Projects::of(&active, &known)))
}

/// Opens a session for another project of the organisation. The session of the request stays valid.
async fn switch(
    State(context): State<Context>,
    caller: Caller,
    request::Json(body): request::Json<ProjectSwitch>,
) -> Result<Json<SwitchedProjects>, ApiError> {
    let id = WorkspaceId(body.project_id);
    let presence = people::presence(&context, caller.user()?, caller.workspace).await?;
    let found = presence.projects.workspaces.iter().find(|workspace| workspace.id == id);
    let active = found.ok_or_else(|| ApiError::not_found("project"))?;
    if active.state == WorkspaceState::Resetting {
        return Err(WORKSPACE_RESETTING.into());
    }
    let issued = log_in::continue_session(&context, caller.session()?, id).await?;
    Ok(Json(SwitchedProjects { projects: Projects::of(active, &presence.projects), token: Token::of(&issued) }))
}
