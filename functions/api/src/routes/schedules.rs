//! Schedules: make, read, list, edit, cancel, retry, remove; one or many.

use std::future::Future;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, StreamExt};
use http::{HeaderMap, HeaderValue, StatusCode};
use pinbridge_shared::context::Context;
use pinbridge_shared::domain::ids::{ScheduleId, ScheduleKey};
use pinbridge_shared::domain::pin::origin::Origin;
use pinbridge_shared::flows::pins::list_pins::ListError;
use pinbridge_shared::flows::schedules::{self, Created, ScheduleError, ScheduleView};
use pinbridge_shared::flows::schedules::{cancel_schedule, list_schedules, validate_schedule};
use serde_json::{Map, Value, json};

use super::{pin_validation, retries};
use crate::auth::Caller;
use crate::body::{Fields, JsonObject, MaybeJsonObject, schedules as body};
use crate::error::{ApiError, FieldError, codes};
use crate::{page, schedule_query, views};

pub async fn create(
    State(context): State<Context>,
    caller: Caller,
    headers: HeaderMap,
    JsonObject(fields): JsonObject,
) -> Result<Response, ApiError> {
    let asked = body::create(&fields, &headers, Origin::by(caller.who))?;
    caller.may_use(asked.request.account)?;
    let (view, replayed) = match schedules::create(&context, caller.workspace, asked).await? {
        Created::New(view) => (view, false),
        Created::Replay(view) => (view, true),
    };
    let status = if replayed { StatusCode::OK } else { StatusCode::CREATED };
    let mut response = (status, Json(views::schedules::schedule(&view))).into_response();
    if replayed {
        response.headers_mut().insert("idempotent-replayed", HeaderValue::from_static("true"));
    }
    Ok(response)
}

/// 200 also when the request is no good: what is wrong is in the checks.
pub async fn validate(
    State(context): State<Context>,
    caller: Caller,
    headers: HeaderMap,
    JsonObject(fields): JsonObject,
) -> Result<Json<Value>, ApiError> {
    let asked = match body::create(&fields, &headers, Origin::default()) {
        Ok(asked) => asked,
        Err(error) => {
            let resolved = json!({"run_at": fields.get("run_at"), "idempotency_key": fields.get("idempotency_key")});
            return Ok(Json(views::pins::validation(&pin_validation::unread(&error), resolved)));
        }
    };
    caller.may_use(asked.request.account)?;
    let validation = validate_schedule::validate(&context, caller.workspace, &asked).await?;
    let mut resolved = pin_validation::resolved(&asked.request);
    resolved["run_at"] = json!(asked.run_at.rfc3339());
    if asked.request.idempotency_key.is_empty() {
        resolved["idempotency_key"] = Value::Null;
    }
    Ok(Json(views::pins::validation(&validation, resolved)))
}

pub async fn list(
    State(context): State<Context>,
    caller: Caller,
    Query(query): Query<page::Query>,
) -> Result<Response, ApiError> {
    let listed = schedule_query::parse(&query, &caller)?;
    let page = list_schedules::page(&context, caller.workspace, &listed).await?;
    if page.schedules.is_empty() && listed.skip > 0 && page.total_is_at_least {
        let found = usize::try_from(page.total).unwrap_or(usize::MAX);
        return Err(ListError::OutOfReach { found }.into());
    }
    let mut response = Json(page.schedules.iter().map(views::schedules::schedule).collect::<Vec<_>>()).into_response();
    let headers = response.headers_mut();
    headers.insert("x-total-count", HeaderValue::from(page.total));
    if page.total_is_at_least {
        // Counting stopped at its limit: there are at least this many.
        headers.insert("x-total-count-relation", HeaderValue::from_static("gte"));
    }
    if let Some(next) = page.next.and_then(|next| HeaderValue::try_from(schedule_query::cursor(next)).ok()) {
        headers.insert("x-next-cursor", next);
    }
    page::name_ignored(&mut response, &query, &schedule_query::PARAMETERS);
    Ok(response)
}

pub async fn read(
    State(context): State<Context>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let key = key(&caller, &id)?;
    Ok(answer(&find(&context, &caller, key).await?))
}

pub async fn edit(
    State(context): State<Context>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    JsonObject(fields): JsonObject,
) -> Result<Json<Value>, ApiError> {
    let (key, change) = (key(&caller, &id)?, body::change(&fields, &headers)?);
    find(&context, &caller, key).await?;
    Ok(answer(&schedules::edit(&context, key, &change).await?))
}

pub async fn cancel(
    State(context): State<Context>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let key = key(&caller, &id)?;
    find(&context, &caller, key).await?;
    Ok(answer(&cancel_schedule::cancel(&context, key).await?))
}

pub async fn retry(
    State(context): State<Context>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    MaybeJsonObject(fields): MaybeJsonObject,
) -> Result<Json<Value>, ApiError> {
    let key = key(&caller, &id)?;
    let accept_duplicate = accepts_duplicate(&fields, &headers)?;
    find(&context, &caller, key).await?;
    Ok(answer(&schedules::retry(&context, key, accept_duplicate).await?))
}

