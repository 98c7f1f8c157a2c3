//! Creates many pins with one request.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::State;
use pinbridge_shared::context::Context;
use pinbridge_shared::domain::ids::AccountId;
use pinbridge_shared::domain::pin::{IDEMPOTENCY_KEY_MAX, Priority};
use pinbridge_shared::flows::accept::accept_pin::Acceptance;
use pinbridge_shared::flows::accept::submit_pins::{Submitted, submit_pins};
use pinbridge_shared::flows::pacing::headroom::headroom;
use pinbridge_shared::flows::pins::accounts_now::AccountsNow;
use pinbridge_shared::flows::pins::read_pins;
use schemars::{JsonSchema, json_schema};
use serde::Serialize;
use serde_json::{Value, json};

use super::create::{refusal, seen};
use super::fields::OnDuplicate;
use super::options::{Options, door};
use super::pin::{self, Meant, PinCreate, Wanted, parse};
use super::validation::PinHeadroom;
use super::warnings::{PinWarning, Told, image_problem};
use crate::activity::Resource;
use crate::auth::Caller;
use crate::endpoint::{Endpoint, WRITE, post};
use crate::error::codes::{ITEM_TOO_LARGE, VALIDATION_ERROR};
use crate::error::{ApiError, FieldError};
use crate::named_board::NamedBoard;
use crate::openapi::schema::names;
use crate::request::field::{Field, FromFields, Wrong, field_schema, list, request};
use crate::request::{BATCH_BODY_MAX, Fields, Raw, json as bodies};

/// The maximum number of pins of a request.
pub const BATCH_MAX: usize = 100;
/// The maximum number of accounts in `headroom`.
const HEADROOMS_MAX: usize = 5;

pub fn endpoint() -> Endpoint {
    let about_key = "The key of an item without one is this key, a colon and the position of the item, from 0.";
    door(post("/v1/pins/batch", WRITE, create), about_key)
        .operation("create_pins", "Publish up to 100 pins")
        .about(
            "Accepts or refuses each pin independently. The default `priority` of a pin is `bulk`: it waits behind the \
             other pins of its account. The request may be repeated: the result of a pin that exists already is \
             `existing`. The `on_duplicate` of an item counts before that of the request.",
        )
        .audited("pin.batch_created", Resource::None, &["created_count", "existing_count", "failed_count"])
        .takes::<PinBatch>(|| json!({"pins": [pin::example()]}))
        .answers::<PinBatchResult>(200, "The result of each pin, in the order of the request.")
        .fails(&[ITEM_TOO_LARGE])
}

request! {
    /// The pins to create.
    pub struct PinBatch {
        pub pins: Items,
        /// Extension: `refuse` fails each pin with the same content as another pin of the last 24 hours or of this
        /// request, unless the pin has an `on_duplicate` of its own.
        pub on_duplicate: Option<OnDuplicate>,
    }
}

/// Pins as in `POST /v1/pins`. A malformed pin fails alone.
#[derive(Clone, Debug)]
pub struct Items(Vec<Value>);

field_schema!(
    Items = |generator| json_schema!({
        "type": "array", "items": generator.subschema_for::<PinCreate>(), "minItems": 1, "maxItems": BATCH_MAX
    })
);

impl Field for Items {
    fn parse(value: &Value) -> Result<Self, Wrong> {
        list(value, BATCH_MAX).map(|items| Self(items.to_vec()))
    }
}

names!(BatchStatus, "The result of a pin: created, already existing, or refused.", ["created", "existing", "failed"]);

/// The error of a refused pin.
#[derive(Serialize, JsonSchema)]
pub struct PinBatchError {
    pub code: &'static str,
    pub message: String,
    pub remediation: &'static str,
    pub retry_after_seconds: Option<u64>,
    pub errors: FieldErrors,
    /// Extension: the boards that the item may mean.
    pub boards: Vec<NamedBoard>,
}

