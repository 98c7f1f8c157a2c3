//! Deleting and retrying many pins.

use axum::Json;
use axum::extract::State;
use http::HeaderMap;
use pinbridge_shared::context::Context;
use pinbridge_shared::domain::ids::{PinId, PinKey};
use pinbridge_shared::flows::pins::delete_pin::{DeleteError, delete_pin};
use pinbridge_shared::flows::pins::read_pins;
use pinbridge_shared::flows::pins::retry_pin::{RetryError, retry_pin};
use serde_json::json;

use super::retry::{accepts_duplicate, of_retry};
use crate::activity::Resource;
use crate::auth::Caller;
use crate::endpoint::{DESTRUCTIVE, Endpoint, WRITE, post};
use crate::error::ApiError;
use crate::error::codes::PIN_DELETED_BEFORE;
use crate::request;
use crate::routes::bulk::{BulkIds, BulkResult, BulkRetry, COUNTS, Outcome, each};
use crate::routes::examples::PIN;

pub fn endpoints() -> [Endpoint; 2] {
    [
        post("/v1/pins/bulk-delete", DESTRUCTIVE, delete)
            .operation("delete_pins", "Delete up to 100 pins")
            .about("As `DELETE /v1/pins/{id}` of each. An id that is named twice counts once.")
            .audited("pin.bulk_deleted", Resource::None, COUNTS)
            .takes::<BulkIds>(|| json!({"ids": [PIN]}))
            .answers::<BulkResult>(200, "The outcome for each pin, in order."),
        of_retry(post("/v1/pins/bulk-retry", WRITE, retry))
            .operation("retry_pins", "Retry up to 100 failed pins")
            .about("As `POST /v1/pins/{id}/retry` of each; one that isn't failed is skipped.")
            .audited("pin.bulk_retried", Resource::None, COUNTS)
            .takes::<BulkRetry>(|| json!({"ids": [PIN], "accept_duplicate": true}))
            .answers::<BulkResult>(200, "The outcome for each pin, in order."),
    ]
}

async fn delete(
    State(context): State<Context>,
    caller: Caller,
    request::Json(body): request::Json<BulkIds>,
) -> Json<BulkResult> {
    let (context, caller) = (&context, &caller);
    each(body.ids, |id| delete_one(context, caller, PinKey { workspace: caller.workspace, pin: PinId(id) })).await
}

async fn delete_one(context: &Context, caller: &Caller, key: PinKey) -> Outcome {
    if let Err(error) = open(context, caller, key).await {
        // The call may be a repetition of one whose answer was lost.
        let deleted = read_pins::deleted(context, key).await.ok().flatten();
        let is_theirs = deleted.is_some_and(|pin| caller.may_use(pin.request.account).is_ok());
        return if is_theirs { Outcome::Skipped(PIN_DELETED_BEFORE.into()) } else { Outcome::Failed(error) };
    }
    match delete_pin(context, key).await {
        Ok(_) => Outcome::Succeeded,
        Err(DeleteError::NotFound) => Outcome::Skipped(PIN_DELETED_BEFORE.into()),
        Err(error) => Outcome::Failed(error.into()),
    }
}

async fn retry(
    State(context): State<Context>,
    caller: Caller,
    headers: HeaderMap,
    request::Json(body): request::Json<BulkRetry>,
) -> Result<Json<BulkResult>, ApiError> {
    let accept_duplicate = accepts_duplicate(body.accept_duplicate, &headers)?;
    let (context, caller) = (&context, &caller);
    let key = |id| PinKey { workspace: caller.workspace, pin: PinId(id) };
    Ok(each(body.ids, |id| retry_one(context, caller, key(id), accept_duplicate)).await)
}

async fn retry_one(context: &Context, caller: &Caller, key: PinKey, accept_duplicate: bool) -> Outcome {
    if let Err(error) = open(context, caller, key).await {
        return Outcome::Failed(error);
    }
    match retry_pin(context, key, accept_duplicate).await {
        Ok(_) => Outcome::Succeeded,
        // It is under way, done, or another one's business: nothing to retry.
        Err(error @ (RetryError::NotFailed(_) | RetryError::Superseded)) => Outcome::Skipped(error.into()),
        Err(error) => Outcome::Failed(error.into()),
    }
}

/// Whether there is such a pin, open to the caller.
async fn open(context: &Context, caller: &Caller, key: PinKey) -> Result<(), ApiError> {
    let view = read_pins::pin(context, key).await?.ok_or_else(|| ApiError::not_found("pin"))?;
    caller.may_use(view.pin.request.account)
}
