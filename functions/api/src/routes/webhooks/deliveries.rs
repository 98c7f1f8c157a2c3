//! The delivery log of a webhook, a delivery again, and a test.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use http::StatusCode;
use pinbridge_shared::context::Context;
use pinbridge_shared::domain::event::{CATALOGUE, EventId, EventType};
use pinbridge_shared::domain::ids::PinKey;
use pinbridge_shared::domain::webhook::delivery::{DeliveryId, Source};
use pinbridge_shared::flows::webhooks::deliveries::{
    self, DeliveryError, DeliveryFilter, DeliveryView, RequestedTest, SEARCHED_MAX, Standing,
};
use schemars::{JsonSchema, json_schema};
use serde::Serialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{ABOUT_ID, RESOURCE, key_of, refuse_limited};
use crate::answer;
use crate::auth::Caller;
use crate::endpoint::{Endpoint, READ, WRITE, get, post};
use crate::error::ApiError;
use crate::error::codes::{EVENT_GONE, KEY_IS_LIMITED, REPLAY_RUNNING, WEBHOOK_DISABLED};
use crate::openapi::schema::{LIMIT_DEFAULT, Text, Time, inline_schema, names};
use crate::request::field::{field_schema, request};
use crate::request::{MaybeJsonObject, only_body_of, path_id, query as page};
use crate::routes::examples::{DELIVERY, WEBHOOK};

/// The longest page of deliveries: each has its payload, for which its pin is read.
pub const DELIVERIES_LIMIT_MAX: usize = 100;
const ABOUT_DELIVERY: &str = "The id of the delivery: `X-PinBridge-Delivery-ID`, or `webhook-id`, of its requests.";
const ABOUT_TIME: &str = "The time of its event, `occurred_at`. With it, a delivery of any age is found in one read. \
                          Without it, only the newest ones are searched.";

pub fn endpoints() -> Vec<Endpoint> {
    vec![
        post("/v1/webhooks/{id}/test", WRITE, test)
            .operation("test_webhook", "Send a test event to a webhook")
            .about(
                "Extension. Sends `webhook.test` to this webhook, signed as every event is, whatever events it asks for. \
                 It is sent at once, also while deliveries are held because the webhook fails; if it succeeds, they \
                 are sent too. A slow webhook gets it in turn, not before `next_attempt_at`. The delivery is in the \
                 log when it was tried, or waits.",
            )
            .unaudited("the delivery log shows it")
            .of_one(ABOUT_ID, WEBHOOK)
            .answers::<WebhookTest>(202, "The test is on its way.")
            .fails(&[WEBHOOK_DISABLED, KEY_IS_LIMITED]),
        get("/v1/webhooks/{id}/deliveries", READ, list)
            .operation("list_webhook_deliveries", "List the deliveries of a webhook")
            .costs(50)
            .about(
                "Extension. The log of 30 days: first the deliveries that wait, the oldest event first, then those that \
                 ended, the newest event first. Each request looks through a limited number of deliveries, so a page \
                 of a filtered list can be short or empty although `X-Next-Cursor` continues it.",
            )
            .of_one(ABOUT_ID, WEBHOOK)
            .query::<DeliveryStatus>("status", "Only deliveries with this status.")
            .query::<EventName>("event", "Only deliveries of this event.")
            .query::<Time>("since", "Only deliveries of events at or after this time.")
            .query::<DeliveryLimit>("limit", "The maximum number of deliveries of the page.")
            .query::<Text>("cursor", "The `X-Next-Cursor` of the previous page.")
            .answers::<Vec<WebhookDelivery>>(200, "A page of deliveries.")
            .with_header::<u64>("X-Total-Count", true, "The number of deliveries of the page.")
            .with_header::<AtLeast>("X-Total-Count-Relation", false, "`gte`: the list continues.")
            .with_header::<Text>("X-Next-Cursor", false, "The cursor of the next page. Absent on the last page.")
            .fails(&[KEY_IS_LIMITED]),
        of_delivery(get("/v1/webhooks/{id}/deliveries/{delivery_id}", READ, read))
            .operation("get_webhook_delivery", "Read a delivery of a webhook")
            .about("Extension. The log keeps a delivery for 30 days.")
            .query::<Time>("occurred_at", ABOUT_TIME)
            .answers::<WebhookDelivery>(200, "The delivery."),
        of_delivery(post("/v1/webhooks/{id}/deliveries/{delivery_id}/redeliver", WRITE, redeliver))
            .operation("redeliver_webhook_delivery", "Send a delivery again")
            .about(
                "Extension. Sends the event of a delivery again, whether it was delivered, has failed or waits. The \
                 requests have the id of the first one, so that a receiver recognises the event. Retries follow as for \
                 a new event. While deliveries are held because the webhook fails or is slow, it waits with them, \
                 until `next_attempt_at` or longer. A test that succeeds ends that.",
            )
            .unaudited("the delivery log shows it")
            .exact()
            .may_take::<Redelivery>(|| json!({"occurred_at": "2026-11-23T12:00:00.000Z"}))
            .answers::<WebhookDelivery>(202, "The delivery waits to be sent.")
            .fails(&[WEBHOOK_DISABLED, EVENT_GONE]),
    ]
}

