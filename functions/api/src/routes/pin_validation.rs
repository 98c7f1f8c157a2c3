//! What would become of a pin: a dry run.

use axum::Json;
use axum::extract::{Query, State};
use http::HeaderMap;
use pinbridge_shared::context::Context;
use pinbridge_shared::domain::pin::{PinRequest, Priority};
use pinbridge_shared::flows::accept::validate_pin;
use serde_json::{Map, Value, json};

use super::pins::{parse, refuses_duplicates};
use crate::auth::Caller;
use crate::body::JsonObject;
use crate::error::ApiError;
use crate::{page, views};

/// 200 also when the request is no good: what is wrong is in the checks.
pub async fn validate(
    State(context): State<Context>,
    caller: Caller,
    Query(query): Query<page::Query>,
    headers: HeaderMap,
    JsonObject(body): JsonObject,
) -> Result<Json<Value>, ApiError> {
    let request = match parse(&body, &headers, Priority::default()) {
        Ok(request) => request,
        Err(error) => return Ok(Json(views::pins::validation(&unread(&error), unresolved(&body)))),
    };
    caller.may_use(request.account)?;
    let refuses = match refuses_duplicates(&body, &query, &headers) {
        Ok(refuses) => refuses,
        Err(error) => return Ok(Json(views::pins::validation(&unread(&error), unresolved(&body)))),
    };
    let validation = validate_pin::validate(&context, caller.workspace, &request).await?;
    let validation = if refuses { validation.refusing_duplicates() } else { validation };
    Ok(Json(views::pins::validation(&validation, resolved(&request))))
}

/// The checks of a request that couldn't be read.
pub fn unread(error: &ApiError) -> validate_pin::Validation {
    let errors = error.of_item()["errors"].clone();
    validate_pin::unread(error.code(), error.message(), error.remediation(), errors)
}

/// The key is what a client sends the pin with afterwards.
fn unresolved(body: &Map<String, Value>) -> Value {
    json!({"idempotency_key": body.get("idempotency_key")})
}

/// What the request comes to, normalised.
pub fn resolved(request: &PinRequest) -> Value {
    json!({
        "idempotency_key": request.idempotency_key,
        "account_id": request.account,
        "board_id": request.board_id,
        "title": request.title,
        "description": request.description,
        "alt_text": request.alt_text,
        "link_url": request.link_url,
        "media_type": "image",
        "image_url": request.image_url,
        "cover_image_url": request.cover_image_url,
        "dominant_color": request.dominant_color,
        "related_terms": request.related_terms,
        "priority": request.priority.name(),
    })
}
