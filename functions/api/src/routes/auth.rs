//! People: log in and out, read the session's person, change the password.

use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use pinbridge_shared::context::Context;
use pinbridge_shared::domain::secret::Secret;
use pinbridge_shared::domain::tenant::scope::Scope;
use pinbridge_shared::domain::tenant::user::{self, EMAIL_MAX, Email, PASSWORD_MAX, PASSWORD_MIN, Role};
use pinbridge_shared::domain::tenant::{self, is_timezone};
use pinbridge_shared::flows::tenants::log_in::{self, Issued, LoginError, Presence};
use pinbridge_shared::flows::tenants::people::{self, Introduction, PeopleError};
use schemars::{JsonSchema, json_schema};
use serde::Serialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::projects::{Environment, Organization, ProjectState};
use super::self_hosted::{PLAN, Plan};
use super::session_token::Token;
use crate::activity::{Attribution, Resource};
use crate::auth::Caller;
use crate::content_type::JSON;
use crate::endpoint::{ANY_SESSION, Endpoint, PUBLIC, SESSION, get, post, tagged};
use crate::error::ApiError;
use crate::error::codes::{
    EMAIL_TAKEN, INVALID_CREDENTIALS, INVALID_SESSION, LOGIN_RATE_LIMITED, NO_WORKSPACE, NOT_SUPPORTED, UNAVAILABLE,
    UNSUPPORTED_MEDIA_TYPE,
};
use crate::openapi::schema::{Time, names};
use crate::request::field::{Field, Filled, Text, Wrong, field_schema, half, request};
use crate::request::json::HALF;
use crate::request::options::Unknown;
use crate::request::{self, JsonObject};
use crate::source::ClientSource;

const TIMEZONE_MAX: usize = 64;
/// The password of the examples.
pub const PASSWORD: &str = "correct horse battery";

pub fn endpoints() -> Vec<Endpoint> {
    tagged(
        "People",
        vec![
            post("/v1/auth/login", PUBLIC, log_in)
                .operation("log_in", "Log in")
                .audited("auth.login", Resource::Actor, &[])
                .about(
                    "Opens a session. Its token lasts one hour. While the email address is not verified \
                     (`user.email_verified` is false), it is valid for `GET /v1/auth/me`, `POST /v1/auth/logout` and \
                     `POST /v1/auth/email/verify/request`; other operations answer 403 `email_not_verified`. After \
                     five wrong passwords for an email address from one network (an IPv4 address, or an IPv6 /64) \
                     within 15 minutes, logins with that address from that network answer 429 until 15 minutes after \
                     the first of them. After 30 wrong passwords from one network, all logins from there answer 429. \
                     After 50 wrong passwords for one address, networks from which its owner has not logged in have \
                     one attempt in place of five.",
                )
                .takes::<LogIn>(|| json!({"email": "ada@example.com", "password": PASSWORD}))
                .answers::<Session>(200, "The person and their organisation, with a session token.")
                .fails(&[INVALID_CREDENTIALS, LOGIN_RATE_LIMITED, NO_WORKSPACE, NOT_SUPPORTED, UNAVAILABLE])
                .fails(&[INVALID_SESSION, UNSUPPORTED_MEDIA_TYPE]),
            post("/v1/auth/logout", ANY_SESSION, log_out)
                .operation("log_out", "Log out")
                .audited("auth.logout", Resource::Actor, &[])
                .about(
                    "Extension (not part of PinBridge's API). Ends the session of the token, with the tokens that \
                     `POST /v1/projects/switch` made of it. Other sessions of the person go on.",
                )
                .answers_nothing("The session has ended."),
            post("/v1/auth/change-password", SESSION, change_password)
                .operation("change_password", "Change the password of the person")
                .audited("auth.password_changed", Resource::Actor, &[])
                .exact()
                .about("Ends every session of the person.")
                .takes::<ChangePassword>(
                    || json!({"current_password": PASSWORD, "new_password": "another horse entirely"}),
                )
                .answers::<Message>(200, "The password is changed.")
                .fails(&[INVALID_CREDENTIALS, LOGIN_RATE_LIMITED, NO_WORKSPACE]),
            get("/v1/auth/me", ANY_SESSION, me)
                .operation("get_me", "Read the person of the session")
                .answers::<Me>(200, "The person, their organisation and its projects.")
                .fails(&[NO_WORKSPACE, INVALID_CREDENTIALS, LOGIN_RATE_LIMITED]),
        ],
    )
}

names!(RoleName, "The role of a person in the organisation.", Role::ALL.map(Role::name));

request! {
    /// The credentials of a person. A `timezone` changes the time zone of the person.
    pub struct LogIn {
        pub email: EmailAddress,
        pub password: Password,
        pub timezone: Option<Timezone>,
    }
}

request! {
    /// The current and the new password.
    #[schemars(deny_unknown_fields)]
    pub struct ChangePassword {
        pub current_password: Password,
        pub new_password: NewPassword,
    }
}

/// The email address of a person or a company.
#[derive(Debug)]
pub struct EmailAddress(pub Email);

/// A password for a comparison: any text up to the limit. No error repeats it.
#[derive(Debug)]
pub struct Password(pub Secret);

/// A new password.
#[derive(Debug)]
pub struct NewPassword(pub Secret);

