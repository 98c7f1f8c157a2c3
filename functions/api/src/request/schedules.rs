//! The contract's `ScheduleCreate` and `ScheduleUpdate`, plus ours: `alt_text`, `related_terms`, `dominant_color`, `priority` and
//! `idempotency_key`, the last two also as headers, because the official client's typed models drop fields they don't know.

use http::HeaderMap;
use pinbridge_shared::domain::account::board::BOARD_ID_MAX;
use pinbridge_shared::domain::ids::AccountId;
use pinbridge_shared::domain::pin::origin::Origin;
use pinbridge_shared::domain::pin::{
    ALT_TEXT_MAX, DESCRIPTION_MAX, IDEMPOTENCY_KEY_MAX, PinRequest, Priority, TITLE_MAX, URL_MAX,
};
use pinbridge_shared::domain::schedule::ScheduleChange;
use pinbridge_shared::domain::time::Moment;
use pinbridge_shared::flows::schedules::ScheduleRequest;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{Fields, KEY_HEADERS, needs_assets};
use crate::error::{ApiError, codes};
use crate::routes::pins::{dominant_color, image_url, priority};

/// Schedules of one bulk call.
pub const BULK_MAX: usize = 100;

/// What `PATCH` takes, or refuses with words of its own.
const CHANGEABLE: [&str; 16] = [
    "run_at",
    "board_id",
    "title",
    "description",
    "alt_text",
    "link_url",
    "image_url",
    "cover_image_url",
    "related_terms",
    "dominant_color",
    "priority",
    "asset_id",
    "cover_image_asset_id",
    "media_type",
    "account_id",
    "idempotency_key",
];

/// # Errors
/// Everything that is wrong with the fields, or that assets aren't there.
pub fn create(body: &Map<String, Value>, headers: &HeaderMap, origin: Origin) -> Result<ScheduleRequest, ApiError> {
    let mut fields = Fields::of(body);
    let has = |name: &str| body.get(name).is_some_and(|value| !value.is_null());
    if needs_assets(body) {
        return Err(codes::ASSETS_NOT_ENABLED.into());
    }
    if has("asset_id") {
        fields.reject("asset_id", "Provide either image_url or asset_id, not both", "value_error");
    }
    let run_at = run_at(&mut fields, has("run_at"));
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
        idempotency_key: key(&mut fields, headers),
        priority: priority(&mut fields, headers, Priority::default()),
    };
    fields.finish().map(|()| ScheduleRequest { request, run_at, origin })
}

fn run_at(fields: &mut Fields<'_>, present: bool) -> Moment {
    if !present {
        fields.missing("run_at");
    }
    fields.time("run_at").unwrap_or_default()
}

/// Empty if there is none.
fn key(fields: &mut Fields<'_>, headers: &HeaderMap) -> String {
    let header = KEY_HEADERS.iter().find_map(|name| headers.get(*name));
    // One that can't be read is no key that is left out: the repeated request would make a second schedule.
    let from_header = || header.map(|value| value.to_str().unwrap_or("").trim().to_owned());
    let Some(key) = fields.text("idempotency_key", IDEMPOTENCY_KEY_MAX).or_else(from_header) else {
        return String::new();
    };
    if key.trim().is_empty() || key.chars().count() > IDEMPOTENCY_KEY_MAX {
        let msg = format!("It should have 1 to {IDEMPOTENCY_KEY_MAX} characters, in a header ASCII");
        fields.reject("idempotency_key", msg, "string_length");
    }
    key
}

/// What is left out stays; `null` clears what can be empty.
///
/// # Errors
/// Everything that is wrong with the fields, or that assets aren't there.
pub fn change(body: &Map<String, Value>, headers: &HeaderMap) -> Result<ScheduleChange, ApiError> {
    let has = |name: &str| body.get(name).is_some_and(|value| !value.is_null());
    if needs_assets(body) {
        return Err(codes::ASSETS_NOT_ENABLED.into());
    }
    let mut fields = Fields::of(body);
    if has("asset_id") {
        fields.reject("asset_id", "Provide either image_url or asset_id, not both", "value_error");
    }
    for name in ["account_id", "idempotency_key"] {
        if has(name) {
            fields.reject(name, "It can't be changed; make another schedule", "not_supported");
        }
    }
    for name in ["run_at", "board_id", "title", "image_url"] {
        if body.get(name).is_some_and(Value::is_null) {
            fields.reject(name, "It can't be cleared; leave it out to keep it", "field_not_clearable");
        }
    }
    // Ignored, the schedule would publish what the caller believes to have changed.
    let unknown = body.keys().find(|name| !CHANGEABLE.contains(&name.as_str())).cloned();
    if let Some(name) = unknown {
        fields.reject(&name, "This field can't be changed", "extra_forbidden");
    }
    let given = |name: &str| body.contains_key(name);
    let says_priority = has("priority") || headers.contains_key("x-pinbridge-priority");
    let change = ScheduleChange {
        run_at: fields.time("run_at"),
        board_id: has("board_id").then(|| fields.required_digits("board_id", BOARD_ID_MAX)),
        title: has("title").then(|| fields.required_text("title", TITLE_MAX)),
        image_url: fields.http_url("image_url", URL_MAX),
        priority: says_priority.then(|| priority(&mut fields, headers, Priority::default())),
        description: given("description").then(|| fields.text("description", DESCRIPTION_MAX)),
        alt_text: given("alt_text").then(|| fields.text("alt_text", ALT_TEXT_MAX)),
        link_url: given("link_url").then(|| fields.http_url("link_url", URL_MAX)),
        cover_image_url: given("cover_image_url").then(|| fields.http_url("cover_image_url", URL_MAX)),
        dominant_color: given("dominant_color").then(|| dominant_color(&mut fields)),
        related_terms: given("related_terms").then(|| fields.terms("related_terms")),
    };
    fields.finish().map(|()| change)
}

/// The ids of a bulk call, each once, in the order given.
///
/// # Errors
/// When they are none, too many, or no ids.
pub fn ids(object: &Map<String, Value>) -> Result<Vec<Uuid>, ApiError> {
    let mut fields = Fields::of(object);
    let mut ids: Vec<Uuid> = Vec::new();
    let given = fields.value("ids");
    match given.and_then(Value::as_array).map(Vec::as_slice) {
        Some(items) if (1..=BULK_MAX).contains(&items.len()) => {
            for item in items {
                match item.as_str().and_then(|text| Uuid::parse_str(text).ok()) {
                    Some(id) if ids.contains(&id) => {}
                    Some(id) => ids.push(id),
                    None => fields.reject("ids", "Every item should be a valid UUID", "uuid_parsing"),
                }
            }
        }
        Some([]) => fields.reject("ids", "List should have at least 1 item", "too_short"),
        Some(_) => fields.reject("ids", format!("List should have at most {BULK_MAX} items"), "too_long"),
        None if given.is_none() => fields.missing("ids"),
        None => fields.reject("ids", "Input should be a valid list", "list_type"),
    }
    fields.finish().map(|()| ids)
}
