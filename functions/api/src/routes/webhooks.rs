//! The webhooks of a workspace: addresses of subscribers, to which events are sent.
//!
//! An event may be about any account, so a key with an allow-list neither changes webhooks nor reads their deliveries.

pub mod deliveries;
pub mod replay;
pub mod replays;

use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;
use pinbridge_shared::context::Context;
use pinbridge_shared::domain::event::{CATALOGUE, EventType};
use pinbridge_shared::domain::pin::URL_MAX;
use pinbridge_shared::domain::secret::Secret;
use pinbridge_shared::domain::time::Moment;
use pinbridge_shared::domain::webhook::endpoint::{DisabledBy, ENDPOINTS_MAX, EndpointKey, SECRET_MAX, SECRET_MIN};
use pinbridge_shared::flows::webhooks::endpoints::{self, EndpointChange, EndpointError, EndpointView, NewEndpoint};
use schemars::{JsonSchema, json_schema};
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::activity::Resource;
use crate::auth::Caller;
use crate::endpoint::{DESTRUCTIVE, Endpoint, READ, WRITE, delete, get, patch, post, tagged};
use crate::error::ApiError;
use crate::error::codes::{KEY_IS_LIMITED, TOO_MANY_WEBHOOKS};
use crate::openapi::schema::{Time, names};
use crate::request::field::{Field, FromFields, Wrong, field_schema, line, list as list_of, request};
use crate::request::{self, Fields, JsonObject, path_id};
use crate::routes::examples::WEBHOOK;

/// The most names in a request's list of events. Repeated ones count.
pub const NAMES_MAX: usize = 50;
const ABOUT_ID: &str = "The id of the webhook.";
/// Whatever belongs to a webhook is answered so if there is no such webhook.
const RESOURCE: &str = "webhook";

pub fn endpoints() -> Vec<Endpoint> {
    let mut all = vec![
        post("/v1/webhooks", WRITE, create)
            .operation("create_webhook", "Create a webhook")
            .about(
                "Events are sent to `url` by `POST`, signed with `secret`, which no answer has. Without `events`, \
                 they are `pin.published` and `pin.failed`. Extension: a workspace has up to ten webhooks. A new webhook \
                 hears every event from a minute after its creation on. A key with an allow-list can't change webhooks.",
            )
            .audited("webhook.created", Resource::Answer("id"), &["is_enabled"])
            .takes::<WebhookCreate>(|| {
                json!({"url": "https://example.com/hooks/pinbridge", "secret": "a secret of your own",
                       "events": ["pin.published", "pin.failed"]})
            })
            .answers::<Webhook>(201, "The created webhook.")
            .fails(&[TOO_MANY_WEBHOOKS, KEY_IS_LIMITED]),
        get("/v1/webhooks", READ, list)
            .operation("list_webhooks", "List webhooks")
            .answers::<Vec<Webhook>>(200, "The webhooks, the oldest first."),
        get("/v1/webhooks/{id}", READ, read)
            .operation("get_webhook", "Read a webhook")
            .of_one(ABOUT_ID, WEBHOOK)
            .answers::<Webhook>(200, "The webhook."),
        patch("/v1/webhooks/{id}", WRITE, update)
            .operation("update_webhook", "Change a webhook")
            .about(
                "An omitted or `null` field keeps its value. After a change of `secret`, requests are signed with the \
                 previous one too for 24 hours. `is_enabled: true`, and a change of `url`, forget earlier failures, \
                 and what waits is sent at once. What happens while a webhook is disabled waits for it.",
            )
            .audited("webhook.updated", Resource::Path, &["is_enabled"])
            .of_one(ABOUT_ID, WEBHOOK)
            .takes::<WebhookUpdate>(|| json!({"events": ["pin.published", "pin.failed", "pin.deferred"]}))
            .answers::<Webhook>(200, "The changed webhook.")
            .fails(&[KEY_IS_LIMITED]),
    ];
    all.extend(deliveries::endpoints());
    all.push(replay::endpoint());
    all.extend(replays::endpoints());
    all.push(
        delete("/v1/webhooks/{id}", DESTRUCTIVE, remove)
            .operation("delete_webhook", "Delete a webhook")
            .about("Nothing is sent to it any more, and what waits for it is dropped.")
            .audited("webhook.deleted", Resource::Path, &[])
            .of_one(ABOUT_ID, WEBHOOK)
            .answers_nothing("The webhook is deleted.")
            .fails(&[KEY_IS_LIMITED]),
    );
    tagged("Webhooks", all)
}

