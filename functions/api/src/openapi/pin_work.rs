//! Changing, deleting, checking pins, and many at once.

use pinbridge_shared::domain::account::board::BOARD_ID_MAX;
use pinbridge_shared::domain::pin::{ALT_TEXT_MAX, DESCRIPTION_MAX, TITLE_MAX, URL_MAX};
use schemars::{JsonSchema, json_schema};
use serde_json::{Value, json};
use uuid::Uuid;

use super::operation::{Example, Operation, delete, patch, post, tagged};
use super::pins::schemas::{self, OnDuplicate, Pin, PinCreate, Priority};
use super::pins::{ACCOUNT, PIN};
use super::types::{FILLED, Flag, Time, inline_schema, names};
use crate::routes::{BATCH_MAX, BULK_MAX};

/// Of whoever sends a pin to another board.
pub const PREFLIGHT: &[&str] =
    &["board_not_found", "board_deleted", "board_access_denied", "token_expired", "token_revoked", "scope_missing"];

pub fn operations() -> Vec<Operation> {
    let pin = |operation: Operation| {
        operation.path::<Uuid>("id", "The pin's id.", PIN).refuses(&[
            "not_found",
            "validation_error",
            "account_not_permitted",
        ])
    };
    tagged(
        "Pins",
        vec![
            post("/v1/pins/validate", "validate_pin", "Check a pin without publishing it")
                .about(
                    "Nothing is written. 200 also when the pin would be refused: every check is named, with what to do. \
                     `headroom` says what the account can publish now; `quota_remaining` is what the day's budget allows, \
                     `null` without one.",
                )
                .header::<Priority>("X-Pinbridge-Priority", "`priority` for clients that drop unknown fields.")
                .takes::<PinCreate>()
                .answers::<PinValidation>(200, "The checks.")
                .refuses(&["account_not_permitted"]),
            post("/v1/pins/batch", "create_pins", "Publish up to 100 pins")
                .about(
                    "Each item is accepted or refused for itself. Without a `priority` of its own an item is `bulk`: behind \
                     its account's other waiting pins. The same call may be sent again.",
                )
                .header::<Priority>("X-Pinbridge-Priority", "`priority` of the items that have none.")
                .header::<OnDuplicate>("X-Pinbridge-On-Duplicate", "`on_duplicate` for clients that drop unknown fields.")
                .query::<OnDuplicate>("on_duplicate", "The same as in the body, for every item.")
                .takes::<PinBatch>()
                .answers::<PinBatchResult>(200, "What became of each item, in order."),
            post("/v1/pins/bulk-delete", "delete_pins", "Delete up to 100 pins")
                .about("As `DELETE /v1/pins/{id}` of each. An id that is named twice counts once.")
                .takes::<BulkIds>()
                .answers::<BulkResult>(200, "What became of each pin, in order."),
            post("/v1/pins/bulk-retry", "retry_pins", "Retry up to 100 failed pins")
                .about("As `POST /v1/pins/{id}/retry` of each; one that isn't failed is skipped.")
                .header::<Flag>(
                    "X-Pinbridge-Accept-Duplicate",
                    "`accept_duplicate` for clients that drop unknown fields.",
                )
                .takes::<BulkRetry>()
                .answers::<BulkResult>(200, "What became of each pin, in order."),
            pin(patch("/v1/pins/{id}", "update_pin", "Change a pin that isn't published yet"))
                .about(
                    "What is absent stays; `null` clears. Legal while the pin is queued, deferred or failed. What is \
                     published was in force when its attempt began. A new board is checked first, as far as Pinterest \
                     answers. The idempotency key keeps standing for the request of before.",
                )
                .takes::<PinUpdate>()
                .answers::<Pin>(200, "The pin as it is now.")
                .refuses(&["pin_already_published", "pin_publishing"])
                .refuses(PREFLIGHT),
            pin(delete("/v1/pins/{id}", "delete_pin", "Delete a pin"))
                .about(
                    "The pin is gone from every answer at once, and one that waits is never published. One that is just \
                     being published is hidden: its Pin may still appear. Its idempotency key stays taken (409 \
                     `pin_deleted`). With `delete_from_pinterest=true` its Pin is deleted first; nothing is deleted when \
                     that fails.",
                )
                .query::<Flag>("delete_from_pinterest", "Delete the Pin on Pinterest too.")
                .answers_nothing("The pin is deleted.")
                .answers::<PinDeleted>(200, "With `delete_from_pinterest=true`: what became of its Pin.")
                .refuses(super::refusals::PINTEREST)
                .refuses(&["pin_publishing", "outcome_unknown", "board_not_found", "board_access_denied"])
                .refuses(&["board_section_not_found"]),
        ],
    )
}

