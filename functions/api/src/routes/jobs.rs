//! Jobs: the contract's other name for pins.

use axum::Json;
use axum::extract::{Path, State};
use pinbridge_shared::ports::World;
use serde_json::Value;

use super::pins;
use crate::auth::Caller;
use crate::error::ApiError;
use crate::views;

pub async fn read(State(world): State<World>, caller: Caller, Path(id): Path<String>) -> Result<Json<Value>, ApiError> {
    pins::find(&world, &caller, &id).await.map(|view| Json(views::job(&view)))
}