/// The invalid fields.
#[derive(Serialize)]
#[serde(transparent)]
pub struct FieldErrors(Vec<FieldError>);

field_schema!(
    FieldErrors = |_| json_schema!({"type": "array", "items": {"type": "object", "additionalProperties": true}})
);

impl From<ApiError> for PinBatchError {
    fn from(error: ApiError) -> Self {
        Self {
            code: error.code(),
            message: error.message().to_owned(),
            remediation: error.remediation(),
            retry_after_seconds: error.retry_after_s(),
            errors: FieldErrors(error.errors().to_vec()),
            boards: error.boards().to_vec(),
        }
    }
}

/// The result of one pin of a batch.
#[derive(Serialize, JsonSchema)]
pub struct PinBatchItemResult {
    /// The position of the pin in the request, from 0.
    pub index: u64,
    pub idempotency_key: String,
    pub status: BatchStatus,
    pub pin: Option<pin::Pin>,
    pub error: Option<PinBatchError>,
    /// Extension: what the name of a board means. `null` if the item has an id.
    pub resolved: Option<Meant>,
    /// Extension: other pins with the same content, unknown fields, a board that could not be checked, and an image
    /// that Pinterest can't fetch.
    pub warnings: Vec<PinWarning>,
}

/// What the first five accounts of a batch can publish now.
#[derive(Serialize, JsonSchema)]
pub struct BatchHeadroom {
    pub quota_remaining: Option<u32>,
    pub accounts: Vec<PinHeadroom>,
}

/// The result of a batch.
#[derive(Serialize, JsonSchema)]
pub struct PinBatchResult {
    pub created_count: u64,
    pub existing_count: u64,
    pub failed_count: u64,
    pub results: Vec<PinBatchItemResult>,
    pub headroom: Option<BatchHeadroom>,
    /// Extension: unknown fields beside `pins`, and unknown parameters.
    pub warnings: Vec<PinWarning>,
}

/// An item's pin as it was accepted, and its unknown fields.
type Outcome = Result<(Submitted, Vec<String>), ApiError>;

/// An invalid pin affects no other pin: its error is in its own result.
async fn create(
    State(context): State<Context>,
    caller: Caller,
    options: Options,
    Raw(bytes): Raw<BATCH_BODY_MAX>,
) -> Result<Json<PinBatchResult>, ApiError> {
    let (body, mut unread) = bodies::object_with_list(&bytes, "pins")?;
    let mut fields = Fields::of(&body);
    let batch = PinBatch::from_fields(&mut fields);
    let unknown = fields.all_ignored(&options.unknown, |name| PinBatch::NAMES.contains(&name));
    let PinBatch { pins: Items(items), on_duplicate } = fields.finish_with(batch)?;
    let options = Options { on_duplicate: on_duplicate.or(options.on_duplicate), ..options };
    let parse = |(index, item)| match unread.remove(&index) {
        Some(error) => Err(error),
        None => read(item, &options.of_item(index), &caller),
    };
    let parsed: Vec<Result<Wanted, ApiError>> = items.iter().enumerate().map(parse).collect();
    let (mut submissions, mut accounts) = (Vec::new(), BTreeSet::new());
    let mut submit = |wanted: Wanted| {
        let (submission, unknown) = wanted.submitted_by(caller.submits());
        accounts.insert(submission.request.account);
        submissions.push(submission);
        unknown
    };
    let parsed: Vec<Result<Vec<String>, ApiError>> = parsed.into_iter().map(|wanted| wanted.map(&mut submit)).collect();
    let mut answers = submit_pins(&context, caller.workspace, submissions).await?.into_iter();
    let mut outcome = |unknown: Vec<String>| -> Outcome {
        let answer = answers.next().ok_or_else(ApiError::panicked)?;
        let submitted = seen(answer.map_err(|refused| refusal(refused, &caller))?, &caller)?;
        Ok((submitted, unknown))
    };
    let outcomes: Vec<Outcome> = parsed.into_iter().map(|parsed| parsed.and_then(&mut outcome)).collect();
    let accepted = outcomes.iter().flatten().map(|(submitted, _)| &submitted.acceptance);
    let accounts_now = read_pins::accounts_of(&context, accepted).await?;
    let results: Vec<PinBatchItemResult> = items
        .iter()
        .zip(outcomes)
        .enumerate()
        .map(|(index, (item, outcome))| result(&context, &accounts_now, index, item, outcome))
        .collect();
    let headroom = headrooms(&context, &caller, accounts).await;
    let count = |status: &str| results.iter().filter(|result| result.status.0 == status).count() as u64;
    Ok(Json(PinBatchResult {
        created_count: count("created"),
        existing_count: count("existing"),
        failed_count: count("failed"),
        results,
        headroom,
        warnings: PinWarning::all(&unknown, &Told::default()),
    }))
}

