//! Schedules: create, read, list, edit, cancel, retry and remove; one or many.

mod answers;
mod errors;
mod query;
mod requests;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use pinbridge_shared::context::Context;
use pinbridge_shared::domain::ids::{ScheduleId, ScheduleKey};
use pinbridge_shared::domain::pin::origin::Origin;
use pinbridge_shared::flows::pins::list_pins::ListError;
use pinbridge_shared::flows::schedules::{self, Created, ScheduleView};
use pinbridge_shared::flows::schedules::{cancel_schedule, list_schedules, validate_schedule};
use serde_json::{Value, json};
use uuid::Uuid;

use super::bulk::{BulkIds, BulkResult, BulkRetry, COUNTS, each};
use super::examples::SCHEDULE;
use super::pins::fields::Priority;
use super::pins::list::{Relation, Search};
use super::pins::retry::{PinRetry, accepts_duplicate};
use super::pins::validation::{self, PinValidation};
use crate::activity::Resource;
use crate::answer;
use crate::auth::Caller;
use crate::endpoint::{DESTRUCTIVE, Endpoint, READ, WRITE, delete, get, patch, post, tagged};
use crate::error::ApiError;
use crate::error::codes::{
    ACCOUNT_NOT_PERMITTED, ASSETS_NOT_ENABLED, Code, NOT_FOUND, PREFLIGHT, RETRY_MAY_DUPLICATE, SCHEDULE_KEY_REUSED,
    SCHEDULE_NOT_EDITABLE, SCHEDULE_REMOVED, SCHEDULE_REMOVED_BEFORE, SCHEDULE_WRONG_STATUS, TOKEN_REVOKED,
    VALIDATION_ERROR,
};
use crate::openapi::schema::{Flag, Limit, Offset, Text, Time};
use crate::request::query::{self as queries, name_ignored};
use crate::request::{Json as JsonBody, JsonObject, MaybeJsonObject, field_of, path_id};

pub use answers::{Schedule, ScheduleStatus};
pub use requests::{ScheduleCreate, ScheduleUpdate};

const PRIORITY_HEADER: &str = "`priority` for clients that drop unknown fields.";
const DUPLICATE_HEADER: &str = "`accept_duplicate` for clients that drop unknown fields.";

pub fn endpoints() -> Vec<Endpoint> {
    tagged("Schedules", [submissions(), one(), many()].into_iter().flatten().collect())
}

fn submissions() -> Vec<Endpoint> {
    vec![
        post("/v1/schedules", WRITE, create)
            .operation("create_schedule", "Schedule a pin")
            .about(
                "The pin starts at `run_at`, to the second and never before. The schedule is released three minutes \
                 ahead: from then on it is `queued` and can't be edited. The board is checked now; if Pinterest can't \
                 be asked, the schedule is accepted. The same request with the same `idempotency_key` (extension) \
                 answers the same schedule.",
            )
            .audited("schedule.created", Resource::Answer("id"), &["status", "run_at"])
            .header::<Priority>("X-Pinbridge-Priority", PRIORITY_HEADER)
            .header::<Text>("X-Pinbridge-Idempotency-Key", "`idempotency_key` for the same clients.")
            .header::<Text>("Idempotency-Key", "The same; this one counts if both are there.")
            .takes::<ScheduleCreate>(ScheduleCreate::example)
            .answers::<Schedule>(201, "The schedule.")
            .answers::<Schedule>(200, "The schedule of this idempotency key, which was created before.")
            .with_header::<Flag>("Idempotent-Replayed", true, "`true`: nothing new was created.")
            .fails(&[NOT_FOUND, ACCOUNT_NOT_PERMITTED, SCHEDULE_KEY_REUSED, SCHEDULE_REMOVED, ASSETS_NOT_ENABLED])
            .fails(PREFLIGHT),
        post("/v1/schedules/validate", READ, validate)
            .operation("validate_schedule", "Check a schedule without creating it")
            .about("Nothing is written. The answer is 200 for a refusal too: it names every check and its remedy.")
            .unaudited("it changes nothing")
            .header::<Priority>("X-Pinbridge-Priority", PRIORITY_HEADER)
            .header::<Text>("X-Pinbridge-Idempotency-Key", "`idempotency_key` for the same clients.")
            .takes::<ScheduleCreate>(ScheduleCreate::example)
            .answers::<PinValidation>(200, "The checks.")
            .fails(&[ACCOUNT_NOT_PERMITTED]),
    ]
}

