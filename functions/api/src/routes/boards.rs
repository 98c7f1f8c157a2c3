//! The boards of a connected account, and their sections.

use axum::Json;
use axum::extract::{Path, Query, State};
use http::StatusCode;
use pinbridge_shared::context::Context;
use pinbridge_shared::domain::account::board::{BoardChange, BoardDraft, Privacy, is_board_id};
use pinbridge_shared::domain::ids::{AccountId, AccountKey, BoardKey};
use pinbridge_shared::flows::boards;
use pinbridge_shared::flows::boards::board_access::board_access;
use serde_json::Value;

use crate::auth::Caller;
use crate::body::{Fields, JsonObject};
use crate::error::ApiError;
use crate::page;
use crate::views::connections as views;

/// The contract's limit; Pinterest may have a lower one, which it says.
pub const NAME_MAX: usize = 180;
/// Pinterest doesn't publish one for boards; a Pin's.
pub const DESCRIPTION_MAX: usize = 800;

pub async fn list(
    State(context): State<Context>,
    caller: Caller,
    Query(query): Query<page::Query>,
) -> Result<Json<Vec<Value>>, ApiError> {
    let account = caller.account(page::account_id(&query)?)?;
    let boards = boards::boards(&context, account).await?;
    Ok(Json(boards.iter().map(views::board).collect()))
}

pub async fn create(
    State(context): State<Context>,
    caller: Caller,
    JsonObject(body): JsonObject,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    let mut fields = Fields::of(&body);
    let account = AccountId(fields.required_uuid("account_id"));
    let draft = BoardDraft {
        name: fields.required_text("name", NAME_MAX),
        description: fields.text("description", DESCRIPTION_MAX),
        privacy: privacy(&mut fields, &[Privacy::Public, Privacy::Protected, Privacy::Secret]),
    };
    fields.finish()?;
    let board = boards::create_board(&context, caller.account(account)?, &draft).await?;
    Ok((StatusCode::CREATED, Json(views::board(&board))))
}

pub async fn update(
    State(context): State<Context>,
    caller: Caller,
    Path(id): Path<String>,
    JsonObject(body): JsonObject,
) -> Result<Json<Value>, ApiError> {
    let mut fields = Fields::of(&body);
    let account = AccountId(fields.required_uuid("account_id"));
    let change = BoardChange {
        name: fields.value("name").map(|_| fields.required_text("name", NAME_MAX)),
        description: fields.text("description", DESCRIPTION_MAX),
        // Nothing becomes protected later on: the schema `BoardUpdatePrivacy`.
        privacy: privacy(&mut fields, &[Privacy::Public, Privacy::Secret]),
    };
    if ["name", "description", "privacy"].iter().all(|name| fields.value(name).is_none()) {
        fields.reject("name", "Provide at least one of name, description or privacy", "missing");
    }
    fields.finish()?;
    let board = key(caller.account(account)?, id)?;
    Ok(Json(views::board(&boards::update_board(&context, &board, &change).await?)))
}

pub async fn delete(
    State(context): State<Context>,
    caller: Caller,
    Path(id): Path<String>,
    Query(query): Query<page::Query>,
) -> Result<StatusCode, ApiError> {
    let board = key(caller.account(page::account_id(&query)?)?, id)?;
    boards::delete_board(&context, &board).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub async fn access(
    State(context): State<Context>,
    caller: Caller,
    Path(id): Path<String>,
    Query(query): Query<page::Query>,
) -> Result<Json<Value>, ApiError> {
    let fresh = page::flag(&query, "fresh")?;
    // A wrong board is an answer, not an error.
    let board = BoardKey { account: caller.account(page::account_id(&query)?)?, board_id: id };
    let access = board_access(&context, &board, fresh).await?;
    Ok(Json(views::board_access(&board.board_id, &access)))
}

pub async fn sections(
    State(context): State<Context>,
    caller: Caller,
    Path(id): Path<String>,
    Query(query): Query<page::Query>,
) -> Result<Json<Vec<Value>>, ApiError> {
    let board = key(caller.account(page::account_id(&query)?)?, id)?;
    let sections = boards::sections(&context, &board).await?;
    Ok(Json(sections.iter().map(views::section).collect()))
}

pub async fn create_section(
    State(context): State<Context>,
    caller: Caller,
    Path(id): Path<String>,
    JsonObject(body): JsonObject,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    let mut fields = Fields::of(&body);
    let account = AccountId(fields.required_uuid("account_id"));
    let name = fields.required_text("name", NAME_MAX);
    fields.finish()?;
    let board = key(caller.account(account)?, id)?;
    let section = boards::create_section(&context, &board, &name).await?;
    Ok((StatusCode::CREATED, Json(views::section(&section))))
}

/// What can't be a board's id is no board.
fn key(account: AccountKey, board_id: String) -> Result<BoardKey, ApiError> {
    if is_board_id(&board_id) { Ok(BoardKey { account, board_id }) } else { Err(ApiError::board_not_found()) }
}

fn privacy(fields: &mut Fields<'_>, allowed: &[Privacy]) -> Option<Privacy> {
    let name = fields.text("privacy", NAME_MAX)?;
    let privacy = Privacy::parse(&name).filter(|privacy| allowed.contains(privacy));
    if privacy.is_none() {
        let names: Vec<String> = allowed.iter().map(|privacy| format!("'{}'", privacy.name())).collect();
        fields.reject("privacy", format!("Input should be {}", names.join(" or ")), "enum");
    }
    privacy
}
