//! Reading a request's JSON: size first, then syntax, then field by field, so that every error is reported at once.

pub mod field;
pub mod query;

use std::str::FromStr;

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde_json::{Map, Value};

use crate::error::{ApiError, FieldError, codes};
use field::{Field, FromFields, Wrong};

/// The largest body that is read, in bytes. A pin at every limit is below 20 KiB.
pub const BODY_MAX: usize = 64 * 1024;

/// The same of a batch: a hundred pins at every limit.
pub const BATCH_BODY_MAX: usize = 2 * 1024 * 1024;

/// The headers that a key may come in, for clients that drop unknown fields; the first that is there counts.
pub const KEY_HEADERS: [&str; 2] = ["idempotency-key", "x-pinbridge-idempotency-key"];

/// Whether the object has the field, and it isn't null.
pub fn has(object: &Map<String, Value>, name: &str) -> bool {
    object.get(name).is_some_and(|value| !value.is_null())
}

/// Whether what is asked for can't be had without uploaded assets, as every video.
pub fn needs_assets(body: &Map<String, Value>) -> bool {
    let has = |name| has(body, name);
    let is_video =
        body.get("media_type").and_then(Value::as_str).is_some_and(|kind| kind.trim().eq_ignore_ascii_case("video"));
    (has("asset_id") && !has("image_url")) || has("cover_image_asset_id") || has("video_url") || is_video
}

/// A JSON object of at most so many bytes.
pub struct JsonObject<const BYTES_MAX: usize = BODY_MAX>(pub Map<String, Value>);

impl<S: Send + Sync, const BYTES_MAX: usize> FromRequest<S> for JsonObject<BYTES_MAX> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let bytes = read_up_to(request.into_body(), BYTES_MAX).await?;
        parse(&bytes).map(Self)
    }
}

/// A JSON body of that type.
pub struct Json<T>(pub T);

impl<S: Send + Sync, T: FromFields> FromRequest<S> for Json<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let JsonObject(object) = JsonObject::<BODY_MAX>::from_request(request, state).await?;
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

/// One field of the object.
///
/// # Errors
/// When it is wrong.
pub fn field_of<T: Field>(object: &Map<String, Value>, name: &str) -> Result<T, ApiError> {
    let mut fields = Fields::of(object);
    let field = fields.read(name);
    fields.finish_with(field)
}

/// The id in a path. `name` is what an error calls it.
///
/// # Errors
/// When it is none.
pub fn path_id<T: FromStr>(id: &str, name: &str) -> Result<T, ApiError> {
    id.parse().map_err(|_| ApiError::invalid("path", name, "Input should be a valid UUID", "uuid_parsing"))
}

/// A JSON object, or no body at all, which is the same as an empty one.
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

/// JSON without the byte order mark that some write in front of it (RFC 8259 lets a parser ignore it).
pub fn unmarked(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes)
}

fn parse(bytes: &[u8]) -> Result<Map<String, Value>, ApiError> {
    match serde_json::from_slice(unmarked(bytes)) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(codes::MALFORMED_JSON.with("reason", "an object is expected")),
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
        self.errors.push(FieldError::new("body", name, msg, kind));
    }

    /// Refuses the first field that isn't known.
    pub fn only(&mut self, is_known: impl Fn(&str) -> bool, msg: &str) {
        if let Some(name) = self.object.keys().find(|name| !is_known(name)) {
            self.reject(name, msg, "extra_forbidden");
        }
    }

    /// # Errors
    /// All that were collected; `body` is what was read in spite of them.
    pub fn finish_with<T>(self, body: Option<T>) -> Result<T, ApiError> {
        body.filter(|_| self.errors.is_empty()).ok_or_else(|| ApiError::validation(self.errors))
    }

    /// Reads a field by its type. `None`: it is wrong.
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

    /// A text of at most `max` characters, where the type can't say how many.
    pub fn text(&mut self, name: &str, max: usize) -> Option<String> {
        let value = self.value(name)?;
        self.kept(name, field::text(value, max))
    }
}
