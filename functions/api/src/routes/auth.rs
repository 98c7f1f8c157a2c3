//! People: registering, logging in, who one is, one's password.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use pinbridge_shared::context::Context;
use pinbridge_shared::domain::secret::Secret;
use pinbridge_shared::domain::tenant::scope::Scope;
use pinbridge_shared::domain::tenant::session::SESSION_S;
use pinbridge_shared::domain::tenant::user::{self, EMAIL_MAX, Email, PASSWORD_MAX, PASSWORD_MIN, Role};
use pinbridge_shared::domain::tenant::{self, DEFAULT_TIMEZONE, NAME_MAX, is_timezone};
use pinbridge_shared::flows::tenants::log_in::{self, LoginError, Presence};
use pinbridge_shared::flows::tenants::people::{self, Introduction, NewUser, PeopleError};
use schemars::{JsonSchema, json_schema};
use serde::Serialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::projects::{Environment, Organization, ProjectState};
use super::self_hosted::{PLAN, Plan};
use crate::activity::{Attribution, Resource};
use crate::auth::Caller;
use crate::endpoint::{Endpoint, PUBLIC, SESSION, get, post, tagged};
use crate::error::ApiError;
use crate::error::codes::{
    EMAIL_TAKEN, INVALID_CREDENTIALS, INVALID_SESSION, LOGIN_RATE_LIMITED, NO_WORKSPACE, NOT_SUPPORTED,
    REGISTRATION_CLOSED, UNAVAILABLE,
};
use crate::openapi::schema::{Time, names};
use crate::request::field::{Field, Filled, Text, Wrong, field_schema, request};
use crate::request::{self, JsonObject};

const TIMEZONE_MAX: usize = 64;
/// Of the examples.
const PASSWORD: &str = "correct horse battery";

pub fn endpoints() -> Vec<Endpoint> {
    tagged(
        "People",
        vec![
            post("/v1/auth/register", PUBLIC, register)
                .operation("register", "Register an organisation of one's own")
                .audited("auth.registered", Resource::Actor, &[])
                .about("Where the operator has opened registration; otherwise 403 `registration_closed`.")
                .takes::<Register>(|| {
                    json!({
                        "full_name": "Ada Lovelace",
                        "email": "ada@example.com",
                        "password": PASSWORD,
                        "workspace_name": "Paper & Co.",
                        "timezone": "Europe/Berlin",
                    })
                })
                .answers::<Session>(201, "The organisation, its workspace and its owner are there; a session is open.")
                .fails(&[REGISTRATION_CLOSED, EMAIL_TAKEN, NOT_SUPPORTED, LOGIN_RATE_LIMITED, UNAVAILABLE])
                .fails(&[INVALID_CREDENTIALS, NO_WORKSPACE, INVALID_SESSION]),
            post("/v1/auth/login", PUBLIC, log_in)
                .operation("log_in", "Log in")
                .audited("auth.login", Resource::Actor, &[])
                .about("Five wrong passwords in 15 minutes shut an address's door (429).")
                .takes::<LogIn>(|| json!({"email": "ada@example.com", "password": PASSWORD}))
                .answers::<Session>(200, "A session is open, for an hour.")
                .fails(&[INVALID_CREDENTIALS, LOGIN_RATE_LIMITED, NO_WORKSPACE, NOT_SUPPORTED, UNAVAILABLE])
                .fails(&[INVALID_SESSION]),
            post("/v1/auth/change-password", SESSION, change_password)
                .operation("change_password", "Change one's password")
                .audited("auth.password_changed", Resource::Actor, &[])
                .about("Ends every session of the person's.")
                .takes::<ChangePassword>(
                    || json!({"current_password": PASSWORD, "new_password": "another horse entirely"}),
                )
                .answers::<Message>(200, "The password is changed.")
                .fails(&[INVALID_CREDENTIALS, LOGIN_RATE_LIMITED, NO_WORKSPACE]),
            get("/v1/auth/me", SESSION, me)
                .operation("get_me", "Read who one is")
                .answers::<Me>(200, "The person, their organisation and its workspaces.")
                .fails(&[NO_WORKSPACE, INVALID_CREDENTIALS, LOGIN_RATE_LIMITED]),
        ],
    )
}