fn of_delivery(endpoint: Endpoint) -> Endpoint {
    let endpoint = endpoint.of_one(ABOUT_ID, WEBHOOK).path::<Uuid>("delivery_id", ABOUT_DELIVERY, DELIVERY);
    endpoint.costs(50).fails(&[KEY_IS_LIMITED])
}

names!(
    DeliveryStatus,
    "The status of a delivery. `waiting`: it is tried again. `failed`: its last try failed, and no other one follows.",
    Standing::ALL.map(Standing::name)
);
names!(EventName, "The name of an event.", CATALOGUE.map(|entry| entry.name));
names!(AtLeast, "`gte`: the list continues.", ["gte"]);
inline_schema!(
    /// The maximum length of a page of deliveries.
    DeliveryLimit = json_schema!({
        "type": "integer", "minimum": 1, "maximum": DELIVERIES_LIMIT_MAX, "default": LIMIT_DEFAULT
    })
);

request! {
    /// Which delivery is meant.
    #[schemars(deny_unknown_fields)]
    pub struct Redelivery {
        /// The time of its event. With it, a delivery of any age is found in one read. Without it, only the newest ones
        /// are searched.
        pub occurred_at: Option<Time>,
    }
}

/// The payload of an event. Empty if its pin is gone.
#[derive(Serialize)]
#[serde(transparent)]
pub struct Payload(Map<String, Value>);

field_schema!(Payload = |_| json_schema!({"type": "object", "additionalProperties": true}));

impl Payload {
    fn of(text: Option<&str>) -> Self {
        Self(text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default())
    }

    fn event_id(&self) -> Option<Uuid> {
        Uuid::parse_str(self.0.get("id")?.as_str()?).ok()
    }
}

