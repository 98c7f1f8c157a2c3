//! One's profile: the person's name, the active workspace's, and the company's particulars.

use axum::Json;
use axum::extract::State;
use pinbridge_shared::context::Context;
use pinbridge_shared::domain::tenant::{NAME_MAX, PROFILE_FIELDS};
use pinbridge_shared::flows::tenants::people::{self, Introduction};
use pinbridge_shared::flows::tenants::projects;
use serde_json::Value;

use crate::auth::{Access, Caller};
use crate::body::{Fields, JsonObject};
use crate::error::ApiError;
use crate::views;

pub async fn read(State(context): State<Context>, caller: Caller) -> Result<Json<Value>, ApiError> {
    let presence = people::presence(&context, caller.user()?, caller.workspace).await?;
    Ok(Json(views::people::profile(&presence.user, &presence.active, &presence.projects.organization)))
}

/// What isn't named stays as it is; an empty text takes a particular of the company's away. Everybody changes their own name,
/// owners the rest.
pub async fn update(
    State(context): State<Context>,
    caller: Caller,
    JsonObject(body): JsonObject,
) -> Result<Json<Value>, ApiError> {
    let mut fields = Fields::of(&body);
    let full_name = fields.filled_text("full_name", NAME_MAX);
    let workspace_name = fields.filled_text("workspace_name", NAME_MAX);
    let mut company: Vec<(&str, String)> = Vec::new();
    for (field, max) in PROFILE_FIELDS {
        // An address of the company's that isn't one would make every later answer unreadable to the official client.
        let text = match fields.text(field, max) {
            Some(text) if field == "billing_email" && !text.trim().is_empty() => {
                fields.required_email(field).map(|email| email.as_str().to_owned())
            }
            text => text,
        };
        company.extend(text.map(|text| (field, text)));
    }
    fields.finish()?;
    if workspace_name.is_some() || !company.is_empty() {
        Access::Administer.admits(&caller)?;
    }
    if full_name.is_some() {
        let change = Introduction { full_name, ..Introduction::default() };
        people::introduce(&context, caller.user()?, &change).await?;
    }
    let mut presence = people::presence(&context, caller.user()?, caller.workspace).await?;
    if let Some(name) = workspace_name {
        presence.active = projects::rename(&context, caller.workspace, &name).await?;
    }
    if !company.is_empty() {
        let organization = presence.projects.organization.id;
        presence.projects.organization = projects::describe(&context, organization, &company).await?;
    }
    Ok(Json(views::people::profile(&presence.user, &presence.active, &presence.projects.organization)))
}
