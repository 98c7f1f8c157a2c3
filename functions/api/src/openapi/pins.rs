//! Pins and jobs.

pub mod schemas;

use uuid::Uuid;

use self::schemas::{JobStatus, OnDuplicate, Pin, PinCreate, PinRetry, PinStatus, Priority, Timeline};
use super::Example;
use super::pin_work::AcceptedPin;
use super::schema::{Flag, Limit, Offset, Text, Time};
use crate::activity::Resource;
use crate::endpoint::{Endpoint, get, post, tagged};
use crate::error::codes::{
    self, ACCOUNT_DISCONNECTED, ACCOUNT_NOT_PERMITTED, ASSETS_NOT_ENABLED, DUPLICATE_CONTENT, EXPIRED_UNPUBLISHED,
    IDEMPOTENCY_KEY_REUSED, NOT_FOUND, PIN_DELETED, PIN_NOT_FAILED, PIN_SUPERSEDED, RETRY_MAY_DUPLICATE, TOKEN_REVOKED,
    VALIDATION_ERROR,
};
use crate::routes::*;

pub use schemas::ACCOUNT;

/// The pin of the examples.
pub const PIN: &str = "5e0e1f5a-7f4d-4a8e-9d55-0d3c5b3f2a10";

pub fn endpoints() -> Vec<Endpoint> {
    tagged(
        "Pins",
        vec![
            post("/v1/pins", WRITE, pins::create).operation("create_pin", "Publish a pin").unaudited("its entry is derived from the pin")
                .about(
                    "Accepts a pin for publishing as soon as its account's pace allows. Accepted once, it is published at \
                     most once, whatever fails on the way. The same `idempotency_key` with the same payload answers the \
                     pin that is there (200, `Idempotent-Replayed: true`); with another payload it is refused (409). A pin of the \
                     last 24 hours with the same account, board, title, link and image is told of in `warnings`; with \
                     `on_duplicate: refuse` it is a reason to refuse (409 `duplicate_content`).",
                )
                .header::<Priority>("X-Pinbridge-Priority", "`priority` for clients that drop unknown fields.")
                .takes::<PinCreate>(PinCreate::example)
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
                .fails(&[NOT_FOUND, ACCOUNT_NOT_PERMITTED, TOKEN_REVOKED, IDEMPOTENCY_KEY_REUSED])
                .fails(&[DUPLICATE_CONTENT, PIN_DELETED])
                .fails(&[ASSETS_NOT_ENABLED]),
            get("/v1/pins", READ, pin_list::list).operation("list_pins", "List, filter and search pins")
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
                .fails(&[VALIDATION_ERROR, ACCOUNT_NOT_PERMITTED]),
            get("/v1/pins/{id}", READ, pins::read).operation("get_pin", "Read a pin")
                .path::<Uuid>("id", "The pin's id.", PIN)
                .answers::<Pin>(200, "The pin.")
                .fails(&[NOT_FOUND, VALIDATION_ERROR, ACCOUNT_NOT_PERMITTED]),
            get("/v1/pins/{id}/timeline", READ, pins::timeline).operation("get_pin_timeline", "Read what happened to a pin, and what comes next")
                .path::<Uuid>("id", "The pin's id.", PIN)
                .answers::<Timeline>(200, "Every event of the pin, in order.")
                .fails(&[NOT_FOUND, VALIDATION_ERROR, ACCOUNT_NOT_PERMITTED]),
            post("/v1/pins/{id}/retry", WRITE, retries::retry).operation("retry_pin", "Retry a failed pin").audited("pin.retried", Resource::Path, &["status"])
                .about(
                    "The failed pin is queued again, on another board or for another account if one is named. One whose last call may have created a Pin answers 409 \
                     `retry_may_duplicate` until a second one is accepted.",
                )
                .path::<Uuid>("id", "The pin's id.", PIN)
                .header::<Flag>(
                    "X-Pinbridge-Accept-Duplicate",
                    "`accept_duplicate` for clients that drop unknown fields.",
                )
                .may_take::<PinRetry>(PinRetry::example)
                .answers::<Pin>(200, "The pin, queued again.")
                .fails(&[NOT_FOUND, ACCOUNT_NOT_PERMITTED, PIN_NOT_FAILED, RETRY_MAY_DUPLICATE, PIN_SUPERSEDED])
                .fails(&[EXPIRED_UNPUBLISHED, ACCOUNT_DISCONNECTED])
                .fails(codes::PREFLIGHT),
            get("/v1/jobs/{id}", READ, jobs::read).operation("get_job", "Read a job's status")
                .about("A job is a pin by the contract's other name: their ids are the same.")
                .path::<Uuid>("id", "The job's id, which is the pin's.", PIN)
                .answers::<JobStatus>(200, "The job.")
                .fails(&[NOT_FOUND, VALIDATION_ERROR, ACCOUNT_NOT_PERMITTED]),
        ],
    )
}
