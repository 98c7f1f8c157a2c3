//! Retrying failed pins.

use axum::Json;
use axum::extract::{Path, State};
use http::HeaderMap;
use pinbridge_shared::flows::read_pins;
use pinbridge_shared::flows::retry_pin::retry_pin;
use pinbridge_shared::ports::World;
use serde_json::{Map, Value};

use super::pins::{find, key};
use crate::auth::Caller;
use crate::body::{Fields, MaybeJsonObject};
use crate::error::{ApiError, FieldError};
use crate::views;

const ACCEPT_DUPLICATE: &str = "accept_duplicate";
/// The same as a header, because the official client's typed models drop fields they don't know.
const ACCEPT_DUPLICATE_HEADER: &str = "x-pinbridge-accept-duplicate";

pub async fn retry(
    State(world): State<World>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    MaybeJsonObject(body): MaybeJsonObject,
) -> Result<Json<Value>, ApiError> {
    let key = key(&caller, &id)?;
    let accept_duplicate = parse(&body, &headers)?;
    if caller.limited_to().is_some() {
        find(&world, &caller, &id).await?;
    }
    let (pin, attempt) = retry_pin(&world, key, accept_duplicate).await?;
    Ok(Json(views::pin(&read_pins::retried(&world, pin, attempt).await?)))
}

/// Whether a second Pin is accepted. What would send the pin elsewhere is refused, not ignored.
fn parse(body: &Map<String, Value>, headers: &HeaderMap) -> Result<bool, ApiError> {
    if let Some(field) =
        ["board_id", "account_id"].into_iter().find(|name| body.get(*name).is_some_and(|v| !v.is_null()))
    {
        return Err(ApiError::not_supported(field));
    }
    let mut fields = Fields::of(body);
    let in_body = fields.flag(ACCEPT_DUPLICATE);
    fields.finish()?;
    match headers.get(ACCEPT_DUPLICATE_HEADER).map(|value| value.to_str().unwrap_or("").trim()) {
        _ if in_body.is_some() => Ok(in_body.unwrap_or_default()),
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => {
            let loc = vec!["header".into(), ACCEPT_DUPLICATE_HEADER.into()];
            let msg = "Input should be 'true' or 'false'".into();
            Err(ApiError::validation(vec![FieldError { loc, msg, kind: "bool_parsing" }]))
        }
    }
}
