//! Jobs: the contract's other name for pins.

use axum::Json;
use axum::extract::{Path, State};
use pinbridge_shared::context::Context;
use serde_json::Value;

use super::pins;
use crate::auth::Caller;
use crate::error::ApiError;
use crate::views;

pub async fn read(
    State(context): State<Context>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    pins::find(&context, &caller, &id).await.map(|view| Json(views::job(&view)))
}
