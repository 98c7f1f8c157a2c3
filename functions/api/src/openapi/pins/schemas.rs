//! The JSON of pins.

use pinbridge_shared::domain::pin::attempt::Status;
use pinbridge_shared::domain::pin::failure::Failure;
use pinbridge_shared::domain::pin::filter::PinSort;
use pinbridge_shared::domain::pin::{
    ALT_TEXT_MAX, DESCRIPTION_MAX, IDEMPOTENCY_KEY_MAX, Priority as PinPriority, TITLE_MAX, WaitReason,
};
use schemars::{JsonSchema, json_schema};
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::operation::Example;
use super::super::types::{BoardId, FILLED, HttpUrl, Time, inline_schema, names};
use crate::body::{TERM_MAX, TERMS_MAX};

/// The account of the examples.
pub const ACCOUNT: &str = "00000000-0000-0000-0000-00000000000b";

names!(
    PinStatus,
    "Where a pin stands. `published` and `failed` are final, but for a retry.",
    Status::ALL.map(Status::name)
);
names!(Priority, "How urgent a pin is among those of its own account.", PinPriority::ALL.map(PinPriority::name));
names!(
    PinErrorCode,
    "Why a pin failed, or what it waits for.",
    Failure::ALL.map(Failure::code).into_iter().chain(WaitReason::ALL.map(WaitReason::code))
);
names!(PinOrder, "The order of a list of pins.", PinSort::ALL.map(PinSort::name));
names!(Relation, "`gte`: the number is a lower bound.", ["gte"]);
inline_schema!(
    /// What is looked for.
    Search = json_schema!({"type": "string", "maxLength": crate::page::SEARCH_MAX})
);
inline_schema!(
    /// Only images, until there are assets.
    MediaType = json_schema!({"type": "string", "enum": ["image"]})
);
inline_schema!(
    /// With or without `#`; kept upper-case with it.
    Color = json_schema!({"type": "string", "pattern": r"^\s*(#?[0-9A-Fa-f]{6})?\s*$"})
);
inline_schema!(
    /// A list of texts, or one text with commas.
    Terms = json_schema!({"anyOf": [
        {"type": "array", "maxItems": TERMS_MAX, "items": {"type": "string", "maxLength": TERM_MAX}},
        {"type": "string"},
        {"type": "null"},
    ]})
);

names!(OnDuplicate, "What becomes of a pin whose content another one has.", ["warn", "refuse"]);
names!(ActorType, "Who does something.", ["api_key", "user"]);

/// Where a pin comes from.
#[derive(JsonSchema)]
pub struct Origin {
    pub actor_type: Option<ActorType>,
    pub actor_id: Option<Uuid>,
    pub schedule_id: Option<Uuid>,
    /// Which of the schedule's runs it is.
    pub schedule_run: Option<u32>,
    pub import_id: Option<Uuid>,
    /// The row's number in the import, from 1 on.
    pub import_row: Option<u32>,
}

/// A pin to be published.
#[derive(JsonSchema)]
pub struct PinCreate {
    /// The connected account to publish with.
    pub account_id: Uuid,
    /// A board of that account's.
    pub board_id: BoardId,
    #[schemars(length(min = 1, max = TITLE_MAX), regex(pattern = FILLED))]
    pub title: String,
    #[schemars(length(max = DESCRIPTION_MAX))]
    pub description: Option<String>,
    #[schemars(length(max = ALT_TEXT_MAX))]
    pub alt_text: Option<String>,
    /// Where a click on the Pin leads.
    pub link_url: Option<HttpUrl>,
    /// The image, which Pinterest fetches from there.
    pub image_url: HttpUrl,
    pub cover_image_url: Option<HttpUrl>,
    /// Six hexadecimal digits.
    pub dominant_color: Option<Color>,
    /// Kept with the pin; Pinterest has no field for them.
    pub related_terms: Option<Terms>,
    /// The pin's name on your side: sent again, nothing new is published.
    #[schemars(length(min = 1, max = IDEMPOTENCY_KEY_MAX), regex(pattern = FILLED))]
    pub idempotency_key: String,
    /// Ours: how urgent the pin is among those of its account; `normal` unless said.
    pub priority: Option<Priority>,
    /// Ours: `refuse` answers 409 where a pin of the last 24 hours has the same content.
    pub on_duplicate: Option<OnDuplicate>,
}

impl Example for PinCreate {
    fn example() -> Value {
        json!({
            "account_id": ACCOUNT,
            "board_id": "1000000000000000001",
            "title": "Ten ways to fold a paper crane",
            "description": "Patience and paper.",
            "alt_text": "A paper crane on a table",
            "link_url": "https://example.com/cranes",
            "image_url": "https://images.example.com/crane.jpg",
            "dominant_color": "#6E7874",
            "related_terms": ["paper", "crane"],
            "idempotency_key": "cranes-2026-11-23",
        })
    }
}

/// How a failed pin is retried.
#[derive(JsonSchema)]
pub struct PinRetry {
    /// Another board.
    pub board_id: Option<BoardId>,
    /// Another account.
    pub account_id: Option<Uuid>,
    /// Ours: whether a second Pin is accepted where the first may exist.
    pub accept_duplicate: Option<bool>,
}

impl Example for PinRetry {
    fn example() -> Value {
        json!({"accept_duplicate": true})
    }
}

