//! Pins and jobs.

pub mod schemas;

use serde_json::json;
use uuid::Uuid;

use self::schemas::{JobStatus, OnDuplicate, Pin, PinCreate, PinRetry, PinStatus, Priority, Timeline};
use super::operation::{Operation, get, post, tagged};
use super::pin_work::{AcceptedPin, PREFLIGHT};
use super::types::{Flag, Limit, Offset, Text, Time};

pub use schemas::ACCOUNT;

/// The pin of the examples.
pub const PIN: &str = "5e0e1f5a-7f4d-4a8e-9d55-0d3c5b3f2a10";

pub fn operations() -> Vec<Operation> {
    tagged(
        "Pins",
        vec![
            post("/v1/pins", "create_pin", "Publish a pin")
                .about(
                    "Accepts a pin for publishing as soon as its account's pace allows. Accepted once, it is published at \
                     most once, whatever fails on the way. The same `idempotency_key` with the same payload answers the \
                     pin that is there (200, `Idempotent-Replayed: true`); with another payload it is refused (409). A pin of the \
                     last 24 hours with the same account, board, title, link and image is told of in `warnings`; with \
                     `on_duplicate: refuse` it is a reason to refuse (409 `duplicate_content`).",
                )
                .header::<Priority>("X-Pinbridge-Priority", "`priority` for clients that drop unknown fields.")
                .takes::<PinCreate>()
                .header::<OnDuplicate>("X-Pinbridge-On-Duplicate", "`on_duplicate` for clients that drop unknown fields.")
                .query::<OnDuplicate>("on_duplicate", "The same as in the body.")
                .answers::<AcceptedPin>(201, "The pin is accepted.")
                .with_header::<Text>(
                    "X-Pinbridge-Warning",
                    false,
                    "`duplicate_content; pin_id=…`: a pin of the last 24 hours has the same content.",
                )
                .answers::<AcceptedPin>(200, "The pin of this idempotency key, which was accepted before.")
                .with_header::<Flag>("Idempotent-Replayed", true, "`true`: nothing new was accepted.")
                .refuses(&["not_found", "account_not_permitted", "token_revoked", "idempotency_key_reused"])
                .refuses(&["duplicate_content", "pin_deleted"])
                .refuses(&["assets_not_enabled"]),
            get("/v1/pins", "list_pins", "List, filter and search pins")
                .about(
                    "A page costs the same whatever the workspace holds. Pins are found by keys as far as the offset reaches; \
                     for a status other than failed, an error code, `removed`, `q`, or an order other than by `created_at`, the \
                     first 1,000 pins that the other filters let through are looked through. Where it wasn't looked to the \
                     end, `X-Total-Count-Relation` is `gte` and `X-Next-Cursor` goes on; an offset beyond is refused. Unknown \
                     parameters change nothing and are named in `X-Pinbridge-Ignored-Parameters`.",
                )
                .query::<Limit>("limit", "Pins of a page.")
                .query::<Offset>("offset", "Pins left out before the page.")
                .query::<Text>("cursor", "Ours: the `X-Next-Cursor` of the page before, instead of an offset.")
                .query::<PinStatus>("status", "Only pins of this status.")
                .query::<Uuid>("account_id", "Only pins of this account.")
                .query::<Text>("board_id", "Only pins of this board.")
                .query::<Text>("error_code", "Only pins that this keeps from being published.")
                .query::<Time>("since", "Only pins that were accepted then or later.")
                .query::<Time>("until", "Only pins that were accepted before.")
                .query::<schemas::Search>("q", "Part of title, description or link, whatever its case.")
                .query::<Flag>("removed", "Only pins that are known to be gone from Pinterest, or only the others.")
                .query::<schemas::PinOrder>("sort", "The order; `created_at_desc` unless said.")
                .answers::<Vec<Pin>>(200, "A page of pins.")
                .with_header::<u64>("X-Total-Count", true, "How many pins match; with a cursor, from there on.")
                .with_header::<schemas::Relation>(
                    "X-Total-Count-Relation",
                    false,
                    "Where it wasn't looked to the end: there are at least as many.",
                )
                .with_header::<Text>("X-Next-Cursor", false, "Where the next page begins, unless this was the last.")
                .with_header::<Text>("X-Pinbridge-Ignored-Parameters", false, "Parameters that have no meaning here.")
                .refuses(&["validation_error", "account_not_permitted"]),
            get("/v1/pins/{id}", "get_pin", "Read a pin")
                .path::<Uuid>("id", "The pin's id.", PIN)
                .answers::<Pin>(200, "The pin.")
                .refuses(&["not_found", "validation_error", "account_not_permitted"]),
            get("/v1/pins/{id}/timeline", "get_pin_timeline", "Read what happened to a pin, and what comes next")
                .path::<Uuid>("id", "The pin's id.", PIN)
                .answers::<Timeline>(200, "Every event of the pin, in order.")
                .refuses(&["not_found", "validation_error", "account_not_permitted"]),
            post("/v1/pins/{id}/retry", "retry_pin", "Retry a failed pin")
                .about(
                    "The failed pin is queued again, on another board or for another account if one is named. One whose last call may have created a Pin answers 409 \
                     `retry_may_duplicate` until a second one is accepted.",
                )
                .path::<Uuid>("id", "The pin's id.", PIN)
                .header::<Flag>(
                    "X-Pinbridge-Accept-Duplicate",
                    "`accept_duplicate` for clients that drop unknown fields.",
                )
                .may_take::<PinRetry>()
                .answers::<Pin>(200, "The pin, queued again.")
                .refuses(&["not_found", "account_not_permitted", "conflict", "retry_may_duplicate", "pin_superseded"])
                .refuses(&["expired_unpublished", "account_disconnected"])
                .refuses(PREFLIGHT),
            get("/v1/jobs/{id}", "get_job", "Read a job's status")
                .about("A job is a pin by the contract's other name: their ids are the same.")
                .path::<Uuid>("id", "The job's id, which is the pin's.", PIN)
                .answers::<JobStatus>(200, "The job.")
                .refuses(&["not_found", "validation_error", "account_not_permitted"]),
        ],
    )
}

