//! Changing and deleting a pin.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use pinbridge_shared::context::Context;
use pinbridge_shared::domain::account::board::BOARD_ID_MAX;
use pinbridge_shared::domain::ids::BoardKey;
use pinbridge_shared::domain::pin::attempt::Status;
use pinbridge_shared::domain::pin::edit::Edit;
use pinbridge_shared::domain::pin::{ALT_TEXT_MAX, DESCRIPTION_MAX, TITLE_MAX, URL_MAX};
use pinbridge_shared::flows::boards::board_preflight::preflight;
use pinbridge_shared::flows::pins::delete_on_pinterest::delete_on_pinterest;
use pinbridge_shared::flows::pins::delete_pin::{delete_pin, delete_unpublished};
use pinbridge_shared::flows::pins::edit_pin::edit_pin;
use pinbridge_shared::flows::pins::read_pins;
use serde_json::{Map, Value, json};

use super::pins::find;
use crate::auth::Caller;
use crate::body::{Fields, JsonObject};
use crate::error::ApiError;
use crate::{page, views};

const FIELDS: [&str; 5] = ["title", "description", "alt_text", "link_url", "board_id"];

pub async fn update(
    State(context): State<Context>,
    caller: Caller,
    Path(id): Path<String>,
    JsonObject(body): JsonObject,
) -> Result<Json<Value>, ApiError> {
    let edit = parse(&body)?;
    let found = find(&context, &caller, &id).await?;
    let is_open = matches!(found.attempt.status, Status::Queued | Status::Deferred | Status::Failed);
    if let Some(board_id) = edit.board_id.clone().filter(|board| is_open && *board != found.pin.request.board_id) {
        preflight(&context, &BoardKey { account: found.pin.account_key(), board_id }).await?;
    }
    let (pin, attempt) = edit_pin(&context, found.pin.key, &edit).await?;
    Ok(Json(views::pin(&read_pins::changed(&context, pin, attempt).await?)))
}

/// The contract's `PinUpdate`: absent leaves unchanged, `null` clears what a pin may be without.
fn parse(body: &Map<String, Value>) -> Result<Edit, ApiError> {
    let mut fields = Fields::of(body);
    for name in ["title", "board_id"] {
        if fields.is_present(name) && fields.value(name).is_none() {
            fields.reject(name, "Input should not be null: a pin can't be without it", "value_error");
        }
    }
    let edit = Edit {
        title: fields.value("title").map(|_| fields.required_text("title", TITLE_MAX)),
        description: fields.is_present("description").then(|| fields.text("description", DESCRIPTION_MAX)),
        alt_text: fields.is_present("alt_text").then(|| fields.text("alt_text", ALT_TEXT_MAX)),
        link_url: fields.is_present("link_url").then(|| fields.http_url("link_url", URL_MAX)),
        board_id: fields.value("board_id").map(|_| fields.required_digits("board_id", BOARD_ID_MAX)),
        account: None,
    };
    // Ignored, the pin would be published with what the caller believes to have changed.
    let unknown = body.keys().find(|name| !FIELDS.contains(&name.as_str())).cloned();
    if let Some(name) = unknown {
        fields.reject(&name, "This field can't be changed", "extra_forbidden");
    }
    fields.finish().map(|()| edit)
}

/// 204 for the record; 200 with what became of its Pin when that is to be deleted too.
pub async fn remove(
    State(context): State<Context>,
    caller: Caller,
    Path(id): Path<String>,
    Query(query): Query<page::Query>,
) -> Result<Response, ApiError> {
    let on_pinterest = page::flag(&query, "delete_from_pinterest")?;
    let view = find(&context, &caller, &id).await?;
    if !on_pinterest {
        delete_pin(&context, view.pin.key).await?;
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    // Whether there is a Pin to delete isn't known yet.
    if view.attempt.status == Status::Publishing {
        return Err(ApiError::pin_publishing());
    }
    // The Pin first: a failure leaves a pin that can be deleted again.
    let is_simulated = view.pin.request.account.is_simulated();
    let there = view.attempt.pinterest_pin_id.as_ref().filter(|_| !is_simulated);
    match there {
        Some(pinterest_pin_id) => {
            delete_on_pinterest(&context, &view.pin, pinterest_pin_id).await?;
            delete_pin(&context, view.pin.key).await?;
        }
        None if view.attempt.status == Status::Published => {
            delete_pin(&context, view.pin.key).await?;
        }
        // If it is published meanwhile, its Pin has to go too.
        None => {
            delete_unpublished(&context, view.pin.key).await?;
        }
    }
    let was_there = there.is_some();
    let why_not = if is_simulated { "simulated_sandbox" } else { "not_published" };
    let body = json!({
        "id": view.pin.key.pin,
        "deleted": true,
        "removed_from_pinterest": was_there,
        "pinterest_pin_id": view.attempt.pinterest_pin_id,
        "reason": (!was_there).then_some(why_not),
    });
    Ok(Json(body).into_response())
}
