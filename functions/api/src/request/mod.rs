//! Reading a request's JSON: size first, then syntax, then field by field, so that every error is reported at once.

pub mod csv_rows;
pub mod field;
pub mod import_file;
pub mod query;

use std::str::FromStr;

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use pinbridge_shared::domain::time::Moment;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::error::{ApiError, FieldError, codes};
use field::{Field, FromFields, Wrong};

/// The largest body that is read, in bytes. A pin at every limit is below 20 KiB.
pub const BODY_MAX: usize = 64 * 1024;

/// The same of a batch: a hundred pins at every limit.
pub const BATCH_BODY_MAX: usize = 2 * 1024 * 1024;

/// The headers that a key may come in, for clients that drop unknown fields; the first that is there counts.
pub const KEY_HEADERS: [&str; 2] = ["idempotency-key", "x-pinbridge-idempotency-key"];

pub use crate::routes::pins::fields::{TERM_MAX, TERMS_MAX};

/// Longer texts are no times.
const TIME_MAX: usize = 64;

/// Whether what is asked for can't be had without uploaded assets, as every video.
pub fn needs_assets(body: &Map<String, Value>) -> bool {
    let has = |name: &str| body.get(name).is_some_and(|value| !value.is_null());
    let is_video =
        body.get("media_type").and_then(Value::as_str).is_some_and(|kind| kind.trim().eq_ignore_ascii_case("video"));
    (has("asset_id") && !has("image_url")) || has("cover_image_asset_id") || has("video_url") || is_video
}

/// A JSON object.
pub struct JsonObject(pub Map<String, Value>);

impl<S: Send + Sync> FromRequest<S> for JsonObject {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let bytes = read(request.into_body()).await?;
        parse(&bytes).map(Self)
    }
}

/// A JSON body of that type.
pub struct Json<T>(pub T);

impl<S: Send + Sync, T: FromFields> FromRequest<S> for Json<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let JsonObject(object) = JsonObject::from_request(request, state).await?;
        body_of(&object).map(Self)
    }
}

/// The body that the object holds.
///
/// # Errors
/// Every field that is wrong.
pub fn body_of<T: FromFields>(object: &Map<String, Value>) -> Result<T, ApiError> {
    let mut fields = Fields::of(object);
    let body = T::from_fields(&mut fields);
    fields.finish_with(body)
}

/// A JSON object that may hold many pins.
pub struct LargeJsonObject(pub Map<String, Value>);

impl<S: Send + Sync> FromRequest<S> for LargeJsonObject {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let bytes = read_up_to(request.into_body(), BATCH_BODY_MAX).await?;
        parse(&bytes).map(Self)
    }
}

/// The id in a path. `name` is what an error calls it.
///
/// # Errors
/// When it is none.
pub fn path_id<T: FromStr>(id: &str, name: &str) -> Result<T, ApiError> {
    id.parse().map_err(|_| {
        let (loc, msg) = (vec!["path".into(), name.into()], "Input should be a valid UUID".into());
        ApiError::validation(vec![FieldError { loc, msg, kind: "uuid_parsing" }])
    })
}

/// A JSON object, or no body at all, which is the same as an empty one.
pub struct MaybeJsonObject(pub Map<String, Value>);

impl<S: Send + Sync> FromRequest<S> for MaybeJsonObject {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let bytes = read(request.into_body()).await?;
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Ok(Self(Map::new()));
        }
        parse(&bytes).map(Self)
    }
}

/// JSON without the byte order mark that some write in front of it (RFC 8259 lets a parser ignore it).
fn unmarked(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes)
}

fn parse(bytes: &[u8]) -> Result<Map<String, Value>, ApiError> {
    match serde_json::from_slice(unmarked(bytes)) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(codes::MALFORMED_JSON.with("reason", "an object is expected")),
        Err(error) => Err(syntax_error(&error)),
    }
}

fn syntax_error(error: &serde_json::Error) -> ApiError {
    codes::MALFORMED_JSON
        .with("reason", format!("unexpected input at line {}, column {}", error.line(), error.column()))
}

async fn read(body: Body) -> Result<Vec<u8>, ApiError> {
    read_up_to(body, BODY_MAX).await
}

async fn read_up_to(body: Body, bytes_max: usize) -> Result<Vec<u8>, ApiError> {
    match Limited::new(body, bytes_max).collect().await {
        Ok(collected) => Ok(collected.to_bytes().to_vec()),
        Err(error) if error.is::<LengthLimitError>() => Err(codes::PAYLOAD_TOO_LARGE.with("bytes", bytes_max)),
        Err(_) => Err(codes::BODY_UNREADABLE.into()),
    }
}

/// Reads fields and collects what is wrong with them. `null` is the same as absent.
pub struct Fields<'a> {
    object: &'a Map<String, Value>,
    errors: Vec<FieldError>,
}

impl<'a> Fields<'a> {
    pub fn of(object: &'a Map<String, Value>) -> Self {
        Self { object, errors: Vec::new() }
    }

