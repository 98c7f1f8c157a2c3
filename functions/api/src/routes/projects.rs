//! The organisation's workspaces: production, and its sandbox.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use pinbridge_shared::context::Context;
use pinbridge_shared::domain::ids::WorkspaceId;
use pinbridge_shared::domain::tenant::{NAME_MAX, WorkspaceState};
use pinbridge_shared::flows::tenants::{log_in, people, projects};
use serde_json::Value;

use crate::auth::Caller;
use crate::body::{Fields, JsonObject, MaybeJsonObject};
use crate::error::{ApiError, codes};
use crate::views;

pub async fn list(State(context): State<Context>, caller: Caller) -> Result<Json<Value>, ApiError> {
    let (active, known) = projects::of_workspace(&context, caller.workspace).await?;
    Ok(Json(views::people::projects(&active, &known)))
}

/// A second time answers the sandbox that is there.
pub async fn create_sandbox(
    State(context): State<Context>,
    caller: Caller,
    MaybeJsonObject(body): MaybeJsonObject,
) -> Result<Response, ApiError> {
    let mut fields = Fields::of(&body);
    let name = fields.filled_text("name", NAME_MAX);
    fields.finish()?;
    let (active, known) = projects::of_workspace(&context, caller.workspace).await?;
    projects::create_sandbox(&context, &known.organization, name, &active.timezone).await?;
    let known = projects::of_organization(&context, known.organization.id).await?;
    Ok((StatusCode::CREATED, Json(views::people::projects(&active, &known))).into_response())
}

/// Closes the sandbox until what it holds is removed.
pub async fn reset_sandbox(State(context): State<Context>, caller: Caller) -> Result<Json<Value>, ApiError> {
    let (_, known) = projects::of_workspace(&context, caller.workspace).await?;
    projects::reset_sandbox(&context, &known.organization).await?;
    let (active, known) = projects::of_workspace(&context, caller.workspace).await?;
    Ok(Json(views::people::projects(&active, &known)))
}

/// A fresh token for another workspace of one's organisation; the token at hand stays with its own.
pub async fn switch(
    State(context): State<Context>,
    caller: Caller,
    JsonObject(body): JsonObject,
) -> Result<Json<Value>, ApiError> {
    let mut fields = Fields::of(&body);
    let id = WorkspaceId(fields.required_uuid("project_id"));
    fields.finish()?;
    let presence = people::presence(&context, caller.user()?, caller.workspace).await?;
    let found = presence.projects.workspaces.iter().find(|workspace| workspace.id == id);
    let active = found.ok_or_else(|| ApiError::not_found("project"))?;
    if active.state == WorkspaceState::Resetting {
        return Err(codes::WORKSPACE_RESETTING.into());
    }
    let token = log_in::open_session(&context, &presence.user, id).await?;
    Ok(Json(views::people::switched(active, &presence.projects, &token)))
}