inline_schema!(
    /// Whatever the check has to tell.
    Details = json_schema!({"type": ["object", "null"], "additionalProperties": true})
);
inline_schema!(
    /// What the request comes to.
    Resolved = json_schema!({"type": "object", "additionalProperties": true})
);
inline_schema!(
    /// What is wrong with fields.
    FieldErrors = json_schema!({"type": "array", "items": {"type": "object", "additionalProperties": true}})
);
names!(CheckStatus, "What came of a check.", ["passed", "failed", "warning", "skipped"]);
names!(BatchStatus, "What became of an item.", ["created", "existing", "failed"]);
names!(BulkStatus, "What became of a pin.", ["succeeded", "skipped", "failed"]);

inline_schema!(
    /// What of a pin is to be changed. `null` where a pin can be without.
    PinUpdate = json_schema!({
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "title": {"type": "string", "minLength": 1, "maxLength": TITLE_MAX, "pattern": FILLED},
            "description": {"type": ["string", "null"], "maxLength": DESCRIPTION_MAX},
            "alt_text": {"type": ["string", "null"], "maxLength": ALT_TEXT_MAX},
            "link_url": {"type": ["string", "null"], "format": "uri", "maxLength": URL_MAX},
            "board_id": {"type": "string", "pattern": r"^[0-9]+$", "maxLength": BOARD_ID_MAX},
        },
    })
);

impl Example for PinUpdate {
    fn example() -> Value {
        json!({"title": "Eleven ways to fold a paper crane", "link_url": null})
    }
}

/// What became of a pin that was deleted on Pinterest too.
#[derive(JsonSchema)]
pub struct PinDeleted {
    pub id: Uuid,
    pub deleted: bool,
    pub removed_from_pinterest: bool,
    pub pinterest_pin_id: Option<String>,
    /// `not_published`: there was no Pin; `simulated_sandbox`: a sandbox has none.
    pub reason: Option<String>,
}

impl Example for PinDeleted {
    fn example() -> Value {
        json!({
            "id": PIN,
            "deleted": true,
            "removed_from_pinterest": true,
            "pinterest_pin_id": "813744226420795884",
            "reason": null,
        })
    }
}

/// One check of a dry run.
#[derive(JsonSchema)]
pub struct PinCheck {
    pub name: String,
    pub status: CheckStatus,
    pub code: Option<String>,
    pub message: String,
    pub remediation: Option<String>,
    pub details: Details,
}

/// What an account can publish now.
#[derive(JsonSchema)]
pub struct PinHeadroom {
    /// Creates that the day's budget still allows; `null` without a budget.
    pub quota_remaining: Option<u32>,
    pub account_id: Uuid,
    pub tokens_available: f64,
    pub capacity: u32,
    pub refill_rate: f64,
    /// Pins in the account's backlog.
    pub waiting: u64,
    pub waiting_is_at_least: bool,
    /// When a pin that is handed in now would start; `null` while a person has to act first.
    pub next_start_at: Option<Time>,
}

/// What would become of a pin.
#[derive(JsonSchema)]
pub struct PinValidation {
    pub valid: bool,
    pub dry_run: bool,
    pub checks: Vec<PinCheck>,
    pub resolved: Resolved,
    pub existing_pin_id: Option<Uuid>,
    pub headroom: Option<PinHeadroom>,
}

fn headroom_example() -> Value {
    json!({
        "quota_remaining": null,
        "account_id": ACCOUNT,
        "tokens_available": 50.0,
        "capacity": 50,
        "refill_rate": 1.0,
        "waiting": 0,
        "waiting_is_at_least": false,
        "next_start_at": "2026-11-23T12:00:00.000Z",
    })
}

impl Example for PinValidation {
    fn example() -> Value {
        let check = |name: &str, message: &str| {
            json!({
                "name": name,
                "status": "passed",
                "code": null,
                "message": message,
                "remediation": null,
                "details": null,
            })
        };
        json!({
            "valid": true,
            "dry_run": true,
            "checks": [
                check("schema", "Every field is well-formed."),
                check("board", "The account can reach the board."),
                check("pacing", "A token is free: it would start at once."),
            ],
            "resolved": {"idempotency_key": "cranes-2026-11-23", "priority": "normal"},
            "existing_pin_id": null,
            "headroom": headroom_example(),
        })
    }
}

