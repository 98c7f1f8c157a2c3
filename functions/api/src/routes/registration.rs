//! Registering, by invitation or with an address that is proven by a link.

use axum::Json;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, Method, StatusCode};
use pinbridge_shared::config::Registration;
use pinbridge_shared::context::Context;
use pinbridge_shared::domain::tenant::claim::{MAIL_EVERY_MS, MAILS_MAX};
use pinbridge_shared::domain::tenant::proof::Prospect;
use pinbridge_shared::domain::tenant::user::Role;
use pinbridge_shared::domain::tenant::{DEFAULT_TIMEZONE, NAME_MAX};
use pinbridge_shared::domain::time::SECOND_MS;
use pinbridge_shared::flows::tenants::people::NewUser;
use pinbridge_shared::flows::tenants::prove_address::{self, ProofError, Requested};
use pinbridge_shared::flows::tenants::register::{self, NewRegistration, RegisterError};
use pinbridge_shared::ports::PortError;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use super::auth::{DeclaredJson, EmailAddress, NewPassword, Session, Timezone, present};
use crate::activity::Resource;
use crate::auth::Caller;
use crate::content_type::HTML;
use crate::endpoint::{ANY_SESSION, Endpoint, PUBLIC, get, post, tagged};
use crate::error::ApiError;
use crate::error::codes::{
    EMAIL_TAKEN, INVALID_CREDENTIALS, INVITATION_INVALID, LOGIN_RATE_LIMITED, NO_WORKSPACE, NOT_AVAILABLE_SELF_HOSTED,
    REGISTRATION_CLOSED, UNAVAILABLE, UNSUPPORTED_MEDIA_TYPE, VALIDATION_ERROR, VERIFICATION_INVALID,
    VERIFICATION_RATE_LIMITED,
};
use crate::openapi::schema::Text;
use crate::request::field::{FromFields, Line, request};
use crate::request::options::Unknown;
use crate::request::{self, Fields, JsonObject, query};
use crate::source::ClientSource;
use crate::{connection_page, verification_page};

/// As long as the official client takes.
const TOKEN_MAX: usize = 512;
/// Fields of the official client's model that mean nothing here. They are ignored, and the answer names them.
const CLIENTS_OWN: [&str; 2] = ["marketing_attribution", "next_path"];
const HOUR_S: u64 = 3_600;
const EXAMPLE_TOKEN: &str = "00000000000000000000000000000000";

pub fn endpoints() -> Vec<Endpoint> {
    tagged(
        "People",
        vec![
            post("/v1/auth/register", PUBLIC, register)
                .operation("register", "Register a person")
                .audited("auth.registered", Resource::Actor, &[])
                .exact()
                .about(
                    "Opens a session of the new person. With an `invite_token` of the operator, the person joins the \
                     organisation that the invitation names, or founds one. Without it, if registration is open, a \
                     mail with a link goes to the address. The organisation, its workspace and its owner are created \
                     when the address is verified. Until then the session can only read the person, log out and ask \
                     for another mail. A registration that is not verified is void after three days. The answer is the \
                     same for an address that has an account: then the mail says so. If the operator has not opened \
                     registration, the answer is 403 `registration_closed`. Registrations count as attempts to log in.",
                )
                .takes::<Register>(|| {
                    json!({
                        "full_name": "Ada Lovelace",
                        "email": "ada@example.com",
                        "password": super::auth::PASSWORD,
                        "workspace_name": "Paper & Co.",
                        "timezone": "Europe/Berlin",
                    })
                })
                .answers::<Session>(201, "The new person and organisation, with a session token.")
                .fails(&[REGISTRATION_CLOSED, INVITATION_INVALID, EMAIL_TAKEN, LOGIN_RATE_LIMITED, UNAVAILABLE])
                .fails(&[UNSUPPORTED_MEDIA_TYPE]),
            post("/v1/auth/email/verify/request", ANY_SESSION, request_mail)
                .operation("request_email_verification", "Ask for another mail with a verification link")
                .unaudited("it changes nothing in a workspace")
                .about(
                    "The new link replaces every earlier one, also those of other registrations of the address. An \
                     address gets one mail a minute and five a day, whoever asks for them.",
                )
                .answers::<Verification>(200, "The mail is on its way, or the address is verified already.")
                .fails(&[VERIFICATION_RATE_LIMITED, NOT_AVAILABLE_SELF_HOSTED, NO_WORKSPACE, INVALID_CREDENTIALS]),
            get("/v1/auth/email/verify", PUBLIC, open_link)
                .operation("verify_email", "Verify an email address, or show the page that does")
                .audited("auth.email_verified", Resource::Actor, &[])
                .about(
                    "The link in the mail. It works once, for 24 hours. The answer is a page with a button, because \
                     programs that check mails open every link. It names the registration that is confirmed: \
                     the person, the workspace, and the time. If `Accept` names `application/json`, the address is \
                     verified at once. Only the link in the newest mail to an address works, whoever registered.",
                )
                .required_query::<Text>("token", "The token of the link.", EXAMPLE_TOKEN)
                .answers::<Verification>(200, "The address is verified, or the page that verifies it.")
                .answers_content::<Text>(200, "The address is verified, or the page that verifies it.", HTML)
                .fails(PROVE)
                .fails_as_page(),
            post("/v1/auth/email/verify", PUBLIC, confirm)
                .operation("confirm_email", "Verify an email address")
                .audited("auth.email_verified", Resource::Actor, &[])
                .about(
                    "Extension (not part of PinBridge's API). What the button of the page sends. The answer is a page \
                     if `Accept` prefers `text/html`, and JSON otherwise.",
                )
                .required_query::<Text>("token", "The token of the link.", EXAMPLE_TOKEN)
                .answers::<Verification>(200, "The address is verified.")
                .answers_content::<Text>(200, "The address is verified.", HTML)
                .fails(PROVE)
                .fails_as_page(),
        ],
    )
}

