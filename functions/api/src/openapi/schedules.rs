//! Schedules.

use pinbridge_shared::domain::pin::{ALT_TEXT_MAX, DESCRIPTION_MAX, IDEMPOTENCY_KEY_MAX, TITLE_MAX};
use pinbridge_shared::domain::schedule::ScheduleStatus as Status;
use schemars::{JsonSchema, json_schema};
use serde_json::{Value, json};
use uuid::Uuid;

use super::Example;
use super::pin_work::PinValidation;
use super::pins::ACCOUNT;
use super::pins::schemas::BoardId;
use super::pins::schemas::{Color, MediaType, PinErrorCode, PinRetry, Priority, Relation, Search, Terms};
use super::schema::{FILLED, Flag, Limit, Offset, Text, Time, inline_schema, names};
use crate::activity::{Audit, Resource};
use crate::body::schedules::BULK_MAX;
use crate::endpoint::{Endpoint, delete, get, patch, post, tagged};
use crate::error::codes::{
    self, ACCOUNT_NOT_PERMITTED, Code, NOT_FOUND, RETRY_MAY_DUPLICATE, SCHEDULE_KEY_REUSED, SCHEDULE_NOT_EDITABLE,
    SCHEDULE_REMOVED, SCHEDULE_WRONG_STATUS, TOKEN_REVOKED, VALIDATION_ERROR,
};
use crate::request::field::HttpUrl;
use crate::routes::*;
use crate::schedule_query::SORTS;

/// The schedule of the examples.
const SCHEDULE: &str = "7a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d";

/// What checking the account's way to a board can end with.
const BOARD: &[Code] = &[
    codes::PREFLIGHT_BOARD_NOT_FOUND,
    codes::PREFLIGHT_BOARD_DELETED,
    codes::PREFLIGHT_BOARD_ACCESS_DENIED,
    codes::TOKEN_EXPIRED,
    codes::TOKEN_REVOKED,
    codes::SCOPE_MISSING,
    codes::ASSETS_NOT_ENABLED,
];

pub fn endpoints() -> Vec<Endpoint> {
    tagged("Schedules", [one(), many()].into_iter().flatten().collect())
}

fn of_one(operation: Endpoint) -> Endpoint {
    let codes = &[NOT_FOUND, VALIDATION_ERROR, ACCOUNT_NOT_PERMITTED];
    operation.path::<Uuid>("id", "The schedule's id.", SCHEDULE).fails(codes)
}

