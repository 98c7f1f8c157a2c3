//! Accepts a pin for publishing.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use pinbridge_shared::context::Context;
use pinbridge_shared::domain::ids::PinKey;
use pinbridge_shared::domain::pin::Priority;
use pinbridge_shared::domain::pin::idempotency::{holder, pin_id};
use pinbridge_shared::domain::task::Awaited;
use pinbridge_shared::flows::accept::accept_pin::{AcceptError, Acceptance};
use pinbridge_shared::flows::accept::submit_pins::{Refusal, Submitted, submit_pin};
use pinbridge_shared::flows::pins::read_pins;
use pinbridge_shared::flows::webhooks::wait_for_end::{end_if_over, withdraw};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use super::fields::TaskToken;
use super::options::{Options, TASK_TOKEN, door};
use super::pin::{self, Meant, Pin, PinCreate, Wanted, parse};
use super::task_token::{self, Given, wait};
use super::warnings::{PinWarning, Told, image_problem, warn_of};
use crate::answer;
use crate::auth::Caller;
use crate::endpoint::{Endpoint, WRITE, post};
use crate::error::codes::{
    ACCOUNT_NOT_PERMITTED, ASSETS_NOT_ENABLED, DUPLICATE_CONTENT, DUPLICATE_IN_CALL, IDEMPOTENCY_KEY_REUSED, NOT_FOUND,
    PIN_DELETED, RESOLVING, TOKEN_REVOKED,
};
use crate::error::pinterest::not_connected;
use crate::error::{ApiError, FieldError};
use crate::openapi::schema::Flag;
use crate::request::JsonObject;

pub fn endpoint() -> Endpoint {
    door(post("/v1/pins", WRITE, create), "`idempotency_key` as a header. The one of the body counts first.")
        .header::<TaskToken>("X-Pinbridge-Task-Token", "`task_token` as a header. The one of the body counts first.")
        .operation("create_pin", "Publish a pin")
        .about(
            "Accepts a pin. The system publishes it as soon as the pace of its account allows, and retries after \
             temporary failures. A repeated request with the same `idempotency_key` and content answers 200 with the \
             existing pin and `Idempotent-Replayed: true`. The same key with other content answers 409 \
             `idempotency_key_reused`. If a pin of the last 24 hours has the same account, board, title, link and \
             image, `warnings` names it. With `on_duplicate: refuse`, the request answers 409 `duplicate_content` \
             instead. Two simultaneous requests do not detect each other. The board must be one of the account's \
             (422 `board_not_found`); if Pinterest can't be asked, `warnings` says `board_not_checked`. `board_id` may \
             be a board's name, too; `resolved` answers which board it means, and 422 `board_ambiguous` which it may \
             mean. A task of Step Functions that gives its `task_token` ends when the pin is published, fails or is \
             deleted; a repeated request adds its token to those before.",
        )
        .unaudited("the log derives its entry from the pin")
        .takes::<PinCreate>(pin::example)
        .answers::<AcceptedPin>(201, "The pin is accepted.")
        .answers::<AcceptedPin>(200, "The existing pin with this idempotency key.")
        .with_header::<Flag>("Idempotent-Replayed", true, "`true`: the pin existed already.")
        .fails(&[NOT_FOUND, ACCOUNT_NOT_PERMITTED, TOKEN_REVOKED, IDEMPOTENCY_KEY_REUSED])
        .fails(&[DUPLICATE_CONTENT, PIN_DELETED, ASSETS_NOT_ENABLED])
        .fails(RESOLVING)
}

/// An accepted pin.
#[derive(Serialize, JsonSchema)]
pub struct AcceptedPin {
    #[serde(flatten)]
    pub pin: Pin,
    /// Extension: what the name of a board means. `null` if the request has an id.
    pub resolved: Option<Meant>,
    /// Extension: other pins with the same content, unknown fields, a board that could not be checked, and an image
    /// that Pinterest can't fetch.
    pub warnings: Vec<PinWarning>,
}

/// What is wrong with a `publish_before` that leaves no time to start.
pub const TOO_SOON: &str =
    "publish_before must be at least a second in the future, and after the time of a scheduled pin";

/// An error of the field `publish_before`.
pub fn publish_before(msg: &str) -> ApiError {
    ApiError::invalid("body", "publish_before", msg, "value_error")
}

/// The error for the caller, who may not see every account.
pub fn refusal(refused: Refusal, caller: &Caller) -> ApiError {
    match refused {
        Refusal::Board(unfit) => unfit.into(),
        Refusal::Duplicate(duplicate) => DUPLICATE_CONTENT.with("existing", duplicate.pin),
        Refusal::Twin => DUPLICATE_IN_CALL.into(),
        Refusal::Accept(error) => not_accepted(error, caller),
    }
}

