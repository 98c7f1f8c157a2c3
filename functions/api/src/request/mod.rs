//! Reads the JSON of a request: first the size, then the syntax, then every field. One error names all invalid fields.

pub mod field;
pub mod query;

use std::str::FromStr;

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde_json::{Map, Value};

use crate::error::{ApiError, FieldError, codes};
use field::{Field, FromFields, Wrong};

/// The largest body, in bytes. A pin with every field at its limit is below 20 KiB.
pub const BODY_MAX: usize = 64 * 1024;

/// The largest body of a batch, in bytes: a hundred pins with every field at its limit.
pub const BATCH_BODY_MAX: usize = 2 * 1024 * 1024;

/// The headers with an idempotency key, for clients that drop unknown fields. If a request has both, the first counts.
pub const KEY_HEADERS: [&str; 2] = ["idempotency-key", "x-pinbridge-idempotency-key"];

/// Whether the object has the field, and the field isn't null.
pub fn has(object: &Map<String, Value>, name: &str) -> bool {
    object.get(name).is_some_and(|value| !value.is_null())
}

/// Refuses a body that needs uploaded assets. Every video does.
///
/// # Errors
/// When the body has a video or an asset in place of an image's URL.
pub fn refuse_assets(body: &Map<String, Value>) -> Result<(), ApiError> {
    let has = |name| has(body, name);
    let is_video =
        body.get("media_type").and_then(Value::as_str).is_some_and(|kind| kind.trim().eq_ignore_ascii_case("video"));
    if has("video_url") || is_video {
        return Err(codes::VIDEO_NOT_ENABLED.into());
    }
    if (has("asset_id") && !has("image_url")) || has("cover_image_asset_id") {
        return Err(codes::ASSETS_NOT_ENABLED.into());
    }
    Ok(())
}

/// A JSON object of at most `BYTES_MAX` bytes.
pub struct JsonObject<const BYTES_MAX: usize = BODY_MAX>(pub Map<String, Value>);

impl<S: Send + Sync, const BYTES_MAX: usize> FromRequest<S> for JsonObject<BYTES_MAX> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let bytes = read_up_to(request.into_body(), BYTES_MAX).await?;
        parse(&bytes).map(Self)
    }
}

/// A JSON body of the type.
pub struct Json<T>(pub T);

impl<S: Send + Sync, T: FromFields> FromRequest<S> for Json<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let JsonObject(object) = JsonObject::<BODY_MAX>::from_request(request, state).await?;
        body_of(&object).map(Self)
    }
}

/// A JSON body of the type, without any other field. For grants of rights and changes of many things: if a misspelled
/// field were ignored, the call would reach further than its caller meant.
pub struct StrictJson<T>(pub T);

impl<S: Send + Sync, T: FromFields> FromRequest<S> for StrictJson<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let JsonObject(object) = JsonObject::<BODY_MAX>::from_request(request, state).await?;
        let mut fields = Fields::of(&object);
        fields.only_known::<T>();
        let body = T::from_fields(&mut fields);
        fields.finish_with(body).map(Self)
    }
}

/// Reads the body of the type from the object.
///
/// # Errors
/// Every invalid field.
pub fn body_of<T: FromFields>(object: &Map<String, Value>) -> Result<T, ApiError> {
    let mut fields = Fields::of(object);
    let body = T::from_fields(&mut fields);
    fields.finish_with(body)
}

/// Reads one field of the object.
///
/// # Errors
/// When the field is invalid.
pub fn field_of<T: Field>(object: &Map<String, Value>, name: &str) -> Result<T, ApiError> {
    let mut fields = Fields::of(object);
    let field = fields.read(name);
    fields.finish_with(field)
}

/// Parses the id of a path. An error names the field `name`.
///
/// # Errors
/// When the text is no id.
pub fn path_id<T: FromStr>(id: &str, name: &str) -> Result<T, ApiError> {
    id.parse().map_err(|_| ApiError::invalid("path", name, "Input should be a valid UUID", "uuid_parsing"))
}

