//! Many pins in one call.

use std::collections::{BTreeMap, BTreeSet};

use axum::Json;
use axum::extract::{Query, State};
use futures_util::stream::{self, StreamExt};
use http::HeaderMap;
use pinbridge_shared::context::Context;
use pinbridge_shared::domain::ids::AccountId;
use pinbridge_shared::domain::pin::attempt::{Attempt, Status};
use pinbridge_shared::domain::pin::idempotency;
use pinbridge_shared::domain::pin::origin::Origin;
use pinbridge_shared::domain::pin::timeline;
use pinbridge_shared::domain::pin::{Pin, PinRequest, Priority};
use pinbridge_shared::flows::accept::accept_pin::{Acceptance, PublishRequest};
use pinbridge_shared::flows::accept::accept_pins::accept_pins;
use pinbridge_shared::flows::accept::duplicate_content::Duplicate;
use pinbridge_shared::flows::pacing::headroom::headroom;
use pinbridge_shared::flows::pins::read_pins::PinView;
use serde_json::{Map, Value, json};

use super::pins::{find_duplicate, parse, refuses_duplicates};
use crate::auth::Caller;
use crate::body::{Fields, LargeJsonObject};
use crate::error::ApiError;
use crate::{page, views};

/// Pins of one call.
pub const BATCH_MAX: usize = 100;
/// Looks for pins of the same content at once.
const LOOKUPS_AT_ONCE: usize = 20;
/// Accounts whose headroom is told.
const HEADROOMS_MAX: usize = 5;

/// An item that is no good pin spoils no other: what is wrong with it is in its own result.
pub async fn create(
    State(context): State<Context>,
    caller: Caller,
    Query(query): Query<page::Query>,
    headers: HeaderMap,
    LargeJsonObject(body): LargeJsonObject,
) -> Result<Json<Value>, ApiError> {
    let items = items(&body)?;
    let refuses = refuses_duplicates(&body, &query, &headers)?;
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
        results.push(counts.result(&context, index, item, outcome));
    }
    let headroom = headrooms(&context, &caller, accounts).await;
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
fn read(item: &Value, headers: &HeaderMap, caller: &Caller, refuses: bool) -> Result<Wanted, ApiError> {
    let object = item.as_object().ok_or_else(|| ApiError::malformed_json("each of pins should be an object"))?;
    let request = parse(object, headers, Priority::Bulk)?;
    let refuses = refuses || refuses_duplicates(object, &page::Query::new(), &HeaderMap::new())?;
    caller.may_use(request.account).map(|()| Wanted { request, refuses })
}

/// An item, and whether one of the same content is reason enough to refuse it.
struct Wanted {
    request: PinRequest,
    refuses: bool,
}

type Parsed<T> = Vec<Result<T, ApiError>>;

/// The items that stay, with what they are to be warned of.
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
                    // The same key again is the same pin.
                    let before = Some(*seen.entry(content).or_insert(own)).filter(|first| *first != own);
                    if before.is_some() && refuses && !seen_key(&items, &request) {
                        Err(ApiError::duplicate_in_call())
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

/// Of the first few accounts, each with its own numbers; `quota_remaining` is the workspace's.
async fn headrooms(context: &Context, caller: &Caller, accounts: BTreeSet<AccountId>) -> Value {
    let mut told = Vec::new();
    for account in accounts.into_iter().take(HEADROOMS_MAX) {
        let Ok(key) = caller.account(account) else { continue };
        if let Ok(headroom) = headroom(context, key, Priority::Bulk).await {
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
        context: &Context,
        index: usize,
        item: &Value,
        outcome: Result<(Acceptance, Option<Duplicate>), ApiError>,
    ) -> Value {
        let (status, pin, error, warning) = match outcome {
            Ok((Acceptance::New(pin, attempt), warning)) => {
                self.created += 1;
                ("created", Some(view(context, pin, attempt)), None, warning)
            }
            Ok((Acceptance::Replay(pin, attempt), _)) => {
                self.existing += 1;
                ("existing", Some(view(context, pin, attempt)), None, None)
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
fn view(context: &Context, pin: Pin, attempt: Attempt) -> Value {
    let next = timeline::next_step(&attempt, None, context.settings.deadlines.quiesce_ms);
    views::pin(&PinView { pin, attempt, next })
}
