//! Query parameters of lists.

use std::collections::HashMap;

use axum::response::Response;
use http::HeaderValue;
use pinbridge_shared::domain::ids::AccountId;
use pinbridge_shared::domain::time::Moment;

use crate::error::{ApiError, FieldError};

pub const LIMIT_DEFAULT: usize = 50;
pub const LIMIT_MAX: usize = 200;
/// A list is paged through up to here; a cursor goes on from there.
pub const OFFSET_MAX: usize = 10_000;

pub type Query = HashMap<String, String>;

/// `limit` and `offset`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paging {
    pub limit: usize,
    pub offset: usize,
}

/// # Errors
/// When a parameter is no number or out of range.
pub fn paging(query: &Query) -> Result<Paging, ApiError> {
    Ok(Paging {
        limit: number(query, "limit", LIMIT_DEFAULT, 1, LIMIT_MAX)?,
        offset: number(query, "offset", 0, 0, OFFSET_MAX)?,
    })
}

/// # Errors
/// When `account_id` is missing or not an id.
pub fn account_id(query: &Query) -> Result<AccountId, ApiError> {
    let text = query.get("account_id").ok_or_else(|| invalid("account_id", "Field required", "missing"))?;
    text.parse().map_err(|_| invalid("account_id", "Input should be a valid UUID", "uuid_parsing"))
}

fn number(query: &Query, name: &str, default: usize, min: usize, max: usize) -> Result<usize, ApiError> {
    let Some(text) = query.get(name) else {
        return Ok(default);
    };
    match text.parse() {
        Ok(number) if (min..=max).contains(&number) => Ok(number),
        _ => Err(invalid(name, format!("Input should be a whole number from {min} to {max}"), "int_range")),
    }
}

/// A parameter that is `true` or `false`, or left out.
///
/// # Errors
/// When it is anything else.
pub fn flag(query: &Query, name: &str) -> Result<bool, ApiError> {
    match query.get(name).map(String::as_str) {
        None | Some("false" | "0") => Ok(false),
        Some("true" | "1") => Ok(true),
        Some(_) => Err(invalid(name, "Input should be 'true' or 'false'", "bool_parsing")),
    }
}

/// Characters of a search.
pub const SEARCH_MAX: usize = 200;

/// A text that is searched for; a blank one is none.
///
/// # Errors
/// When it is too long.
pub fn search(query: &Query) -> Result<Option<String>, ApiError> {
    let text = query.get("q").map(|text| text.trim()).filter(|text| !text.is_empty());
    if text.is_some_and(|text| text.chars().count() > SEARCH_MAX) {
        let msg = format!("String should have at most {SEARCH_MAX} characters");
        return Err(invalid("q", msg, "string_too_long"));
    }
    Ok(text.map(str::to_owned))
}

/// A time with its offset. An unescaped plus sign of an offset arrives as a space.
///
/// # Errors
/// When it is none.
pub fn time(query: &Query, name: &str) -> Result<Option<Moment>, ApiError> {
    let Some(text) = query.get(name) else { return Ok(None) };
    Moment::parse_rfc3339(&unescaped_plus(text)).map(Some).ok_or_else(|| {
        let msg = "Input should be a time with its offset, such as 2026-01-31T18:00:00Z";
        invalid(name, msg, "datetime_parsing")
    })
}

/// The time as it was meant: behind the `T` of a time there is no space.
pub fn unescaped_plus(text: &str) -> String {
    let text = text.trim();
    if text.contains('T') { text.replace(' ', "+") } else { text.to_owned() }
}

/// Of parameters that a list doesn't know, so many are named.
const IGNORED_NAMED: usize = 10;
const IGNORED_NAME_MAX: usize = 64;

/// Unknown parameters change nothing, as with the hosted API; a header names them, so that a misspelt filter shows.
pub fn name_ignored(response: &mut Response, query: &Query, known: &[&str]) {
    let is_name =
        |name: &&String| name.len() <= IGNORED_NAME_MAX && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let mut names: Vec<&str> =
        query.keys().filter(|name| !known.contains(&name.as_str())).filter(is_name).map(String::as_str).collect();
    names.sort_unstable();
    names.truncate(IGNORED_NAMED);
    if let Some(value) = HeaderValue::try_from(names.join(",")).ok().filter(|value| !value.is_empty()) {
        response.headers_mut().insert("x-pinbridge-ignored-parameters", value);
    }
}

pub fn invalid(name: &str, msg: impl Into<String>, kind: &'static str) -> ApiError {
    ApiError::validation(vec![FieldError { loc: vec!["query".into(), name.into()], msg: msg.into(), kind }])
}