/// A delivery: one event for one webhook.
#[derive(Serialize, JsonSchema)]
pub struct WebhookDelivery {
    pub id: Uuid,
    pub webhook_id: Uuid,
    pub event_type: EventName,
    /// What the body of its requests says: what was known at its event. The fields are in alphabetical order here, and
    /// in another order in the body. Empty if the pin is gone.
    pub payload: Payload,
    /// The requests that were made, since it was last requested.
    pub attempt_count: u32,
    /// The status of the answer to the last request.
    pub last_status_code: Option<u16>,
    /// Why the last request was no success, such as `http_status`, `redirect` or `timeout`.
    pub last_error: Option<String>,
    /// When it is sent next. Null of a delivery that ended, or waits until its webhook is enabled.
    pub next_attempt_at: Option<Time>,
    pub created_at: Time,
    pub updated_at: Time,
    pub status: DeliveryStatus,
    /// Equal to `id`, as in the header `X-PinBridge-Delivery-ID`.
    pub delivery_id: Uuid,
    /// The id of the event, which is the same for every webhook.
    pub event_id: Option<Uuid>,
    /// The time of the event.
    pub occurred_at: Time,
    /// The pin, if the event is about one.
    pub pin_id: Option<Uuid>,
    /// The number of the event among those of its pin, from 1.
    pub sequence: Option<u32>,
    /// When the last request was made.
    pub last_attempt_at: Option<Time>,
    /// The first 2 KB of the answer to the last request, if it was no success; 512 bytes while the delivery waits.
    pub answer: Option<String>,
    /// How long the last request took, in milliseconds.
    pub latency_ms: Option<i64>,
    /// Whether it was requested again.
    pub is_replayed: bool,
    /// When the request was made that the webhook first answered with a success. A repeat doesn't change it. Null if
    /// there was none.
    pub first_delivered_at: Option<Time>,
    /// Whether a later request had another body than one before it: the pin's account or board was changed, or a later
    /// version has other texts.
    pub is_changed: bool,
    /// SHA-256 of the body of the last request, in hexadecimal digits: of the bytes that were sent, so it can't be
    /// computed from `payload`.
    pub body_sha256: Option<String>,
}

impl From<DeliveryView> for WebhookDelivery {
    fn from(view: DeliveryView) -> Self {
        let DeliveryView { delivery, payload, next_at } = view;
        let payload = Payload::of(payload.as_deref());
        let endpoint = delivery.key.endpoint;
        let (pin, sequence, event_id) = match &delivery.source {
            Source::Pin { pin, sequence, .. } => {
                let key = PinKey { workspace: endpoint.workspace, pin: *pin };
                (Some(pin.0), Some(*sequence), Some(EventId::of_pin(key, *sequence).0))
            }
            Source::Stored { .. } => (None, None, payload.event_id()),
        };
        let first_delivered_at = delivery.first_delivered_at().map(Time);
        let last = delivery.last;
        Self {
            id: delivery.key.id.0,
            webhook_id: endpoint.endpoint.0,
            event_type: EventName(delivery.event.name()),
            payload,
            attempt_count: delivery.tries,
            last_status_code: last.as_ref().and_then(|last| last.status),
            last_error: last.as_ref().and_then(|last| last.error.clone()),
            next_attempt_at: next_at.map(Time),
            created_at: Time(delivery.created_at),
            updated_at: Time(delivery.updated_at),
            status: DeliveryStatus(delivery.state.name()),
            delivery_id: delivery.key.id.0,
            event_id,
            occurred_at: Time(delivery.key.event_at),
            pin_id: pin,
            sequence,
            last_attempt_at: last.as_ref().map(|last| Time(last.at)),
            latency_ms: last.as_ref().map(|last| last.latency_ms),
            answer: last.and_then(|last| last.answer),
            is_replayed: delivery.is_replayed,
            first_delivered_at,
            is_changed: delivery.is_changed,
            body_sha256: delivery.body_sha256,
        }
    }
}

/// A test that was requested.
#[derive(Serialize, JsonSchema)]
pub struct WebhookTest {
    /// The id of the delivery.
    pub id: Uuid,
    pub webhook_id: Uuid,
    pub event_type: EventName,
    pub event_id: Uuid,
    pub occurred_at: Time,
    /// When it is sent: at once, or not before this time if the webhook is slow.
    pub next_attempt_at: Time,
}

impl From<RequestedTest> for WebhookTest {
    fn from(test: RequestedTest) -> Self {
        Self {
            id: test.delivery.id.0,
            webhook_id: test.delivery.endpoint.endpoint.0,
            event_type: EventName(EventType::WebhookTest.name()),
            event_id: test.event_id.0,
            occurred_at: Time(test.delivery.event_at),
            next_attempt_at: Time(test.next_at),
        }
    }
}