/// What was submitted, unless a retry has sent the existing pin to an account that the caller doesn't see.
pub fn seen(submitted: Submitted, caller: &Caller) -> Result<Submitted, ApiError> {
    match &submitted.acceptance {
        Acceptance::Replay(pin, _) if !caller.sees(pin.request.account) => {
            let (existing, account) = (pin.key.pin, pin.request.account);
            Err(not_accepted(AcceptError::KeyReused { existing, account }, caller))
        }
        Acceptance::New(..) | Acceptance::Replay(..) => Ok(submitted),
    }
}

fn not_accepted(error: AcceptError, caller: &Caller) -> ApiError {
    let holder = |existing, account| holder("pin", existing, account, caller.limited_to());
    match error {
        AcceptError::KeyReused { existing, account } => {
            IDEMPOTENCY_KEY_REUSED.with("existing", holder(existing, account))
        }
        AcceptError::KeyOfDeleted { existing, account } => PIN_DELETED.with("existing", holder(existing, account)),
        AcceptError::AccountNotFound => ApiError::not_found("account"),
        AcceptError::AccountDisconnected => not_connected(),
        AcceptError::TooLate => publish_before(TOO_SOON),
        AcceptError::Port(error) => error.into(),
    }
}

/// The token of the body, which is taken out of it: no other operation with a pin as its body has this field.
fn taken(body: &mut Map<String, Value>) -> Result<Option<TaskToken>, FieldError> {
    let Some(value) = body.remove(TASK_TOKEN).filter(|value| !value.is_null()) else { return Ok(None) };
    task_token::in_body(&value).map(Some)
}

/// Reads the pin, and the token of the body or else of the header.
fn read(body: &mut Map<String, Value>, options: &Options) -> Result<(Wanted, Option<Given>), ApiError> {
    let in_body = taken(body);
    let (wanted, in_body) = match (parse(body, options, Priority::default()), in_body) {
        (Ok(wanted), Ok(in_body)) => (wanted, in_body),
        (Err(error), Ok(_)) => return Err(error),
        (Ok(_), Err(wrong)) => return Err(ApiError::validation(vec![wrong])),
        (Err(error), Err(wrong)) => return Err(error.and(wrong)),
    };
    Ok((wanted, Given::of(in_body, options)))
}

async fn create(
    State(context): State<Context>,
    caller: Caller,
    options: Options,
    JsonObject(mut body): JsonObject,
) -> Result<Response, ApiError> {
    let (wanted, given) = read(&mut body, &options)?;
    caller.may_use(wanted.request.account)?;
    let key = PinKey { workspace: caller.workspace, pin: pin_id(caller.workspace, &wanted.request.idempotency_key) };
    let awaited = Awaited::Pin(key);
    let task = match &given {
        Some(given) => Some(wait(&context, awaited, given).await?),
        None => None,
    };
    let (submission, unknown) = wanted.submitted_by(caller.submits());
    let submitted = submit_pin(&context, caller.workspace, submission).await;
    let submitted = submitted.map_err(|refused| refusal(refused, &caller)).and_then(|one| seen(one, &caller));
    let submitted = match (submitted, &task) {
        (Ok(submitted), _) => submitted,
        (Err(error), None) => return Err(error),
        (Err(error), Some(task)) => {
            withdraw(&context, awaited, task).await;
            return Err(error);
        }
    };
    let Submitted { acceptance, duplicate, board } = submitted;
    let (pin, attempt, replayed) = match acceptance {
        Acceptance::New(pin, attempt) => (pin, attempt, false),
        Acceptance::Replay(pin, attempt) => (pin, attempt, true),
    };
    if replayed && task.is_some() {
        end_if_over(&context, &pin, &attempt).await?;
    }
    let view = if replayed {
        read_pins::changed(&context, pin, attempt).await?
    } else {
        read_pins::accepted(&context, pin, attempt).await?
    };
    let status = if replayed { StatusCode::OK } else { StatusCode::CREATED };
    let (pin, attempt) = (&view.pin, &view.attempt);
    let image = image_problem(&pin.request, pin.due_at, Some(attempt.status), context.system.now());
    let told = Told { board: Some(&board), image, duplicate: duplicate.as_ref() };
    let warnings = PinWarning::all(&unknown, &told);
    let body = AcceptedPin { pin: Pin::from(&view), resolved: Meant::by(&board), warnings };
    let mut response = answer::made(status, body, replayed);
    warn_of(&mut response, &told);
    Ok(response)
}