fn one() -> Vec<Endpoint> {
    vec![
        post("/v1/schedules", WRITE, schedules::create).operation("create_schedule", "Schedule a pin").audited("schedule.created", Resource::Answer("id"), &["status", "run_at"])
            .about(
                "At `run_at` the pin starts, to the second and never before. Three minutes ahead the schedule is handed \
                 over: from then on it is `queued` and no longer edited. The board is checked now; a Pinterest that can't be \
                 asked is no obstacle. With an `idempotency_key` (ours) the same request is the same schedule.",
            )
            .header::<Priority>("X-Pinbridge-Priority", "`priority` for clients that drop unknown fields.")
            .header::<Text>("X-Pinbridge-Idempotency-Key", "`idempotency_key` for the same clients.")
            .header::<Text>("Idempotency-Key", "The same; this one counts if both are there.")
            .takes::<ScheduleCreate>(ScheduleCreate::example)
            .answers::<Schedule>(201, "The schedule.")
            .answers::<Schedule>(200, "The schedule of this idempotency key, which was made before.")
            .with_header::<Flag>("Idempotent-Replayed", true, "`true`: nothing new was made.")
            .fails(&[NOT_FOUND, ACCOUNT_NOT_PERMITTED, SCHEDULE_KEY_REUSED, SCHEDULE_REMOVED])
            .fails(BOARD),
        post("/v1/schedules/validate", READ, schedules::validate).operation("validate_schedule", "Check a schedule without making it").unaudited("it changes nothing")
            .about("Nothing is written. 200 also when it would be refused: every check is named, with what to do.")
            .header::<Priority>("X-Pinbridge-Priority", "`priority` for clients that drop unknown fields.")
            .header::<Text>("X-Pinbridge-Idempotency-Key", "`idempotency_key` for the same clients.")
            .takes::<ScheduleCreate>(ScheduleCreate::example)
            .answers::<PinValidation>(200, "The checks.")
            .fails(&[ACCOUNT_NOT_PERMITTED]),
        of_one(get("/v1/schedules/{id}", READ, schedules::read).operation("get_schedule", "Read a schedule"))
            .answers::<Schedule>(200, "The schedule, and what became of it."),
        of_one(patch("/v1/schedules/{id}", WRITE, schedules::edit).operation("update_schedule", "Edit a schedule that waits").audited("schedule.updated", Resource::Path, &["status", "run_at"]))
            .about("What is left out stays; `null` clears what can be empty.")
            .header::<Priority>("X-Pinbridge-Priority", "`priority` for clients that drop unknown fields.")
            .takes::<ScheduleUpdate>(ScheduleUpdate::example)
            .answers::<Schedule>(200, "The schedule as it is now.")
            .fails(&[SCHEDULE_NOT_EDITABLE])
            .fails(BOARD),
        of_one(post("/v1/schedules/{id}/cancel", WRITE, schedules::cancel).operation("cancel_schedule", "Cancel a schedule").audited("schedule.canceled", Resource::Path, &["status"]))
            .about("While it waits, or while its pin hasn't begun. What is running can't be stopped (400).")
            .answers::<Schedule>(200, "The schedule, canceled.")
            .fails(&[SCHEDULE_WRONG_STATUS]),
        of_one(post("/v1/schedules/{id}/retry", WRITE, schedules::retry).operation("retry_schedule", "Retry a failed schedule").audited("schedule.retried", Resource::Path, &["status"]))
            .about("With another pin: at its time, or at once if that has passed.")
            .header::<Flag>("X-Pinbridge-Accept-Duplicate", "`accept_duplicate` for clients that drop unknown fields.")
            .may_take::<PinRetry>(|| json!({"accept_duplicate": true}))
            .answers::<Schedule>(200, "The schedule, waiting again.")
            .fails(&[SCHEDULE_WRONG_STATUS, RETRY_MAY_DUPLICATE, TOKEN_REVOKED]),
        of_one(delete("/v1/schedules/{id}", DESTRUCTIVE, schedules::remove).operation("delete_schedule", "Remove a schedule that is over").audited("schedule.deleted", Resource::Path, &[]))
            .about("Done, failed or canceled; its pin stays, and its key stays taken (`schedule_removed`).")
            .answers_nothing("It is gone.")
            .fails(&[SCHEDULE_WRONG_STATUS]),
    ]
}

fn bulk(endpoint: Endpoint) -> Endpoint {
    let counts = &["succeeded_count", "skipped_count", "failed_count"];
    let Audit::Unstated = endpoint.audit else { return endpoint };
    let action = match endpoint.id {
        "bulk_cancel_schedules" => "schedule.bulk_canceled",
        "bulk_retry_schedules" => "schedule.bulk_retried",
        _ => "schedule.bulk_deleted",
    };
    endpoint
        .audited(action, Resource::None, counts)
        .about("Each on its own: `skipped` is what its state doesn't allow.")
        .takes::<ScheduleBulkIds>(ScheduleBulkIds::example)
        .answers::<ScheduleBulkOutcome>(200, "What became of each.")
}

