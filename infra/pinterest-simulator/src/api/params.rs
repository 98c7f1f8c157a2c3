//! Reads parameters and JSON fields. An explicit `null` counts as absent, because Pinterest's own SDK sends nulls.

use serde_json::{Map, Value};

use super::Request;
use crate::errors::ApiError;
use crate::limits;
use crate::world::page::PageRequest;

/// The body as a JSON object.
pub fn object(body: &[u8]) -> Result<Map<String, Value>, ApiError> {
    match serde_json::from_slice(body) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) => Err(ApiError::invalid("the body is not a JSON object")),
        Err(_) => Err(ApiError::invalid("the body is not valid JSON")),
    }
}

/// A string of at most `max_chars` characters.
pub fn text(fields: &Map<String, Value>, name: &str, max_chars: usize) -> Result<Option<String>, ApiError> {
    match fields.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.chars().count() > max_chars => {
            Err(ApiError::invalid(format!("'{name}' is too long: at most {max_chars} characters")))
        }
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(ApiError::invalid(format!("'{name}' is not of type 'string'"))),
    }
}

/// A required string.
pub fn required_text(fields: &Map<String, Value>, name: &str, max_chars: usize) -> Result<String, ApiError> {
    text(fields, name, max_chars)?.ok_or_else(|| missing(name))
}

/// A decimal id.
pub fn id(fields: &Map<String, Value>, name: &str) -> Result<Option<String>, ApiError> {
    let id = text(fields, name, usize::MAX)?;
    if let Some(id) = &id {
        check_id(name, id)?;
    }
    Ok(id)
}

/// A whole number that is not negative.
pub fn whole(fields: &Map<String, Value>, name: &str) -> Result<Option<u64>, ApiError> {
    match fields.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match value.as_u64() {
            Some(number) => Ok(Some(number)),
            None => Err(ApiError::invalid(format!("'{name}' is not an integer of at least 0"))),
        },
    }
}

pub fn flag(fields: &Map<String, Value>, name: &str, default: bool) -> Result<bool, ApiError> {
    match fields.get(name) {
        None | Some(Value::Null) => Ok(default),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(_) => Err(ApiError::invalid(format!("'{name}' is not of type 'boolean'"))),
    }
}

pub fn missing(name: &str) -> ApiError {
    ApiError::invalid(format!("'{name}' is a required property"))
}

/// The id in the path, which must be decimal like every id.
pub fn path_id<'a>(request: &'a Request, name: &str) -> Result<&'a str, ApiError> {
    check_id(name, &request.path_id)?;
    Ok(&request.path_id)
}

/// The second id in the path.
pub fn section_id(request: &Request) -> Result<&str, ApiError> {
    check_id("section_id", &request.section_id)?;
    Ok(&request.section_id)
}

fn check_id(name: &str, id: &str) -> Result<(), ApiError> {
    if !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit()) {
        Ok(())
    } else {
        Err(ApiError::invalid(format!("'{name}' does not match '^\\d+$'")))
    }
}

/// The last value of a query parameter.
pub fn query<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    request.query.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

/// `page_size` and `bookmark`.
pub fn page(request: &Request) -> Result<PageRequest, ApiError> {
    let size = match query(request, "page_size") {
        None => limits::DEFAULT_PAGE_SIZE,
        Some(text) => text
            .parse()
            .ok()
            .filter(|size| (1..=limits::MAX_PAGE_SIZE).contains(size))
            .ok_or_else(|| ApiError::invalid(format!("page_size must be 1 to {}", limits::MAX_PAGE_SIZE)))?,
    };
    let bookmark = query(request, "bookmark").filter(|bookmark| !bookmark.is_empty());
    Ok(PageRequest { size, bookmark: bookmark.map(str::to_owned), as_of_ms: request.as_of_ms })
}