const PROVE: &[crate::error::codes::Code] =
    &[VERIFICATION_INVALID, REGISTRATION_CLOSED, VALIDATION_ERROR, UNAVAILABLE, NO_WORKSPACE];

request! {
    /// A person to register.
    pub struct Register {
        pub full_name: Line<NAME_MAX>,
        pub email: EmailAddress,
        pub password: NewPassword,
        /// The name of the workspace that the person founds.
        pub workspace_name: Option<Line<NAME_MAX>>,
        pub timezone: Option<Timezone>,
        /// The token of an invitation.
        pub invite_token: Option<Line<TOKEN_MAX>>,
    }
}

/// The result of a verification.
#[derive(Serialize, JsonSchema)]
pub struct Verification {
    pub message: &'static str,
    /// The seconds until another mail can be asked for.
    pub retry_after_seconds: Option<u64>,
}

impl From<RegisterError> for ApiError {
    fn from(error: RegisterError) -> Self {
        match error {
            RegisterError::Closed => REGISTRATION_CLOSED.into(),
            RegisterError::NotInvited => INVITATION_INVALID.into(),
            RegisterError::EmailTaken => EMAIL_TAKEN.into(),
            RegisterError::TooMany { retry_after_s } => Self::from(LOGIN_RATE_LIMITED).retried(Some(retry_after_s)),
            RegisterError::Mailed { retry_after_s } => mailed(retry_after_s),
            RegisterError::Unsent(error) => unsent(&error),
            RegisterError::Port(error) => error.into(),
        }
    }
}

impl From<ProofError> for ApiError {
    fn from(error: ProofError) -> Self {
        match error {
            ProofError::Link => VERIFICATION_INVALID.into(),
            ProofError::Closed => REGISTRATION_CLOSED.into(),
            ProofError::TooMany { retry_after_s } => mailed(retry_after_s),
            ProofError::Unsent(error) => unsent(&error),
            ProofError::NoMail => Self::from(NOT_AVAILABLE_SELF_HOSTED)
                .worded("The system sends no mail.".into(), "Ask the operator for an account (operator create-user)."),
            ProofError::Person(error) => error.into(),
            ProofError::Port(error) => error.into(),
        }
    }
}

/// The address had a mail a moment ago, or as many as it may have in a day.
fn mailed(retry_after_s: u64) -> ApiError {
    let is_recent = i64::try_from(retry_after_s).is_ok_and(|seconds| seconds <= MAIL_EVERY_MS / SECOND_MS);
    let message = if is_recent {
        format!("A mail was sent to this address a moment ago. The next can be sent in {retry_after_s} seconds.")
    } else {
        let hours = retry_after_s.div_ceil(HOUR_S);
        format!("This address had {MAILS_MAX} mails, the most in a day. The next can be sent in {hours} hours.")
    };
    // The newest mail may be about a stranger's registration.
    let remedy = "Wait for retry_after_seconds, then send the same request again. Do not open a link that you did not \
                  ask for: each mail names the registration that its link confirms.";
    ApiError::from(VERIFICATION_RATE_LIMITED).worded(message, remedy).retried(Some(retry_after_s))
}