fn many() -> Vec<Endpoint> {
    vec![
        get("/v1/schedules", READ, schedules::list).operation("list_schedules", "List schedules, the latest run first")
            .about(
                "In the order of their time lists are complete at any size; a filter, a search or another order looks through \
                 1,000 schedules, and `X-Next-Cursor` goes on behind them.",
            )
            .query::<Limit>("limit", "Schedules of a page.")
            .query::<Offset>("offset", "Schedules left out before the page.")
            .query::<Uuid>("account_id", "Only schedules of this account.")
            .query::<Text>("board_id", "Only schedules for this board.")
            .query::<ScheduleStatus>("status", "Only schedules of this status.")
            .query::<Time>("since", "Only those that run then or later.")
            .query::<Time>("until", "Only those that run before then.")
            .query::<Search>("q", "A part of the title, description or link.")
            .query::<ScheduleSort>("sort", "The order; `run_at_asc` is the next run first.")
            .query::<Text>("cursor", "`X-Next-Cursor` of the page before.")
            .answers::<Vec<Schedule>>(200, "A page of schedules.")
            .with_header::<u64>("X-Total-Count", true, "How many schedules there are.")
            .with_header::<Relation>(
                "X-Total-Count-Relation",
                false,
                "Where counting stopped at its limit: there are at least as many.",
            )
            .with_header::<Text>("X-Next-Cursor", false, "Where the list goes on, if it does.")
            .with_header::<Text>("X-Pinbridge-Ignored-Parameters", false, "Parameters that have no meaning here.")
            .fails(&[VALIDATION_ERROR, ACCOUNT_NOT_PERMITTED]),
        bulk(post("/v1/schedules/bulk-cancel", WRITE, schedules::bulk_cancel).operation("bulk_cancel_schedules", "Cancel schedules")),
        bulk(post("/v1/schedules/bulk-retry", WRITE, schedules::bulk_retry).operation("bulk_retry_schedules", "Retry failed schedules"))
            .header::<Flag>("X-Pinbridge-Accept-Duplicate", "Whether second Pins are accepted."),
        bulk(post("/v1/schedules/bulk-delete", DESTRUCTIVE, schedules::bulk_delete).operation("bulk_delete_schedules", "Remove schedules that are over")),
    ]
}

names!(
    ScheduleStatus,
    "Where a schedule stands; after its release, where its pin stands.",
    Status::ALL.map(Status::name)
);
inline_schema!(
    /// The orders of a list.
    ScheduleSort = json_schema!({
        "type": "string", "default": "run_at_desc", "enum": SORTS.iter().map(|(name, ..)| *name).collect::<Vec<_>>()
    })
);
inline_schema!(
    /// What has happened to one of many.
    BulkStatus = json_schema!({"type": "string", "enum": ["succeeded", "skipped", "failed"]})
);

/// A pin to be published at its time.
#[derive(JsonSchema)]
pub struct ScheduleCreate {
    /// The connected account to publish with.
    pub account_id: Uuid,
    /// When it starts: with an offset, in the future, within two years.
    pub run_at: Time,
    /// A board of that account's.
    pub board_id: BoardId,
    #[schemars(length(min = 1, max = TITLE_MAX), regex(pattern = FILLED))]
    pub title: String,
    #[schemars(length(max = DESCRIPTION_MAX))]
    pub description: Option<String>,
    /// Where a click on the Pin leads.
    pub link_url: Option<HttpUrl>,
    /// The image, which Pinterest fetches from there.
    pub image_url: HttpUrl,
    pub cover_image_url: Option<HttpUrl>,
    /// Ours.
    #[schemars(length(max = ALT_TEXT_MAX))]
    pub alt_text: Option<String>,
    /// Ours: six hexadecimal digits.
    pub dominant_color: Option<Color>,
    /// Ours: kept with the pin; Pinterest has no field for them.
    pub related_terms: Option<Terms>,
    /// Ours: how urgent the pin is among those of its account; `normal` unless said.
    pub priority: Option<Priority>,
    /// Ours: the schedule's name on your side. Sent again, nothing new is scheduled.
    #[schemars(length(max = IDEMPOTENCY_KEY_MAX))]
    pub idempotency_key: Option<String>,
}

impl Example for ScheduleCreate {
    fn example() -> Value {
        json!({
            "account_id": ACCOUNT,
            "run_at": "2027-01-15T09:30:00+01:00",
            "board_id": "1000000000000000001",
            "title": "Ten ways to fold a paper crane",
            "description": "Patience and paper.",
            "link_url": "https://example.com/cranes",
            "image_url": "https://images.example.com/crane.jpg",
            "idempotency_key": "cranes-2027-01-15",
        })
    }
}

