//! People: logging in, who one is, one's profile.

use pinbridge_shared::domain::tenant::user::{EMAIL_MAX, PASSWORD_MAX, PASSWORD_MIN, Role};
use pinbridge_shared::domain::tenant::{NAME_MAX, PROFILE_FIELDS, WorkspaceEnvironment, WorkspaceState};
use schemars::{JsonSchema, json_schema};
use serde_json::{Value, json};
use uuid::Uuid;

use super::Example;
use super::schema::{FILLED, Time, inline_schema, names};
use crate::activity::Resource;
use crate::body::TIMEZONE_MAX;
use crate::endpoint::{Endpoint, get, post, put, tagged};
use crate::error::codes::{
    EMAIL_TAKEN, INSUFFICIENT_SCOPE, INVALID_CREDENTIALS, INVALID_SESSION, LOGIN_RATE_LIMITED, NO_WORKSPACE,
    NOT_SUPPORTED, REGISTRATION_CLOSED, UNAVAILABLE,
};
use crate::routes::*;
use crate::views::people::PLAN;

const PASSWORD: &str = "correct horse battery";

pub fn endpoints() -> Vec<Endpoint> {
    tagged(
        "People",
        vec![
            post("/v1/auth/register", PUBLIC, auth::register)
                .operation("register", "Register an organisation of one's own")
                .audited("auth.registered", Resource::Actor, &[])
                .about("Where the operator has opened registration; otherwise 403 `registration_closed`.")
                .takes::<Register>(Register::example)
                .answers::<Session>(201, "The organisation, its workspace and its owner are there; a session is open.")
                .fails(&[REGISTRATION_CLOSED, EMAIL_TAKEN, NOT_SUPPORTED, LOGIN_RATE_LIMITED, UNAVAILABLE])
                .fails(&[INVALID_CREDENTIALS, NO_WORKSPACE, INVALID_SESSION]),
            post("/v1/auth/login", PUBLIC, auth::log_in)
                .operation("log_in", "Log in")
                .audited("auth.login", Resource::Actor, &[])
                .about("Five wrong passwords in 15 minutes shut an address's door (429).")
                .takes::<LogIn>(LogIn::example)
                .answers::<Session>(200, "A session is open, for an hour.")
                .fails(&[INVALID_CREDENTIALS, LOGIN_RATE_LIMITED, NO_WORKSPACE, NOT_SUPPORTED, UNAVAILABLE])
                .fails(&[INVALID_SESSION]),
            post("/v1/auth/change-password", SESSION, auth::change_password)
                .operation("change_password", "Change one's password")
                .audited("auth.password_changed", Resource::Actor, &[])
                .about("Ends every session of the person's.")
                .takes::<ChangePassword>(ChangePassword::example)
                .answers::<Message>(200, "The password is changed.")
                .fails(&[INVALID_CREDENTIALS, LOGIN_RATE_LIMITED, NO_WORKSPACE]),
            get("/v1/auth/me", SESSION, auth::me)
                .operation("get_me", "Read who one is")
                .answers::<Me>(200, "The person, their organisation and its workspaces.")
                .fails(&[NO_WORKSPACE, INVALID_CREDENTIALS, LOGIN_RATE_LIMITED]),
            get("/v1/auth/profile", SESSION, profile::read)
                .operation("get_profile", "Read one's profile")
                .answers::<Profile>(200, "The profile.")
                .fails(&[NO_WORKSPACE, INVALID_CREDENTIALS, LOGIN_RATE_LIMITED]),
            put("/v1/auth/profile", SESSION, profile::update)
                .operation("update_profile", "Change one's profile")
                .audited("profile.updated", Resource::Actor, &[])
                .about(
                    "What isn't named stays; an empty text takes a particular of the company's away. Everybody changes \
                     their own name, owners the rest.",
                )
                .takes::<ProfileUpdate>(ProfileUpdate::example)
                .answers::<Profile>(200, "The profile as it is now.")
                .fails(&[INSUFFICIENT_SCOPE, NO_WORKSPACE, INVALID_CREDENTIALS, LOGIN_RATE_LIMITED]),
        ],
    )
}

names!(RoleName, "What a person may do.", Role::ALL.map(Role::name));
names!(
    Environment,
    "A sandbox never touches Pinterest.",
    [WorkspaceEnvironment::Production.name(), WorkspaceEnvironment::Sandbox.name()]
);
names!(
    ProjectState,
    "Ours: whether what it held is being removed.",
    [WorkspaceState::Active.name(), WorkspaceState::Resetting.name(), WorkspaceState::Deleted.name()]
);
names!(Plan, "Whoever hosts the system has all of it.", [PLAN]);
names!(TokenType, "How the token is sent.", ["bearer"]);
inline_schema!(
    /// An address of somebody's.
    EmailAddress = json_schema!({"type": "string", "pattern": r"^\s*[^@\s]+@[^@\s.][^@\s]*\.[^@\s]+\s*$", "maxLength": EMAIL_MAX})
);
inline_schema!(
    /// A password to be set.
    NewPassword = json_schema!({"type": "string", "minLength": PASSWORD_MIN, "maxLength": PASSWORD_MAX})
);
inline_schema!(
    /// A password as it is.
    Password = json_schema!({"type": "string", "maxLength": PASSWORD_MAX})
);
inline_schema!(
    /// An IANA name.
    Timezone = json_schema!({"type": "string", "maxLength": TIMEZONE_MAX})
);
inline_schema!(
    /// The person's name and the workspace's, and the company's particulars with their limits.
    ProfileUpdate = {
        let name = json!({"type": ["string", "null"], "minLength": 1, "maxLength": NAME_MAX, "pattern": FILLED});
        let mut properties = json!({"full_name": name, "workspace_name": name});
        for (field, max) in PROFILE_FIELDS {
            properties[field] = json!({"type": ["string", "null"], "maxLength": max});
        }
        json_schema!({"type": "object", "properties": properties})
    }
);