impl From<DeliveryError> for ApiError {
    fn from(error: DeliveryError) -> Self {
        match error {
            DeliveryError::NoEndpoint => Self::not_found(RESOURCE),
            DeliveryError::NotFound => Self::not_found("delivery"),
            DeliveryError::OutOfReach => {
                let msg = format!("Field required: the delivery is not among the newest {SEARCHED_MAX}");
                page::invalid("occurred_at", msg, "missing")
            }
            DeliveryError::Disabled => WEBHOOK_DISABLED.into(),
            DeliveryError::Gone => EVENT_GONE.into(),
            DeliveryError::ReplayRuns => REPLAY_RUNNING.into(),
            DeliveryError::NoReplay => Self::not_found("replay"),
            DeliveryError::Port(error) => error.into(),
        }
    }
}

async fn test(
    State(context): State<Context>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<(StatusCode, Json<WebhookTest>), ApiError> {
    refuse_limited(&caller)?;
    let requested = deliveries::send_test(&context, key_of(&caller, &id)?).await?;
    Ok((StatusCode::ACCEPTED, Json(requested.into())))
}

async fn list(
    State(context): State<Context>,
    caller: Caller,
    Path(id): Path<String>,
    Query(query): Query<page::Query>,
) -> Result<Response, ApiError> {
    refuse_limited(&caller)?;
    let endpoint = key_of(&caller, &id)?;
    let filter = DeliveryFilter {
        standing: page::one_of(&query, "status", Standing::parse, &Standing::ALL.map(Standing::name))?,
        event: page::one_of(&query, "event", EventType::parse, &CATALOGUE.map(|entry| entry.name))?,
        since: page::time(&query, "since")?,
    };
    let cursor = page::cursor(&query, |text| text.parse().ok())?;
    let listed = deliveries::list(&context, endpoint, &filter, cursor, limit(&query)?).await?;
    let next = listed.next.map(|next| next.to_string());
    let items: Vec<WebhookDelivery> = listed.deliveries.into_iter().map(WebhookDelivery::from).collect();
    answer::page(&items, items.len() as u64, next.is_some(), next)
}

fn limit(query: &page::Query) -> Result<usize, ApiError> {
    let parse = |text: &str| text.parse().ok().filter(|limit| (1..=DELIVERIES_LIMIT_MAX).contains(limit));
    let msg = format!("Input should be a whole number from 1 to {DELIVERIES_LIMIT_MAX}");
    Ok(page::parsed(query, "limit", parse, msg, "int_range")?.unwrap_or(LIMIT_DEFAULT))
}

async fn read(
    State(context): State<Context>,
    caller: Caller,
    Path((id, delivery)): Path<(String, String)>,
    Query(query): Query<page::Query>,
) -> Result<Json<WebhookDelivery>, ApiError> {
    refuse_limited(&caller)?;
    let (endpoint, delivery) = (key_of(&caller, &id)?, delivery_id(&delivery)?);
    let occurred_at = page::time(&query, "occurred_at")?;
    let view = deliveries::read(&context, endpoint, delivery, occurred_at).await?;
    Ok(Json(view.into()))
}

async fn redeliver(
    State(context): State<Context>,
    caller: Caller,
    Path((id, delivery)): Path<(String, String)>,
    MaybeJsonObject(body): MaybeJsonObject,
) -> Result<(StatusCode, Json<WebhookDelivery>), ApiError> {
    refuse_limited(&caller)?;
    let (endpoint, delivery) = (key_of(&caller, &id)?, delivery_id(&delivery)?);
    let Redelivery { occurred_at } = only_body_of(&body)?;
    let occurred_at = occurred_at.map(|Time(at)| at);
    let view = deliveries::redeliver(&context, endpoint, delivery, occurred_at).await?;
    Ok((StatusCode::ACCEPTED, Json(view.into())))
}

fn delivery_id(text: &str) -> Result<DeliveryId, ApiError> {
    path_id(text, "delivery_id").map(DeliveryId)
}