fn of_one(endpoint: Endpoint) -> Endpoint {
    endpoint.of_one("The schedule's id.", SCHEDULE)
}

fn one() -> Vec<Endpoint> {
    vec![
        of_one(get("/v1/schedules/{id}", READ, read))
            .operation("get_schedule", "Read a schedule")
            .answers::<Schedule>(200, "The schedule and its outcome."),
        of_one(patch("/v1/schedules/{id}", WRITE, edit))
            .operation("update_schedule", "Edit a schedule that waits")
            .about("A field that is left out stays. `null` clears a field that can be empty.")
            .audited("schedule.updated", Resource::Path, &["status", "run_at"])
            .header::<Priority>("X-Pinbridge-Priority", PRIORITY_HEADER)
            .takes::<ScheduleUpdate>(|| json!({"run_at": "2027-01-16T09:30:00+01:00", "description": null}))
            .answers::<Schedule>(200, "The schedule as it is now.")
            .fails(&[SCHEDULE_NOT_EDITABLE, ASSETS_NOT_ENABLED])
            .fails(PREFLIGHT),
        of_one(post("/v1/schedules/{id}/cancel", WRITE, cancel))
            .operation("cancel_schedule", "Cancel a schedule")
            .about("While it waits, or until its pin begins. A pin that has begun can't be stopped (400).")
            .audited("schedule.canceled", Resource::Path, &["status"])
            .answers::<Schedule>(200, "The schedule, canceled.")
            .fails(&[SCHEDULE_WRONG_STATUS]),
        of_one(post("/v1/schedules/{id}/retry", WRITE, retry))
            .operation("retry_schedule", "Retry a failed schedule")
            .about("With another pin: at `run_at`, or at once if that has passed.")
            .audited("schedule.retried", Resource::Path, &["status"])
            .header::<Flag>("X-Pinbridge-Accept-Duplicate", DUPLICATE_HEADER)
            .may_take::<PinRetry>(|| json!({"accept_duplicate": true}))
            .answers::<Schedule>(200, "The schedule, waiting again.")
            .fails(&[SCHEDULE_WRONG_STATUS, RETRY_MAY_DUPLICATE, TOKEN_REVOKED]),
        of_one(delete("/v1/schedules/{id}", DESTRUCTIVE, remove))
            .operation("delete_schedule", "Remove a schedule that has ended")
            .about("Done, failed or canceled. Its pin stays, and its key stays taken (`schedule_removed`).")
            .audited("schedule.deleted", Resource::Path, &[])
            .answers_nothing("The schedule is removed.")
            .fails(&[SCHEDULE_WRONG_STATUS]),
    ]
}

fn of_many(endpoint: Endpoint) -> Endpoint {
    endpoint
        .about("Each on its own. `skipped`: its status doesn't allow the work.")
        .answers::<BulkResult>(200, "The outcome for each, in order.")
}

