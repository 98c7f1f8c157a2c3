//! A dry run of a pin, and the headroom of its account.

use axum::Json;
use axum::extract::State;
use pinbridge_shared::context::Context;
use pinbridge_shared::domain::pin::Priority;
use pinbridge_shared::flows::accept::validate_pin::{self, Check, DryRun, Validation};
use pinbridge_shared::flows::pacing::headroom::Headroom;
use schemars::{JsonSchema, json_schema};
use serde::Serialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::options::{Options, door};
use super::pin::{self, PinCreate, parse};
use crate::auth::Caller;
use crate::endpoint::{Endpoint, READ_OR_WRITE, post};
use crate::error::ApiError;
use crate::error::codes::ACCOUNT_NOT_PERMITTED;
use crate::openapi::schema::{Time, names};
use crate::request::JsonObject;
use crate::request::field::field_schema;

pub use super::pin::resolved;

pub fn endpoint() -> Endpoint {
    const KEY_HEADER: &str = "`idempotency_key` as a header. The one of the body counts first.";
    door(post("/v1/pins/validate", READ_OR_WRITE, validate), KEY_HEADER)
        .operation("validate_pin", "Check a pin without publishing it")
        .about(
            "Runs every check of a pin and writes nothing. The answer is 200 even if the pin would be refused: each \
             failed check has a remediation. The checks include conditions that only publishing would detect, such as \
             an image that Pinterest can't fetch; then `valid` is `false`, although `POST /v1/pins` would accept the \
             pin. `headroom` has the pins that the account can publish now.",
        )
        .unaudited("it changes nothing")
        .takes::<PinCreate>(pin::example)
        .answers::<PinValidation>(200, "The checks.")
        .fails(&[ACCOUNT_NOT_PERMITTED])
}

names!(CheckStatus, "The result of a check.", ["passed", "failed", "warning", "skipped"]);

/// Details of a check. The fields depend on the check.
#[derive(Serialize)]
#[serde(transparent)]
pub struct Details(Option<Map<String, Value>>);

field_schema!(Details = |_| json_schema!({"type": ["object", "null"], "additionalProperties": true}));

/// The request as the API reads it.
#[derive(Serialize)]
#[serde(transparent)]
pub struct Resolved(Value);

field_schema!(Resolved = |_| json_schema!({"type": "object", "additionalProperties": true}));

/// A check of a dry run.
#[derive(Serialize, JsonSchema)]
pub struct PinCheck {
    pub name: &'static str,
    pub status: CheckStatus,
    pub code: Option<&'static str>,
    pub message: String,
    pub remediation: Option<&'static str>,
    pub details: Details,
}

impl From<Check> for PinCheck {
    fn from(check: Check) -> Self {
        Self {
            name: check.name,
            status: CheckStatus(check.outcome.name()),
            code: check.code,
            message: check.message,
            remediation: check.remedy,
            details: Details(Some(check.details).filter(|details| !details.is_empty())),
        }
    }
}

/// The number of pins that an account can publish now.
#[derive(Serialize, JsonSchema)]
pub struct PinHeadroom {
    /// The number of pins that the daily budget still allows. `null` without a budget.
    pub quota_remaining: Option<u32>,
    pub account_id: Uuid,
    pub tokens_available: f64,
    pub capacity: u32,
    pub refill_rate: f64,
    /// The number of pins of the account that have not begun, as in the rate meter.
    pub waiting: u64,
    pub waiting_is_at_least: bool,
    /// The time at which a pin that is created now would start. `null` while the account needs a person.
    pub next_start_at: Option<Time>,
}

impl From<&Headroom> for PinHeadroom {
    fn from(Headroom { meter, starts_at }: &Headroom) -> Self {
        Self {
            quota_remaining: meter.budget.map(|budget| budget.allowance),
            account_id: meter.account.account.0,
            tokens_available: meter.tokens_available,
            capacity: meter.pace.capacity(),
            refill_rate: meter.pace.rate_per_s(),
            waiting: meter.waiting as u64,
            waiting_is_at_least: meter.waiting_is_at_least,
            next_start_at: starts_at.map(Time),
        }
    }
}

/// The result of a dry run.
#[derive(Serialize, JsonSchema)]
pub struct PinValidation {
    pub valid: bool,
    pub dry_run: bool,
    pub checks: Vec<PinCheck>,
    pub resolved: Resolved,
    pub existing_pin_id: Option<Uuid>,
    pub headroom: Option<PinHeadroom>,
}

impl PinValidation {
    /// `resolved` is the request as the API reads it.
    pub fn new(validation: Validation, resolved: Value) -> Self {
        Self {
            valid: validation.is_valid(),
            dry_run: true,
            checks: validation.checks.into_iter().map(PinCheck::from).collect(),
            resolved: Resolved(resolved),
            existing_pin_id: validation.existing.map(|pin| pin.0),
            headroom: validation.headroom.as_ref().map(PinHeadroom::from),
        }
    }
}

/// Answers 200 even for an invalid request: the checks have its errors.
async fn validate(
    State(context): State<Context>,
    caller: Caller,
    options: Options,
    JsonObject(body): JsonObject,
) -> Result<Json<PinValidation>, ApiError> {
    let wanted = match parse(&body, &options, Priority::default()) {
        Ok(wanted) => wanted,
        // Even an unreadable request shows the key that a client sends the pin with later.
        Err(error) => {
            let key = json!({"idempotency_key": options.keyed(&body).get("idempotency_key")});
            return Ok(Json(PinValidation::new(unread(&error), key)));
        }
    };
    caller.may_use(wanted.request.account)?;
    let (refuses_duplicates, limited_to) = (wanted.refuses_duplicates, caller.limited_to());
    let dry_run = DryRun { refuses_duplicates, limited_to, run_at: None };
    let validation = validate_pin::validate(&context, caller.workspace, &wanted.request, dry_run).await?;
    let resolved = resolved(&wanted.request, validation.board.as_ref());
    Ok(Json(PinValidation::new(validation.ignoring(&wanted.unknown), resolved)))
}

/// The checks of an unreadable request.
pub fn unread(error: &ApiError) -> Validation {
    validate_pin::unread(error.code(), error.message(), error.remediation(), json!(error.errors()))
}
