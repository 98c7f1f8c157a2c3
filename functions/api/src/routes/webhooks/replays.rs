//! Replays that the system works on: started, watched and stopped.

use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;
use pinbridge_shared::context::Context;
use pinbridge_shared::domain::webhook::replay::{ReplayId, ReplayRun, ReplayState, WHOLE};
use pinbridge_shared::flows::webhooks::replay::Replay;
use pinbridge_shared::flows::webhooks::run_replay;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
use uuid::Uuid;

use super::deliveries::EventName;
use super::replay::{OnlyThese, ReplayedEvents, check_range};
use super::{ABOUT_ID, EventNames, key_of, refuse_limited};
use crate::auth::Caller;
use crate::endpoint::{Endpoint, READ, WRITE, get, post};
use crate::error::ApiError;
use crate::error::codes::{INVALID_DATE_RANGE, KEY_IS_LIMITED, REPLAY_RUNNING, WEBHOOK_DISABLED};
use crate::openapi::schema::{Time, names};
use crate::request::field::request;
use crate::request::{self, path_id};
use crate::routes::examples::{REPLAY, WEBHOOK};

const ABOUT_REPLAY: &str = "The id of the replay, as its start answers it.";

pub fn endpoints() -> Vec<Endpoint> {
    vec![
        post("/v1/webhooks/{id}/replays", WRITE, start)
            .operation("start_webhook_replay", "Start sending the events of a time again")
            .exact()
            .about(
                "Extension. Sends the events again that `POST /v1/webhooks/{id}/replay` sends, without calls for \
                 further pages: the system works on it. A webhook has one replay at a time; a new one takes the place of one \
                 that has ended. It stops if the webhook is disabled.",
            )
            .unaudited("the delivery log shows it")
            .of_one(ABOUT_ID, WEBHOOK)
            .takes::<WebhookReplayStart>(|| {
                json!({"since": "2026-11-23T00:00:00Z", "until": "2026-11-24T00:00:00Z", "only": "failed"})
            })
            .answers::<WebhookReplayRun>(202, "The replay runs.")
            .fails(&[WEBHOOK_DISABLED, KEY_IS_LIMITED, INVALID_DATE_RANGE, REPLAY_RUNNING]),
        of_replay(get("/v1/webhooks/{id}/replays/{replay_id}", READ, read))
            .operation("get_webhook_replay", "Read how far a replay is")
            .about("Extension. The newest replay of a webhook is kept for 30 days.")
            .answers::<WebhookReplayRun>(200, "The replay."),
        of_replay(post("/v1/webhooks/{id}/replays/{replay_id}/stop", WRITE, stop))
            .operation("stop_webhook_replay", "Stop a replay")
            .exact()
            .about(
                "Extension. Nothing more is requested; what was requested by then is sent. A replay that has ended \
                 stays as it is.",
            )
            .unaudited("the replay and the delivery log show it")
            .answers::<WebhookReplayRun>(200, "The replay."),
    ]
}

fn of_replay(endpoint: Endpoint) -> Endpoint {
    endpoint.of_one(ABOUT_ID, WEBHOOK).path::<Uuid>("replay_id", ABOUT_REPLAY, REPLAY).fails(&[KEY_IS_LIMITED])
}

names!(
    ReplayStatus,
    "How a replay stands. `stopped`: a call has stopped it, or the webhook was disabled.",
    ReplayState::ALL.map(ReplayState::name)
);

request! {
    /// The events to send again.
    #[schemars(deny_unknown_fields)]
    pub struct WebhookReplayStart {
        /// Events at or after this time.
        pub since: Time,
        /// Events before this time. If omitted: until now.
        pub until: Option<Time>,
        pub only: OnlyThese,
        /// Events of these types. If omitted: of every type.
        pub event_types: Option<EventNames>,
    }
}

/// A replay: events of a time that are sent again.
#[derive(Serialize, JsonSchema)]
pub struct WebhookReplayRun {
    pub id: Uuid,
    pub webhook_id: Uuid,
    pub status: ReplayStatus,
    pub only: ReplayedEvents,
    pub since: Time,
    pub until: Time,
    /// Null: of every type.
    pub event_types: Option<Vec<EventName>>,
    /// Events without a delivery that were found and sent.
    pub missing_count: u64,
    /// Failed deliveries that were requested again. After a failure of the system, the counts are lower bounds.
    pub failed_count: u64,
    /// Deliveries that were made already, and requested again.
    pub delivered_count: u64,
    /// Deliveries that were made already, and can't be made again: their pins or their events are gone.
    pub gone_count: u64,
    /// Pins that were read.
    pub pins_read: u64,
    /// Deliveries that were read.
    pub deliveries_read: u64,
    /// The part of the time that was gone through, from 0 to 1.
    pub progress: f64,
    /// When it is done if it goes on as it did so far. Null at first, and once it has ended.
    pub estimated_end_at: Option<Time>,
    pub started_at: Time,
    pub updated_at: Time,
    /// When it was done or stopped.
    pub ended_at: Option<Time>,
}

impl From<ReplayRun> for WebhookReplayRun {
    fn from(run: ReplayRun) -> Self {
        let counts = run.counts;
        Self {
            id: run.id.0,
            webhook_id: run.endpoint.endpoint.0,
            status: ReplayStatus(run.state.name()),
            only: ReplayedEvents(run.only.name()),
            since: Time(run.since),
            until: Time(run.until),
            missing_count: counts.missing,
            failed_count: counts.failed,
            delivered_count: counts.delivered,
            gone_count: counts.gone,
            pins_read: counts.pins,
            deliveries_read: counts.deliveries,
            progress: f64::from(run.progress) / f64::from(WHOLE),
            estimated_end_at: run.estimated_end().map(Time),
            started_at: Time(run.started_at),
            updated_at: Time(run.updated_at),
            ended_at: run.ended_at().map(Time),
            event_types: run.events.map(|events| events.iter().map(|event| EventName(event.name())).collect()),
        }
    }
}

async fn start(
    State(context): State<Context>,
    caller: Caller,
    Path(id): Path<String>,
    request::StrictJson(body): request::StrictJson<WebhookReplayStart>,
) -> Result<(StatusCode, Json<WebhookReplayRun>), ApiError> {
    refuse_limited(&caller)?;
    let endpoint = key_of(&caller, &id)?;
    let Time(since) = body.since;
    let until = body.until.map_or_else(|| context.system.now(), |Time(until)| until);
    check_range(since.0, until.0)?;
    let OnlyThese(only) = body.only;
    let asked = Replay { only, since, until, events: body.event_types.map(|events| events.0), is_dry_run: false };
    let run = run_replay::start(&context, endpoint, &asked).await?;
    Ok((StatusCode::ACCEPTED, Json(run.into())))
}

async fn read(
    State(context): State<Context>,
    caller: Caller,
    Path((id, replay)): Path<(String, String)>,
) -> Result<Json<WebhookReplayRun>, ApiError> {
    refuse_limited(&caller)?;
    let (endpoint, replay) = (key_of(&caller, &id)?, path_id(&replay, "replay_id").map(ReplayId)?);
    Ok(Json(run_replay::read(&context, endpoint, replay).await?.into()))
}

async fn stop(
    State(context): State<Context>,
    caller: Caller,
    Path((id, replay)): Path<(String, String)>,
) -> Result<Json<WebhookReplayRun>, ApiError> {
    refuse_limited(&caller)?;
    let (endpoint, replay) = (key_of(&caller, &id)?, path_id(&replay, "replay_id").map(ReplayId)?);
    Ok(Json(run_replay::stop(&context, endpoint, replay).await?.into()))
}