fn many() -> Vec<Endpoint> {
    let ids = || json!({"ids": [SCHEDULE]});
    vec![
        get("/v1/schedules", READ, list)
            .operation("list_schedules", "List schedules, the latest run first")
            .about(
                "In the order of `run_at` a list is complete at any size. A filter, a search or another order looks \
                 through 1,000 schedules, and `X-Next-Cursor` goes on behind them.",
            )
            .query::<Limit>("limit", "Schedules of a page.")
            .query::<Offset>("offset", "Schedules left out before the page.")
            .query::<Uuid>("account_id", "Only schedules of this account.")
            .query::<Text>("board_id", "Only schedules for this board.")
            .query::<ScheduleStatus>("status", "Only schedules of this status.")
            .query::<Time>("since", "Only those that run then or later.")
            .query::<Time>("until", "Only those that run before then.")
            .query::<Search>("q", "A part of the title, description or link.")
            .query::<query::Sort>("sort", "The order; `run_at_asc` is the next run first.")
            .query::<Text>("cursor", "`X-Next-Cursor` of the page before.")
            .answers::<Vec<Schedule>>(200, "A page of schedules.")
            .with_header::<u64>("X-Total-Count", true, "How many schedules there are.")
            .with_header::<Relation>(
                "X-Total-Count-Relation",
                false,
                "`gte` where counting stopped at its limit: there are at least as many.",
            )
            .with_header::<Text>("X-Next-Cursor", false, "Where the list goes on, if it does.")
            .with_header::<Text>("X-Pinbridge-Ignored-Parameters", false, "Parameters that have no meaning here.")
            .fails(&[VALIDATION_ERROR, ACCOUNT_NOT_PERMITTED]),
        of_many(post("/v1/schedules/bulk-cancel", WRITE, bulk_cancel))
            .operation("bulk_cancel_schedules", "Cancel schedules")
            .audited("schedule.bulk_canceled", Resource::None, COUNTS)
            .takes::<BulkIds>(ids),
        of_many(post("/v1/schedules/bulk-retry", WRITE, bulk_retry))
            .operation("bulk_retry_schedules", "Retry failed schedules")
            .audited("schedule.bulk_retried", Resource::None, COUNTS)
            .header::<Flag>("X-Pinbridge-Accept-Duplicate", DUPLICATE_HEADER)
            .takes::<BulkRetry>(|| json!({"ids": [SCHEDULE], "accept_duplicate": true})),
        of_many(post("/v1/schedules/bulk-delete", DESTRUCTIVE, bulk_delete))
            .operation("bulk_delete_schedules", "Remove schedules that have ended")
            .audited("schedule.bulk_deleted", Resource::None, COUNTS)
            .takes::<BulkIds>(ids),
    ]
}

async fn create(
    State(context): State<Context>,
    caller: Caller,
    headers: HeaderMap,
    JsonObject(body): JsonObject,
) -> Result<Response, ApiError> {
    let asked = ScheduleCreate::read(&body, &headers, Origin::by(caller.who))?;
    caller.may_use(asked.request.account)?;
    let (view, replayed) = match schedules::create(&context, caller.workspace, asked).await? {
        Created::New(view) => (view, false),
        Created::Replay(view) => (view, true),
    };
    let status = if replayed { StatusCode::OK } else { StatusCode::CREATED };
    Ok(answer::made(status, Schedule::from(&view), replayed))
}

/// 200 for a refusal too: the checks say what is wrong.
async fn validate(
    State(context): State<Context>,
    caller: Caller,
    headers: HeaderMap,
    JsonObject(body): JsonObject,
) -> Result<Json<PinValidation>, ApiError> {
    let asked = match ScheduleCreate::read(&body, &headers, Origin::default()) {
        Ok(asked) => asked,
        Err(error) => {
            let resolved = json!({"run_at": body.get("run_at"), "idempotency_key": body.get("idempotency_key")});
            return Ok(Json(PinValidation::new(validation::unread(&error), resolved)));
        }
    };
    caller.may_use(asked.request.account)?;
    let validation = validate_schedule::validate(&context, caller.workspace, &asked).await?;
    let mut resolved = validation::resolved(&asked.request);
    resolved["run_at"] = json!(asked.run_at.rfc3339());
    if asked.request.idempotency_key.is_empty() {
        resolved["idempotency_key"] = Value::Null;
    }
    Ok(Json(PinValidation::new(validation, resolved)))
}

async fn list(
    State(context): State<Context>,
    caller: Caller,
    Query(query): Query<queries::Query>,
) -> Result<Response, ApiError> {
    let listed = query::parse(&query, &caller)?;
    let page = list_schedules::page(&context, caller.workspace, &listed).await?;
    if page.schedules.is_empty() && listed.skip > 0 && page.total_is_at_least {
        let found = usize::try_from(page.total).unwrap_or(usize::MAX);
        return Err(ListError::OutOfReach { found }.into());
    }
    let items: Vec<Schedule> = page.schedules.iter().map(Schedule::from).collect();
    let mut response = answer::page(&items, page.total, page.total_is_at_least, page.next.map(query::cursor));
    name_ignored(&mut response, &query, &query::PARAMETERS);
    Ok(response)
}

