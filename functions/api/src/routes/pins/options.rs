//! The options that every *door* has: an endpoint that takes pins (one, a batch, a schedule, an import), or a dry run
//! of one. An option of a pin's own fields counts before one of the query, and that before one of the headers. All may
//! be headers, because the official client's typed models drop unknown fields.

use std::borrow::Cow;

use axum::extract::{FromRequestParts, Query};
use http::HeaderMap;
use http::request::Parts;
use pinbridge_shared::domain::import::RowOptions;
use pinbridge_shared::domain::pin::{IDEMPOTENCY_KEY_MAX, request};
use pinbridge_shared::domain::time::Moment;
use schemars::json_schema;
use serde_json::{Map, Value};

use super::fields::{IdempotencyKey, OnDuplicate, Priority, TaskToken};
use crate::endpoint::{Endpoint, Place};
use crate::error::ApiError;
use crate::openapi::schema::{Time, inline_schema};
use crate::request::field::{Field, Wrong};
use crate::request::options::Unknown;
use crate::request::{has, query};

pub const ON_DUPLICATE: &str = "on_duplicate";
const ON_DUPLICATE_HEADER: &str = "x-pinbridge-on-duplicate";
const PUBLISH_BEFORE: &str = "publish_before";
pub const PUBLISH_BEFORE_HEADER: &str = "x-pinbridge-publish-before";
const PRIORITY: &str = "priority";
pub const PRIORITY_HEADER: &str = "x-pinbridge-priority";
pub const IDEMPOTENCY_KEY: &str = "idempotency_key";
/// An option of single pins and of imports. As a query parameter it would be in logs of addresses.
pub const TASK_TOKEN: &str = "task_token";
pub const TASK_TOKEN_HEADER: &str = "x-pinbridge-task-token";
const PUBLISH_BEFORE_IN_HEADER: &str =
    "The same as the query parameter, which counts first: a time as in RFC 3339, like `2026-12-24T18:00:00Z`.";
/// The headers with an idempotency key. If a request has both, the first counts.
const KEY_HEADERS: [&str; 2] = ["idempotency-key", "x-pinbridge-idempotency-key"];

inline_schema!(
    /// An identifier that the client chooses.
    Key = json_schema!({"type": "string", "minLength": 1, "maxLength": IDEMPOTENCY_KEY_MAX})
);
inline_schema!(
    /// A time in a header. It has no `format`, because openapi-python-client can't send a `date-time` in a header.
    HeaderTime = json_schema!({"type": "string"})
);

/// Gives the options to an endpoint that takes pins. `about_key` says what the key in the header identifies.
pub fn door(endpoint: Endpoint, about_key: &'static str) -> Endpoint {
    let second_key = "The same as `Idempotency-Key`. If a request has both, `Idempotency-Key` counts.";
    endpoint
        .query::<OnDuplicate>(ON_DUPLICATE, "`on_duplicate` of the pins that have none.")
        .query::<Priority>(PRIORITY, "`priority` of the pins that have none.")
        .query::<Time>(PUBLISH_BEFORE, "`publish_before` of the pins that have none.")
        .header::<OnDuplicate>("X-Pinbridge-On-Duplicate", "The same as the query parameter, which counts first.")
        .header::<Priority>("X-Pinbridge-Priority", "The same as the query parameter, which counts first.")
        .header::<HeaderTime>("X-Pinbridge-Publish-Before", PUBLISH_BEFORE_IN_HEADER)
        .header::<Key>("Idempotency-Key", about_key)
        .header::<Key>("X-Pinbridge-Idempotency-Key", second_key)
}

/// The options beside the pins of a request.
#[derive(Clone, Debug, Default)]
pub struct Options {
    pub on_duplicate: Option<OnDuplicate>,
    pub priority: Option<Priority>,
    pub publish_before: Option<Time>,
    pub key: Option<String>,
    /// Of a single pin or of an import. Other operations refuse the header.
    pub task_token: Option<TaskToken>,
    pub unknown: Unknown,
}

