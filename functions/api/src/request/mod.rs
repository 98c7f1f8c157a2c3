//! Reads the JSON of a request: first the size, then the syntax, then every field. One error names all invalid fields.

pub mod address;
pub mod body;
mod extents;
pub mod field;
pub mod json;
pub mod names;
pub mod options;
pub mod query;

use std::str::FromStr;

use axum::extract::{FromRequest, Request};
use serde_json::{Map, Value};

use crate::error::{ApiError, codes};
pub use body::{BATCH_BODY_MAX, BODY_MAX, read_up_to};
pub use field::Fields;
use field::FromFields;
use options::Unknown;

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

/// A JSON object.
pub struct JsonObject(pub Map<String, Value>);

impl<S: Send + Sync> FromRequest<S> for JsonObject {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let bytes = read_up_to(request.into_body(), BODY_MAX).await?;
        json::single_object(&bytes).map(Self)
    }
}

/// The bytes of a body of at most `BYTES_MAX` bytes.
pub struct Raw<const BYTES_MAX: usize>(pub Vec<u8>);

impl<S: Send + Sync, const BYTES_MAX: usize> FromRequest<S> for Raw<BYTES_MAX> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        read_up_to(request.into_body(), BYTES_MAX).await.map(Self)
    }
}

/// A JSON body of the type. Unknown fields are ignored, and the answer names them.
pub struct Json<T>(pub T);

impl<S: Send + Sync, T: FromFields> FromRequest<S> for Json<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let unknown = request.extensions().get::<Unknown>().cloned().unwrap_or_default();
        let JsonObject(object) = JsonObject::from_request(request, state).await?;
        known_body_of(&object, &unknown).map(Self)
    }
}

/// A JSON body of the type, without any other field. For grants of rights and changes of many things: if a misspelled
/// field were ignored, the call would reach further than its caller meant.
pub struct StrictJson<T>(pub T);

impl<S: Send + Sync, T: FromFields> FromRequest<S> for StrictJson<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let JsonObject(object) = JsonObject::from_request(request, state).await?;
        let mut fields = Fields::of(&object);
        fields.only_known::<T>();
        let body = T::from_fields(&mut fields);
        fields.finish_with(body).map(Self)
    }
}

/// Reads the body of the type. Unknown fields are ignored, and the answer names them.
///
/// # Errors
/// Every invalid field.
pub fn known_body_of<T: FromFields>(object: &Map<String, Value>, unknown: &Unknown) -> Result<T, ApiError> {
    let mut fields = Fields::of(object);
    let body = T::from_fields(&mut fields);
    fields.ignored(unknown, |name| T::NAMES.contains(&name));
    fields.finish_with(body)
}

/// Reads the body of the type, which has no other field. If a misspelled field were ignored, a retry would publish what
/// its caller meant to avoid.
///
/// # Errors
/// Every invalid or unknown field.
pub fn only_body_of<T: FromFields>(object: &Map<String, Value>) -> Result<T, ApiError> {
    let mut fields = Fields::of(object);
    fields.only_of::<T>("This operation does not accept the field");
    let body = T::from_fields(&mut fields);
    fields.finish_with(body)
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
        json::single_object(&bytes).map(Self)
    }
}