/// A pin.
#[derive(JsonSchema)]
pub struct Pin {
    pub id: Uuid,
    pub workspace_id: Uuid,
    pub pinterest_account_id: Uuid,
    pub status: PinStatus,
    pub media_type: MediaType,
    pub title: String,
    pub description: Option<String>,
    pub related_terms: Option<Vec<String>>,
    pub alt_text: Option<String>,
    /// `#RRGGBB`, upper-case.
    pub dominant_color: Option<String>,
    pub cover_image_url: Option<String>,
    pub link_url: Option<String>,
    pub media_url: String,
    pub image_url: String,
    pub asset_id: Option<Uuid>,
    pub board_id: String,
    /// The Pin's id at Pinterest, once it is published.
    pub pinterest_pin_id: Option<String>,
    pub error_code: Option<PinErrorCode>,
    pub error_message: Option<String>,
    pub idempotency_key: String,
    pub created_at: Time,
    pub updated_at: Time,
    pub published_at: Option<Time>,
    pub failed_at: Option<Time>,
    /// When the published Pin was found deleted on Pinterest.
    pub removed_from_pinterest_at: Option<Time>,
    /// Ours.
    pub priority: Priority,
    /// Ours: calls to Pinterest so far.
    pub attempts: u32,
    /// Ours: what happens next.
    pub next_action: String,
    /// Ours: when that is.
    pub next_at: Option<Time>,
    /// Ours: why then.
    pub next_reason: String,
    /// Ours: who asked for it, and through what.
    pub origin: Origin,
    /// Ours: how often it was changed.
    pub edits: u32,
    /// Ours: what can be done about the error.
    pub error_remediation: Option<String>,
    /// Ours: a Pin on Pinterest that may be this one.
    pub orphan_pin_id: Option<String>,
    /// Ours: a second Pin of this one on Pinterest.
    pub duplicate_pin_id: Option<String>,
}

impl Example for Pin {
    fn example() -> Value {
        super::pin_example()
    }
}

/// A job: a pin, told shortly.
#[derive(JsonSchema)]
pub struct JobStatus {
    pub job_id: Uuid,
    pub pin_id: Uuid,
    pub status: PinStatus,
    pub submitted_at: Time,
    pub completed_at: Option<Time>,
    pub pinterest_pin_id: Option<String>,
    pub error_code: Option<PinErrorCode>,
    pub error_message: Option<String>,
    /// Ours: calls to Pinterest so far.
    pub attempts: u32,
    /// Ours: when something happens next.
    pub next_at: Option<Time>,
}

impl Example for JobStatus {
    fn example() -> Value {
        json!({
            "job_id": super::PIN,
            "pin_id": super::PIN,
            "status": "published",
            "submitted_at": "2026-11-23T12:00:00.000Z",
            "completed_at": "2026-11-23T12:00:00.412Z",
            "pinterest_pin_id": "813744226420795884",
            "error_code": null,
            "error_message": null,
            "attempts": 1,
            "next_at": null,
        })
    }
}

/// Everything that happened to a pin.
#[derive(JsonSchema)]
pub struct Timeline {
    pub pin_id: Uuid,
    pub job_id: Uuid,
    pub account_id: Uuid,
    pub status: PinStatus,
    pub attempts: u32,
    /// Those that count against the limit of attempts.
    pub attempts_spent: u32,
    pub pinterest_pin_id: Option<String>,
    pub error_code: Option<PinErrorCode>,
    pub error_message: Option<String>,
    pub duplicate_pin_id: Option<String>,
    /// In order; acceptance is the first.
    pub events: Vec<TimelineEvent>,
    pub next: NextStep,
}

/// One thing that happened.
#[derive(JsonSchema)]
pub struct TimelineEvent {
    pub at: Time,
    pub event: String,
    pub attempt: Option<u32>,
    /// Pinterest's HTTP status.
    pub upstream_status: Option<u16>,
    /// Pinterest's error code.
    pub upstream_code: Option<i64>,
    /// What Pinterest calls the request.
    pub upstream_request_id: Option<String>,
    /// When the next thing was planned for.
    pub next_at: Option<Time>,
    pub note: Option<String>,
}

/// What happens next to a pin.
#[derive(JsonSchema)]
pub struct NextStep {
    pub action: String,
    pub at: Option<Time>,
    pub reason: String,
    /// The place in the account's backlog; 1 is next.
    pub queue_position: Option<u64>,
    /// Whether the place is a lower bound.
    pub queue_position_is_at_least: Option<bool>,
}

impl Example for Timeline {
    fn example() -> Value {
        let event = |at: &str, event: &str, attempt: Option<u32>, status: Option<u16>| {
            json!({
                "at": at,
                "event": event,
                "attempt": attempt,
                "upstream_status": status,
                "upstream_code": null,
                "upstream_request_id": status.map(|_| "8291734652"),
                "next_at": null,
                "note": null,
            })
        };
        json!({
            "pin_id": super::PIN,
            "job_id": super::PIN,
            "account_id": ACCOUNT,
            "status": "published",
            "attempts": 1,
            "attempts_spent": 1,
            "pinterest_pin_id": "813744226420795884",
            "error_code": null,
            "error_message": null,
            "duplicate_pin_id": null,
            "events": [
                event("2026-11-23T12:00:00.000Z", "accepted", None, None),
                event("2026-11-23T12:00:00.112Z", "attempt_started", Some(1), None),
                event("2026-11-23T12:00:00.412Z", "published", Some(1), Some(201)),
            ],
            "next": {
                "action": "none",
                "at": null,
                "reason": "The pin is finished.",
                "queue_position": null,
                "queue_position_is_at_least": null,
            },
        })
    }
}