impl Example for ProfileUpdate {
    fn example() -> Value {
        json!({"full_name": "Ada Lovelace", "company_name": "Paper & Co."})
    }
}

/// Who wants to register.
#[derive(JsonSchema)]
pub struct Register {
    #[schemars(length(min = 1, max = NAME_MAX), regex(pattern = FILLED))]
    pub full_name: String,
    pub email: EmailAddress,
    pub password: NewPassword,
    #[schemars(length(min = 1, max = NAME_MAX), regex(pattern = FILLED))]
    pub workspace_name: Option<String>,
    pub timezone: Option<Timezone>,
}

impl Example for Register {
    fn example() -> Value {
        json!({
            "full_name": "Ada Lovelace",
            "email": "ada@example.com",
            "password": PASSWORD,
            "workspace_name": "Paper & Co.",
            "timezone": "Europe/Berlin",
        })
    }
}

/// Who wants to log in.
#[derive(JsonSchema)]
pub struct LogIn {
    pub email: EmailAddress,
    pub password: Password,
    pub timezone: Option<Timezone>,
}

impl Example for LogIn {
    fn example() -> Value {
        json!({"email": "ada@example.com", "password": PASSWORD})
    }
}

/// The password as it is, and as it shall be.
#[derive(JsonSchema)]
pub struct ChangePassword {
    pub current_password: Password,
    pub new_password: NewPassword,
}

impl Example for ChangePassword {
    fn example() -> Value {
        json!({"current_password": PASSWORD, "new_password": "another horse entirely"})
    }
}

/// One sentence.
#[derive(JsonSchema)]
pub struct Message {
    pub message: String,
}

/// A person.
#[derive(JsonSchema)]
pub struct User {
    pub id: Uuid,
    pub email: String,
    pub full_name: Option<String>,
    pub timezone: String,
    pub email_verified: bool,
    pub created_at: Time,
}

/// An organisation.
#[derive(JsonSchema)]
pub struct Organization {
    pub id: Uuid,
    pub name: String,
}

/// A workspace of the organisation's.
#[derive(JsonSchema)]
pub struct Workspace {
    pub id: Uuid,
    pub name: String,
    pub environment: Environment,
    pub timezone: String,
    pub plan: Plan,
    pub state: ProjectState,
}

/// What a role permits.
#[derive(JsonSchema)]
pub struct Permissions {
    pub can_manage_members: bool,
    pub can_manage_billing: bool,
    pub can_manage_api_keys: bool,
    pub can_manage_integrations: bool,
    pub can_publish: bool,
    pub can_delete_assets: bool,
    pub can_reset_sandbox: bool,
    pub can_view_reports: bool,
    pub can_delete_content: bool,
}

/// An organisation that the person belongs to.
#[derive(JsonSchema)]
pub struct Membership {
    pub organization: Organization,
    pub organization_role: RoleName,
    pub permissions: Permissions,
    pub active_project: Workspace,
    pub projects: Vec<Workspace>,
}

/// Who one is.
#[derive(JsonSchema)]
pub struct Me {
    pub user: User,
    pub organization: Organization,
    pub active_project: Workspace,
    pub projects: Vec<Workspace>,
    /// The same as `active_project`.
    pub workspace: Workspace,
    pub available_organizations: Vec<Membership>,
    pub organization_role: RoleName,
    pub permissions: Permissions,
}

/// The same with a session's token.
#[derive(JsonSchema)]
pub struct Session {
    #[schemars(flatten)]
    pub me: Me,
    #[schemars(flatten)]
    pub token: Token,
}

/// A session's token.
#[derive(JsonSchema)]
pub struct Token {
    pub access_token: String,
    pub token_type: TokenType,
    /// In seconds.
    pub expires_in: u64,
}

/// The person's name, the workspace's, and the company's particulars.
#[derive(JsonSchema)]
pub struct Profile {
    pub full_name: Option<String>,
    pub email: String,
    pub pending_email_change_to: Option<String>,
    pub pending_email_change_requested_at: Option<Time>,
    pub workspace_name: String,
    pub company_name: Option<String>,
    pub company_website: Option<String>,
    pub billing_email: Option<String>,
    pub billing_phone: Option<String>,
    pub tax_id: Option<String>,
    pub address_line1: Option<String>,
    pub address_line2: Option<String>,
    pub address_city: Option<String>,
    pub address_state: Option<String>,
    pub address_postal_code: Option<String>,
    pub address_country: Option<String>,
}