names!(RoleName, "What a person may do.", Role::ALL.map(Role::name));
names!(TokenType, "How the token is sent.", ["bearer"]);

request! {
    /// Who wants to register.
    pub struct Register {
        pub full_name: Filled<NAME_MAX>,
        pub email: EmailAddress,
        pub password: NewPassword,
        pub workspace_name: Option<Filled<NAME_MAX>>,
        pub timezone: Option<Timezone>,
    }
}

request! {
    /// Who wants to log in.
    pub struct LogIn {
        pub email: EmailAddress,
        pub password: Password,
        pub timezone: Option<Timezone>,
    }
}

request! {
    /// The password as it is, and as it shall be.
    pub struct ChangePassword {
        pub current_password: Password,
        pub new_password: NewPassword,
    }
}

/// The address of a person or a company.
#[derive(Debug)]
pub struct EmailAddress(pub Email);

/// A password as it is given: anything up to the limit. It is never repeated in an error.
#[derive(Debug)]
pub struct Password(Secret);

/// A password to be set.
#[derive(Debug)]
pub struct NewPassword(Secret);

/// A time zone's IANA name; blank is the same as absent.
#[derive(Debug)]
pub struct Timezone(Option<String>);

field_schema!(
    EmailAddress = |_| json_schema!({
        "type": "string", "pattern": r"^\s*[^@\s]+@[^@\s.][^@\s]*\.[^@\s]+\s*$", "maxLength": EMAIL_MAX
    })
);
field_schema!(Password = |_| json_schema!({"type": "string", "maxLength": PASSWORD_MAX}));
field_schema!(NewPassword = |_| json_schema!({"type": "string", "minLength": PASSWORD_MIN, "maxLength": PASSWORD_MAX}));
field_schema!(Timezone = |_| json_schema!({"type": "string", "maxLength": TIMEZONE_MAX}));

impl Field for EmailAddress {
    fn parse(value: &Value) -> Result<Self, Wrong> {
        let Filled(text) = Filled::<EMAIL_MAX>::parse(value)?;
        let wrong = Wrong::new("Input should be a valid email address", "string_pattern_mismatch");
        Email::parse(&text).map(Self).ok_or(wrong)
    }
}

impl Field for Password {
    fn parse(value: &Value) -> Result<Self, Wrong> {
        let text = value.as_str().ok_or(Wrong::new("Input should be a valid string", "string_type"))?;
        if text.chars().count() > PASSWORD_MAX {
            let msg = format!("String should have at most {PASSWORD_MAX} characters");
            return Err(Wrong::new(msg, "string_too_long"));
        }
        Ok(Self(Secret::new(text)))
    }
}

impl Field for NewPassword {
    fn parse(value: &Value) -> Result<Self, Wrong> {
        let Password(password) = Password::parse(value)?;
        if password.expose().chars().count() < PASSWORD_MIN {
            let msg = format!("String should have at least {PASSWORD_MIN} characters");
            return Err(Wrong::new(msg, "string_too_short"));
        }
        Ok(Self(password))
    }
}

impl Field for Timezone {
    fn parse(value: &Value) -> Result<Self, Wrong> {
        let Text(text) = Text::<TIMEZONE_MAX>::parse(value)?;
        let name = text.trim();
        if !name.is_empty() && !is_timezone(name) {
            return Err(Wrong::new("Timezone must be a valid IANA timezone", "value_error"));
        }
        Ok(Self((!name.is_empty()).then(|| name.to_owned())))
    }
}

/// One sentence.
#[derive(Serialize, JsonSchema)]
pub struct Message {
    pub message: &'static str,
}

