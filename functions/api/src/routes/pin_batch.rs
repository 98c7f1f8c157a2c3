//! Many pins in one call.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::State;
use futures_util::stream::{self, StreamExt};
use http::HeaderMap;
use pinbridge_shared::domain::attempt::Attempt;
use pinbridge_shared::domain::idempotency;
use pinbridge_shared::domain::ids::AccountId;
use pinbridge_shared::domain::origin::Origin;
use pinbridge_shared::domain::pin::{Pin, PinRequest, Priority};
use pinbridge_shared::domain::timeline;
use pinbridge_shared::flows::accept_pin::{Acceptance, Order};
use pinbridge_shared::flows::accept_pins::accept_pins;
use pinbridge_shared::flows::duplicate_content::{self, Duplicate};
use pinbridge_shared::flows::headroom::headroom;
use pinbridge_shared::flows::read_pins::PinView;
use pinbridge_shared::ports::World;
use serde_json::{Map, Value, json};

use super::pins::parse;
use crate::auth::Caller;
use crate::body::{Fields, LargeJsonObject};
use crate::error::ApiError;
use crate::views;

/// Pins of one call.
pub const BATCH_MAX: usize = 100;
/// Looks for pins of the same content at once.
const LOOKS_AT_ONCE: usize = 20;
/// Accounts whose headroom is told.
const HEADROOMS_MAX: usize = 5;

/// An item that is no good pin spoils no other: what is wrong with it is in its own result.
pub async fn create(
    State(world): State<World>,
    caller: Caller,
    headers: HeaderMap,
    LargeJsonObject(body): LargeJsonObject,
) -> Result<Json<Value>, ApiError> {
    let items = items(&body)?;
    let parsed: Vec<Result<PinRequest, ApiError>> = items.iter().map(|item| read(item, &headers, &caller)).collect();
    let good: Vec<&PinRequest> = parsed.iter().flatten().collect();
    let warnings = duplicates(&world, &caller, &good).await;
    let accounts: BTreeSet<AccountId> = good.iter().map(|request| request.account).collect();
    let orders = good.iter().map(|request| Order {
        request: (*request).clone(),
        origin: Origin::by(caller.who),
        not_before: None,
    });
    let answers = accept_pins(&world, caller.workspace, orders.collect()).await?;

    let mut counts = Counts::default();
    let mut answers = answers.into_iter().zip(warnings);
    let mut results = Vec::with_capacity(items.len());
    for (index, (item, request)) in items.iter().zip(parsed).enumerate() {
        let outcome = match request {
            Err(error) => Err(error),
            Ok(_) => match answers.next() {
                Some((Ok(acceptance), warning)) => Ok((acceptance, warning)),
                Some((Err(error), _)) => Err(error.into()),
                None => Err(ApiError::panicked()),
            },
        };
        results.push(counts.result(&world, index, item, outcome));
    }
    let headroom = headrooms(&world, &caller, accounts).await;
    Ok(Json(json!({
        "created_count": counts.created,
        "existing_count": counts.existing,
        "failed_count": counts.failed,
        "results": results,
        "headroom": headroom,
    })))
}

fn items(body: &Map<String, Value>) -> Result<&[Value], ApiError> {
    let mut fields = Fields::of(body);
    let items = match body.get("pins") {
        Some(Value::Array(items)) if items.is_empty() => {
            fields.reject("pins", "List should have at least 1 item", "too_short");
            None
        }
        Some(Value::Array(items)) if items.len() > BATCH_MAX => {
            fields.reject("pins", format!("List should have at most {BATCH_MAX} items"), "too_long");
            None
        }
        Some(Value::Array(items)) => Some(items.as_slice()),
        None | Some(Value::Null) => {
            fields.missing("pins");
            None
        }
        Some(_) => {
            fields.reject("pins", "Input should be a valid list", "list_type");
            None
        }
    };
    fields.finish().map(|()| items.unwrap_or_default())
}

/// Pins of a batch go last among their account's, unless they say otherwise.
fn read(item: &Value, headers: &HeaderMap, caller: &Caller) -> Result<PinRequest, ApiError> {
    let object = item.as_object().ok_or_else(|| ApiError::malformed_json("each of pins should be an object"))?;
    let request = parse(object, headers, Priority::Bulk)?;
    caller.may_use(request.account).map(|()| request)
}

/// The pins of the last day that have the same content. They are told of as far as they can be read.
async fn duplicates(world: &World, caller: &Caller, requests: &[&PinRequest]) -> Vec<Option<Duplicate>> {
    let looks: Vec<_> = requests
        .iter()
        .map(|request| {
            let own = idempotency::pin_id(caller.workspace, &request.idempotency_key);
            duplicate_content::find(world, caller.workspace, request, own)
        })
        .collect();
    let found: Vec<_> = stream::iter(looks).buffered(LOOKS_AT_ONCE).collect().await;
    found.into_iter().map(|found| found.ok().flatten()).collect()
}

/// Of the first few accounts, each with its own numbers; `quota_remaining` is the workspace's.
async fn headrooms(world: &World, caller: &Caller, accounts: BTreeSet<AccountId>) -> Value {
    let mut told = Vec::new();
    for account in accounts.into_iter().take(HEADROOMS_MAX) {
        let Ok(key) = caller.account(account) else { continue };
        if let Ok(headroom) = headroom(world, key, Priority::Bulk).await {
            told.push(views::pins::headroom(&headroom));
        }
    }
    match told.first() {
        None => Value::Null,
        Some(first) => json!({"quota_remaining": first["quota_remaining"], "accounts": told}),
    }
}

#[derive(Default)]
struct Counts {
    created: usize,
    existing: usize,
    failed: usize,
}

impl Counts {
    fn result(
        &mut self,
        world: &World,
        index: usize,
        item: &Value,
        outcome: Result<(Acceptance, Option<Duplicate>), ApiError>,
    ) -> Value {
        let (status, pin, error, warning) = match outcome {
            Ok((Acceptance::New(pin, attempt), warning)) => {
                self.created += 1;
                ("created", Some(view(world, pin, attempt)), None, warning)
            }
            Ok((Acceptance::Replay(pin, attempt), _)) => {
                self.existing += 1;
                ("existing", Some(view(world, pin, attempt)), None, None)
            }
            Err(error) => {
                self.failed += 1;
                ("failed", None, Some(error.of_item()), None)
            }
        };
        json!({
            "index": index,
            "idempotency_key": item.get("idempotency_key").and_then(Value::as_str).unwrap_or_default(),
            "status": status,
            "pin": pin,
            "error": error,
            // Ours.
            "warnings": warning.iter().map(views::pins::duplicate).collect::<Vec<_>>(),
        })
    }
}

/// Its place in the backlog is told by the pin itself: a hundred of them would be a hundred readings.
fn view(world: &World, pin: Pin, attempt: Attempt) -> Value {
    let next = timeline::next_step(&attempt, None, world.settings.deadlines.quiesce_ms);
    views::pin(&PinView { pin, attempt, next })
}
