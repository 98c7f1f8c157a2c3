//! Pins: accept, read, explain. Their other routes are in files of their own (`pin_*.rs`, `retries.rs`).

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode};
use pinbridge_shared::context::Context;
use pinbridge_shared::domain::account::board::BOARD_ID_MAX;
use pinbridge_shared::domain::ids::{AccountId, PinId, PinKey};
use pinbridge_shared::domain::pin::idempotency;
use pinbridge_shared::domain::pin::origin::Origin;
use pinbridge_shared::domain::pin::{
    ALT_TEXT_MAX, DESCRIPTION_MAX, IDEMPOTENCY_KEY_MAX, PinRequest, Priority, TITLE_MAX, URL_MAX,
};
use pinbridge_shared::flows::accept::accept_pin::{Acceptance, PublishRequest, accept_pin};
use pinbridge_shared::flows::accept::duplicate_content::{self, Duplicate};
use pinbridge_shared::flows::pins::read_pins::{self, PinView};
use serde_json::{Map, Value};

use crate::auth::Caller;
use crate::body::{Fields, JsonObject, needs_assets};
use crate::error::{ApiError, FieldError};
use crate::{page, views};

const ON_DUPLICATE: &str = "on_duplicate";
/// The same as a header, because the official client's typed models drop fields they don't know.
const ON_DUPLICATE_HEADER: &str = "x-pinbridge-on-duplicate";
/// What the official client's models drop from the body as well.
const WARNING_HEADER: &str = "x-pinbridge-warning";

pub async fn create(
    State(context): State<Context>,
    caller: Caller,
    Query(query): Query<page::Query>,
    headers: HeaderMap,
    JsonObject(body): JsonObject,
) -> Result<Response, ApiError> {
    let request = parse(&body, &headers, Priority::default())?;
    let refuses = refuses_duplicates(&body, &query, &headers)?;
    caller.may_use(request.account)?;
    let duplicate = find_duplicate(&context, &caller, &request, refuses).await?;
    let request_to_publish = PublishRequest { request, origin: Origin::by(caller.who), not_before: None };
    let (pin, attempt, replayed) = match accept_pin(&context, caller.workspace, request_to_publish).await? {
        Acceptance::New(pin, attempt) => (pin, attempt, false),
        Acceptance::Replay(pin, attempt) => (pin, attempt, true),
    };
    let view = read_pins::accepted(&context, pin, attempt).await?;
    let status = if replayed { StatusCode::OK } else { StatusCode::CREATED };
    let mut body = views::pin(&view);
    let warning = duplicate.filter(|_| !replayed);
    body["warnings"] = warning.iter().map(views::pins::duplicate).collect();
    let mut response = (status, Json(body)).into_response();
    if let Some(Duplicate { pin, .. }) = warning
        && let Ok(value) = HeaderValue::try_from(format!("duplicate_content; pin_id={pin}"))
    {
        response.headers_mut().insert(WARNING_HEADER, value);
    }
    if replayed {
        response.headers_mut().insert("idempotent-replayed", HeaderValue::from_static("true"));
    }
    Ok(response)
}

/// The pin of the last day that has the same content, if there is one. Where that isn't reason enough to refuse, it isn't
/// reason enough to fail either.
pub async fn find_duplicate(
    context: &Context,
    caller: &Caller,
    request: &PinRequest,
    refuses: bool,
) -> Result<Option<Duplicate>, ApiError> {
    let own = idempotency::pin_id(caller.workspace, &request.idempotency_key);
    match duplicate_content::find(context, caller.workspace, request, own).await {
        Ok(Some(duplicate)) if refuses => {
            // What was accepted before is answered again, whatever came after it.
            let is_replay = read_pins::pin(context, PinKey { workspace: caller.workspace, pin: own }).await?.is_some();
            if is_replay { Ok(None) } else { Err(ApiError::duplicate_content(&duplicate)) }
        }
        Ok(duplicate) => Ok(duplicate),
        Err(error) if refuses => Err(error.into()),
        Err(error) => {
            tracing::warn!(%error, "pins of the same content were not looked for");
            Ok(None)
        }
    }
}

/// `on_duplicate`: `warn` (as if it weren't there) or `refuse`; in the body, the query or a header.
pub fn refuses_duplicates(
    body: &Map<String, Value>,
    query: &page::Query,
    headers: &HeaderMap,
) -> Result<bool, ApiError> {
    let mut fields = Fields::of(body);
    let in_body = fields.text(ON_DUPLICATE, 16);
    fields.finish()?;
    let in_header = headers.get(ON_DUPLICATE_HEADER).map(|value| value.to_str().unwrap_or("").trim().to_owned());
    match in_body.or_else(|| query.get(ON_DUPLICATE).cloned()).or(in_header).as_deref() {
        None | Some("warn") => Ok(false),
        Some("refuse") => Ok(true),
        Some(_) => {
            let loc = vec!["body".into(), ON_DUPLICATE.into()];
            let msg = "Input should be 'warn' or 'refuse'".into();
            Err(ApiError::validation(vec![FieldError { loc, msg, kind: "enum" }]))
        }
    }
}

