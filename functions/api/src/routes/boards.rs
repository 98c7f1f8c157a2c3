//! The boards of a connected account.

use axum::Json;
use axum::extract::{Query, State};
use pinbridge_shared::flows::read_boards;
use pinbridge_shared::ports::World;
use serde_json::Value;

use crate::auth::Caller;
use crate::error::ApiError;
use crate::{page, views};

pub async fn list(
    State(world): State<World>,
    caller: Caller,
    Query(query): Query<page::Query>,
) -> Result<Json<Vec<Value>>, ApiError> {
    let account = caller.account(page::account_id(&query)?)?;
    let boards = read_boards::boards(&world, account).await?;
    Ok(Json(boards.iter().map(views::board).collect()))
}
