//! `media_source` of a new Pin: one function per variant.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use super::params;
use crate::errors::{self, ApiError};
use crate::limits;
use crate::world::media::{Carousel, CarouselItem, Cover, Image, Media};

/// First bytes of the two formats that Pinterest accepts.
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
        "image_url" => Ok(Media::ImageUrl { url: url(source, "url")? }),
        "image_base64" => {
            let (content_type, bytes) = base64(source, "content_type", "data")?;
            Ok(Media::ImageBase64 { content_type, bytes })
        }
        "multiple_image_urls" => {
            Ok(Media::MultipleImageUrls(carousel(source, |item| Ok(Image::Url { url: url(item, "url")? }))?))
        }
        "multiple_image_base64" => Ok(Media::MultipleImageBase64(carousel(source, |item| {
            let (content_type, bytes) = base64(item, "content_type", "data")?;
            Ok(Image::Base64 { content_type, bytes })
        })?)),
        "video_id" => Ok(Media::VideoId {
            media_id: params::id(source, "media_id")?.ok_or_else(|| params::missing("media_id"))?,
            cover: cover(source)?,
        }),
        "pin_url" => Err(ApiError::invalid("media_source 'pin_url' is not simulated by pinterest-simulator")),
        unknown => Err(ApiError::invalid(format!("'{unknown}' is not a source_type"))),
    }
}

/// The URL of an image. The image is never fetched.
fn url(source: &Map<String, Value>, name: &str) -> Result<String, ApiError> {
    let url = params::required_text(source, name, usize::MAX)?;
    if is_web_url(&url) { Ok(url) } else { Err(errors::PIN_INVALID_URL) }
}

/// Content type and size of an image. It must start like a JPEG or PNG; the rest is not checked.
fn base64(source: &Map<String, Value>, content_type: &str, data: &str) -> Result<(String, usize), ApiError> {
    let content_type = params::required_text(source, content_type, usize::MAX)?;
    if !matches!(content_type.as_str(), "image/jpeg" | "image/png") {
        return Err(ApiError::invalid(format!("'{content_type}' is not one of ['image/jpeg', 'image/png']")));
    }
    let image = STANDARD
        .decode(params::required_text(source, data, limits::MAX_BODY_BYTES)?)
        .map_err(|_| ApiError::invalid(format!("'{data}' does not match '^[a-zA-Z0-9+/=]+$'")))?;
    if !image.starts_with(JPEG_MAGIC) && !image.starts_with(PNG_MAGIC) {
        return Err(errors::PIN_IMAGE_BROKEN);
    }
    Ok((content_type, image.len()))
}

fn carousel(
    source: &Map<String, Value>,
    image: impl Fn(&Map<String, Value>) -> Result<Image, ApiError>,
) -> Result<Carousel, ApiError> {
    let items = match source.get("items") {
        Some(Value::Array(items)) => items,
        None | Some(Value::Null) => return Err(params::missing("items")),
        Some(_) => return Err(ApiError::invalid("'items' is not of type 'array'")),
    };
    let (least, most) = (limits::MIN_CAROUSEL_ITEMS, limits::MAX_CAROUSEL_ITEMS);
    if !(least..=most).contains(&items.len()) {
        return Err(ApiError::invalid(format!("'items' has {} items instead of {least} to {most}", items.len())));
    }
    let item = |item: &Value| {
        let item = item.as_object().ok_or_else(|| ApiError::invalid("an item is not of type 'object'"))?;
        let link = params::text(item, "link", usize::MAX)?.filter(|link| !link.is_empty());
        if link.as_deref().is_some_and(|link| !is_web_url(link)) {
            return Err(errors::PIN_INVALID_URL);
        }
        Ok(CarouselItem {
            title: params::text(item, "title", usize::MAX)?,
            description: params::text(item, "description", usize::MAX)?,
            link,
            image: image(item)?,
        })
    };
    Ok(Carousel {
        items: items.iter().map(item).collect::<Result<_, _>>()?,
        index: params::whole(source, "index")?.unwrap_or(0),
    })
}

/// The cover of a video: one of three fields. The first that is given counts.
fn cover(source: &Map<String, Value>) -> Result<Cover, ApiError> {
    let given = |name: &str| source.get(name).is_some_and(|value| !value.is_null());
    if given("cover_image_url") {
        return Ok(Cover::Url { cover_image_url: url(source, "cover_image_url")? });
    }
    if given("cover_image_data") {
        let (content_type, bytes) = base64(source, "cover_image_content_type", "cover_image_data")?;
        return Ok(Cover::Base64 { cover_image_content_type: content_type, cover_image_bytes: bytes });
    }
    let seconds = params::whole(source, "cover_image_key_frame_time")?;
    let cover_image_key_frame_time = seconds.ok_or_else(|| params::missing("cover_image_url"))?;
    Ok(Cover::KeyFrame { cover_image_key_frame_time })
}

/// Whether the text is an http(s) URL with a host and without characters that a URL can't have.
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
    fn a_web_url_needs_a_scheme_and_a_host() {
        assert!(is_web_url("https://example.com/a.jpg?b#c"));
        assert!(is_web_url("http://localhost:4010"));
        for wrong in ["", "example.com", "ftp://example.com", "https://", "https:///a", "https://exa mple.com"] {
            assert!(!is_web_url(wrong), "{wrong}");
        }
    }
}