/// A JSON object. A request without a body is the same as an empty object.
pub struct MaybeJsonObject(pub Map<String, Value>);

impl<S: Send + Sync> FromRequest<S> for MaybeJsonObject {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let bytes = read_up_to(request.into_body(), BODY_MAX).await?;
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Ok(Self(Map::new()));
        }
        parse(&bytes).map(Self)
    }
}

/// JSON without its byte order mark, which RFC 8259 allows a parser to ignore.
pub fn unmarked(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes)
}

fn parse(bytes: &[u8]) -> Result<Map<String, Value>, ApiError> {
    match serde_json::from_slice(unmarked(bytes)) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(codes::MALFORMED_JSON.with("reason", "the API expects an object")),
        Err(error) => Err(syntax_error(&error)),
    }
}

pub fn syntax_error(error: &serde_json::Error) -> ApiError {
    codes::MALFORMED_JSON
        .with("reason", format!("unexpected input at line {}, column {}", error.line(), error.column()))
}

pub async fn read_up_to(body: Body, bytes_max: usize) -> Result<Vec<u8>, ApiError> {
    match Limited::new(body, bytes_max).collect().await {
        Ok(collected) => Ok(collected.to_bytes().to_vec()),
        Err(error) if error.is::<LengthLimitError>() => Err(codes::PAYLOAD_TOO_LARGE.with("bytes", bytes_max)),
        Err(_) => Err(codes::BODY_UNREADABLE.into()),
    }
}

/// Reads fields and collects their errors. `null` is the same as absent.
pub struct Fields<'a> {
    object: &'a Map<String, Value>,
    errors: Vec<FieldError>,
}

impl<'a> Fields<'a> {
    pub fn of(object: &'a Map<String, Value>) -> Self {
        Self { object, errors: Vec::new() }
    }

    pub fn reject(&mut self, name: &str, msg: impl Into<String>, kind: &'static str) {
        self.errors.push(FieldError::new("body", name, msg, kind));
    }

    /// Refuses every unknown field.
    pub fn only(&mut self, is_known: impl Fn(&str) -> bool, msg: &str) {
        let object = self.object;
        object.keys().filter(|name| !is_known(name)).for_each(|name| self.reject(name, msg, "extra_forbidden"));
    }

    /// Refuses every field that the type doesn't have.
    pub fn only_of<T: FromFields>(&mut self, msg: &str) {
        self.only(|name| T::NAMES.contains(&name), msg);
    }

    /// Like [`Self::only_of`]; the error names the fields of the type.
    pub fn only_known<T: FromFields>(&mut self) {
        self.only_of::<T>(&format!("Unknown field. The fields are: {}", T::NAMES.join(", ")));
    }

    /// # Errors
    /// All collected errors. `body` is what could be read.
    pub fn finish_with<T>(self, body: Option<T>) -> Result<T, ApiError> {
        body.filter(|_| self.errors.is_empty()).ok_or_else(|| ApiError::validation(self.errors))
    }

    /// Reads a field by its type. `None`: the field is invalid.
    pub fn read<T: Field>(&mut self, name: &str) -> Option<T> {
        let read = match self.object.get(name) {
            None => T::absent(),
            Some(Value::Null) => T::null().and_then(|null| null.map_or_else(T::absent, Ok)),
            Some(value) => T::parse(value),
        };
        self.kept(name, read)
    }

    fn kept<T>(&mut self, name: &str, read: Result<T, Wrong>) -> Option<T> {
        read.map_err(|Wrong { msg, kind }| self.reject(name, msg, kind)).ok()
    }

    pub fn value(&self, name: &str) -> Option<&'a Value> {
        self.object.get(name).filter(|value| !value.is_null())
    }

    /// A text of at most `max` characters, for limits that a type can't have.
    pub fn text(&mut self, name: &str, max: usize) -> Option<String> {
        let value = self.value(name)?;
        self.kept(name, field::text(value, max))
    }
}
