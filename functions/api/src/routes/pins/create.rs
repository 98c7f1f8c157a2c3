//! Accepts a pin for publishing.

use axum::extract::{Query, State};
use axum::response::Response;
use http::{HeaderMap, HeaderValue, StatusCode};
use pinbridge_shared::context::Context;
use pinbridge_shared::domain::pin::Priority;
use pinbridge_shared::domain::pin::origin::Origin;
use pinbridge_shared::flows::accept::accept_pin::{AcceptError, Acceptance, PublishRequest, accept_pin};
use pinbridge_shared::flows::accept::duplicate_content::Duplicate;
use pinbridge_shared::flows::pins::read_pins;
use schemars::JsonSchema;
use serde::Serialize;

use super::duplicates::{PinWarning, find_duplicate, on_duplicate, refuses_duplicates};
use super::fields;
use super::pin::{self, OnDuplicate, Pin, PinCreate, parse};
use crate::answer;
use crate::auth::Caller;
use crate::endpoint::{Endpoint, WRITE, post};
use crate::error::ApiError;
use crate::error::codes::{
    ACCOUNT_NOT_PERMITTED, ASSETS_NOT_ENABLED, DUPLICATE_CONTENT, IDEMPOTENCY_KEY_REUSED, NOT_FOUND, PIN_DELETED,
    TOKEN_REVOKED,
};
use crate::error::pinterest::not_connected;
use crate::openapi::schema::{Flag, Text};
use crate::request::{JsonObject, query};

/// The header repeats the warning of the body, because the official client's models drop unknown fields.
const WARNING_HEADER: &str = "x-pinbridge-warning";

pub fn endpoint() -> Endpoint {
    post("/v1/pins", WRITE, create)
        .operation("create_pin", "Publish a pin")
        .about(
            "Accepts a pin. The system publishes it as soon as the pace of its account allows, and retries after \
             temporary failures. A repeated request with the same `idempotency_key` and content answers 200 with the \
             existing pin and `Idempotent-Replayed: true`. The same key with other content answers 409 \
             `idempotency_key_reused`. If a pin of the last 24 hours has the same account, board, title, link and \
             image, `warnings` names it. With `on_duplicate: refuse`, the request answers 409 `duplicate_content` \
             instead. Two simultaneous requests do not detect each other.",
        )
        .unaudited("the log derives its entry from the pin")
        .query::<OnDuplicate>("on_duplicate", "`on_duplicate` as a query parameter.")
        .header::<fields::Priority>(
            "X-Pinbridge-Priority",
            "`priority` as a header, for clients that drop unknown \
             fields.",
        )
        .header::<OnDuplicate>(
            "X-Pinbridge-On-Duplicate",
            "`on_duplicate` as a header, for clients that drop unknown \
             fields.",
        )
        .takes::<PinCreate>(pin::example)
        .answers::<AcceptedPin>(201, "The pin is accepted.")
        .with_header::<Text>(
            "X-Pinbridge-Warning",
            false,
            "`duplicate_content; pin_id=…`: a pin of the last 24 hours has the same content.",
        )
        .answers::<AcceptedPin>(200, "The existing pin with this idempotency key.")
        .with_header::<Flag>("Idempotent-Replayed", true, "`true`: the pin existed already.")
        .fails(&[NOT_FOUND, ACCOUNT_NOT_PERMITTED, TOKEN_REVOKED, IDEMPOTENCY_KEY_REUSED])
        .fails(&[DUPLICATE_CONTENT, PIN_DELETED, ASSETS_NOT_ENABLED])
}

/// An accepted pin.
#[derive(Serialize, JsonSchema)]
pub struct AcceptedPin {
    #[serde(flatten)]
    pub pin: Pin,
    /// Extension: other pins with the same content.
    pub warnings: Vec<PinWarning>,
}

impl From<AcceptError> for ApiError {
    fn from(error: AcceptError) -> Self {
        match error {
            AcceptError::KeyReused { existing } => IDEMPOTENCY_KEY_REUSED.with("existing", existing),
            AcceptError::KeyOfDeleted { existing } => PIN_DELETED.with("existing", existing),
            AcceptError::AccountNotFound => Self::not_found("account"),
            AcceptError::AccountDisconnected => not_connected(),
            AcceptError::Port(error) => error.into(),
        }
    }
}

async fn create(
    State(context): State<Context>,
    caller: Caller,
    Query(query): Query<query::Query>,
    headers: HeaderMap,
    JsonObject(body): JsonObject,
) -> Result<Response, ApiError> {
    let request = parse(&body, &headers, Priority::default())?;
    let refuses = refuses_duplicates(on_duplicate(&body)?, &query, &headers)?;
    caller.may_use(request.account)?;
    let duplicate = find_duplicate(&context, &caller, &request, refuses).await?;
    let request_to_publish = PublishRequest { request, origin: Origin::by(caller.who), not_before: None };
    let (pin, attempt, replayed) = match accept_pin(&context, caller.workspace, request_to_publish).await? {
        Acceptance::New(pin, attempt) => (pin, attempt, false),
        Acceptance::Replay(pin, attempt) => (pin, attempt, true),
    };
    let view = if replayed {
        read_pins::changed(&context, pin, attempt).await?
    } else {
        read_pins::accepted(&context, pin, attempt).await?
    };
    let warning = duplicate.filter(|_| !replayed);
    let status = if replayed { StatusCode::OK } else { StatusCode::CREATED };
    let body = AcceptedPin { pin: Pin::from(&view), warnings: warning.iter().map(PinWarning::from).collect() };
    let mut response = answer::made(status, body, replayed);
    if let Some(Duplicate { pin, .. }) = warning
        && let Ok(value) = HeaderValue::try_from(format!("duplicate_content; pin_id={pin}"))
    {
        response.headers_mut().insert(WARNING_HEADER, value);
    }
    Ok(response)
}
