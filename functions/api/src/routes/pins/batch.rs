//! Creates many pins with one request.

use std::collections::{BTreeMap, BTreeSet};

use axum::Json;
use axum::extract::{Query, State};
use futures_util::stream::{self, StreamExt};
use http::HeaderMap;
use pinbridge_shared::context::Context;
use pinbridge_shared::domain::ids::AccountId;
use pinbridge_shared::domain::pin::attempt::Status;
use pinbridge_shared::domain::pin::idempotency;
use pinbridge_shared::domain::pin::origin::Origin;
use pinbridge_shared::domain::pin::{PinRequest, Priority};
use pinbridge_shared::flows::accept::accept_pin::{Acceptance, PublishRequest};
use pinbridge_shared::flows::accept::accept_pins::accept_pins;
use pinbridge_shared::flows::accept::duplicate_content::Duplicate;
use pinbridge_shared::flows::pacing::headroom::headroom;
use pinbridge_shared::flows::pins::accounts_now::AccountsNow;
use pinbridge_shared::flows::pins::read_pins;
use schemars::{JsonSchema, json_schema};
use serde::Serialize;
use serde_json::{Value, json};

use super::duplicates::{PinWarning, find_duplicate, on_duplicate, refuses_duplicates};
use super::fields;
use super::pin::{self, OnDuplicate, parse};
use super::validation::PinHeadroom;
use crate::activity::Resource;
use crate::auth::Caller;
use crate::endpoint::{Endpoint, WRITE, post};
use crate::error::codes::{DUPLICATE_IN_CALL, MALFORMED_JSON};
use crate::error::{ApiError, FieldError};
use crate::openapi::schema::names;
use crate::request::field::{Field, Wrong, field_schema, list, request};
use crate::request::{BATCH_BODY_MAX, JsonObject, body_of, query};

/// The maximum number of pins of a request.
pub const BATCH_MAX: usize = 100;
/// Concurrent searches for pins with the same content.
const LOOKUPS_AT_ONCE: usize = 20;
/// The maximum number of accounts in `headroom`.
const HEADROOMS_MAX: usize = 5;

pub fn endpoint() -> Endpoint {
    post("/v1/pins/batch", WRITE, create)
        .operation("create_pins", "Publish up to 100 pins")
        .about(
            "Accepts or refuses each pin independently. The default `priority` of a pin is `bulk`: it waits behind the \
             other pins of its account. The request may be repeated: the result of a pin that exists already is \
             `existing`.",
        )
        .audited("pin.batch_created", Resource::None, &["created_count", "existing_count", "failed_count"])
        .query::<OnDuplicate>("on_duplicate", "`on_duplicate` for every pin.")
        .header::<fields::Priority>("X-Pinbridge-Priority", "`priority` of the pins that have none.")
        .header::<OnDuplicate>(
            "X-Pinbridge-On-Duplicate",
            "`on_duplicate` as a header, for clients that drop unknown \
             fields.",
        )
        .takes::<PinBatch>(|| json!({"pins": [pin::example()]}))
        .answers::<PinBatchResult>(200, "The result of each pin, in the order of the request.")
}

request! {
    /// The pins to create.
    pub struct PinBatch {
        pub pins: Items,
        /// Extension: `refuse` fails each pin with the same content as another pin of the last 24 hours or of this
        /// request.
        pub on_duplicate: Option<OnDuplicate>,
    }
}

/// Pins as in `POST /v1/pins`. A malformed pin fails alone.
#[derive(Clone, Debug)]
pub struct Items(Vec<Value>);

field_schema!(Items = |_| json_schema!({"type": "array", "items": true, "minItems": 1, "maxItems": BATCH_MAX}));

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
    /// Extension: other pins with the same content.
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
}