impl<S: Send + Sync> FromRequestParts<S> for Options {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let Query(query) = Query::<query::Query>::try_from_uri(&parts.uri).unwrap_or_default();
        let headers = &parts.headers;
        let key = KEY_HEADERS.iter().find(|name| headers.contains_key(**name));
        let key = key.and_then(|name| header::<IdempotencyKey>(headers, name).transpose()).transpose()?;
        Ok(Self {
            on_duplicate: either(&query, ON_DUPLICATE, headers, ON_DUPLICATE_HEADER)?,
            priority: either(&query, PRIORITY, headers, PRIORITY_HEADER)?,
            publish_before: either(&query, PUBLISH_BEFORE, headers, PUBLISH_BEFORE_HEADER)?,
            key: key.map(|key| key.0),
            task_token: header(headers, TASK_TOKEN_HEADER)?,
            unknown: Unknown::from_request_parts(parts, state).await?,
        })
    }
}

impl Options {
    /// The options of an item. The key of the request, if it has one, does not identify the item.
    pub fn of_items(&self) -> Self {
        Self { key: None, unknown: self.unknown.of_item(), ..self.clone() }
    }

    /// What the options make of the rows of an import, without those that have their default.
    pub fn of_rows(&self, priority_default: request::Priority) -> RowOptions {
        let on_duplicate = self.on_duplicate.filter(|one| one.refuses()).map(|one| one.0.to_owned());
        let priority = Some(self.priority(None, priority_default)).filter(|priority| *priority != priority_default);
        let options = [
            (ON_DUPLICATE, on_duplicate),
            (PRIORITY, priority.map(|priority| priority.name().to_owned())),
            (PUBLISH_BEFORE, self.publish_before.map(|time| time.0.rfc3339())),
            ("prefer", self.unknown.is_strict.then(|| "handling=strict".to_owned())),
        ];
        options.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
    }

    /// The options of an item whose key derives from that of the request and its position, if it has none.
    pub fn of_item(&self, index: usize) -> Self {
        let key = self.key.as_ref().map(|key| format!("{key}:{index}"));
        Self { key, unknown: self.unknown.of_item(), ..self.clone() }
    }

    /// The fields with the key of the header, if they have none.
    pub fn keyed<'a>(&self, fields: &'a Map<String, Value>) -> Cow<'a, Map<String, Value>> {
        let mut keyed = Cow::Borrowed(fields);
        if let Some(key) = self.key.as_ref().filter(|_| !has(fields, IDEMPOTENCY_KEY)) {
            keyed.to_mut().insert(IDEMPOTENCY_KEY.to_owned(), key.as_str().into());
        }
        keyed
    }

    pub fn refuses_duplicates(&self, own: Option<OnDuplicate>) -> bool {
        own.or(self.on_duplicate).is_some_and(OnDuplicate::refuses)
    }

    pub fn publish_before(&self, own: Option<Time>) -> Option<Moment> {
        own.or(self.publish_before).map(|time| time.0)
    }

    pub fn priority(&self, own: Option<Priority>, default: request::Priority) -> request::Priority {
        own.or(self.priority).map_or(default, request::Priority::from)
    }
}

/// An option of the query or, without it, of the header. An invalid header is an error even so.
fn either<T: Field>(
    query: &query::Query,
    name: &str,
    headers: &HeaderMap,
    header_name: &str,
) -> Result<Option<T>, ApiError> {
    let in_header = header(headers, header_name)?;
    let in_query = query.get(name).map(|text| parsed(text, Place::Query, name)).transpose()?;
    Ok(in_query.or(in_header))
}

/// The value of a header.
///
/// # Errors
/// When it is invalid.
pub fn header<T: Field>(headers: &HeaderMap, name: &str) -> Result<Option<T>, ApiError> {
    let Some(value) = headers.get(name) else { return Ok(None) };
    let not_utf8 = |_| {
        let msg = "The value should be in UTF-8. It has bytes of another encoding";
        ApiError::invalid(Place::Header.name(), name, msg, "string_unicode")
    };
    let text = std::str::from_utf8(value.as_bytes()).map_err(not_utf8)?;
    parsed(text.trim(), Place::Header, name).map(Some)
}

fn parsed<T: Field>(text: &str, place: Place, name: &str) -> Result<T, ApiError> {
    T::parse(&text.into()).map_err(|Wrong { msg, kind }| ApiError::invalid(place.name(), name, msg, kind))
}
