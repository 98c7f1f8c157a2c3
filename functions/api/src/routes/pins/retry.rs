//! Retries failed pins.

use axum::Json;
use axum::extract::{Path, State};
use http::HeaderMap;
use pinbridge_shared::context::Context;
use pinbridge_shared::domain::ids::{AccountId, AccountKey, BoardKey};
use pinbridge_shared::domain::pin::edit::Edit;
use pinbridge_shared::domain::time::Moment;
use pinbridge_shared::flows::boards::board_preflight::preflight;
use pinbridge_shared::flows::pins::read_pins;
use pinbridge_shared::flows::pins::retry_pin::{RetryError, retry_pin_with};
use serde_json::json;
use uuid::Uuid;

use super::create::{TOO_SOON, publish_before};
use super::fields::BoardId;
use super::options::{HeaderTime, PUBLISH_BEFORE_HEADER, header};
use super::pin::Pin;
use super::{find, key, missing, of_pin};
use crate::activity::Resource;
use crate::auth::Caller;
use crate::endpoint::{Endpoint, WRITE, post};
use crate::error::ApiError;
use crate::error::codes::{
    self, ACCOUNT_DISCONNECTED, ACCOUNT_NOT_PERMITTED, EXPIRED_UNPUBLISHED, PIN_NOT_FAILED, PIN_SUPERSEDED,
    RETRY_MAY_DUPLICATE, TOO_LATE,
};
use crate::openapi::schema::{Flag, Time};
use crate::request::field::{Nullable, request};
use crate::request::{MaybeJsonObject, only_body_of};

/// `accept_duplicate` as a header, because the official client's typed models drop unknown fields.
const ACCEPT_DUPLICATE_HEADER: &str = "x-pinbridge-accept-duplicate";

pub fn endpoint() -> Endpoint {
    of_pin(of_retry(post("/v1/pins/{id}/retry", WRITE, retry)))
        .operation("retry_pin", "Retry a failed pin")
        .about(
            "Queues a failed pin again. `board_id` and `account_id` move it to another board or account, which are \
             checked first as far as Pinterest can be reached. A pin that failed with `too_late` needs another \
             `publish_before` (also as a header), or `null`. If the last attempt may have created a Pin, the request \
             answers 409 `retry_may_duplicate` unless it has `accept_duplicate: true`. Before the retry, `PATCH \
             /v1/pins/{id}` can correct the content.",
        )
        .audited("pin.retried", Resource::Path, &["status"])
        .may_take::<PinRetry>(|| json!({"accept_duplicate": true}))
        .answers::<Pin>(200, "The queued pin.")
        .fails(&[
            PIN_NOT_FAILED,
            RETRY_MAY_DUPLICATE,
            PIN_SUPERSEDED,
            EXPIRED_UNPUBLISHED,
            ACCOUNT_DISCONNECTED,
            ACCOUNT_NOT_PERMITTED,
            TOO_LATE,
        ])
        .fails(codes::PREFLIGHT)
        .fails(codes::RESOLVING)
}

/// An endpoint that takes `accept_duplicate` and `publish_before`, also as headers.
pub fn of_retry(endpoint: Endpoint) -> Endpoint {
    endpoint
        .exact()
        .header::<Flag>(
            "X-Pinbridge-Accept-Duplicate",
            "`accept_duplicate` as a header, for clients that drop unknown fields.",
        )
        .header::<HeaderTime>(
            "X-Pinbridge-Publish-Before",
            "A later `publish_before` as a header, a time as in RFC 3339. The one of the body counts first.",
        )
}

request! {
    /// The options of a retry.
    #[schemars(deny_unknown_fields)]
    pub struct PinRetry {
        /// The id of another board to publish to.
        pub board_id: Option<BoardId>,
        /// The id of another account that publishes the pin.
        pub account_id: Option<Uuid>,
        /// Extension: a later `publish_before`; `null` clears it.
        pub publish_before: Option<Nullable<Time>>,
        /// Extension: `true` retries the pin even if that may create a second Pin.
        pub accept_duplicate: Option<bool>,
    }
}

