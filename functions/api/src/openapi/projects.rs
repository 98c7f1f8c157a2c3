//! The organisation's workspaces.

use pinbridge_shared::domain::tenant::NAME_MAX;
use schemars::JsonSchema;
use serde_json::{Value, json};
use uuid::Uuid;

use super::Example;
use super::people::{Environment, Organization, Plan, ProjectState, Token};
use super::schema::{FILLED, Time};
use crate::activity::Resource;
use crate::endpoint::{Endpoint, get, post, tagged};
use crate::error::codes::{
    INVALID_CREDENTIALS, LOGIN_RATE_LIMITED, NO_WORKSPACE, NOT_FOUND, WORKSPACE_DELETED, WORKSPACE_RESETTING,
};
use crate::routes::*;

pub fn endpoints() -> Vec<Endpoint> {
    tagged(
        "Projects",
        vec![
            get("/v1/projects", READ, projects::list)
                .operation("list_projects", "List the organisation's projects")
                .about("A project is a workspace: production, and its sandbox.")
                .answers::<Projects>(200, "The active project and all of them.")
                .fails(&[NOT_FOUND]),
            post("/v1/projects/sandbox", ADMINISTER, projects::create_sandbox)
                .operation("create_sandbox", "Create the organisation's sandbox")
                .audited("project.sandbox_created", Resource::None, &[])
                .about("There is one: a second time answers the sandbox that is there.")
                .may_take::<SandboxCreate>(SandboxCreate::example)
                .answers::<Projects>(201, "The sandbox is there.")
                .fails(&[NOT_FOUND, WORKSPACE_DELETED]),
            post("/v1/projects/sandbox/reset", ADMINISTER, projects::reset_sandbox)
                .operation("reset_sandbox", "Empty the sandbox")
                .audited("project.sandbox_reset", Resource::None, &[])
                .about("Closes the sandbox (409 `workspace_resetting`) until what it holds is removed.")
                .answers::<Projects>(200, "The sandbox is being emptied.")
                .fails(&[NOT_FOUND, WORKSPACE_DELETED]),
            post("/v1/projects/switch", SESSION, projects::switch)
                .operation("switch_project", "Open a session for another project")
                .audited("project.switched", Resource::None, &[])
                .about("The token at hand stays with its own project.")
                .takes::<ProjectSwitch>(ProjectSwitch::example)
                .answers::<SwitchedProjects>(200, "A session for that project.")
                .fails(&[NOT_FOUND, WORKSPACE_RESETTING, NO_WORKSPACE, INVALID_CREDENTIALS, LOGIN_RATE_LIMITED]),
        ],
    )
}

/// What the sandbox shall be called.
#[derive(JsonSchema)]
pub struct SandboxCreate {
    #[schemars(length(min = 1, max = NAME_MAX), regex(pattern = FILLED))]
    pub name: Option<String>,
}

impl Example for SandboxCreate {
    fn example() -> Value {
        json!({"name": "Paper & Co. (sandbox)"})
    }
}

/// Which project to go to.
#[derive(JsonSchema)]
pub struct ProjectSwitch {
    pub project_id: Uuid,
}

impl Example for ProjectSwitch {
    fn example() -> Value {
        json!({"project_id": "00000000-0000-0000-0000-00000000000a"})
    }
}

/// A workspace.
#[derive(JsonSchema)]
pub struct Project {
    pub id: Uuid,
    pub name: String,
    pub environment: Environment,
    pub plan: Plan,
    pub created_at: Time,
    pub state: ProjectState,
}

/// The organisation's workspaces.
#[derive(JsonSchema)]
pub struct Projects {
    pub organization: Organization,
    pub active_project: Project,
    pub projects: Vec<Project>,
}

/// The same with a session's token.
#[derive(JsonSchema)]
pub struct SwitchedProjects {
    #[schemars(flatten)]
    pub projects: Projects,
    #[schemars(flatten)]
    pub token: Token,
}
