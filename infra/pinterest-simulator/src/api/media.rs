//! `media_source` of a new Pin: one function per variant.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use super::params;
use crate::errors::{self, ApiError};
use crate::limits;
use crate::world::pin::Media;

/// First bytes of the two formats that Pinterest takes.
const JPEG_MAGIC: &[u8] = &[0xFF, 0xD8, 0xFF];
const PNG_MAGIC: &[u8] = &[0x89, b'P', b'N', b'G', 0x0D, 0x0A, 0x1A, 0x0A];

/// Reads the variant that `source_type` names.
pub fn parse(fields: &Map<String, Value>) -> Result<Media, ApiError> {
    let source = match fields.get("media_source") {
        Some(Value::Object(source)) => source,
        None | Some(Value::Null) => return Err(params::missing("media_source")),
        Some(_) => return Err(ApiError::invalid("'media_source' is not of type 'object'")),
    };
    match params::required_text(source, "source_type", usize::MAX)?.as_str() {
        "image_url" => image_url(source),
        "image_base64" => image_base64(source),
        known @ ("multiple_image_urls" | "multiple_image_base64" | "video_id" | "pin_url") => {
            Err(ApiError::invalid(format!("media_source '{known}' is not simulated by pinterest-simulator")))
        }
        unknown => Err(ApiError::invalid(format!("'{unknown}' is not a source_type"))),
    }
}

/// The image itself is never fetched.
fn image_url(source: &Map<String, Value>) -> Result<Media, ApiError> {
    let url = params::required_text(source, "url", usize::MAX)?;
    if is_web_url(&url) { Ok(Media::ImageUrl { url }) } else { Err(errors::PIN_INVALID_URL) }
}

/// The picture must at least start like a JPEG or PNG; nothing behind that is read.
fn image_base64(source: &Map<String, Value>) -> Result<Media, ApiError> {
    let content_type = params::required_text(source, "content_type", usize::MAX)?;
    if !matches!(content_type.as_str(), "image/jpeg" | "image/png") {
        return Err(ApiError::invalid(format!("'{content_type}' is not one of ['image/jpeg', 'image/png']")));
    }
    let data = params::required_text(source, "data", limits::MAX_BODY_BYTES)?;
    let image = STANDARD.decode(data).map_err(|_| ApiError::invalid("'data' does not match '^[a-zA-Z0-9+/=]+$'"))?;
    if !image.starts_with(JPEG_MAGIC) && !image.starts_with(PNG_MAGIC) {
        return Err(errors::PIN_IMAGE_BROKEN);
    }
    Ok(Media::ImageBase64 { content_type, bytes: image.len() })
}

/// http(s) with a host and nothing that cannot be in a URL.
pub fn is_web_url(url: &str) -> bool {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    rest.is_some_and(|rest| {
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        !host.is_empty() && !url.chars().any(|c| c.is_whitespace() || c.is_control())
    })
}

#[cfg(test)]
mod tests {
    use super::is_web_url;

    #[test]
    fn a_web_url_needs_scheme_and_host() {
        assert!(is_web_url("https://example.com/a.jpg?b#c"));
        assert!(is_web_url("http://localhost:4010"));
        for wrong in ["", "example.com", "ftp://example.com", "https://", "https:///a", "https://exa mple.com"] {
            assert!(!is_web_url(wrong), "{wrong}");
        }
    }
}