    pub fn reject(&mut self, name: &str, msg: impl Into<String>, kind: &'static str) {
        self.errors.push(FieldError { loc: vec!["body".into(), name.into()], msg: msg.into(), kind });
    }

    /// # Errors
    /// All that were collected.
    pub fn finish(self) -> Result<(), ApiError> {
        if self.errors.is_empty() { Ok(()) } else { Err(ApiError::validation(self.errors)) }
    }

    /// # Errors
    /// All that were collected; `body` is what was read in spite of them.
    pub fn finish_with<T>(self, body: Option<T>) -> Result<T, ApiError> {
        self.finish()?;
        body.ok_or_else(|| ApiError::validation(Vec::new()))
    }

    /// Reads a field by its type. `None`: it is wrong.
    pub fn read<T: Field>(&mut self, name: &str) -> Option<T> {
        let read = match self.object.get(name) {
            None => T::absent(),
            Some(Value::Null) => T::null().and_then(|null| null.map_or_else(T::absent, Ok)),
            Some(value) => T::parse(value),
        };
        read.map_err(|Wrong { msg, kind }| self.reject(name, msg, kind)).ok()
    }

    /// Whether the field is there, be it `null`.
    pub fn is_present(&self, name: &str) -> bool {
        self.object.contains_key(name)
    }

    pub fn value(&self, name: &str) -> Option<&'a Value> {
        self.object.get(name).filter(|value| !value.is_null())
    }

    /// A text of at most `max` characters.
    pub fn text(&mut self, name: &str, max: usize) -> Option<String> {
        let value = self.value(name)?;
        let Some(text) = value.as_str() else {
            self.reject(name, "Input should be a valid string", "string_type");
            return None;
        };
        if text.chars().count() > max {
            self.reject(name, format!("String should have at most {max} characters"), "string_too_long");
            return None;
        }
        if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
            self.reject(name, "String should have no control characters", "string_pattern_mismatch");
            return None;
        }
        Some(text.to_owned())
    }

    pub fn flag(&mut self, name: &str) -> Option<bool> {
        let value = self.value(name)?;
        if value.as_bool().is_none() {
            self.reject(name, "Input should be a valid boolean", "bool_type");
        }
        value.as_bool()
    }

    /// A text that must be there and not blank.
    pub fn required_text(&mut self, name: &str, max: usize) -> String {
        let errors_before = self.errors.len();
        match self.text(name, max) {
            Some(text) if text.trim().is_empty() => {
                self.reject(name, "String should have at least 1 character", "string_too_short");
                String::new()
            }
            Some(text) => text,
            None => {
                if self.errors.len() == errors_before {
                    self.missing(name);
                }
                String::new()
            }
        }
    }

    /// A decimal string: it becomes a part of Pinterest's paths, where nothing else may.
    pub fn required_digits(&mut self, name: &str, max: usize) -> String {
        let text = self.required_text(name, max);
        if !text.bytes().all(|byte| byte.is_ascii_digit()) {
            self.reject(name, "String should consist of digits", "string_pattern_mismatch");
        }
        text
    }

    /// An RFC 3339 time, which must have an offset.
    pub fn time(&mut self, name: &str) -> Option<Moment> {
        let text = self.text(name, TIME_MAX)?;
        let parsed = Moment::parse_rfc3339(text.trim());
        if parsed.is_none() {
            let msg = format!("{name} must be a time with an offset (for example 2026-03-06T10:00:00Z)");
            self.reject(name, msg, "timezone_aware");
        }
        parsed
    }

    pub fn missing(&mut self, name: &str) {
        self.reject(name, "Field required", "missing");
    }

    pub fn required_uuid(&mut self, name: &str) -> Uuid {
        let errors_before = self.errors.len();
        let parsed = self.text(name, 64).map(|text| Uuid::parse_str(&text));
        match parsed {
            Some(Ok(uuid)) => uuid,
            Some(Err(_)) => {
                self.reject(name, "Input should be a valid UUID", "uuid_parsing");
                Uuid::nil()
            }
            None => {
                if self.errors.len() == errors_before {
                    self.missing(name);
                }
                Uuid::nil()
            }
        }
    }

    /// A list of texts, or one text with commas (the n8n node sends that).
    pub fn terms(&mut self, name: &str) -> Option<Vec<String>> {
        let parts: Vec<&str> = match self.value(name)? {
            Value::String(text) => text.split(',').collect(),
            Value::Array(items) if items.iter().all(Value::is_string) => {
                items.iter().filter_map(Value::as_str).collect()
            }
            _ => {
                self.reject(name, "Input should be a list of strings", "list_type");
                return None;
            }
        };
        if parts.len() > TERMS_MAX || parts.iter().any(|term| term.chars().count() > TERM_MAX) {
            let msg = format!("List should have at most {TERMS_MAX} terms of at most {TERM_MAX} characters");
            self.reject(name, msg, "too_long");
            return None;
        }
        let terms: Vec<String> =
            parts.iter().map(|term| term.trim().to_owned()).filter(|term| !term.is_empty()).collect();
        (!terms.is_empty()).then_some(terms)
    }
}
