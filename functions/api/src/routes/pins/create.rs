//! Accepting a pin for publishing.

use axum::extract::{Query, State};
use axum::response::Response;
use http::{HeaderMap, HeaderValue, StatusCode};
use pinbridge_shared::context::Context;
use pinbridge_shared::domain::ids::PinKey;
use pinbridge_shared::domain::pin::idempotency;
use pinbridge_shared::domain::pin::origin::Origin;
use pinbridge_shared::domain::pin::{PinRequest, Priority};
use pinbridge_shared::flows::accept::accept_pin::{AcceptError, Acceptance, PublishRequest, accept_pin};
use pinbridge_shared::flows::accept::duplicate_content::{self, Duplicate};
use pinbridge_shared::flows::pins::read_pins;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use super::fields;
use super::pin::{self, OnDuplicate, Pin, PinCreate, parse};
use super::validation::PinWarning;
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
use crate::request::field::Wrong;
use crate::request::{JsonObject, field_of, query};

const ON_DUPLICATE: &str = "on_duplicate";
/// The same as a header, because the official client's typed models drop fields they don't know.
const ON_DUPLICATE_HEADER: &str = "x-pinbridge-on-duplicate";
/// What the official client's models drop from the body as well.
const WARNING_HEADER: &str = "x-pinbridge-warning";

pub fn endpoint() -> Endpoint {
    post("/v1/pins", WRITE, create)
        .operation("create_pin", "Publish a pin")
        .about(
            "Accepts a pin for publishing as soon as its account's pace allows. Accepted once, it is published at most \
             once, whatever fails on the way. The same `idempotency_key` with the same payload answers the pin that is \
             there (200, `Idempotent-Replayed: true`); with another payload it is refused (409). If a pin of the last \
             24 hours has the same account, board, title, link and image, `warnings` names it; with \
             `on_duplicate: refuse` the new pin is refused (409 `duplicate_content`).",
        )
        .unaudited("its entry is derived from the pin")
        .query::<OnDuplicate>("on_duplicate", "The same as in the body.")
        .header::<fields::Priority>("X-Pinbridge-Priority", "`priority` for clients that drop unknown fields.")
        .header::<OnDuplicate>("X-Pinbridge-On-Duplicate", "`on_duplicate` for clients that drop unknown fields.")
        .takes::<PinCreate>(pin::example)
        .answers::<AcceptedPin>(201, "The pin is accepted.")
        .with_header::<Text>(
            "X-Pinbridge-Warning",
            false,
            "`duplicate_content; pin_id=…`: a pin of the last 24 hours has the same content.",
        )
        .answers::<AcceptedPin>(200, "The pin of this idempotency key, which was accepted before.")
        .with_header::<Flag>("Idempotent-Replayed", true, "`true`: nothing new was accepted.")
        .fails(&[NOT_FOUND, ACCOUNT_NOT_PERMITTED, TOKEN_REVOKED, IDEMPOTENCY_KEY_REUSED])
        .fails(&[DUPLICATE_CONTENT, PIN_DELETED, ASSETS_NOT_ENABLED])
}

/// A pin that was just accepted.
#[derive(Serialize, JsonSchema)]
pub struct AcceptedPin {
    #[serde(flatten)]
    pub pin: Pin,
    /// Extension: what a person should look at.
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
    let view = read_pins::accepted(&context, pin, attempt).await?;
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

/// The pin of the last day that has the same content, if there is one. Where that isn't reason enough to refuse, it
/// isn't reason enough to fail either.
pub async fn find_duplicate(
    context: &Context,
    caller: &Caller,
    request: &PinRequest,
    refuses: bool,
) -> Result<Option<Duplicate>, ApiError> {
    let own = idempotency::pin_id(caller.workspace, &request.idempotency_key);
    match duplicate_content::find(context, caller.workspace, request, own).await {
        Ok(Some(duplicate)) if refuses => {
            // What was accepted before is answered again, whatever came after it.
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

/// Whether duplicates are refused, by the body or, where that says nothing, by the query or a header.
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
