//! Records a person's decision on an outcome that the board could not decide.

use axum::extract::{Path, State};
use axum::response::Response;
use http::StatusCode;
use pinbridge_shared::context::Context;
use pinbridge_shared::flows::pins::read_pins;
use pinbridge_shared::flows::pins::resolve_pin::{Decision, ResolveError, resolve_pin};
use schemars::json_schema;
use serde_json::{Value, json};

use super::pin::Pin;
use super::{find, missing, of_pin};
use crate::activity::Resource;
use crate::answer;
use crate::auth::Caller;
use crate::endpoint::{Endpoint, WRITE, post};
use crate::error::ApiError;
use crate::error::codes::{
    self, BOARD_ACCESS_DENIED, BOARD_NOT_FOUND, EDITED_SINCE_ATTEMPT, OUTCOME_NOT_OPEN, PINTEREST_PIN_DIFFERS,
    PINTEREST_PIN_NOT_FOUND, PINTEREST_PIN_TAKEN, PINTEREST_PIN_TOO_OLD, TOO_MANY_UNDECIDED_PINS,
};
use crate::openapi::schema::Flag;
use crate::request::field::{Field, Wrong, field_schema, request};
use crate::request::{JsonObject, only_body_of};

/// The most digits that the id of a Pin may have; Pinterest's have 18 or 19. The history of a pin keeps them.
const PINTEREST_PIN_ID_MAX: usize = 24;

pub fn endpoint() -> Endpoint {
    of_pin(post("/v1/pins/{id}/resolve", WRITE, resolve))
        .exact()
        .operation("resolve_pin", "Decide the outcome of a pin")
        .about(
            "Extension. Records a person's decision about a pin that failed while a call of it may have created a Pin: \
             with `outcome_ambiguous` or `outcome_unverifiable`, with `board_not_found` if the answer to its call was \
             lost, or with an `orphan_pin_id`. With `pinterest_pin_id`, that Pin is the pin's, and the pin is \
             `published`. The board is read: the Pin must be among its newest ones, not older than the pin's attempts, \
             with the pin's title and link, and no other pin's. A pin that was edited since its last attempt takes no \
             Pin. With `none: true`, no Pin is the pin's: it stays `failed` with `confirmed_absent`, and can be \
             retried without `accept_duplicate`. Until it is retried, `pinterest_pin_id` corrects that; a pin that is \
             `published` stays so. A repeated decision changes nothing. The timeline says who decided.",
        )
        .audited("pin.resolved", Resource::Path, &["status", "pinterest_pin_id"])
        .takes::<PinResolution>(|| json!({"pinterest_pin_id": "813744226420795884"}))
        .answers::<Pin>(200, "The pin with the decision.")
        .with_header::<Flag>("Idempotent-Replayed", false, "`true`: a person had decided that before.")
        .fails(&[OUTCOME_NOT_OPEN, EDITED_SINCE_ATTEMPT, PINTEREST_PIN_TAKEN, TOO_MANY_UNDECIDED_PINS])
        .fails(&[PINTEREST_PIN_NOT_FOUND, PINTEREST_PIN_TOO_OLD, PINTEREST_PIN_DIFFERS])
        .fails(codes::PINTEREST)
        .fails(&[BOARD_NOT_FOUND, BOARD_ACCESS_DENIED])
}

/// The id of a Pin on Pinterest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PinterestPinId(pub String);

field_schema!(PinterestPinId = |_| json_schema!({"type": "string", "pattern": "^[0-9]{1,24}$"}));

impl Field for PinterestPinId {
    fn parse(value: &Value) -> Result<Self, Wrong> {
        let text = value.as_str().ok_or(Wrong::new("Input should be a valid string", "string_type"))?;
        let is_id = (1..=PINTEREST_PIN_ID_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        let wrong = || Wrong::new("Input should be the digits of a Pin's id", "string_pattern_mismatch");
        is_id.then(|| Self(text.to_owned())).ok_or_else(wrong)
    }
}

request! {
    /// A person's decision about the outcome of a pin: one of the two fields.
    #[schemars(deny_unknown_fields)]
    pub struct PinResolution {
        /// The id of the Pin on Pinterest that is the pin's.
        pub pinterest_pin_id: Option<PinterestPinId>,
        /// `true`: no Pin on Pinterest is the pin's.
        pub none: Option<bool>,
    }
}

impl PinResolution {
    fn decision(self) -> Result<Decision, ApiError> {
        let wrong = |msg: &str, kind| Err(ApiError::invalid("body", "pinterest_pin_id", msg, kind));
        match (self.pinterest_pin_id, self.none.unwrap_or(false)) {
            (Some(id), false) => Ok(Decision::Found(id.0)),
            (None, true) => Ok(Decision::NoPin),
            (Some(_), true) => wrong("Send either pinterest_pin_id or none", "value_error"),
            (None, false) => wrong("Field required, or none: true", "missing"),
        }
    }
}

impl From<ResolveError> for ApiError {
    fn from(error: ResolveError) -> Self {
        match error {
            ResolveError::NotFound => Self::not_found("pin"),
            ResolveError::NotOpen(status) => OUTCOME_NOT_OPEN.with("status", status.name()),
            ResolveError::Taken(pin) => PINTEREST_PIN_TAKEN.with("existing", pin),
            ResolveError::Edited => EDITED_SINCE_ATTEMPT.into(),
            ResolveError::TooManyTwins(twins) => TOO_MANY_UNDECIDED_PINS.with("pins", twins),
            ResolveError::NotOnBoard => PINTEREST_PIN_NOT_FOUND.into(),
            ResolveError::TooOld => PINTEREST_PIN_TOO_OLD.into(),
            ResolveError::OtherContent => PINTEREST_PIN_DIFFERS.into(),
            ResolveError::Call(error) => error.into(),
            ResolveError::Port(error) => error.into(),
        }
    }
}

async fn resolve(
    State(context): State<Context>,
    caller: Caller,
    Path(id): Path<String>,
    JsonObject(body): JsonObject,
) -> Result<Response, ApiError> {
    let decision = only_body_of::<PinResolution>(&body)?.decision()?;
    let key = find(&context, &caller, &id).await?.pin.key;
    let resolved = match resolve_pin(&context, key, &decision, caller.who).await {
        Err(ResolveError::NotFound) => return Err(missing(&context, &caller, key).await?),
        resolved => resolved?,
    };
    let pin = Pin::from(&read_pins::changed(&context, resolved.pin, resolved.attempt).await?);
    Ok(answer::made(StatusCode::OK, pin, resolved.is_repeat))
}
