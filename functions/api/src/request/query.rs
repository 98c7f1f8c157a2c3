//! Query parameters of lists.

use std::collections::HashMap;

use axum::response::Response;
use http::HeaderValue;
use pinbridge_shared::domain::ids::AccountId;
use pinbridge_shared::domain::time::Moment;

use super::field::Wrong;
use crate::auth::Caller;
use crate::error::ApiError;

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

/// A parameter that is left out, or can be read.
///
/// # Errors
/// When it can't.
pub fn parsed<T>(
    query: &Query,
    name: &str,
    parse: impl FnOnce(&str) -> Option<T>,
    msg: impl Into<String>,
    kind: &'static str,
) -> Result<Option<T>, ApiError> {
    let Some(text) = query.get(name) else { return Ok(None) };
    parse(text).map(Some).ok_or_else(|| invalid(name, msg, kind))
}

/// A parameter that is one of those names, or left out.
///
/// # Errors
/// When it is another.
pub fn one_of<T>(
    query: &Query,
    name: &str,
    parse: impl FnOnce(&str) -> Option<T>,
    names: &[&str],
) -> Result<Option<T>, ApiError> {
    let Wrong { msg, kind } = Wrong::not_one_of(names);
    parsed(query, name, parse, msg, kind)
}

/// # Errors
/// When `account_id` is missing or not an id.
pub fn account_id(query: &Query) -> Result<AccountId, ApiError> {
    optional_account_id(query)?.ok_or_else(|| invalid("account_id", "Field required", "missing"))
}

/// # Errors
/// When `account_id` is there and not an id.
pub fn optional_account_id(query: &Query) -> Result<Option<AccountId>, ApiError> {
    parsed(query, "account_id", |text| text.parse().ok(), "Input should be a valid UUID", "uuid_parsing")
}

/// The account that is asked for or, where none is, those that the caller is limited to.
///
/// # Errors
/// When `account_id` is not an id, or the account isn't open to the caller.
pub fn accounts(query: &Query, caller: &Caller) -> Result<Option<Vec<AccountId>>, ApiError> {
    match optional_account_id(query)? {
        Some(account) => caller.may_use(account).map(|()| Some(vec![account])),
        None => Ok(caller.limited_to().map(<[AccountId]>::to_vec)),
    }
}

fn number(query: &Query, name: &str, default: usize, min: usize, max: usize) -> Result<usize, ApiError> {
    let parse = |text: &str| text.parse().ok().filter(|number| (min..=max).contains(number));
    let msg = format!("Input should be a whole number from {min} to {max}");
    Ok(parsed(query, name, parse, msg, "int_range")?.unwrap_or(default))
}

/// `cursor`, the `X-Next-Cursor` of the page before.
///
/// # Errors
/// When it is none.
pub fn cursor<T>(query: &Query, parse: impl FnOnce(&str) -> Option<T>) -> Result<Option<T>, ApiError> {
    parsed(query, "cursor", parse, "Input should be the X-Next-Cursor of an earlier page", "value_error")
}

/// `limit` with either `offset` or `cursor`.
///
/// # Errors
/// When one of them is wrong, or both are there.
pub fn place<T>(query: &Query, parse: impl FnOnce(&str) -> Option<T>) -> Result<(Paging, Option<T>), ApiError> {
    let (paging, cursor) = (paging(query)?, cursor(query, parse)?);
    if cursor.is_some() && paging.offset > 0 {
        return Err(invalid("offset", "Give either offset or cursor, not both", "value_error"));
    }
    Ok((paging, cursor))
}

/// A parameter that is `true` or `false`, or left out.
///
/// # Errors
/// When it is anything else.
pub fn optional_flag(query: &Query, name: &str) -> Result<Option<bool>, ApiError> {
    let parse = |text: &str| match text {
        "false" | "0" => Some(false),
        "true" | "1" => Some(true),
        _ => None,
    };
    parsed(query, name, parse, "Input should be 'true' or 'false'", "bool_parsing")
}

/// The same; left out it is `false`.
///
/// # Errors
/// When it is anything else.
pub fn flag(query: &Query, name: &str) -> Result<bool, ApiError> {
    Ok(optional_flag(query, name)?.unwrap_or(false))
}

/// Characters of a search.
pub const SEARCH_MAX: usize = 200;

/// A text that is searched for; a blank one is none.
///
/// # Errors
/// When it is too long.
pub fn search(query: &Query) -> Result<Option<String>, ApiError> {
    let parse = |text: &str| Some(text.trim().to_owned()).filter(|text| text.chars().count() <= SEARCH_MAX);
    let msg = format!("String should have at most {SEARCH_MAX} characters");
    Ok(parsed(query, "q", parse, msg, "string_too_long")?.filter(|text| !text.is_empty()))
}

/// A time with its offset. An unescaped plus sign of an offset arrives as a space.
///
/// # Errors
/// When it is none.
pub fn time(query: &Query, name: &str) -> Result<Option<Moment>, ApiError> {
    let parse = |text: &str| Moment::parse_rfc3339(&unescaped_plus(text));
    let msg = "Input should be a time with its offset, such as 2026-01-31T18:00:00Z";
    parsed(query, name, parse, msg, "datetime_parsing")
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
    ApiError::invalid("query", name, msg, kind)
}