/// What is changed of a schedule. `run_at`, `board_id`, `title` and `image_url` can't be cleared.
#[derive(JsonSchema)]
pub struct ScheduleUpdate {
    pub run_at: Option<Time>,
    pub board_id: Option<BoardId>,
    #[schemars(length(min = 1, max = TITLE_MAX), regex(pattern = FILLED))]
    pub title: Option<String>,
    #[schemars(length(max = DESCRIPTION_MAX))]
    pub description: Option<String>,
    pub link_url: Option<HttpUrl>,
    pub image_url: Option<HttpUrl>,
    pub cover_image_url: Option<HttpUrl>,
    /// Ours.
    #[schemars(length(max = ALT_TEXT_MAX))]
    pub alt_text: Option<String>,
    /// Ours.
    pub dominant_color: Option<Color>,
    /// Ours.
    pub related_terms: Option<Terms>,
    /// Ours.
    pub priority: Option<Priority>,
}

impl Example for ScheduleUpdate {
    fn example() -> Value {
        json!({"run_at": "2027-01-16T09:30:00+01:00", "description": null})
    }
}

/// A schedule.
#[derive(JsonSchema)]
pub struct Schedule {
    pub id: Uuid,
    pub workspace_id: Uuid,
    pub pinterest_account_id: Uuid,
    pub run_at: Time,
    pub status: ScheduleStatus,
    pub payload: SchedulePayload,
    /// What keeps it from being published.
    pub last_error: Option<String>,
    /// Its pin, once it is handed over.
    pub pin_id: Option<Uuid>,
    pub created_at: Time,
    pub updated_at: Time,
    /// Ours: the stable code of that error.
    pub error_code: Option<PinErrorCode>,
    /// Ours: what can be done about it.
    pub error_remediation: Option<String>,
    /// Ours.
    pub idempotency_key: Option<String>,
    /// Ours: how often it was retried; each run has a pin of its own.
    pub run: u32,
    /// Ours: when it was handed over.
    pub released_at: Option<Time>,
    /// Ours: when its pin's first attempt began.
    pub started_at: Option<Time>,
    /// Ours: how long after its time its pin began (or was handed over, until it begins), if it was late by a second or more.
    pub late_by_seconds: Option<f64>,
}

/// What is published.
#[derive(JsonSchema)]
pub struct SchedulePayload {
    pub account_id: Uuid,
    pub board_id: String,
    pub title: String,
    pub description: Option<String>,
    pub link_url: Option<String>,
    pub media_type: MediaType,
    pub media_url: String,
    pub image_url: String,
    pub asset_id: Option<Uuid>,
    pub cover_image_url: Option<String>,
    pub cover_image_asset_id: Option<Uuid>,
    /// Ours.
    pub alt_text: Option<String>,
    /// Ours.
    pub related_terms: Option<Vec<String>>,
    /// Ours.
    pub dominant_color: Option<String>,
    /// Ours.
    pub priority: Priority,
}

/// Which schedules.
#[derive(JsonSchema)]
pub struct ScheduleBulkIds {
    #[schemars(length(min = 1, max = BULK_MAX))]
    pub ids: Vec<Uuid>,
}

impl Example for ScheduleBulkIds {
    fn example() -> Value {
        json!({"ids": [SCHEDULE]})
    }
}

/// What became of many.
#[derive(JsonSchema)]
pub struct ScheduleBulkOutcome {
    pub succeeded_count: u32,
    pub skipped_count: u32,
    pub failed_count: u32,
    pub results: Vec<ScheduleBulkResult>,
}

/// What became of one of them.
#[derive(JsonSchema)]
pub struct ScheduleBulkResult {
    pub id: Uuid,
    pub status: BulkStatus,
    pub error_code: Option<String>,
    pub error_message: Option<String>,
}
