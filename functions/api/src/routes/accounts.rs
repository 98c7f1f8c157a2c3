//! Connected Pinterest accounts.

use axum::Json;
use axum::extract::State;
use pinbridge_shared::ports::World;
use serde_json::Value;

use crate::auth::Caller;
use crate::error::ApiError;
use crate::views;

pub async fn list(State(world): State<World>, caller: Caller) -> Result<Json<Vec<Value>>, ApiError> {
    let mut accounts = world.store.accounts(caller.workspace).await?;
    accounts.sort_by_key(|account| (account.created_at, account.key.account));
    let now = world.system.now();
    Ok(Json(accounts.iter().map(|account| views::account(account, now)).collect()))
}
