//! Deleting and retrying many pins.

use axum::Json;
use axum::extract::State;
use http::HeaderMap;
use pinbridge_shared::context::Context;
use pinbridge_shared::domain::ids::PinKey;
use pinbridge_shared::domain::pin::edit::Edit;
use pinbridge_shared::flows::pins::delete_pin::{DeleteError, delete_pin};
use pinbridge_shared::flows::pins::read_pins;
use pinbridge_shared::flows::pins::retry_pin::retry_pin_with;
use serde_json::json;

use super::retry::{accepts_duplicate, of_retry, other_end};
use super::{key_of, open};
use crate::activity::Resource;
use crate::auth::Caller;
use crate::endpoint::{DESTRUCTIVE, Endpoint, WRITE, post};
use crate::error::ApiError;
use crate::error::codes::{Code, PIN_DELETED_BEFORE, PIN_NOT_FAILED, PIN_SUPERSEDED};
use crate::request;
use crate::routes::bulk::{BulkIds, BulkResult, BulkRetry, COUNTS, each};
use crate::routes::examples::PIN;

pub fn endpoints() -> [Endpoint; 2] {
    [
        post("/v1/pins/bulk-delete", DESTRUCTIVE, delete)
            .operation("delete_pins", "Delete up to 100 pins")
            .about(
                "Deletes each pin as `DELETE /v1/pins/{id}` does. A repeated id counts once. The result of a pin \
                 that is deleted already is `skipped`.",
            )
            .audited("pin.bulk_deleted", Resource::None, COUNTS)
            .takes::<BulkIds>(|| json!({"ids": [PIN]}))
            .answers::<BulkResult>(200, "The result of each pin, in the order of the request."),
        of_retry(post("/v1/pins/bulk-retry", WRITE, retry))
            .operation("retry_pins", "Retry up to 100 failed pins")
            .about(
                "Retries each pin as `POST /v1/pins/{id}/retry` does. The result of a pin that has not failed is \
                 `skipped`.",
            )
            .audited("pin.bulk_retried", Resource::None, COUNTS)
            .takes::<BulkRetry>(|| json!({"ids": [PIN], "accept_duplicate": true}))
            .answers::<BulkResult>(200, "The result of each pin, in the order of the request."),
    ]
}

/// The codes of pins that need no work: deleted already, not failed, or replaced by another pin.
const SKIPPED: &[Code] = &[PIN_DELETED_BEFORE, PIN_NOT_FAILED, PIN_SUPERSEDED];

async fn delete(
    State(context): State<Context>,
    caller: Caller,
    request::StrictJson(body): request::StrictJson<BulkIds>,
) -> Json<BulkResult> {
    let (context, caller) = (&context, &caller);
    each(body.ids, SKIPPED, |id| delete_one(context, caller, key_of(caller, id))).await
}

async fn delete_one(context: &Context, caller: &Caller, key: PinKey) -> Result<(), ApiError> {
    if let Err(error) = open(context, caller, key).await {
        // The request may repeat one whose answer was lost.
        let deleted = read_pins::deleted(context, key).await.ok().flatten();
        let is_theirs = deleted.is_some_and(|(pin, _)| caller.may_use(pin.request.account).is_ok());
        return Err(if is_theirs { PIN_DELETED_BEFORE.into() } else { error });
    }
    match delete_pin(context, key).await {
        Err(DeleteError::NotFound) => Err(PIN_DELETED_BEFORE.into()),
        deleted => Ok(deleted.map(drop)?),
    }
}

async fn retry(
    State(context): State<Context>,
    caller: Caller,
    headers: HeaderMap,
    request::StrictJson(body): request::StrictJson<BulkRetry>,
) -> Result<Json<BulkResult>, ApiError> {
    let accept_duplicate = accepts_duplicate(body.accept_duplicate, &headers)?;
    let publish_before = other_end(body.publish_before, &headers)?;
    let edit = Edit { publish_before, by: Some(caller.who), ..Edit::default() };
    let (context, caller, edit) = (&context, &caller, &edit);
    let retry_one = |id| async move {
        let view = open(context, caller, key_of(caller, id)).await?;
        Ok(retry_pin_with(context, view.pin.key, accept_duplicate, edit).await.map(drop)?)
    };
    Ok(each(body.ids, SKIPPED, retry_one).await)
}
