//! Pins with the content of another pin: the parameter `on_duplicate`, the search, and the warning.

use http::HeaderMap;
use pinbridge_shared::context::Context;
use pinbridge_shared::domain::ids::PinKey;
use pinbridge_shared::domain::pin::PinRequest;
use pinbridge_shared::domain::pin::idempotency;
use pinbridge_shared::flows::accept::duplicate_content::{self, Duplicate};
use pinbridge_shared::flows::accept::validate_pin;
use pinbridge_shared::flows::pins::read_pins;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::pin::{OnDuplicate, PinStatus};
use crate::auth::Caller;
use crate::error::ApiError;
use crate::error::codes::DUPLICATE_CONTENT;
use crate::openapi::schema::Time;
use crate::request::field::Wrong;
use crate::request::{field_of, query};

const ON_DUPLICATE: &str = "on_duplicate";
/// The same as a header, because the official client's typed models drop unknown fields.
const ON_DUPLICATE_HEADER: &str = "x-pinbridge-on-duplicate";

/// A warning: another pin of the last 24 hours has the same content.
#[derive(Serialize, JsonSchema)]
pub struct PinWarning {
    pub code: &'static str,
    pub message: String,
    pub remediation: &'static str,
    pub details: DuplicateDetails,
}

/// The other pin with the same content.
#[derive(Serialize, JsonSchema)]
pub struct DuplicateDetails {
    pub pin_id: Uuid,
    pub created_at: Time,
    pub status: PinStatus,
}

impl From<&Duplicate> for PinWarning {
    fn from(duplicate: &Duplicate) -> Self {
        let check = validate_pin::about_duplicate(duplicate);
        Self {
            code: check.code.unwrap_or_default(),
            message: check.message,
            remediation: check.remedy.unwrap_or_default(),
            details: DuplicateDetails {
                pin_id: duplicate.pin.0,
                created_at: Time(duplicate.created_at),
                status: PinStatus(duplicate.status.name()),
            },
        }
    }
}

/// The pin of the last 24 hours with the same content, if there is one. If the caller only wants a warning, a failed
/// search is no error.
///
/// # Errors
/// `refuses`: when there is such a pin, or the search fails.
pub async fn find_duplicate(
    context: &Context,
    caller: &Caller,
    request: &PinRequest,
    refuses: bool,
) -> Result<Option<Duplicate>, ApiError> {
    let own = idempotency::pin_id(caller.workspace, &request.idempotency_key);
    match duplicate_content::find(context, caller.workspace, request, own).await {
        Ok(Some(duplicate)) if refuses => {
            // A repeated request gets its own pin, even if another pin has the same content by now.
            let is_replay = read_pins::pin(context, PinKey { workspace: caller.workspace, pin: own }).await?.is_some();
            if is_replay { Ok(None) } else { Err(DUPLICATE_CONTENT.with("existing", duplicate.pin)) }
        }
        Ok(duplicate) => Ok(duplicate),
        Err(error) if refuses => Err(error.into()),
        Err(error) => {
            tracing::warn!(%error, "pins of the same content were not looked for");
            Ok(None)
        }
    }
}

/// The body's `on_duplicate`.
///
/// # Errors
/// When it is neither `warn` nor `refuse`.
pub fn on_duplicate(body: &Map<String, Value>) -> Result<Option<OnDuplicate>, ApiError> {
    field_of(body, ON_DUPLICATE)
}

/// Whether the caller refuses duplicates. The body counts, then the query, then the header.
///
/// # Errors
/// When the value is neither `warn` nor `refuse`.
pub fn refuses_duplicates(
    in_body: Option<OnDuplicate>,
    query: &query::Query,
    headers: &HeaderMap,
) -> Result<bool, ApiError> {
    if let Some(in_body) = in_body {
        return Ok(in_body.refuses());
    }
    let in_header = || headers.get(ON_DUPLICATE_HEADER).map(|value| value.to_str().unwrap_or("").trim());
    let Some(name) = query.get(ON_DUPLICATE).map(String::as_str).or_else(in_header) else { return Ok(false) };
    let wrong = |Wrong { msg, kind }| ApiError::invalid("body", ON_DUPLICATE, msg, kind);
    OnDuplicate::named(name).map(OnDuplicate::refuses).map_err(wrong)
}