/// A person.
#[derive(Serialize, JsonSchema)]
pub struct User {
    pub id: Uuid,
    pub email: String,
    pub full_name: Option<String>,
    pub timezone: String,
    pub email_verified: bool,
    pub created_at: Time,
}

/// A workspace of the organisation's.
#[derive(Clone, Serialize, JsonSchema)]
pub struct Workspace {
    pub id: Uuid,
    pub name: String,
    pub environment: Environment,
    pub timezone: String,
    pub plan: Plan,
    pub state: ProjectState,
}

/// What a role permits.
#[derive(Clone, Serialize, JsonSchema)]
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
#[derive(Clone, Serialize, JsonSchema)]
pub struct Membership {
    pub organization: Organization,
    pub organization_role: RoleName,
    pub permissions: Permissions,
    pub active_project: Workspace,
    pub projects: Vec<Workspace>,
}

/// Who one is.
#[derive(Serialize, JsonSchema)]
pub struct Me {
    pub user: User,
    #[serde(flatten)]
    pub membership: Membership,
    /// The same as `active_project`.
    pub workspace: Workspace,
    pub available_organizations: Vec<Membership>,
}

/// The same with a session's token.
#[derive(Serialize, JsonSchema)]
pub struct Session {
    #[serde(flatten)]
    pub me: Me,
    #[serde(flatten)]
    pub token: Token,
}

/// A session's token.
#[derive(Serialize, JsonSchema)]
pub struct Token {
    pub access_token: String,
    pub token_type: TokenType,
    /// In seconds.
    #[schemars(with = "u64")]
    pub expires_in: i64,
}

impl From<&user::User> for User {
    fn from(user: &user::User) -> Self {
        Self {
            id: user.id.0,
            email: user.email.as_str().to_owned(),
            full_name: user.full_name.clone(),
            timezone: user.timezone.clone(),
            // An operator created the account, or registration is open to anybody: nobody sends mail here.
            email_verified: true,
            created_at: user.created_at.into(),
        }
    }
}

impl From<&tenant::Workspace> for Workspace {
    fn from(workspace: &tenant::Workspace) -> Self {
        Self {
            id: workspace.id.0,
            name: workspace.name.clone(),
            environment: Environment(workspace.environment.name()),
            timezone: workspace.timezone.clone(),
            plan: PLAN,
            state: ProjectState(workspace.state.name()),
        }
    }
}

impl From<Role> for Permissions {
    fn from(role: Role) -> Self {
        let scopes = role.scopes();
        let manages = scopes.has(Scope::Destructive);
        Self {
            can_manage_members: false,
            can_manage_billing: false,
            can_manage_api_keys: manages,
            can_manage_integrations: scopes.has(Scope::Write),
            can_publish: scopes.has(Scope::Write),
            can_delete_assets: manages,
            can_reset_sandbox: manages,
            can_view_reports: scopes.has(Scope::Read),
            can_delete_content: manages,
        }
    }
}

impl Membership {
    fn of(presence: &Presence) -> Self {
        let Presence { user, active, projects } = presence;
        Self {
            organization: (&projects.organization).into(),
            organization_role: RoleName(user.role.name()),
            permissions: user.role.into(),
            active_project: active.into(),
            projects: projects.workspaces.iter().map(Workspace::from).collect(),
        }
    }
}

impl Me {
    fn of(presence: &Presence) -> Self {
        let membership = Membership::of(presence);
        Self {
            user: (&presence.user).into(),
            workspace: membership.active_project.clone(),
            available_organizations: vec![membership.clone()],
            membership,
        }
    }
}

impl Session {
    fn of(presence: &Presence, token: &Secret) -> Self {
        Self { me: Me::of(presence), token: Token::of(token) }
    }
}

impl Token {
    pub fn of(token: &Secret) -> Self {
        Self { access_token: token.expose().to_owned(), token_type: TokenType("bearer"), expires_in: SESSION_S }
    }
}

