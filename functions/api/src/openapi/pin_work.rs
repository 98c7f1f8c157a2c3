//! Changing, deleting, checking pins, and many at once.

use pinbridge_shared::domain::account::board::BOARD_ID_MAX;
use pinbridge_shared::domain::pin::{ALT_TEXT_MAX, DESCRIPTION_MAX, TITLE_MAX, URL_MAX};
use schemars::{JsonSchema, json_schema};
use serde_json::{Value, json};
use uuid::Uuid;

use super::Example;
use super::pins::PIN;
use super::pins::schemas::{self, OnDuplicate, Pin, PinCreate, Priority};
use super::schema::{FILLED, Flag, Time, inline_schema, names};
use crate::activity::Resource;
use crate::endpoint::{Endpoint, delete, patch, post, tagged};
use crate::error::codes::{
    self, ACCOUNT_NOT_PERMITTED, BOARD_ACCESS_DENIED, BOARD_NOT_FOUND, BOARD_SECTION_NOT_FOUND, NOT_FOUND,
    OUTCOME_UNKNOWN, PIN_ALREADY_PUBLISHED, PIN_PUBLISHING, VALIDATION_ERROR,
};
use crate::routes::BATCH_MAX;
use crate::routes::bulk::{BulkIds, BulkResult, BulkRetry};
use crate::routes::*;

pub fn endpoints() -> Vec<Endpoint> {
    let pin = |operation: Endpoint| {
        operation.path::<Uuid>("id", "The pin's id.", PIN).fails(&[NOT_FOUND, VALIDATION_ERROR, ACCOUNT_NOT_PERMITTED])
    };
    tagged(
        "Pins",
        vec![
            post("/v1/pins/validate", READ, pin_validation::validate).operation("validate_pin", "Check a pin without publishing it").unaudited("it changes nothing")
                .about(
                    "Nothing is written. 200 also when the pin would be refused: every check is named, with what to do. \
                     `headroom` says what the account can publish now; `quota_remaining` is what the day's budget allows, \
                     `null` without one.",
                )
                .header::<Priority>("X-Pinbridge-Priority", "`priority` for clients that drop unknown fields.")
                .takes::<PinCreate>(PinCreate::example)
                .answers::<PinValidation>(200, "The checks.")
                .fails(&[ACCOUNT_NOT_PERMITTED]),
            post("/v1/pins/batch", WRITE, pin_batch::create).operation("create_pins", "Publish up to 100 pins").audited("pin.batch_created", Resource::None, &["created_count", "existing_count", "failed_count"])
                .about(
                    "Each item is accepted or refused for itself. Without a `priority` of its own an item is `bulk`: behind \
                     its account's other waiting pins. The same call may be sent again.",
                )
                .header::<Priority>("X-Pinbridge-Priority", "`priority` of the items that have none.")
                .header::<OnDuplicate>("X-Pinbridge-On-Duplicate", "`on_duplicate` for clients that drop unknown fields.")
                .query::<OnDuplicate>("on_duplicate", "The same as in the body, for every item.")
                .takes::<PinBatch>(PinBatch::example)
                .answers::<PinBatchResult>(200, "What became of each item, in order."),
            post("/v1/pins/bulk-delete", DESTRUCTIVE, pin_bulk::delete).operation("delete_pins", "Delete up to 100 pins").audited("pin.bulk_deleted", Resource::None, &["succeeded_count", "skipped_count", "failed_count"])
                .about("As `DELETE /v1/pins/{id}` of each. An id that is named twice counts once.")
                .takes::<BulkIds>(|| json!({"ids": [PIN]}))
                .answers::<BulkResult>(200, "What became of each pin, in order."),
            post("/v1/pins/bulk-retry", WRITE, pin_bulk::retry).operation("retry_pins", "Retry up to 100 failed pins").audited("pin.bulk_retried", Resource::None, &["succeeded_count", "skipped_count", "failed_count"])
                .about("As `POST /v1/pins/{id}/retry` of each; one that isn't failed is skipped.")
                .header::<Flag>(
                    "X-Pinbridge-Accept-Duplicate",
                    "`accept_duplicate` for clients that drop unknown fields.",
                )
                .takes::<BulkRetry>(|| json!({"ids": [PIN], "accept_duplicate": true}))
                .answers::<BulkResult>(200, "What became of each pin, in order."),
            pin(patch("/v1/pins/{id}", WRITE, pin_edits::update).operation("update_pin", "Change a pin that isn't published yet").audited("pin.updated", Resource::Path, &["status"]))
                .about(
                    "What is absent stays; `null` clears. Legal while the pin is queued, deferred or failed. What is \
                     published was in force when its attempt began. A new board is checked first, as far as Pinterest \
                     answers. The idempotency key keeps standing for the request of before.",
                )
                .takes::<PinUpdate>(PinUpdate::example)
                .answers::<Pin>(200, "The pin as it is now.")
                .fails(&[PIN_ALREADY_PUBLISHED, PIN_PUBLISHING])
                .fails(codes::PREFLIGHT),
            pin(delete("/v1/pins/{id}", DESTRUCTIVE, pin_edits::remove).operation("delete_pin", "Delete a pin").audited("pin.deleted", Resource::Path, &["removed_from_pinterest", "reason"]))
                .about(
                    "The pin is gone from every answer at once, and one that waits is never published. One that is just \
                     being published is hidden: its Pin may still appear. Its idempotency key stays taken (409 \
                     `pin_deleted`). With `delete_from_pinterest=true` its Pin is deleted first; nothing is deleted when \
                     that fails.",
                )
                .query::<Flag>("delete_from_pinterest", "Delete the Pin on Pinterest too.")
                .answers_nothing("The pin is deleted.")
                .answers::<PinDeleted>(200, "With `delete_from_pinterest=true`: what became of its Pin.")
                .fails(codes::PINTEREST)
                .fails(&[PIN_PUBLISHING, OUTCOME_UNKNOWN, BOARD_NOT_FOUND, BOARD_ACCESS_DENIED])
                .fails(&[BOARD_SECTION_NOT_FOUND]),
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