request! {
    /// A webhook to create.
    pub struct WebhookCreate {
        /// Where events are sent: an `https` address on the public internet. Redirects are not followed.
        pub url: WebhookUrl,
        /// Signs the requests, together with their content.
        pub secret: WebhookSecret,
        /// The events to send. If omitted: `pin.published` and `pin.failed`.
        pub events: Option<EventNames>,
        /// If omitted: `true`.
        pub is_enabled: Option<bool>,
    }
}

request! {
    /// The changes of a webhook. At least one field is required.
    #[schemars(deny_unknown_fields)]
    pub struct WebhookUpdate {
        pub url: Option<WebhookUrl>,
        pub secret: Option<WebhookSecret>,
        pub events: Option<EventNames>,
        pub is_enabled: Option<bool>,
    }
}

names!(
    WebhookEvent,
    "An event that a webhook can ask for.",
    CATALOGUE.iter().filter(|entry| entry.is_subscribable).map(|entry| entry.name)
);
names!(
    DisabledReason,
    "Who disabled a webhook. `caller`: a call of the API. `failures`: its deliveries kept failing for days. `receiver`: \
     it answered 410, or asked for it with the header `webhook-delivery: disable`.",
    DisabledBy::ALL.map(DisabledBy::name)
);

/// The address of a subscriber. Whether it may be called is checked by the flow.
#[derive(Clone, Debug)]
pub struct WebhookUrl(pub String);

field_schema!(WebhookUrl = |_| json_schema!({"type": "string", "format": "uri", "minLength": 1, "maxLength": URL_MAX}));

impl Field for WebhookUrl {
    fn parse(value: &Value) -> Result<Self, Wrong> {
        line(value, URL_MAX).map(|text| Self(text.trim().to_owned()))
    }
}

/// The secret of a webhook. No error repeats it.
#[derive(Clone, Debug)]
pub struct WebhookSecret(pub Secret);

field_schema!(
    WebhookSecret = |_| json_schema!({
        "type": "string", "minLength": SECRET_MIN, "maxLength": SECRET_MAX, "writeOnly": true
    })
);

impl Field for WebhookSecret {
    fn parse(value: &Value) -> Result<Self, Wrong> {
        let text = line(value, SECRET_MAX)?;
        if text.chars().count() < SECRET_MIN {
            let msg = format!("String should have at least {SECRET_MIN} characters");
            return Err(Wrong::new(msg, "string_too_short"));
        }
        Ok(Self(Secret::new(text)))
    }
}

/// The names of at least one event.
#[derive(Clone, Debug)]
pub struct EventNames(pub Vec<EventType>);

field_schema!(
    EventNames = |generator| json_schema!({
        "type": "array", "items": generator.subschema_for::<WebhookEvent>(), "minItems": 1, "maxItems": NAMES_MAX
    })
);

impl Field for EventNames {
    fn parse(value: &Value) -> Result<Self, Wrong> {
        let events = list_of(value, NAMES_MAX)?
            .iter()
            .enumerate()
            .map(|(index, item)| item.as_str().and_then(EventType::parse_subscribable).ok_or_else(|| no_event(index)));
        events.collect::<Result<Vec<_>, _>>().map(Self)
    }
}

/// The item of that place, from 0, is no event.
fn no_event(index: usize) -> Wrong {
    let known: Vec<&str> = CATALOGUE.iter().filter(|entry| entry.is_subscribable).map(|entry| entry.name).collect();
    Wrong::new(format!("Item {index} (from 0) is no event. The events are: {}", known.join(", ")), "enum")
}

/// A webhook, without its secret.
#[derive(Serialize, JsonSchema)]
pub struct Webhook {
    pub id: Uuid,
    pub workspace_id: Uuid,
    pub url: String,
    pub events: Vec<WebhookEvent>,
    pub is_enabled: bool,
    pub created_at: Time,
    pub updated_at: Time,
    /// Extension: who disabled it. Null while it is enabled.
    pub disabled_by: Option<DisabledReason>,
    /// Extension: whether it is enabled, and its last request was answered with a success. Also true before the first
    /// request.
    pub is_healthy: bool,
    /// Extension: the requests without success since the last one with it.
    pub failures_in_a_row: u32,
    /// Extension: when the first of them was made. After five days of failures, the webhook is disabled.
    pub failing_since: Option<Time>,
    /// Extension: when what waits is sent next. Null if nothing waits.
    pub next_delivery_at: Option<Time>,
    /// Extension: until when requests are signed with the previous secret too.
    pub previous_secret_valid_until: Option<Time>,
}