/// The cause goes to the log. It may be the address, the mail service, or its settings.
fn unsent(error: &PortError) -> ApiError {
    tracing::error!(%error, "mail not sent");
    let message = "The mail to this address could not be sent: the mail service refused it or did not answer.";
    let remedy = "Check the address. Then send the same request again after retry_after_seconds, or ask the operator.";
    let retried = u64::try_from(MAIL_EVERY_MS / SECOND_MS).ok();
    ApiError::from(UNAVAILABLE).worded(message.into(), remedy).retried(retried)
}

async fn register(
    State(context): State<Context>,
    ClientSource(source): ClientSource,
    declared: Result<DeclaredJson, ApiError>,
    unknown: Unknown,
    JsonObject(body): JsonObject,
) -> Result<Response, ApiError> {
    // A closed registration is the first error, whatever else the request has.
    register::is_possible(&context)?;
    declared?;
    let mut fields = Fields::of(&body);
    let read = Register::from_fields(&mut fields);
    fields.ignored(&unknown, |name| Register::NAMES.contains(&name) || CLIENTS_OWN.contains(&name));
    CLIENTS_OWN.into_iter().filter(|name| request::has(&body, name)).for_each(|name| unknown.note(name));
    let body: Register = fields.finish_with(read)?;
    let invite_token = body.invite_token.map(|token| token.trimmed());
    if context.settings.registration == Registration::Open && invite_token.is_none() && !body.email.0.takes_mail() {
        let msg = "Input should be an address that mail can be sent to, in ASCII";
        return Err(ApiError::invalid("body", "email", msg, "value_error"));
    }
    let person = NewUser {
        email: body.email.0,
        full_name: Some(body.full_name.trimmed()),
        password: body.password.0,
        timezone: body.timezone.and_then(|zone| zone.0).unwrap_or_else(|| DEFAULT_TIMEZONE.into()),
        role: Role::Owner,
    };
    let workspace_name = body.workspace_name.map(|name| name.trimmed());
    let new = NewRegistration { person, workspace_name, invite_token };
    let (presence, token) = register::register(&context, new, &source).await?;
    Ok(present(&presence, (StatusCode::CREATED, Json(Session::of(&presence, &token))).into_response()))
}

async fn request_mail(State(context): State<Context>, caller: Caller) -> Result<Json<Verification>, ApiError> {
    Ok(Json(match prove_address::request(&context, caller.user()?).await? {
        Requested::AlreadyProven => {
            Verification { message: "The email address is verified already.", retry_after_seconds: None }
        }
        Requested::Sent { next_after_s } => Verification {
            message: "A mail is on its way, which names your registration. Only the link in the newest mail works.",
            retry_after_seconds: u64::try_from(next_after_s).ok(),
        },
    }))
}

/// Verifies only for a program that asks for JSON by name: mail scanners follow links, and must not verify an address.
async fn open_link(
    State(context): State<Context>,
    method: Method,
    headers: HeaderMap,
    Query(query): Query<query::Query>,
) -> Result<Response, ApiError> {
    if connection_page::is_decided(&method, &headers) {
        return prove(&context, &query).await;
    }
    Ok(match ask(&context, &query).await {
        Ok(registration) => verification_page::ask(&registration),
        Err(error) => verification_page::failed(&error),
    })
}

async fn confirm(
    State(context): State<Context>,
    headers: HeaderMap,
    Query(query): Query<query::Query>,
) -> Result<Response, ApiError> {
    let is_page = connection_page::is_wanted(&headers);
    match prove(&context, &query).await {
        Ok(response) if is_page => Ok(verification_page::verified(response)),
        Err(error) if is_page => Ok(verification_page::failed(&error)),
        answer => answer,
    }
}

fn token(query: &query::Query) -> Result<&str, ApiError> {
    let token = query.get("token").map(|token| token.trim()).filter(|token| !token.is_empty());
    token.ok_or_else(|| ApiError::invalid("query", "token", "Field required", "missing"))
}

async fn ask(context: &Context, query: &query::Query) -> Result<Prospect, ApiError> {
    Ok(prove_address::ask(context, token(query)?).await?)
}

async fn prove(context: &Context, query: &query::Query) -> Result<Response, ApiError> {
    let presence = prove_address::prove(context, token(query)?).await?;
    let verification = Verification { message: "The email address is verified.", retry_after_seconds: None };
    Ok(present(&presence, Json(verification).into_response()))
}
