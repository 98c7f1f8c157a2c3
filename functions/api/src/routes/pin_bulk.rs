//! Deleting and retrying many pins.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::State;
use futures_util::stream::{self, StreamExt};
use http::HeaderMap;
use pinbridge_shared::context::Context;
use pinbridge_shared::domain::ids::{PinId, PinKey};
use pinbridge_shared::flows::pins::delete_pin::{DeleteError, delete_pin};
use pinbridge_shared::flows::pins::read_pins;
use pinbridge_shared::flows::pins::retry_pin::{RetryError, retry_pin};
use serde_json::{Map, Value, json};

use super::retries::accepts_duplicate;
use crate::auth::Caller;
use crate::body::{Fields, JsonObject};
use crate::error::ApiError;

/// Pins of one call.
pub const BULK_MAX: usize = 100;
const AT_ONCE: usize = 10;

/// What became of one, in the contract's words; the error says why it is skipped or failed.
enum Done {
    Succeeded,
    Skipped(ApiError),
    Failed(ApiError),
}

pub async fn delete(
    State(context): State<Context>,
    caller: Caller,
    JsonObject(body): JsonObject,
) -> Result<Json<Value>, ApiError> {
    let ids = parse(&body)?;
    let work = ids.into_iter().map(|id| delete_one(&context, &caller, id)).collect::<Vec<_>>();
    Ok(Json(answer(stream::iter(work).buffered(AT_ONCE).collect().await)))
}

async fn delete_one(context: &Context, caller: &Caller, id: PinId) -> (PinId, Done) {
    let key = PinKey { workspace: caller.workspace, pin: id };
    if let Err(error) = open(context, caller, key).await {
        // The call may be a repetition of one whose answer was lost.
        let deleted = read_pins::deleted(context, key).await.ok().flatten();
        let is_theirs = deleted.is_some_and(|pin| caller.may_use(pin.request.account).is_ok());
        return (id, if is_theirs { Done::Skipped(ApiError::deleted_before()) } else { Done::Failed(error) });
    }
    let done = match delete_pin(context, key).await {
        Ok(_) => Done::Succeeded,
        Err(DeleteError::NotFound) => Done::Skipped(ApiError::deleted_before()),
        Err(error) => Done::Failed(error.into()),
    };
    (id, done)
}

pub async fn retry(
    State(context): State<Context>,
    caller: Caller,
    headers: HeaderMap,
    JsonObject(body): JsonObject,
) -> Result<Json<Value>, ApiError> {
    let ids = parse(&body)?;
    let mut fields = Fields::of(&body);
    let accept_duplicate = accepts_duplicate(&mut fields, &headers)?;
    fields.finish()?;
    let work = ids.into_iter().map(|id| retry_one(&context, &caller, id, accept_duplicate)).collect::<Vec<_>>();
    Ok(Json(answer(stream::iter(work).buffered(AT_ONCE).collect().await)))
}

async fn retry_one(context: &Context, caller: &Caller, id: PinId, accept_duplicate: bool) -> (PinId, Done) {
    let key = PinKey { workspace: caller.workspace, pin: id };
    if let Err(error) = open(context, caller, key).await {
        return (id, Done::Failed(error));
    }
    let done = match retry_pin(context, key, accept_duplicate).await {
        Ok(_) => Done::Succeeded,
        // It is under way, done, or another one's business: nothing to retry.
        Err(error @ (RetryError::NotFailed(_) | RetryError::Superseded)) => Done::Skipped(error.into()),
        Err(error) => Done::Failed(error.into()),
    };
    (id, done)
}

/// Whether there is such a pin, open to the caller.
async fn open(context: &Context, caller: &Caller, key: PinKey) -> Result<(), ApiError> {
    let view = read_pins::pin(context, key).await?.ok_or_else(|| ApiError::not_found("pin"))?;
    caller.may_use(view.pin.request.account)
}

/// The contract's `{"ids": […]}`; an id that is named twice counts once.
fn parse(body: &Map<String, Value>) -> Result<Vec<PinId>, ApiError> {
    let mut fields = Fields::of(body);
    let mut ids = Vec::new();
    match fields.value("ids") {
        None => fields.missing("ids"),
        Some(Value::Array(items)) if items.len() > BULK_MAX => {
            fields.reject("ids", format!("List should have at most {BULK_MAX} items"), "too_long");
        }
        Some(Value::Array(items)) if !items.is_empty() => {
            let parsed: Vec<Option<PinId>> = items.iter().map(|item| item.as_str()?.parse().ok()).collect();
            if parsed.iter().any(Option::is_none) {
                fields.reject("ids", "Input should be a list of UUIDs", "uuid_parsing");
            }
            let mut seen = BTreeSet::new();
            ids = parsed.into_iter().flatten().filter(|id| seen.insert(*id)).collect();
        }
        Some(Value::Array(_)) => fields.reject("ids", "List should have at least 1 item", "too_short"),
        Some(_) => fields.reject("ids", "Input should be a valid list", "list_type"),
    }
    fields.finish().map(|()| ids)
}

/// The contract's `BulkOperationResponse`.
fn answer(results: Vec<(PinId, Done)>) -> Value {
    let mut counts = [0_usize; 3];
    let mut item = |(id, done): (PinId, Done)| {
        let (index, status, error) = match done {
            Done::Succeeded => (0, "succeeded", None),
            Done::Skipped(error) => (1, "skipped", Some(error)),
            Done::Failed(error) => (2, "failed", Some(error)),
        };
        counts[index] += 1;
        json!({
            "id": id,
            "status": status,
            "error_code": error.as_ref().map(ApiError::code),
            "error_message": error.as_ref().map(ApiError::message),
        })
    };
    let results: Vec<Value> = results.into_iter().map(&mut item).collect();
    let [succeeded, skipped, failed] = counts;
    json!({
        "succeeded_count": succeeded,
        "skipped_count": skipped,
        "failed_count": failed,
        "results": results,
    })
}