pub async fn read(
    State(context): State<Context>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    find(&context, &caller, &id).await.map(|view| Json(views::pin(&view)))
}

pub async fn timeline(
    State(context): State<Context>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    find(&context, &caller, &id).await.map(|view| Json(views::timeline(&view)))
}

/// The key of that id in the caller's workspace; another workspace's pin doesn't exist for it.
pub fn key(caller: &Caller, id: &str) -> Result<PinKey, ApiError> {
    let pin: PinId = id.parse().map_err(|_| {
        let loc = vec!["path".into(), "id".into()];
        ApiError::validation(vec![FieldError { loc, msg: "Input should be a valid UUID".into(), kind: "uuid_parsing" }])
    })?;
    Ok(PinKey { workspace: caller.workspace, pin })
}

/// The caller's pin of that id.
pub async fn find(context: &Context, caller: &Caller, id: &str) -> Result<PinView, ApiError> {
    let view = read_pins::pin(context, key(caller, id)?).await?.ok_or_else(|| ApiError::not_found("pin"))?;
    caller.may_use(view.pin.request.account).map(|()| view)
}

/// Reads the contract's `PinCreate`, plus our `priority`, which may also come as a header because the official client's
/// typed models drop fields they don't know.
pub fn parse(
    body: &Map<String, Value>,
    headers: &HeaderMap,
    priority_default: Priority,
) -> Result<PinRequest, ApiError> {
    let mut fields = Fields::of(body);
    let has = |name: &str| body.get(name).is_some_and(|value| !value.is_null());
    if needs_assets(body) {
        return Err(ApiError::assets_not_enabled());
    }
    // Ignored, the pin would be published now.
    if has("run_at") {
        fields.reject(
            "run_at",
            "This route publishes at once; a pin for a moment is a schedule (POST /v1/schedules)",
            "value_error",
        );
    }
    if has("asset_id") {
        fields.reject("asset_id", "Provide either image_url or asset_id, not both", "value_error");
    }
    let request = PinRequest {
        account: AccountId(fields.required_uuid("account_id")),
        board_id: fields.required_digits("board_id", BOARD_ID_MAX),
        title: fields.required_text("title", TITLE_MAX),
        description: fields.text("description", DESCRIPTION_MAX),
        alt_text: fields.text("alt_text", ALT_TEXT_MAX),
        link_url: fields.http_url("link_url", URL_MAX),
        image_url: image_url(&mut fields, has("image_url")),
        cover_image_url: fields.http_url("cover_image_url", URL_MAX),
        dominant_color: dominant_color(&mut fields),
        related_terms: fields.terms("related_terms"),
        idempotency_key: fields.required_text("idempotency_key", IDEMPOTENCY_KEY_MAX),
        priority: priority(&mut fields, headers, priority_default),
    };
    fields.finish().map(|()| request)
}

pub fn image_url(fields: &mut Fields<'_>, present: bool) -> String {
    if !present {
        fields.missing("image_url");
    }
    fields.http_url("image_url", URL_MAX).unwrap_or_default()
}

/// Six hex digits, with or without `#`; kept upper-case with it.
pub fn dominant_color(fields: &mut Fields<'_>) -> Option<String> {
    let text = fields.text("dominant_color", 32)?;
    let digits = text.trim();
    let digits = digits.strip_prefix('#').unwrap_or(digits);
    if digits.is_empty() {
        return None;
    }
    if digits.len() != 6 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        fields.reject(
            "dominant_color",
            "dominant_color must be a 6-digit hex color (for example #6E7874)",
            "value_error",
        );
        return None;
    }
    Some(format!("#{}", digits.to_uppercase()))
}

pub fn priority(fields: &mut Fields<'_>, headers: &HeaderMap, default: Priority) -> Priority {
    let from_header = headers.get("x-pinbridge-priority").map(|value| value.to_str().unwrap_or("").trim().to_owned());
    let Some(name) = fields.text("priority", 16).or(from_header) else {
        return default;
    };
    Priority::parse(&name).unwrap_or_else(|| {
        fields.reject("priority", "Input should be 'urgent', 'normal' or 'bulk'", "enum");
        Priority::default()
    })
}