pub async fn remove(
    State(context): State<Context>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    let key = key(&caller, &id)?;
    find(&context, &caller, key).await?;
    schedules::remove(&context, key).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub async fn bulk_cancel(
    State(context): State<Context>,
    caller: Caller,
    JsonObject(fields): JsonObject,
) -> Result<Json<Value>, ApiError> {
    let (context, caller) = (&context, &caller);
    bulk(caller, &fields, |key| async move {
        find(context, caller, key).await?;
        cancel_schedule::cancel(context, key).await?;
        Ok(())
    })
    .await
}

pub async fn bulk_retry(
    State(context): State<Context>,
    caller: Caller,
    headers: HeaderMap,
    JsonObject(fields): JsonObject,
) -> Result<Json<Value>, ApiError> {
    let accept_duplicate = accepts_duplicate(&fields, &headers)?;
    let (context, caller) = (&context, &caller);
    bulk(caller, &fields, |key| async move {
        find(context, caller, key).await?;
        schedules::retry(context, key, accept_duplicate).await?;
        Ok(())
    })
    .await
}

pub async fn bulk_delete(
    State(context): State<Context>,
    caller: Caller,
    JsonObject(fields): JsonObject,
) -> Result<Json<Value>, ApiError> {
    let (context, caller) = (&context, &caller);
    bulk(caller, &fields, |key| async move {
        // The call may be a repetition of one whose answer was lost.
        let stored = schedules::stored(context, key).await?.filter(|schedule| schedule.removed_at.is_some());
        if stored.is_some_and(|schedule| caller.may_use(schedule.request.account).is_ok()) {
            return Err(codes::SCHEDULE_REMOVED_BEFORE.into());
        }
        find(context, caller, key).await?;
        schedules::remove(context, key).await?;
        Ok(())
    })
    .await
}

/// What says that nothing was to be done.
const SKIPPED: [&str; 2] = ["bad_request", "schedule_removed"];

/// Schedules of one call that are worked on at once.
const AT_ONCE: usize = 10;

/// Does the same to each, and tells what became of each: `skipped` is what its state doesn't allow.
async fn bulk<F, Fut>(caller: &Caller, fields: &Map<String, Value>, act: F) -> Result<Json<Value>, ApiError>
where
    F: Fn(ScheduleKey) -> Fut,
    Fut: Future<Output = Result<(), ApiError>>,
{
    let ids = body::ids(fields)?;
    let (mut results, mut counts) = (Vec::with_capacity(ids.len()), [0_u32; 3]);
    let key = |id| ScheduleKey { workspace: caller.workspace, schedule: ScheduleId(id) };
    let outcomes: Vec<_> =
        stream::iter(ids.iter().map(|id| act(key(*id))).collect::<Vec<_>>()).buffered(AT_ONCE).collect().await;
    for (id, outcome) in ids.into_iter().zip(outcomes) {
        let (name, index) = match &outcome {
            Ok(()) => ("succeeded", 0),
            Err(error) if SKIPPED.contains(&error.code()) => ("skipped", 1),
            Err(_) => ("failed", 2),
        };
        counts[index] += 1;
        let error = outcome.as_ref().err();
        results.push(json!({
            "id": id,
            "status": name,
            "error_code": error.map(ApiError::code),
            "error_message": error.map(ApiError::message),
        }));
    }
    let [succeeded, skipped, failed] = counts;
    Ok(Json(json!({
        "succeeded_count": succeeded, "skipped_count": skipped, "failed_count": failed, "results": results,
    })))
}

/// Whether a second Pin is no harm.
fn accepts_duplicate(object: &Map<String, Value>, headers: &HeaderMap) -> Result<bool, ApiError> {
    let mut fields = Fields::of(object);
    let in_body = fields.read::<Option<bool>>("accept_duplicate");
    retries::accepts_duplicate(fields.finish_with(in_body)?, headers)
}

fn answer(view: &ScheduleView) -> Json<Value> {
    Json(views::schedules::schedule(view))
}

/// The key of that id in the caller's workspace; another workspace's schedule doesn't exist for it.
fn key(caller: &Caller, id: &str) -> Result<ScheduleKey, ApiError> {
    let schedule: ScheduleId = id.parse().map_err(|_| {
        let loc = vec!["path".into(), "id".into()];
        ApiError::validation(vec![FieldError { loc, msg: "Input should be a valid UUID".into(), kind: "uuid_parsing" }])
    })?;
    Ok(ScheduleKey { workspace: caller.workspace, schedule })
}

/// The caller's schedule, which must be there and of an account that is open to it.
async fn find(context: &Context, caller: &Caller, key: ScheduleKey) -> Result<ScheduleView, ApiError> {
    let view = schedules::read(context, key).await.map_err(|error: ScheduleError| ApiError::from(error))?;
    caller.may_use(view.schedule.request.account).map(|()| view)
}