/// An invalid pin affects no other pin: its error is in its own result.
async fn create(
    State(context): State<Context>,
    caller: Caller,
    Query(query): Query<query::Query>,
    headers: HeaderMap,
    JsonObject(body): JsonObject<BATCH_BODY_MAX>,
) -> Result<Json<PinBatchResult>, ApiError> {
    let PinBatch { pins: Items(items), on_duplicate } = body_of(&body)?;
    let refuses = refuses_duplicates(on_duplicate, &query, &headers)?;
    let parsed = items.iter().map(|item| read(item, &headers, &caller, refuses)).collect();
    let (parsed, warnings) = without_refused(&context, &caller, parsed).await;
    let good: Vec<&PinRequest> = parsed.iter().flatten().collect();
    let accounts: BTreeSet<AccountId> = good.iter().map(|request| request.account).collect();
    let publish_requests = good.iter().map(|request| PublishRequest {
        request: (*request).clone(),
        origin: Origin::by(caller.who),
        not_before: None,
    });
    let answers = accept_pins(&context, caller.workspace, publish_requests.collect()).await?;

    let mut answers = answers.into_iter().zip(warnings);
    let outcomes: Vec<Result<(Acceptance, Option<Duplicate>), ApiError>> = parsed
        .into_iter()
        .map(|request| match request {
            Err(error) => Err(error),
            Ok(_) => match answers.next() {
                Some((Ok(acceptance), warning)) => Ok((acceptance, warning)),
                Some((Err(error), _)) => Err(error.into()),
                None => Err(ApiError::panicked()),
            },
        })
        .collect();
    let accepted = outcomes.iter().flatten().map(|(acceptance, _)| acceptance);
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
    }))
}

/// Reads a pin of the batch. The default priority is `bulk`.
fn read(item: &Value, headers: &HeaderMap, caller: &Caller, refuses: bool) -> Result<Wanted, ApiError> {
    let object = item.as_object().ok_or_else(|| {
        MALFORMED_JSON.with(
            "reason",
            "each item of pins should be an \
         object",
        )
    })?;
    let request = parse(object, headers, Priority::Bulk)?;
    let refuses = refuses || on_duplicate(object)?.is_some_and(OnDuplicate::refuses);
    caller.may_use(request.account).map(|()| Wanted { request, refuses })
}

/// A pin of the batch, and whether it is refused if another pin has the same content.
struct Wanted {
    request: PinRequest,
    refuses: bool,
}

type Parsed<T> = Vec<Result<T, ApiError>>;

/// The pins without the refused duplicates, and the warning of each pin that remains.
async fn without_refused(
    context: &Context,
    caller: &Caller,
    parsed: Parsed<Wanted>,
) -> (Parsed<PinRequest>, Vec<Option<Duplicate>>) {
    let looks: Vec<_> = parsed
        .iter()
        .flatten()
        .map(|wanted| find_duplicate(context, caller, &wanted.request, wanted.refuses))
        .collect();
    let mut found = stream::iter(looks).buffered(LOOKUPS_AT_ONCE).collect::<Vec<_>>().await.into_iter();
    let (mut items, mut warnings) = (Vec::with_capacity(parsed.len()), Vec::new());
    let (mut seen, now) = (BTreeMap::new(), context.system.now());
    for wanted in parsed {
        let item = match wanted {
            Err(error) => Err(error),
            Ok(Wanted { request, refuses }) => match found.next().unwrap_or(Ok(None)) {
                Err(refused) => Err(refused),
                Ok(warning) => {
                    let content = (request.account, idempotency::content_hash(&request), request.image_url.clone());
                    let own = idempotency::pin_id(caller.workspace, &request.idempotency_key);
                    // A repeated key names the same pin.
                    let before = Some(*seen.entry(content).or_insert(own)).filter(|first| *first != own);
                    if before.is_some() && refuses && !seen_key(&items, &request) {
                        Err(DUPLICATE_IN_CALL.into())
                    } else {
                        let before = before.map(|pin| Duplicate { pin, created_at: now, status: Status::Queued });
                        warnings.push(warning.or(before));
                        Ok(request)
                    }
                }
            },
        };
        items.push(item);
    }
    (items, warnings)
}

fn seen_key(items: &Parsed<PinRequest>, request: &PinRequest) -> bool {
    items.iter().flatten().any(|before| before.idempotency_key == request.idempotency_key)
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
    outcome: Result<(Acceptance, Option<Duplicate>), ApiError>,
) -> PinBatchItemResult {
    // Without its position in the backlog, which would cost one read per pin.
    let view = |pin, attempt| pin::Pin::from(&read_pins::without_position(context, pin, attempt, accounts));
    let (status, pin, error, warning) = match outcome {
        Ok((Acceptance::New(pin, attempt), warning)) => ("created", Some(view(pin, attempt)), None, warning),
        Ok((Acceptance::Replay(pin, attempt), _)) => ("existing", Some(view(pin, attempt)), None, None),
        Err(error) => ("failed", None, Some(error.into()), None),
    };
    PinBatchItemResult {
        index: index as u64,
        idempotency_key: item.get("idempotency_key").and_then(Value::as_str).unwrap_or_default().to_owned(),
        status: BatchStatus(status),
        pin,
        error,
        warnings: warning.iter().map(PinWarning::from).collect(),
    }
}