impl From<LoginError> for ApiError {
    fn from(error: LoginError) -> Self {
        match error {
            LoginError::Wrong => INVALID_CREDENTIALS.into(),
            LoginError::TooMany { retry_after_s } => Self::from(LOGIN_RATE_LIMITED).retried(Some(retry_after_s)),
            LoginError::NoWorkspace => NO_WORKSPACE.into(),
            LoginError::Port(error) => error.into(),
        }
    }
}

impl From<PeopleError> for ApiError {
    fn from(error: PeopleError) -> Self {
        match error {
            PeopleError::EmailTaken => EMAIL_TAKEN.into(),
            PeopleError::RegistrationClosed => REGISTRATION_CLOSED.into(),
            // Gone between the session's check and now.
            PeopleError::NotFound => INVALID_SESSION.into(),
            PeopleError::Login(error) => error.into(),
            PeopleError::Port(error) => error.into(),
        }
    }
}

async fn register(State(context): State<Context>, JsonObject(body): JsonObject) -> Result<Response, ApiError> {
    // Whoever isn't let in need not first be told what is wrong with their form.
    if !context.settings.registration_open {
        return Err(PeopleError::RegistrationClosed.into());
    }
    refuse_invitation(&body)?;
    let body: Register = request::body_of(&body)?;
    let new = NewUser {
        email: body.email.0,
        full_name: Some(body.full_name.trimmed()),
        password: body.password.0,
        timezone: body.timezone.and_then(|zone| zone.0).unwrap_or_else(|| DEFAULT_TIMEZONE.into()),
        role: Role::Owner,
    };
    let workspace_name = body.workspace_name.map(|name| name.trimmed());
    let (presence, token) = people::register(&context, new, workspace_name).await?;
    let response = (StatusCode::CREATED, Json(Session::of(&presence, &token))).into_response();
    Ok(present(&presence).of(response))
}

async fn log_in(State(context): State<Context>, JsonObject(body): JsonObject) -> Result<Response, ApiError> {
    refuse_invitation(&body)?;
    let LogIn { email: EmailAddress(email), password: Password(password), timezone } = request::body_of(&body)?;
    let (mut presence, token) = match log_in::log_in(&context, &email, &password).await {
        Ok(logged_in) => logged_in,
        Err(LoginError::Wrong) => {
            // In the workspace that it would have opened; as much work where nobody has the address.
            let workspace = log_in::workspace_of(&context, &email).await;
            let attribution = Attribution::person(workspace, email.user(), email.as_str());
            return Ok(attribution.of(ApiError::from(LoginError::Wrong).into_response()));
        }
        Err(error) => return Err(error.into()),
    };
    if let Some(timezone) = timezone.and_then(|zone| zone.0).filter(|timezone| *timezone != presence.user.timezone) {
        let change = Introduction { timezone: Some(timezone), ..Introduction::default() };
        presence.user = people::introduce(&context, presence.user.id, &change).await?;
    }
    Ok(present(&presence).of(Json(Session::of(&presence, &token)).into_response()))
}

fn present(presence: &Presence) -> Attribution {
    Attribution::person(presence.active.id, presence.user.id, presence.user.email.as_str())
}

async fn me(State(context): State<Context>, caller: Caller) -> Result<Json<Me>, ApiError> {
    let presence = people::presence(&context, caller.user()?, caller.workspace).await?;
    Ok(Json(Me::of(&presence)))
}

async fn change_password(
    State(context): State<Context>,
    caller: Caller,
    request::Json(body): request::Json<ChangePassword>,
) -> Result<Json<Message>, ApiError> {
    people::change_password(&context, caller.user()?, &body.current_password.0, &body.new_password.0).await?;
    Ok(Json(Message { message: "The password is changed. Every session is over: log in again." }))
}

/// Ignored, the person would join another organisation than they think.
fn refuse_invitation(body: &Map<String, Value>) -> Result<(), ApiError> {
    if request::has(body, "invite_token") { Err(NOT_SUPPORTED.with("field", "invite_token")) } else { Ok(()) }
}