/// Another pin of the last day that has the same content.
#[derive(JsonSchema)]
pub struct PinWarning {
    pub code: String,
    pub message: String,
    pub remediation: String,
    pub details: DuplicateDetails,
}

/// That pin.
#[derive(JsonSchema)]
pub struct DuplicateDetails {
    pub pin_id: Uuid,
    pub created_at: Time,
    pub status: schemas::PinStatus,
}

/// A pin that was just accepted.
#[derive(JsonSchema)]
pub struct AcceptedPin {
    #[schemars(flatten)]
    pub pin: Pin,
    /// Ours: what a person should look at.
    pub warnings: Vec<PinWarning>,
}

impl Example for AcceptedPin {
    fn example() -> Value {
        let mut pin = Pin::example();
        pin["warnings"] = json!([]);
        pin
    }
}

/// Pins to be published.
#[derive(JsonSchema)]
pub struct PinBatch {
    #[schemars(length(min = 1, max = BATCH_MAX))]
    pub pins: Vec<PinBatchItem>,
    /// Ours, for every item: `refuse` fails those that have the same content as another pin of the last 24 hours, or of this call.
    pub on_duplicate: Option<OnDuplicate>,
}

inline_schema!(
    /// As in `POST /v1/pins`; one that isn't well-formed is refused for itself.
    PinBatchItem = json_schema!(true)
);

impl Example for PinBatch {
    fn example() -> Value {
        json!({"pins": [PinCreate::example()]})
    }
}

/// What an item was refused for.
#[derive(JsonSchema)]
pub struct PinBatchError {
    pub code: String,
    pub message: String,
    pub remediation: String,
    pub retry_after_seconds: Option<u64>,
    pub errors: FieldErrors,
}

/// What became of an item.
#[derive(JsonSchema)]
pub struct PinBatchItemResult {
    pub index: u64,
    pub idempotency_key: String,
    pub status: BatchStatus,
    pub pin: Option<Pin>,
    pub error: Option<PinBatchError>,
    /// Ours.
    pub warnings: Vec<PinWarning>,
}

/// Of the first five accounts.
#[derive(JsonSchema)]
pub struct BatchHeadroom {
    pub quota_remaining: Option<u32>,
    pub accounts: Vec<PinHeadroom>,
}

/// What became of a batch.
#[derive(JsonSchema)]
pub struct PinBatchResult {
    pub created_count: u64,
    pub existing_count: u64,
    pub failed_count: u64,
    pub results: Vec<PinBatchItemResult>,
    pub headroom: Option<BatchHeadroom>,
}

impl Example for PinBatchResult {
    fn example() -> Value {
        json!({
            "created_count": 1,
            "existing_count": 0,
            "failed_count": 0,
            "results": [{
                "index": 0,
                "idempotency_key": "cranes-2026-11-23",
                "status": "created",
                "pin": Pin::example(),
                "error": null,
                "warnings": [],
            }],
            "headroom": {"quota_remaining": null, "accounts": [headroom_example()]},
        })
    }
}

/// Pins by their ids.
#[derive(JsonSchema)]
pub struct BulkIds {
    #[schemars(length(min = 1, max = BULK_MAX))]
    pub ids: Vec<Uuid>,
}

impl Example for BulkIds {
    fn example() -> Value {
        json!({"ids": [PIN]})
    }
}

/// Failed pins by their ids.
#[derive(JsonSchema)]
pub struct BulkRetry {
    #[schemars(length(min = 1, max = BULK_MAX))]
    pub ids: Vec<Uuid>,
    /// Ours: whether a second Pin is accepted where the first may exist.
    pub accept_duplicate: Option<bool>,
}

impl Example for BulkRetry {
    fn example() -> Value {
        json!({"ids": [PIN], "accept_duplicate": true})
    }
}

/// What became of one.
#[derive(JsonSchema)]
pub struct BulkItemResult {
    pub id: Uuid,
    pub status: BulkStatus,
    pub error_code: Option<String>,
    pub error_message: Option<String>,
}

/// What became of all.
#[derive(JsonSchema)]
pub struct BulkResult {
    pub succeeded_count: u64,
    pub skipped_count: u64,
    pub failed_count: u64,
    pub results: Vec<BulkItemResult>,
}

impl Example for BulkResult {
    fn example() -> Value {
        json!({
            "succeeded_count": 1,
            "skipped_count": 0,
            "failed_count": 0,
            "results": [{"id": PIN, "status": "succeeded", "error_code": null, "error_message": null}],
        })
    }
}
