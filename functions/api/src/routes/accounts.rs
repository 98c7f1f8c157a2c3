//! Connected Pinterest accounts.

use axum::Json;
use axum::extract::State;
use futures_util::future::try_join_all;
use pinbridge_shared::ports::World;
use serde_json::Value;

use crate::auth::Caller;
use crate::error::ApiError;
use crate::views;

pub async fn list(State(world): State<World>, caller: Caller) -> Result<Json<Vec<Value>>, ApiError> {
    let mut accounts = world.store.accounts(caller.workspace).await?;
    accounts.retain(|account| caller.sees(account.key.account));
    accounts.sort_by_key(|account| (account.created_at, account.key.account));
    // The bucket knows what Pinterest last said of the connection.
    let buckets = try_join_all(accounts.iter().map(|account| world.store.bucket(account.key))).await?;
    let now = world.system.now();
    Ok(Json(accounts.iter().zip(&buckets).map(|(account, bucket)| views::account(account, bucket, now)).collect()))
}
