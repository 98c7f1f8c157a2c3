//! The workspace's API keys. Whoever manages them may do everything in the workspace, so that no key is ever made, or widened,
//! by one that may do less.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use pinbridge_shared::context::Context;
use pinbridge_shared::domain::ids::KeyId;
use pinbridge_shared::domain::tenant::NAME_MAX;
use pinbridge_shared::domain::tenant::scope::Scopes;
use pinbridge_shared::flows::tenants::api_keys::{self, KeyChange, NewKey};
use serde_json::Value;

use crate::auth::{Caller, Who};
use crate::body::{Fields, JsonObject};
use crate::error::{ApiError, FieldError};
use crate::views;

/// Without `scopes` a key may do everything, as keys could before there were scopes; an empty list is refused.
pub async fn create(
    State(context): State<Context>,
    caller: Caller,
    JsonObject(body): JsonObject,
) -> Result<Response, ApiError> {
    let mut fields = Fields::of(&body);
    let name = fields.required_text("name", NAME_MAX).trim().to_owned();
    let scopes = fields.scopes("scopes").unwrap_or(Scopes::ALL);
    let allowed = fields.accounts("pinterest_account_ids");
    fields.finish()?;
    let authorized_by = match caller.who {
        Who::User(id) => context.tenants.user(id).await?.map(|user| user.email),
        Who::Key(_) => None,
    };
    let new = NewKey { name, scopes, allowed, authorized_by };
    let (key, text) = api_keys::create(&context, caller.workspace, new).await?;
    Ok((StatusCode::CREATED, Json(views::people::new_api_key(&key, &text))).into_response())
}

pub async fn list(State(context): State<Context>, caller: Caller) -> Result<Json<Vec<Value>>, ApiError> {
    let keys = api_keys::list(&context, caller.workspace).await?;
    Ok(Json(keys.iter().map(views::people::api_key).collect()))
}

/// What isn't named, or is null, stays as it is: an allow-list can be changed, and is never lifted.
pub async fn update(
    State(context): State<Context>,
    caller: Caller,
    Path(id): Path<String>,
    JsonObject(body): JsonObject,
) -> Result<Json<Value>, ApiError> {
    let id = parse(&id)?;
    let mut fields = Fields::of(&body);
    let change = KeyChange {
        name: fields.filled_text("name", NAME_MAX),
        scopes: fields.scopes("scopes"),
        allowed: fields.accounts("pinterest_account_ids"),
    };
    if ["name", "scopes", "pinterest_account_ids"].into_iter().all(|name| fields.value(name).is_none()) {
        fields.reject("name", "Provide at least one of name, scopes or pinterest_account_ids", "value_error");
    }
    fields.finish()?;
    let key = api_keys::change(&context, caller.workspace, id, change).await?;
    Ok(Json(views::people::api_key(&key)))
}

pub async fn revoke(
    State(context): State<Context>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    api_keys::revoke(&context, caller.workspace, parse(&id)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn parse(id: &str) -> Result<KeyId, ApiError> {
    id.parse().map_err(|_| {
        let (loc, msg) = (vec!["path".into(), "key_id".into()], "Input should be a valid UUID".into());
        ApiError::validation(vec![FieldError { loc, msg, kind: "uuid_parsing" }])
    })
}
