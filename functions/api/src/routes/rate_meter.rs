//! What an account may publish now.

use axum::Json;
use axum::extract::{Query, State};
use pinbridge_shared::context::Context;
use pinbridge_shared::flows::pacing::rate_meter;
use serde_json::Value;

use crate::auth::Caller;
use crate::error::ApiError;
use crate::{page, views};

pub async fn read(
    State(context): State<Context>,
    caller: Caller,
    Query(query): Query<page::Query>,
) -> Result<Json<Value>, ApiError> {
    let account = caller.account(page::account_id(&query)?)?;
    Ok(Json(views::rate_meter(&rate_meter::read(&context, account).await?)))
}