request! {
    /// The options of a retry that moves nothing.
    #[schemars(deny_unknown_fields)]
    pub struct ScheduleRetry {
        /// Extension: a later `publish_before`; `null` clears it.
        pub publish_before: Option<Nullable<Time>>,
        /// Extension: `true` retries even if that may create a second Pin.
        pub accept_duplicate: Option<bool>,
    }
}

impl From<RetryError> for ApiError {
    fn from(error: RetryError) -> Self {
        match error {
            RetryError::NotFound => Self::not_found("pin"),
            RetryError::NotFailed(status) => PIN_NOT_FAILED.with("status", status.name()),
            RetryError::Superseded => PIN_SUPERSEDED.into(),
            RetryError::MayDuplicate => RETRY_MAY_DUPLICATE.into(),
            RetryError::Overdue => EXPIRED_UNPUBLISHED.into(),
            RetryError::TooLate => TOO_LATE.into(),
            RetryError::TooSoon => publish_before(TOO_SOON),
            RetryError::AccountDisconnected => ACCOUNT_DISCONNECTED.into(),
            RetryError::AccountNotFound => Self::not_found("account"),
            RetryError::Port(error) => error.into(),
        }
    }
}

async fn retry(
    State(context): State<Context>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    MaybeJsonObject(body): MaybeJsonObject,
) -> Result<Json<Pin>, ApiError> {
    let key = key(&caller, &id)?;
    let PinRetry { board_id, account_id, publish_before, accept_duplicate } = only_body_of(&body)?;
    let accept_duplicate = accepts_duplicate(accept_duplicate, &headers)?;
    let mut edit = Edit {
        board_id: board_id.map(|board| board.0),
        account: account_id.map(AccountId),
        publish_before: other_end(publish_before, &headers)?,
        by: Some(caller.who),
        ..Edit::default()
    };
    if let Some(account) = edit.account {
        caller.may_use(account)?;
    }
    let moves = edit.board_id.is_some() || edit.account.is_some();
    if caller.limited_to().is_some() || moves {
        let found = find(&context, &caller, &id).await?;
        if moves {
            let account = edit.account.unwrap_or(found.pin.request.account);
            let account = AccountKey { workspace: caller.workspace, account };
            if let Some(text) = edit.board_id.take() {
                edit.board_id = Some(super::edit::meant_board(&context, account, text).await?.id);
            }
            let request = edit.apply(&found.pin.request);
            preflight(&context, &BoardKey { account, board_id: request.board_id }).await?;
        }
    }
    let (pin, attempt) = match retry_pin_with(&context, key, accept_duplicate, &edit).await {
        Err(RetryError::NotFound) => return Err(missing(&context, &caller, key).await?),
        retried => retried?,
    };
    Ok(Json(Pin::from(&read_pins::changed(&context, pin, attempt).await?)))
}

/// The `publish_before` that a retry gives the pin: the body's counts, then the header's. `None`: it keeps its own.
///
/// # Errors
/// When the header is no time.
pub fn other_end(in_body: Option<Nullable<Time>>, headers: &HeaderMap) -> Result<Option<Option<Moment>>, ApiError> {
    // The body counts, but an invalid header is an error nevertheless.
    let in_header = header::<Time>(headers, PUBLISH_BEFORE_HEADER)?.map(|time| Nullable(Some(time)));
    Ok(in_body.or(in_header).map(|Nullable(time)| time.map(|time| time.0)))
}

/// Whether the caller accepts a second Pin. The body counts, then the header.
///
/// # Errors
/// When the header is neither `true` nor `false`.
pub fn accepts_duplicate(in_body: Option<bool>, headers: &HeaderMap) -> Result<bool, ApiError> {
    match headers.get(ACCEPT_DUPLICATE_HEADER).map(|value| value.to_str().unwrap_or("").trim()) {
        // The body counts, but an invalid header is an error nevertheless.
        None | Some("false") => Ok(in_body.unwrap_or(false)),
        Some("true") => Ok(in_body.unwrap_or(true)),
        Some(_) => {
            let msg = "Input should be 'true' or 'false'";
            Err(ApiError::invalid("header", ACCEPT_DUPLICATE_HEADER, msg, "bool_parsing"))
        }
    }
}
