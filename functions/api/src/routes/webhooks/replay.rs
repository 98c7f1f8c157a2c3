//! Sends the events of a time to a webhook again, page by page.

use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;
use pinbridge_shared::context::Context;
use pinbridge_shared::domain::time::DAY_MS;
use pinbridge_shared::flows::webhooks::replay::{self, Cursor, Only, RANGE_MAX_MS, Replay, Replayed};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use super::{ABOUT_ID, EventNames, key_of, refuse_limited};
use crate::auth::Caller;
use crate::endpoint::{Endpoint, WRITE, post};
use crate::error::ApiError;
use crate::error::codes::{INVALID_DATE_RANGE, KEY_IS_LIMITED, WEBHOOK_DISABLED};
use crate::openapi::schema::{Time, names};
use crate::request;
use crate::request::field::{Field, Text, Wrong, field_schema, request};
use crate::routes::examples::WEBHOOK;

/// The longest cursor, in characters.
const CURSOR_MAX: usize = 100;

pub fn endpoint() -> Endpoint {
    post("/v1/webhooks/{id}/replay", WRITE, replay)
        .operation("replay_webhook", "Send the events of a time again")
        .costs(200)
        .exact()
        .about(
            "Extension. Sends events from `since` to before `until` again, at most seven days: those without a \
             delivery (`missing`), those whose delivery has failed (`failed`), or both and those that were delivered \
             (`all`). Each call handles up to 500 deliveries or pins and answers `next_cursor`. Send the same request \
             with it as `cursor` until it is null. To stop, don't. (`POST /v1/webhooks/{id}/replays` starts a replay \
             that needs no further calls.) With `dry_run`, a call only counts. A missing event is found if its pin was \
             accepted at most seven days before `since` and is not deleted, and if the webhook existed and asks for \
             such events. Requests have the ids of the first ones.",
        )
        .unaudited("the delivery log shows it")
        .of_one(ABOUT_ID, WEBHOOK)
        .takes::<WebhookReplay>(|| {
            json!({"since": "2026-11-23T00:00:00Z", "until": "2026-11-24T00:00:00Z", "only": "failed", "dry_run": true})
        })
        .answers::<ReplayReport>(202, "What this call has requested, or with `dry_run` counted.")
        .fails(&[WEBHOOK_DISABLED, KEY_IS_LIMITED, INVALID_DATE_RANGE])
}

names!(
    ReplayedEvents,
    "`missing`: without a delivery. `failed`: whose delivery has failed. `all`: both, and those that were delivered.",
    Only::ALL.map(Only::name)
);

request! {
    /// The events to send again.
    #[schemars(deny_unknown_fields)]
    pub struct WebhookReplay {
        /// Events at or after this time.
        pub since: Time,
        /// Events before this time. If omitted: until now.
        pub until: Option<Time>,
        pub only: OnlyThese,
        /// Events of these types. If omitted: of every type.
        pub event_types: Option<EventNames>,
        /// If true, the call only counts.
        pub dry_run: Option<bool>,
        /// The `next_cursor` of the previous call.
        pub cursor: Option<Text<CURSOR_MAX>>,
    }
}

/// Which events are sent again.
#[derive(Clone, Copy, Debug)]
pub struct OnlyThese(pub(super) Only);

field_schema!(OnlyThese = |generator| generator.subschema_for::<ReplayedEvents>());

impl Field for OnlyThese {
    fn parse(value: &Value) -> Result<Self, Wrong> {
        let wrong = || Wrong::not_one_of(&Only::ALL.map(Only::name));
        value.as_str().and_then(Only::parse).map(Self).ok_or_else(wrong)
    }
}

/// What one call of a replay has found.
#[derive(Serialize, JsonSchema)]
pub struct ReplayReport {
    pub dry_run: bool,
    pub only: ReplayedEvents,
    /// Events without a delivery.
    pub missing_count: usize,
    /// Failed deliveries.
    pub failed_count: usize,
    /// Deliveries that were made already.
    pub delivered_count: usize,
    /// Deliveries that were made already, and can't be made again: their pins or their events are gone.
    pub gone_count: usize,
    /// Pins that this call has read.
    pub pins_read: usize,
    /// Deliveries that this call has read.
    pub deliveries_read: usize,
    /// The `cursor` of the next call. Null: the replay is complete.
    pub next_cursor: Option<String>,
}

impl ReplayReport {
    fn of(asked: &Replay, replayed: Replayed) -> Self {
        Self {
            dry_run: asked.is_dry_run,
            only: ReplayedEvents(asked.only.name()),
            missing_count: replayed.missing,
            failed_count: replayed.failed,
            delivered_count: replayed.delivered,
            gone_count: replayed.gone,
            pins_read: replayed.pins,
            deliveries_read: replayed.deliveries,
            next_cursor: replayed.next.map(|next| next.to_string()),
        }
    }
}

async fn replay(
    State(context): State<Context>,
    caller: Caller,
    Path(id): Path<String>,
    request::StrictJson(body): request::StrictJson<WebhookReplay>,
) -> Result<(StatusCode, Json<ReplayReport>), ApiError> {
    refuse_limited(&caller)?;
    let endpoint = key_of(&caller, &id)?;
    let OnlyThese(only) = body.only;
    let cursor = body.cursor.map(|Text(text)| cursor(&text, only)).transpose()?;
    let Time(since) = body.since;
    let until = body.until.map_or_else(|| context.system.now(), |Time(until)| until);
    check_range(since.0, until.0)?;
    let asked = Replay {
        only,
        since,
        until,
        events: body.event_types.map(|events| events.0),
        is_dry_run: body.dry_run.unwrap_or(false),
    };
    let replayed = replay::replay(&context, endpoint, &asked, cursor).await?;
    Ok((StatusCode::ACCEPTED, Json(ReplayReport::of(&asked, replayed))))
}

fn cursor(text: &str, only: Only) -> Result<Cursor, ApiError> {
    let msg = "Input should be the next_cursor of the previous call, which has the same only";
    let wrong = || ApiError::invalid("body", "cursor", msg, "value_error");
    text.parse().ok().filter(|cursor: &Cursor| cursor.is_of(only)).ok_or_else(wrong)
}

/// The time, in Unix milliseconds, is the right way round and not too long.
pub(super) fn check_range(since_ms: i64, until_ms: i64) -> Result<(), ApiError> {
    let (message, remedy) = if since_ms > until_ms {
        ("since is after until.".to_owned(), "Send an earlier time as since, in the range of a replay.")
    } else if until_ms.saturating_sub(since_ms) > RANGE_MAX_MS {
        let message = format!("From since to until are more than {} days.", RANGE_MAX_MS / DAY_MS);
        (message, "Send a later time as since, or an earlier one as until, and replay the rest by another call.")
    } else {
        return Ok(());
    };
    let error = ApiError::invalid("body", "since", message.trim_end_matches('.'), "value_error");
    Err(error.coded(INVALID_DATE_RANGE).worded(message, remedy))
}