/// Reads a pin of the batch. The default priority is `bulk`.
fn read(item: &Value, options: &Options, caller: &Caller) -> Result<Wanted, ApiError> {
    let remedy = "Send an object with the fields of a pin.";
    let not_an_object = || ApiError::from(VALIDATION_ERROR).worded("Input should be an object".into(), remedy);
    let wanted = parse(item.as_object().ok_or_else(not_an_object)?, options, Priority::Bulk)?;
    caller.may_use(wanted.request.account).map(|()| wanted)
}

/// The headroom of the first accounts. `quota_remaining` is that of the workspace.
async fn headrooms(context: &Context, caller: &Caller, accounts: BTreeSet<AccountId>) -> Option<BatchHeadroom> {
    let mut headrooms: Vec<PinHeadroom> = Vec::new();
    for account in accounts.into_iter().take(HEADROOMS_MAX) {
        let Ok(key) = caller.account(account) else { continue };
        if let Ok(headroom) = headroom(context, key, Priority::Bulk).await {
            headrooms.push(PinHeadroom::from(&headroom));
        }
    }
    let quota_remaining = headrooms.first()?.quota_remaining;
    Some(BatchHeadroom { quota_remaining, accounts: headrooms })
}

fn result(
    context: &Context,
    accounts: &AccountsNow,
    index: usize,
    item: &Value,
    outcome: Outcome,
) -> PinBatchItemResult {
    let key_of = |item: &Value| -> String {
        let key = item.get("idempotency_key").and_then(Value::as_str).unwrap_or_default();
        key.chars().take(IDEMPOTENCY_KEY_MAX).collect()
    };
    let index = index as u64;
    let (submitted, unknown) = match outcome {
        Ok(submitted) => submitted,
        Err(error) => {
            let (idempotency_key, status) = (key_of(item), BatchStatus("failed"));
            let (error, resolved) = (Some(error.into()), None);
            let warnings = Vec::new();
            return PinBatchItemResult { index, idempotency_key, status, pin: None, error, resolved, warnings };
        }
    };
    let Submitted { acceptance, duplicate, board } = submitted;
    let (status, pin, attempt) = match acceptance {
        Acceptance::New(pin, attempt) => ("created", pin, attempt),
        Acceptance::Replay(pin, attempt) => ("existing", pin, attempt),
    };
    let told = Told {
        board: Some(&board),
        image: image_problem(&pin.request, pin.due_at, Some(attempt.status), context.system.now()),
        duplicate: duplicate.as_ref(),
    };
    let warnings = PinWarning::all(&unknown, &told);
    PinBatchItemResult {
        index,
        idempotency_key: pin.request.idempotency_key.clone(),
        status: BatchStatus(status),
        // Without its position in the backlog, which would cost one read per pin.
        pin: Some(pin::Pin::from(&read_pins::without_position(context, pin, attempt, accounts))),
        error: None,
        resolved: Meant::by(&board),
        warnings,
    }
}
