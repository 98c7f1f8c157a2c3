//! Retrying failed pins.

use axum::Json;
use axum::extract::{Path, State};
use http::HeaderMap;
use pinbridge_shared::context::Context;
use pinbridge_shared::domain::account::board::BOARD_ID_MAX;
use pinbridge_shared::domain::ids::{AccountId, AccountKey, BoardKey};
use pinbridge_shared::domain::pin::edit::Edit;
use pinbridge_shared::flows::boards::board_preflight::preflight;
use pinbridge_shared::flows::pins::read_pins;
use pinbridge_shared::flows::pins::retry_pin::retry_pin_with;
use serde_json::{Map, Value};

use super::pins::{find, key};
use crate::auth::Caller;
use crate::body::{Fields, MaybeJsonObject};
use crate::error::{ApiError, FieldError};
use crate::views;

const ACCEPT_DUPLICATE: &str = "accept_duplicate";
/// The same as a header, because the official client's typed models drop fields they don't know.
const ACCEPT_DUPLICATE_HEADER: &str = "x-pinbridge-accept-duplicate";

const TAKEN: [&str; 3] = ["board_id", "account_id", ACCEPT_DUPLICATE];

pub async fn retry(
    State(context): State<Context>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    MaybeJsonObject(body): MaybeJsonObject,
) -> Result<Json<Value>, ApiError> {
    let key = key(&caller, &id)?;
    let (accept_duplicate, edit) = parse(&body, &headers)?;
    if let Some(account) = edit.account {
        caller.may_use(account)?;
    }
    let moves = edit != Edit::default();
    if caller.limited_to().is_some() || moves {
        let found = find(&context, &caller, &id).await?;
        if moves {
            let request = edit.apply(&found.pin.request);
            let account = AccountKey { workspace: caller.workspace, account: request.account };
            preflight(&context, &BoardKey { account, board_id: request.board_id }).await?;
        }
    }
    let (pin, attempt) = retry_pin_with(&context, key, accept_duplicate, &edit).await?;
    Ok(Json(views::pin(&read_pins::changed(&context, pin, attempt).await?)))
}

/// Whether a second Pin is accepted, and where the pin is sent instead.
fn parse(body: &Map<String, Value>, headers: &HeaderMap) -> Result<(bool, Edit), ApiError> {
    let mut fields = Fields::of(body);
    // Ignored, the pin would be published where the caller believes to have sent it away from.
    if let Some(name) = body.keys().find(|name| !TAKEN.contains(&name.as_str())) {
        fields.reject(name, "Extra inputs are not permitted", "extra_forbidden");
    }
    let board_id = fields.value("board_id").map(|_| fields.required_digits("board_id", BOARD_ID_MAX));
    let account = fields.value("account_id").map(|_| AccountId(fields.required_uuid("account_id")));
    let accept_duplicate = accepts_duplicate(&mut fields, headers)?;
    fields.finish()?;
    Ok((accept_duplicate, Edit { board_id, account, ..Edit::default() }))
}

/// Whether a second Pin is no harm, by the body or, where that says nothing, by the header.
///
/// # Errors
/// When the header says something else.
pub fn accepts_duplicate(fields: &mut Fields<'_>, headers: &HeaderMap) -> Result<bool, ApiError> {
    let in_body = fields.flag(ACCEPT_DUPLICATE);
    match headers.get(ACCEPT_DUPLICATE_HEADER).map(|value| value.to_str().unwrap_or("").trim()) {
        // What the body says counts, but a header that says nonsense isn't passed over.
        None | Some("false" | "true") if in_body.is_some() => Ok(in_body.unwrap_or_default()),
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => {
            let loc = vec!["header".into(), ACCEPT_DUPLICATE_HEADER.into()];
            let msg = "Input should be 'true' or 'false'".into();
            Err(ApiError::validation(vec![FieldError { loc, msg, kind: "bool_parsing" }]))
        }
    }
}
