//! Connected Pinterest accounts.

use axum::Json;
use axum::extract::{Path, State};
use futures_util::future::try_join_all;
use http::StatusCode;
use pinbridge_shared::context::Context;
use pinbridge_shared::flows::accounts::disconnect::disconnect;
use serde_json::Value;

use crate::auth::Caller;
use crate::error::{ApiError, FieldError};
use crate::views;

pub async fn list(State(context): State<Context>, caller: Caller) -> Result<Json<Vec<Value>>, ApiError> {
    let mut accounts = context.store.accounts(caller.workspace).await?;
    // A disconnected account's name is forgotten in time; then there is nothing left to show of it.
    accounts.retain(|account| caller.sees(account.key.account) && !account.is_forgotten());
    accounts.sort_by_key(|account| (account.created_at, account.key.account));
    // The bucket knows what Pinterest last said of the connection.
    let buckets = try_join_all(accounts.iter().map(|account| context.store.bucket(account.key))).await?;
    let now = context.system.now();
    let views =
        accounts.iter().zip(&buckets).map(|(account, bucket)| views::connections::account(account, bucket, now));
    Ok(Json(views.collect()))
}

pub async fn revoke(
    State(context): State<Context>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    let account = id.parse().map_err(|_| {
        let (loc, msg) = (vec!["path".into(), "account_id".into()], "Input should be a valid UUID".into());
        ApiError::validation(vec![FieldError { loc, msg, kind: "uuid_parsing" }])
    })?;
    disconnect(&context, caller.account(account)?).await?;
    Ok(StatusCode::NO_CONTENT)
}