/// A pin's JSON, queued.
fn pin_example() -> serde_json::Value {
    json!({
        "id": PIN,
        "workspace_id": "00000000-0000-0000-0000-00000000000a",
        "pinterest_account_id": schemas::ACCOUNT,
        "status": "queued",
        "media_type": "image",
        "title": "Ten ways to fold a paper crane",
        "description": "Patience and paper.",
        "related_terms": ["paper", "crane"],
        "alt_text": "A paper crane on a table",
        "dominant_color": "#6E7874",
        "cover_image_url": null,
        "link_url": "https://example.com/cranes",
        "media_url": "https://images.example.com/crane.jpg",
        "image_url": "https://images.example.com/crane.jpg",
        "asset_id": null,
        "board_id": "1000000000000000001",
        "pinterest_pin_id": null,
        "error_code": null,
        "error_message": null,
        "idempotency_key": "cranes-2026-11-23",
        "created_at": "2026-11-23T12:00:00.000Z",
        "updated_at": "2026-11-23T12:00:00.000Z",
        "published_at": null,
        "failed_at": null,
        "removed_from_pinterest_at": null,
        "priority": "normal",
        "attempts": 0,
        "next_action": "publish",
        "next_at": "2026-11-23T12:00:00.000Z",
        "next_reason": "A worker takes it next.",
        "origin": {
            "actor_type": "api_key",
            "actor_id": "7d11ee90-a944-44ed-a55c-7f2e8a5ca0b6",
            "schedule_id": null,
            "schedule_run": null,
            "import_id": null,
            "import_row": null,
        },
        "edits": 0,
        "error_remediation": null,
        "orphan_pin_id": null,
        "duplicate_pin_id": null,
    })
}