/// The IANA name of a time zone. A blank text is the same as none.
#[derive(Debug)]
pub struct Timezone(pub Option<String>);

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
        if password.expose().contains(HALF) {
            return Err(half());
        }
        // Nobody can type them again.
        if password.expose().contains(char::is_control) {
            return Err(Wrong::new("Password should have no control characters", "string_pattern_mismatch"));
        }
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
            return Err(Wrong::new("Input should be an IANA time zone, such as Europe/Berlin", "value_error"));
        }
        Ok(Self((!name.is_empty()).then(|| name.to_owned())))
    }
}

/// A confirmation.
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

/// A project (workspace) of the organisation.
#[derive(Clone, Serialize, JsonSchema)]
pub struct Workspace {
    pub id: Uuid,
    pub name: String,
    pub environment: Environment,
    pub timezone: String,
    pub plan: Plan,
    pub state: ProjectState,
}

/// The permissions of a role.
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

/// An organisation of the person, with their role in it.
#[derive(Clone, Serialize, JsonSchema)]
pub struct Membership {
    pub organization: Organization,
    pub organization_role: RoleName,
    pub permissions: Permissions,
    pub active_project: Workspace,
    pub projects: Vec<Workspace>,
}

/// The person of the session.
#[derive(Serialize, JsonSchema)]
pub struct Me {
    pub user: User,
    #[serde(flatten)]
    pub membership: Membership,
    /// Equal to `active_project`.
    pub workspace: Workspace,
    pub available_organizations: Vec<Membership>,
}

/// The person of the session, with the token of the session.
#[derive(Serialize, JsonSchema)]
pub struct Session {
    #[serde(flatten)]
    pub me: Me,
    #[serde(flatten)]
    pub token: Token,
}

impl From<&user::User> for User {
    fn from(user: &user::User) -> Self {
        Self {
            id: user.id.0,
            email: user.email.as_str().to_owned(),
            full_name: user.full_name.clone(),
            timezone: user.timezone.clone(),
            email_verified: user.is_proven(),
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
    pub fn of(presence: &Presence, issued: &Issued) -> Self {
        Self { me: Me::of(presence), token: Token::of(issued) }
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
            // The person was deleted after the check of the session.
            PeopleError::NotFound | PeopleError::NoOrganization => INVALID_SESSION.into(),
            PeopleError::Login(error) => error.into(),
            PeopleError::Port(error) => error.into(),
        }
    }
}

async fn log_in(
    State(context): State<Context>,
    ClientSource(source): ClientSource,
    _: DeclaredJson,
    unknown: Unknown,
    JsonObject(body): JsonObject,
) -> Result<Response, ApiError> {
    refuse_invitation(&body)?;
    let LogIn { email: EmailAddress(email), password: Password(password), timezone } =
        request::known_body_of(&body, &unknown)?;
    let (mut presence, token) = match log_in::log_in(&context, &email, &password, &source).await {
        Ok(logged_in) => logged_in,
        Err(LoginError::Wrong) => {
            // The entry goes to the workspace that the login would have opened. An unknown address costs the same work.
            let (user, workspace) = log_in::owner_of(&context, &email).await;
            let attribution = Attribution::person(workspace, user, email.as_str());
            return Ok(attribution.of(ApiError::from(LoginError::Wrong).into_response()));
        }
        Err(error) => return Err(error.into()),
    };
    if let Some(timezone) = timezone.and_then(|zone| zone.0).filter(|timezone| *timezone != presence.user.timezone) {
        let change = Introduction { timezone: Some(timezone), ..Introduction::default() };
        presence.user = people::introduce(&context, presence.user.id, &change).await?;
    }
    Ok(present(&presence, Json(Session::of(&presence, &token)).into_response()))
}

/// The response with the person as its author. An unproven person has no workspace yet whose log could name them.
pub fn present(presence: &Presence, response: Response) -> Response {
    if !presence.user.is_proven() {
        return response;
    }
    Attribution::person(presence.active.id, presence.user.id, presence.user.email.as_str()).of(response)
}

async fn me(State(context): State<Context>, caller: Caller) -> Result<Json<Me>, ApiError> {
    let presence = people::presence(&context, caller.user()?, caller.workspace).await?;
    Ok(Json(Me::of(&presence)))
}

async fn change_password(
    State(context): State<Context>,
    caller: Caller,
    ClientSource(source): ClientSource,
    request::Json(body): request::Json<ChangePassword>,
) -> Result<Json<Message>, ApiError> {
    let (current, new) = (&body.current_password.0, &body.new_password.0);
    people::change_password(&context, caller.user()?, current, new, &source).await?;
    Ok(Json(Message { message: "The password is changed and every session has ended. Log in again." }))
}

async fn log_out(State(context): State<Context>, caller: Caller) -> Result<StatusCode, ApiError> {
    people::log_out(&context, caller.session()?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A body that is declared as JSON. A browser sends a form or an undeclared body for any page, without asking us: such
/// a page could guess passwords from its visitors' networks, each of which has attempts of its own.
pub struct DeclaredJson;

impl<S: Send + Sync> FromRequestParts<S> for DeclaredJson {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let kind = parts.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let is_json = kind == JSON || (kind.starts_with("application/") && kind.ends_with("+json"));
        if is_json { Ok(Self) } else { Err(UNSUPPORTED_MEDIA_TYPE.into()) }
    }
}

/// Refuses an invitation. If it were ignored, the person would join another organisation than they expect.
fn refuse_invitation(body: &Map<String, Value>) -> Result<(), ApiError> {
    if request::has(body, "invite_token") { Err(NOT_SUPPORTED.with("field", "invite_token")) } else { Ok(()) }
}
