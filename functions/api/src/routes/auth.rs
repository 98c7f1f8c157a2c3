//! People: registering, logging in, who one is, one's password.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use pinbridge_shared::context::Context;
use pinbridge_shared::domain::tenant::user::Role;
use pinbridge_shared::domain::tenant::{DEFAULT_TIMEZONE, NAME_MAX};
use pinbridge_shared::flows::tenants::log_in;
use pinbridge_shared::flows::tenants::log_in::{LoginError, Presence};
use pinbridge_shared::flows::tenants::people::PeopleError;
use pinbridge_shared::flows::tenants::people::{self, Introduction, NewUser};
use serde_json::{Map, Value, json};

use crate::activity::Attribution;
use crate::auth::Caller;
use crate::body::{Fields, JsonObject};
use crate::error::{ApiError, codes};
use crate::views;

pub async fn register(State(context): State<Context>, JsonObject(body): JsonObject) -> Result<Response, ApiError> {
    // Whoever isn't let in need not first be told what is wrong with their form.
    if !context.settings.registration_open {
        return Err(PeopleError::RegistrationClosed.into());
    }
    refuse_invitation(&body)?;
    let mut fields = Fields::of(&body);
    let full_name = fields.required_text("full_name", NAME_MAX).trim().to_owned();
    let (email, password) = (fields.required_email("email"), fields.new_password("password"));
    let workspace_name = fields.filled_text("workspace_name", NAME_MAX);
    let timezone = fields.timezone("timezone");
    fields.finish()?;
    let new = NewUser {
        email: email.ok_or_else(|| ApiError::validation(Vec::new()))?,
        full_name: Some(full_name),
        password,
        timezone: timezone.unwrap_or_else(|| DEFAULT_TIMEZONE.into()),
        role: Role::Owner,
    };
    let (presence, token) = people::register(&context, new, workspace_name).await?;
    let response = (StatusCode::CREATED, Json(views::people::session(&presence, &token))).into_response();
    Ok(present(&presence).of(response))
}

pub async fn log_in(State(context): State<Context>, JsonObject(body): JsonObject) -> Result<Response, ApiError> {
    refuse_invitation(&body)?;
    let mut fields = Fields::of(&body);
    let (email, password) = (fields.required_email("email"), fields.password("password"));
    let timezone = fields.timezone("timezone");
    fields.finish()?;
    let email = email.ok_or_else(|| ApiError::validation(Vec::new()))?;
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
    if let Some(timezone) = timezone.filter(|timezone| *timezone != presence.user.timezone) {
        let change = Introduction { timezone: Some(timezone), ..Introduction::default() };
        presence.user = people::introduce(&context, presence.user.id, &change).await?;
    }
    Ok(present(&presence).of(Json(views::people::session(&presence, &token)).into_response()))
}

fn present(presence: &Presence) -> Attribution {
    Attribution::person(presence.active.id, presence.user.id, presence.user.email.as_str())
}

pub async fn me(State(context): State<Context>, caller: Caller) -> Result<Json<Value>, ApiError> {
    let presence = people::presence(&context, caller.user()?, caller.workspace).await?;
    Ok(Json(views::people::me(&presence)))
}

pub async fn change_password(
    State(context): State<Context>,
    caller: Caller,
    JsonObject(body): JsonObject,
) -> Result<Json<Value>, ApiError> {
    let mut fields = Fields::of(&body);
    let (current, new) = (fields.password("current_password"), fields.new_password("new_password"));
    fields.finish()?;
    people::change_password(&context, caller.user()?, &current, &new).await?;
    Ok(Json(json!({"message": "The password is changed. Every session is over: log in again."})))
}

/// Ignored, the person would join another organisation than they think.
fn refuse_invitation(body: &Map<String, Value>) -> Result<(), ApiError> {
    let is_invited = body.get("invite_token").is_some_and(|token| !token.is_null());
    if is_invited { Err(codes::NOT_SUPPORTED.with("field", "invite_token")) } else { Ok(()) }
}
