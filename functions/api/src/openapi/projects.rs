//! The organisation's workspaces.

use pinbridge_shared::domain::tenant::NAME_MAX;
use schemars::JsonSchema;
use serde_json::{Value, json};
use uuid::Uuid;

use super::operation::{Example, Operation, get, post, tagged};
use super::people::{Environment, Organization, Plan, ProjectState, Token, with_token};
use super::types::{FILLED, Time};
use crate::views::people::PLAN;

pub fn operations() -> Vec<Operation> {
    tagged(
        "Projects",
        vec![
            get("/v1/projects", "list_projects", "List the organisation's projects")
                .about("A project is a workspace: production, and its sandbox.")
                .answers::<Projects>(200, "The active project and all of them.")
                .refuses(&["not_found"]),
            post("/v1/projects/sandbox", "create_sandbox", "Create the organisation's sandbox")
                .about("There is one: a second time answers the sandbox that is there.")
                .may_take::<SandboxCreate>()
                .answers::<Projects>(201, "The sandbox is there.")
                .refuses(&["not_found", "workspace_deleted"]),
            post("/v1/projects/sandbox/reset", "reset_sandbox", "Empty the sandbox")
                .about("Closes the sandbox (409 `workspace_resetting`) until what it holds is removed.")
                .answers::<Projects>(200, "The sandbox is being emptied.")
                .refuses(&["not_found", "workspace_deleted"]),
            post("/v1/projects/switch", "switch_project", "Open a session for another project")
                .about("The token at hand stays with its own project.")
                .takes::<ProjectSwitch>()
                .answers::<SwitchedProjects>(200, "A session for that project.")
                .refuses(&["not_found", "workspace_resetting", "no_workspace", "invalid_credentials", "rate_limited"]),
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

impl Example for Projects {
    fn example() -> Value {
        let project = json!({
            "id": "00000000-0000-0000-0000-00000000000a",
            "name": "Paper & Co.",
            "environment": "production",
            "plan": PLAN,
            "created_at": "2026-11-01T09:00:00.000Z",
            "state": "active",
        });
        json!({
            "organization": {"id": "00000000-0000-0000-0000-000000000009", "name": "Paper & Co."},
            "active_project": project,
            "projects": [project],
        })
    }
}

impl Example for SwitchedProjects {
    fn example() -> Value {
        with_token(Projects::example())
    }
}