impl Webhook {
    fn of(view: EndpointView, now: Moment) -> Self {
        let EndpointView { endpoint, health } = view;
        let is_enabled = endpoint.disabled.is_none();
        Self {
            id: endpoint.key.endpoint.0,
            workspace_id: endpoint.key.workspace.0,
            url: endpoint.url,
            events: endpoint.events.into_iter().map(|event| WebhookEvent(event.name())).collect(),
            is_enabled,
            created_at: Time(endpoint.created_at),
            updated_at: Time(endpoint.updated_at),
            disabled_by: endpoint.disabled.map(|by| DisabledReason(by.name())),
            is_healthy: is_enabled && health.failures == 0,
            failures_in_a_row: health.failures,
            failing_since: health.failing_since.map(Time),
            next_delivery_at: health.turn_at.filter(|_| is_enabled).map(Time),
            previous_secret_valid_until: endpoint.previous_secret_until.filter(|until| *until > now).map(Time),
        }
    }
}

impl From<EndpointError> for ApiError {
    fn from(error: EndpointError) -> Self {
        match error {
            EndpointError::NotFound => Self::not_found(RESOURCE),
            EndpointError::TooMany => TOO_MANY_WEBHOOKS.with("limit", ENDPOINTS_MAX),
            EndpointError::Address(error) => Self::invalid("body", "url", error.to_string(), error.code()),
            EndpointError::Port(error) => error.into(),
        }
    }
}

/// Events may be about any account of the workspace.
fn refuse_limited(caller: &Caller) -> Result<(), ApiError> {
    if caller.limited_to().is_some() { Err(KEY_IS_LIMITED.into()) } else { Ok(()) }
}

/// The webhook of the path, in the caller's workspace.
fn key_of(caller: &Caller, id: &str) -> Result<EndpointKey, ApiError> {
    Ok(EndpointKey { workspace: caller.workspace, endpoint: path_id(id, "id")? })
}

async fn create(
    State(context): State<Context>,
    caller: Caller,
    request::Json(body): request::Json<WebhookCreate>,
) -> Result<(StatusCode, Json<Webhook>), ApiError> {
    refuse_limited(&caller)?;
    let new = NewEndpoint {
        url: body.url.0,
        secret: body.secret.0,
        events: body.events.map_or_else(EventType::defaults, |events| events.0),
        is_enabled: body.is_enabled.unwrap_or(true),
    };
    let endpoint = endpoints::create_endpoint(&context, caller.workspace, new).await?;
    let view = endpoints::view(&context, endpoint).await?;
    Ok((StatusCode::CREATED, Json(Webhook::of(view, context.system.now()))))
}

async fn list(State(context): State<Context>, caller: Caller) -> Result<Json<Vec<Webhook>>, ApiError> {
    let views = endpoints::list_endpoints(&context, caller.workspace).await?;
    let now = context.system.now();
    Ok(Json(views.into_iter().map(|view| Webhook::of(view, now)).collect()))
}

async fn read(
    State(context): State<Context>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Webhook>, ApiError> {
    let view = endpoints::read_endpoint(&context, key_of(&caller, &id)?).await?;
    Ok(Json(Webhook::of(view, context.system.now())))
}

async fn update(
    State(context): State<Context>,
    caller: Caller,
    Path(id): Path<String>,
    JsonObject(body): JsonObject,
) -> Result<Json<Webhook>, ApiError> {
    refuse_limited(&caller)?;
    let key = key_of(&caller, &id)?;
    let mut fields = Fields::of(&body);
    fields.only_known::<WebhookUpdate>();
    let update = WebhookUpdate::from_fields(&mut fields);
    if WebhookUpdate::NAMES.iter().all(|name| fields.value(name).is_none()) {
        let msg = format!("Send at least one of {}", WebhookUpdate::NAMES.join(", "));
        fields.reject_whole(msg, "value_error");
    }
    let update = fields.finish_with(update)?;
    let change = EndpointChange {
        url: update.url.map(|url| url.0),
        secret: update.secret.map(|secret| secret.0),
        events: update.events.map(|events| events.0),
        is_enabled: update.is_enabled,
    };
    let endpoint = endpoints::update_endpoint(&context, key, change).await?;
    let view = endpoints::view(&context, endpoint).await?;
    Ok(Json(Webhook::of(view, context.system.now())))
}

async fn remove(
    State(context): State<Context>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    refuse_limited(&caller)?;
    endpoints::delete_endpoint(&context, key_of(&caller, &id)?).await?;
    Ok(StatusCode::NO_CONTENT)
}
