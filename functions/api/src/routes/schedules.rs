//! Schedules: create, read, list, edit, cancel, retry and remove; one or many.

mod answers;
mod errors;
mod query;
mod requests;
mod timeline;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use pinbridge_shared::context::Context;
use pinbridge_shared::domain::ids::{AccountKey, ScheduleId, ScheduleKey};
use pinbridge_shared::domain::pin::image_url::ImageProblem;
use pinbridge_shared::domain::pin::origin::Origin;
use pinbridge_shared::domain::time::Moment;
use pinbridge_shared::flows::accept::validate_pin::DryRun;
use pinbridge_shared::flows::pins::list_pins::ListError;
use pinbridge_shared::flows::pins::name_actors::named;
use pinbridge_shared::flows::schedules::submit_schedule::{Shared, Submission, Submitted, submit_schedule};
use pinbridge_shared::flows::schedules::{self, Created, ScheduleView};
use pinbridge_shared::flows::schedules::{
    cancel_schedule, edit_schedule, list_schedules, retry_schedule, validate_schedule,
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::bulk::{BulkIds, BulkResult, BulkRetry, COUNTS, each};
use super::examples::SCHEDULE;
use super::pins::edit::meant_board;
use super::pins::fields::Priority;
use super::pins::list::{Relation, Search};
use super::pins::options::{Options, door};
use super::pins::pin::Meant;
use super::pins::retry::{ScheduleRetry, accepts_duplicate, of_retry, other_end};
use super::pins::validation::{self, PinValidation};
use super::pins::warnings::{PinWarning, Told, Warned, changed, image_problem, warn_of};
use crate::activity::Resource;
use crate::answer;
use crate::auth::Caller;
use crate::endpoint::{DESTRUCTIVE, Endpoint, READ, READ_OR_WRITE, WRITE, delete, get, patch, post, tagged};
use crate::error::ApiError;
use crate::error::codes::{
    ACCOUNT_NOT_PERMITTED, ASSETS_NOT_ENABLED, Code, DUPLICATE_CONTENT, INVALID_DATE_RANGE, NOT_FOUND, PREFLIGHT,
    RESOLVING, RETRY_MAY_DUPLICATE, SCHEDULE_KEY_REUSED, SCHEDULE_NOT_EDITABLE, SCHEDULE_REMOVED,
    SCHEDULE_REMOVED_BEFORE, SCHEDULE_TIME_SETTLED, SCHEDULE_TOO_LATE, SCHEDULE_WRONG_STATUS, TOKEN_REVOKED,
    VALIDATION_ERROR,
};
use crate::openapi::schema::{Flag, Limit, Offset, Text, Time};
use crate::request::query as queries;
use crate::request::{JsonObject, MaybeJsonObject, StrictJson, only_body_of, path_id};

pub use answers::{AcceptedSchedule, Schedule, ScheduleStatus};
use requests::Wanted;
pub use requests::{ScheduleCreate, ScheduleUpdate};
use timeline::ScheduleTimeline;

const PRIORITY_HEADER: &str = "`priority` as a header, for clients that drop unknown fields.";
const KEY_HEADER: &str = "`idempotency_key` as a header. The one of the body counts first.";

pub fn endpoints() -> Vec<Endpoint> {
    tagged("Schedules", [submissions(), one(), many()].into_iter().flatten().collect())
}

fn submissions() -> Vec<Endpoint> {
    vec![
        door(post("/v1/schedules", WRITE, create), KEY_HEADER)
            .operation("create_schedule", "Schedule a pin")
            .about(
                "Publishes a pin at `run_at`: never earlier, and in that second if the pace of the account allows. \
                 Until then its status is `scheduled`. The request checks the board; if Pinterest can't be reached, the schedule \
                 is accepted without the check. A repeated request with the same `idempotency_key` (extension) \
                 answers the existing schedule. Without a key, a repeated request creates a second schedule. If a pin \
                 of the last 24 hours has the same content, `warnings` names it; with `on_duplicate: refuse`, the \
                 request answers 409 `duplicate_content` instead. Waiting schedules are not compared.",
            )
            .audited("schedule.created", Resource::Answer("id"), &["status", "run_at"])
            .takes::<ScheduleCreate>(ScheduleCreate::example)
            .answers::<AcceptedSchedule>(201, "The schedule.")
            .answers::<AcceptedSchedule>(200, "The existing schedule with this idempotency key.")
            .with_header::<Flag>("Idempotent-Replayed", true, "`true`: the schedule existed already.")
            .fails(&[NOT_FOUND, ACCOUNT_NOT_PERMITTED, SCHEDULE_KEY_REUSED, SCHEDULE_REMOVED, ASSETS_NOT_ENABLED])
            .fails(&[DUPLICATE_CONTENT])
            .fails(PREFLIGHT)
            .fails(RESOLVING),
        door(post("/v1/schedules/validate", READ_OR_WRITE, validate), KEY_HEADER)
            .operation("validate_schedule", "Check a schedule without creating it")
            .about(
                "Runs every check of a schedule and writes nothing. The answer is 200 even if the schedule would \
                 be refused: each failed check has a remediation.",
            )
            .unaudited("it changes nothing")
            .takes::<ScheduleCreate>(ScheduleCreate::example)
            .answers::<PinValidation>(200, "The checks.")
            .fails(&[ACCOUNT_NOT_PERMITTED]),
    ]
}

fn of_one(endpoint: Endpoint) -> Endpoint {
    endpoint.of_one("The id of the schedule.", SCHEDULE)
}

fn one() -> Vec<Endpoint> {
    vec![
        of_one(get("/v1/schedules/{id}", READ, read))
            .operation("get_schedule", "Read a schedule")
            .answers::<Schedule>(200, "The schedule."),
        of_one(get("/v1/schedules/{id}/timeline", READ, read_timeline))
            .operation("get_schedule_timeline", "Read the timeline of a schedule")
            .about(
                "Extension. Lists what is recorded of the schedule and of the pin of its present run, in sentences for \
                 a reply to a customer, with times in UTC. The timeline of the pin says more. Each change, \
                 and who made it, is in the activity log (`resource_id`).",
            )
            .answers::<ScheduleTimeline>(200, "The events of the schedule."),
        of_one(patch("/v1/schedules/{id}", WRITE, edit))
            .operation("update_schedule", "Change a schedule before its pin begins")
            .about(
                "Changes a schedule whose pin has not begun. `run_at` and `priority` can be changed until three \
                 minutes before `run_at`, when the system hands the pin over; then they answer 409 \
                 `schedule_not_editable`. An omitted field keeps its value; `null` clears an optional field.",
            )
            .audited("schedule.updated", Resource::Path, &["status", "run_at"])
            .header::<Priority>("X-Pinbridge-Priority", PRIORITY_HEADER)
            .takes::<ScheduleUpdate>(|| json!({"run_at": "2027-01-16T09:30:00+01:00", "description": null}))
            .answers::<Warned<Schedule>>(200, "The changed schedule.")
            .fails(&[SCHEDULE_NOT_EDITABLE, SCHEDULE_TIME_SETTLED, ASSETS_NOT_ENABLED])
            .fails(PREFLIGHT)
            .fails(RESOLVING),
        of_one(post("/v1/schedules/{id}/cancel", WRITE, cancel))
            .exact()
            .operation("cancel_schedule", "Cancel a schedule")
            .about(
                "Cancels the schedule, and its pin if the schedule is released. A pin that has started can't be \
                 canceled (400 `bad_request`).",
            )
            .audited("schedule.canceled", Resource::Path, &["status"])
            .answers::<Schedule>(200, "The canceled schedule.")
            .fails(&[SCHEDULE_WRONG_STATUS]),
        of_retry(of_one(post("/v1/schedules/{id}/retry", WRITE, retry)))
            .operation("retry_schedule", "Retry a failed schedule")
            .about(
                "Publishes the pin of the schedule again, under the same id, at `run_at` or, if that has passed, at \
                 once. Before the retry, `PATCH /v1/pins/{id}` can correct the content. If there is no pin to \
                 publish again, because none was made, or it was deleted or is older than 30 days, another pin takes \
                 its place, and the old one can't be retried any more (409 `pin_superseded`). A schedule that failed \
                 with `too_late` needs another `publish_before`, or `null`.",
            )
            .audited("schedule.retried", Resource::Path, &["status"])
            .may_take::<ScheduleRetry>(|| json!({"accept_duplicate": true}))
            .answers::<Schedule>(200, "The waiting schedule.")
            .fails(&[SCHEDULE_WRONG_STATUS, RETRY_MAY_DUPLICATE, TOKEN_REVOKED, SCHEDULE_TOO_LATE]),
        of_one(delete("/v1/schedules/{id}", DESTRUCTIVE, remove))
            .operation("delete_schedule", "Delete a schedule")
            .about(
                "Deletes a schedule with the status `done`, `failed` or `canceled`. Its pin remains. The \
                 idempotency key can't be used again (409 `schedule_removed`).",
            )
            .audited("schedule.deleted", Resource::Path, &[])
            .answers_nothing("The schedule is deleted.")
            .fails(&[SCHEDULE_WRONG_STATUS]),
    ]
}

fn of_many(endpoint: Endpoint) -> Endpoint {
    endpoint
        .exact()
        .about(
            "Handles up to 100 schedules independently. `skipped`: the status of the schedule does not allow the \
             operation.",
        )
        .answers::<BulkResult>(200, "The result of each schedule, in the order of the request.")
}

fn many() -> Vec<Endpoint> {
    let ids = || json!({"ids": [SCHEDULE]});
    vec![
        get("/v1/schedules", READ, list)
            .operation("list_schedules", "List, filter and search schedules")
            .costs(50)
            .about(
                "The default order is `run_at_desc`. A list without filters in the order of `run_at` reaches every \
                 schedule. Schedules that are not over (`scheduled`, `queued`, `deferred`, `running`) are found among \
                 any number of others. Any other filter, a search or another order searches 1,000 schedules at a \
                 time, and `X-Next-Cursor` continues behind them. Unknown parameters have no effect; \
                 `X-Pinbridge-Ignored-Parameters` names them.",
            )
            .query::<Limit>("limit", "The maximum number of schedules of the page.")
            .query::<Offset>("offset", "The number of schedules to skip.")
            .query::<Uuid>("account_id", "Only schedules of this account.")
            .query::<Text>("board_id", "Only schedules for this board.")
            .query::<ScheduleStatus>("status", "Only schedules with this status.")
            .query::<Time>("since", "Only schedules with `run_at` at or after this time.")
            .query::<Time>("until", "Only schedules with `run_at` before this time.")
            .query::<Search>("q", "A part of the title, description or link, in upper or lower case.")
            .query::<query::Sort>("sort", "The order. The default is `run_at_desc`.")
            .query::<Text>("cursor", "The `X-Next-Cursor` of the previous page. Replaces `offset`.")
            .answers::<Vec<Schedule>>(200, "A page of schedules.")
            .with_header::<u64>(
                "X-Total-Count",
                true,
                "The number of matching schedules. With a cursor: from the \
                 cursor on.",
            )
            .with_header::<Relation>("X-Total-Count-Relation", false, "`gte`: the number is a lower bound.")
            .with_header::<Text>("X-Next-Cursor", false, "The cursor of the next page. Absent on the last page.")
            .with_header::<Text>("X-Pinbridge-Ignored-Parameters", false, "The unknown parameters of the request.")
            .fails(&[VALIDATION_ERROR, INVALID_DATE_RANGE, ACCOUNT_NOT_PERMITTED]),
        of_many(post("/v1/schedules/bulk-cancel", WRITE, bulk_cancel))
            .operation("bulk_cancel_schedules", "Cancel up to 100 schedules")
            .audited("schedule.bulk_canceled", Resource::None, COUNTS)
            .takes::<BulkIds>(ids),
        of_retry(of_many(post("/v1/schedules/bulk-retry", WRITE, bulk_retry)))
            .operation("bulk_retry_schedules", "Retry up to 100 failed schedules")
            .audited("schedule.bulk_retried", Resource::None, COUNTS)
            .takes::<BulkRetry>(|| json!({"ids": [SCHEDULE], "accept_duplicate": true})),
        of_many(post("/v1/schedules/bulk-delete", DESTRUCTIVE, bulk_delete))
            .operation("bulk_delete_schedules", "Delete up to 100 schedules")
            .audited("schedule.bulk_deleted", Resource::None, COUNTS)
            .takes::<BulkIds>(ids),
    ]
}

async fn create(
    State(context): State<Context>,
    caller: Caller,
    options: Options,
    JsonObject(body): JsonObject,
) -> Result<Response, ApiError> {
    let wanted = ScheduleCreate::read(&body, &options, caller.plants())?;
    caller.may_use(wanted.asked.request.account)?;
    let Wanted { asked, refuses_duplicates, unknown } = wanted;
    let submission = Submission { asked, refuses_duplicates };
    let submitted = submit_schedule(&context, caller.workspace, submission, &mut Shared::new(&context)).await;
    let Submitted { created, duplicate, board } = submitted.map_err(|refused| errors::refusal(refused, &caller))?;
    let (view, replayed) = match created {
        Created::New(view) => (view, false),
        Created::Replay(view) => (view, true),
    };
    let status = if replayed { StatusCode::OK } else { StatusCode::CREATED };
    let image = image_of(&view, context.system.now());
    let told = Told { board: Some(&board), image, duplicate: duplicate.as_ref() };
    let warnings = PinWarning::all(&unknown, &told);
    let schedule = explained(&context, view).await?;
    let body = AcceptedSchedule { schedule, resolved: Meant::by(&board), warnings };
    let mut response = answer::made(status, body, replayed);
    warn_of(&mut response, &told);
    Ok(response)
}

/// Answers 200 for a refusal too. The checks have the errors.
async fn validate(
    State(context): State<Context>,
    caller: Caller,
    options: Options,
    JsonObject(body): JsonObject,
) -> Result<Json<PinValidation>, ApiError> {
    let wanted = match ScheduleCreate::read(&body, &options, Origin::default()) {
        Ok(wanted) => wanted,
        Err(error) => {
            let key = options.keyed(&body).get("idempotency_key").cloned();
            let resolved = json!({"run_at": body.get("run_at"), "idempotency_key": key});
            return Ok(Json(PinValidation::new(validation::unread(&error), resolved)));
        }
    };
    let asked = &wanted.asked;
    caller.may_use(asked.request.account)?;
    let (refuses_duplicates, limited_to) = (wanted.refuses_duplicates, caller.limited_to());
    let dry_run = DryRun { refuses_duplicates, limited_to, run_at: Some(asked.run_at) };
    let validation = validate_schedule::validate(&context, caller.workspace, asked, dry_run).await?;
    let mut resolved = validation::resolved(&asked.request, validation.board.as_ref());
    resolved["run_at"] = json!(asked.run_at.rfc3339());
    if asked.request.idempotency_key.is_empty() {
        resolved["idempotency_key"] = Value::Null;
    }
    Ok(Json(PinValidation::new(validation.ignoring(&wanted.unknown), resolved)))
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
    let shown = schedules::explained(&context, page.schedules).await?;
    let items: Vec<Schedule> = shown.iter().map(Schedule::from).collect();
    answer::page(&items, page.total, page.total_is_at_least, page.next.map(query::cursor))
}

async fn read(
    State(context): State<Context>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Schedule>, ApiError> {
    let view = find(&context, &caller, path_id(&id, "id")?).await?;
    explained(&context, view).await.map(Json)
}

async fn edit(
    State(context): State<Context>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    JsonObject(body): JsonObject,
) -> Result<Response, ApiError> {
    let (id, mut change) = (path_id(&id, "id")?, ScheduleUpdate::read(&body, &headers)?);
    let found = find(&context, &caller, id).await?;
    let key = found.schedule.key;
    change.by = Some(caller.who);
    let mut named = None;
    if let Some(text) = change.board_id.take() {
        let account = AccountKey { workspace: caller.workspace, account: found.request().account };
        let board = meant_board(&context, account, text).await?;
        change.board_id = Some(board.id.clone());
        named = Some(board);
    }
    let view = edit_schedule::edit(&context, key, &change).await?;
    let is_moved = change.run_at.is_some() || change.publish_before.is_some();
    let is_news = |problem: &ImageProblem| change.image_url.is_some() || (is_moved && problem.is_of_time());
    let image = image_of(&view, context.system.now()).filter(is_news);
    Ok(changed(explained(&context, view).await?, named.as_ref(), image))
}

/// What keeps Pinterest from fetching the image of the schedule's pin.
fn image_of(view: &ScheduleView, now: Moment) -> Option<ImageProblem> {
    let status = view.pin.as_ref().map(|(_, attempt)| attempt.status);
    image_problem(view.request(), Some(view.schedule.run_at), status, now)
}

async fn cancel(
    State(context): State<Context>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Schedule>, ApiError> {
    let key = find(&context, &caller, path_id(&id, "id")?).await?.schedule.key;
    let view = cancel_schedule::cancel(&context, key, Some(caller.who)).await?;
    explained(&context, view).await.map(Json)
}

async fn retry(
    State(context): State<Context>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    MaybeJsonObject(body): MaybeJsonObject,
) -> Result<Json<Schedule>, ApiError> {
    let id = path_id(&id, "id")?;
    let ScheduleRetry { publish_before, accept_duplicate } = only_body_of(&body)?;
    let accept_duplicate = accepts_duplicate(accept_duplicate, &headers)?;
    let publish_before = other_end(publish_before, &headers)?;
    let key = find(&context, &caller, id).await?.schedule.key;
    let view = retry_schedule::retry(&context, key, accept_duplicate, publish_before).await?;
    explained(&context, view).await.map(Json)
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

/// The codes of schedules whose status doesn't allow the operation, or that are deleted already.
const SKIPPED: &[Code] = &[SCHEDULE_WRONG_STATUS, SCHEDULE_REMOVED_BEFORE];

async fn bulk_cancel(
    State(context): State<Context>,
    caller: Caller,
    StrictJson(BulkIds { ids }): StrictJson<BulkIds>,
) -> Json<BulkResult> {
    let (context, caller) = (&context, &caller);
    let cancel_one = |id| async move {
        let key = find(context, caller, id).await?.schedule.key;
        Ok(cancel_schedule::cancel(context, key, Some(caller.who)).await.map(drop)?)
    };
    each(ids, SKIPPED, cancel_one).await
}

async fn bulk_retry(
    State(context): State<Context>,
    caller: Caller,
    headers: HeaderMap,
    StrictJson(BulkRetry { ids, accept_duplicate, publish_before }): StrictJson<BulkRetry>,
) -> Result<Json<BulkResult>, ApiError> {
    let accept_duplicate = accepts_duplicate(accept_duplicate, &headers)?;
    let publish_before = other_end(publish_before, &headers)?;
    let (context, caller) = (&context, &caller);
    let retry_one = |id| async move {
        let key = find(context, caller, id).await?.schedule.key;
        Ok(retry_schedule::retry(context, key, accept_duplicate, publish_before).await.map(drop)?)
    };
    Ok(each(ids, SKIPPED, retry_one).await)
}

async fn bulk_delete(
    State(context): State<Context>,
    caller: Caller,
    StrictJson(BulkIds { ids }): StrictJson<BulkIds>,
) -> Json<BulkResult> {
    let (context, caller) = (&context, &caller);
    let remove_one = |id| async move {
        // The request may repeat one whose answer was lost.
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

async fn read_timeline(
    State(context): State<Context>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<ScheduleTimeline>, ApiError> {
    let view = find(&context, &caller, path_id(&id, "id")?).await?;
    let by = named(&context, caller.workspace, view.schedule.origin.by).await?;
    let canceled_by = named(&context, caller.workspace, view.schedule.canceled_by).await?;
    let mut changes = Vec::new();
    for change in &view.schedule.changes {
        changes.push((change.clone(), named(&context, caller.workspace, change.by).await?));
    }
    Ok(Json(ScheduleTimeline::of(&view, by.as_ref(), &changes, canceled_by.as_ref())))
}

/// The schedule with what its pin waits for now.
async fn explained(context: &Context, view: ScheduleView) -> Result<Schedule, ApiError> {
    let views = schedules::explained(context, vec![view]).await?;
    views.first().map(Schedule::from).ok_or_else(|| ApiError::not_found("schedule"))
}

/// The key of the schedule in the caller's workspace. For the caller, schedules of other workspaces don't exist.
fn key(caller: &Caller, id: Uuid) -> ScheduleKey {
    ScheduleKey { workspace: caller.workspace, schedule: ScheduleId(id) }
}

/// Reads a schedule. For the caller, schedules of accounts that they may not use don't exist.
async fn find(context: &Context, caller: &Caller, id: Uuid) -> Result<ScheduleView, ApiError> {
    let view = schedules::read(context, key(caller, id)).await?;
    caller.may_see(view.schedule.request.account, "schedule").map(|()| view)
}