async fn read(
    State(context): State<Context>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Schedule>, ApiError> {
    Ok(Json((&find(&context, &caller, path_id(&id, "id")?).await?).into()))
}

async fn edit(
    State(context): State<Context>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    JsonObject(body): JsonObject,
) -> Result<Json<Schedule>, ApiError> {
    let (id, change) = (path_id(&id, "id")?, ScheduleUpdate::read(&body, &headers)?);
    let key = find(&context, &caller, id).await?.schedule.key;
    Ok(Json((&schedules::edit(&context, key, &change).await?).into()))
}

async fn cancel(
    State(context): State<Context>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Schedule>, ApiError> {
    let key = find(&context, &caller, path_id(&id, "id")?).await?.schedule.key;
    Ok(Json((&cancel_schedule::cancel(&context, key).await?).into()))
}

async fn retry(
    State(context): State<Context>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    MaybeJsonObject(body): MaybeJsonObject,
) -> Result<Json<Schedule>, ApiError> {
    let id = path_id(&id, "id")?;
    let accept_duplicate = accepts_duplicate(field_of(&body, "accept_duplicate")?, &headers)?;
    let key = find(&context, &caller, id).await?.schedule.key;
    Ok(Json((&schedules::retry(&context, key, accept_duplicate).await?).into()))
}

async fn remove(
    State(context): State<Context>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    let key = find(&context, &caller, path_id(&id, "id")?).await?.schedule.key;
    schedules::remove(&context, key).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Its status doesn't allow the work, or nothing is left to do.
const SKIPPED: &[Code] = &[SCHEDULE_WRONG_STATUS, SCHEDULE_REMOVED_BEFORE];

async fn bulk_cancel(
    State(context): State<Context>,
    caller: Caller,
    JsonBody(BulkIds { ids }): JsonBody<BulkIds>,
) -> Json<BulkResult> {
    let (context, caller) = (&context, &caller);
    let cancel_one = |id| async move {
        let key = find(context, caller, id).await?.schedule.key;
        Ok(cancel_schedule::cancel(context, key).await.map(drop)?)
    };
    each(ids, SKIPPED, cancel_one).await
}

async fn bulk_retry(
    State(context): State<Context>,
    caller: Caller,
    headers: HeaderMap,
    JsonBody(BulkRetry { ids, accept_duplicate }): JsonBody<BulkRetry>,
) -> Result<Json<BulkResult>, ApiError> {
    let accept_duplicate = accepts_duplicate(accept_duplicate, &headers)?;
    let (context, caller) = (&context, &caller);
    let retry_one = |id| async move {
        let key = find(context, caller, id).await?.schedule.key;
        Ok(schedules::retry(context, key, accept_duplicate).await.map(drop)?)
    };
    Ok(each(ids, SKIPPED, retry_one).await)
}

async fn bulk_delete(
    State(context): State<Context>,
    caller: Caller,
    JsonBody(BulkIds { ids }): JsonBody<BulkIds>,
) -> Json<BulkResult> {
    let (context, caller) = (&context, &caller);
    let remove_one = |id| async move {
        // The call may repeat one whose answer was lost.
        let stored = schedules::stored(context, key(caller, id)).await?;
        let removed = stored.filter(|schedule| schedule.removed_at.is_some());
        if removed.is_some_and(|schedule| caller.may_use(schedule.request.account).is_ok()) {
            return Err(SCHEDULE_REMOVED_BEFORE.into());
        }
        let key = find(context, caller, id).await?.schedule.key;
        Ok(schedules::remove(context, key).await.map(drop)?)
    };
    each(ids, SKIPPED, remove_one).await
}

/// The key of that id in the caller's workspace; another workspace's schedule doesn't exist for the caller.
fn key(caller: &Caller, id: Uuid) -> ScheduleKey {
    ScheduleKey { workspace: caller.workspace, schedule: ScheduleId(id) }
}

/// The caller's schedule, which must exist and belong to an account that the caller may use.
async fn find(context: &Context, caller: &Caller, id: Uuid) -> Result<ScheduleView, ApiError> {
    let view = schedules::read(context, key(caller, id)).await?;
    caller.may_use(view.schedule.request.account).map(|()| view)
}
