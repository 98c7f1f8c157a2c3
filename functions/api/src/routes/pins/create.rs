//! Accepts a pin for publishing.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use pinbridge_shared::context::Context;
use pinbridge_shared::domain::pin::Priority;
use pinbridge_shared::domain::pin::idempotency::holder;
use pinbridge_shared::domain::pin::origin::Origin;
use pinbridge_shared::flows::accept::accept_pin::{AcceptError, Acceptance, PublishRequest, accept_pin};
use pinbridge_shared::flows::accept::duplicate_content;
use pinbridge_shared::flows::pins::read_pins;
use schemars::JsonSchema;
use serde::Serialize;

use super::options::{Options, door};
use super::pin::{self, Pin, PinCreate, parse};
use super::warnings::{PinWarning, accepted, warn_of};
use crate::answer;
use crate::auth::Caller;
use crate::endpoint::{Endpoint, WRITE, post};
use crate::error::ApiError;
use crate::error::codes::{
    ACCOUNT_NOT_PERMITTED, ASSETS_NOT_ENABLED, DUPLICATE_CONTENT, IDEMPOTENCY_KEY_REUSED, NOT_FOUND, PIN_DELETED,
    TOKEN_REVOKED,
};
use crate::error::pinterest::not_connected;
use crate::openapi::schema::Flag;
use crate::request::JsonObject;

pub fn endpoint() -> Endpoint {
    door(post("/v1/pins", WRITE, create), "`idempotency_key` as a header. The one of the body counts first.")
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
        .takes::<PinCreate>(pin::example)
        .answers::<AcceptedPin>(201, "The pin is accepted.")
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
    /// Extension: other pins with the same content, and unknown fields.
    pub warnings: Vec<PinWarning>,
}

/// An error of the field `publish_before`.
pub fn publish_before(msg: &str) -> ApiError {
    ApiError::invalid("body", "publish_before", msg, "value_error")
}

/// The error for the caller, who may not see every account.
pub fn refusal(error: AcceptError, caller: &Caller) -> ApiError {
    let holder = |existing, account| holder("pin", existing, account, caller.limited_to());
    match error {
        AcceptError::KeyReused { existing, account } => {
            IDEMPOTENCY_KEY_REUSED.with("existing", holder(existing, account))
        }
        AcceptError::KeyOfDeleted { existing, account } => PIN_DELETED.with("existing", holder(existing, account)),
        AcceptError::AccountNotFound => ApiError::not_found("account"),
        AcceptError::AccountDisconnected => not_connected(),
        AcceptError::TooLate => publish_before("publish_before must be in the future"),
        AcceptError::Port(error) => error.into(),
    }
}

async fn create(
    State(context): State<Context>,
    caller: Caller,
    options: Options,
    JsonObject(body): JsonObject,
) -> Result<Response, ApiError> {
    let wanted = parse(&body, &options, Priority::default())?;
    caller.may_use(wanted.request.account)?;
    let verdict = duplicate_content::judge(&context, caller.workspace, &[wanted.candidate()]).await.pop();
    let duplicate = accepted(verdict)?;
    let request_to_publish =
        PublishRequest { request: wanted.request, origin: Origin::by(caller.who), not_before: None };
    let accepted = accept_pin(&context, caller.workspace, request_to_publish).await;
    let (pin, attempt, replayed) = match accepted.map_err(|error| refusal(error, &caller))? {
        Acceptance::New(pin, attempt) => (pin, attempt, false),
        // A retry may have sent it to another account, which the key doesn't see.
        Acceptance::Replay(pin, _) if !caller.sees(pin.request.account) => {
            let (existing, account) = (pin.key.pin, pin.request.account);
            return Err(refusal(AcceptError::KeyReused { existing, account }, &caller));
        }
        Acceptance::Replay(pin, attempt) => (pin, attempt, true),
    };
    let view = if replayed {
        read_pins::changed(&context, pin, attempt).await?
    } else {
        read_pins::accepted(&context, pin, attempt).await?
    };
    let duplicate = duplicate.filter(|_| !replayed);
    let status = if replayed { StatusCode::OK } else { StatusCode::CREATED };
    let warnings = PinWarning::all(&wanted.unknown, duplicate.as_ref());
    let mut response = answer::made(status, AcceptedPin { pin: Pin::from(&view), warnings }, replayed);
    warn_of(&mut response, duplicate.as_ref());
    Ok(response)
}
