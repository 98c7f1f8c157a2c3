//! Query parameters of lists.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::HeaderValue;
use pinbridge_shared::domain::ids::AccountId;
use pinbridge_shared::domain::time::Moment;

use super::field::{Wrong, no_time};
use crate::auth::Caller;
use crate::endpoint::{Endpoint, Place};
use crate::error::ApiError;
use crate::error::codes::INVALID_DATE_RANGE;
use crate::flag;
use crate::openapi::schema::{LIMIT_DEFAULT, LIMIT_MAX, OFFSET_MAX};

/// A request's parameters by name. Of a repeated one, the last counts.
pub type Query = HashMap<String, String>;

/// `limit` and `offset`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paging {
    pub limit: usize,
    pub offset: usize,
}

/// # Errors
/// When a parameter is no number, or out of range.
pub fn paging(query: &Query) -> Result<Paging, ApiError> {
    Ok(Paging {
        limit: number(query, "limit", LIMIT_DEFAULT, 1, LIMIT_MAX)?,
        offset: number(query, "offset", 0, 0, OFFSET_MAX)?,
    })
}

/// Parses an optional parameter.
///
/// # Errors
/// When `parse` refuses the value.
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

/// An optional parameter with one of the names as its value.
///
/// # Errors
/// When the value is another one.
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
/// When the request has `account_id`, and it is not an id.
pub fn optional_account_id(query: &Query) -> Result<Option<AccountId>, ApiError> {
    parsed(query, "account_id", |text| text.parse().ok(), "Input should be a valid UUID", "uuid_parsing")
}

/// The account of the parameter. Without the parameter, the allow-list of the caller.
///
/// # Errors
/// When `account_id` is not an id, or the caller may not use the account.
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

/// `cursor`, the `X-Next-Cursor` of the previous page.
///
/// # Errors
/// When the text is no cursor.
pub fn cursor<T>(query: &Query, parse: impl FnOnce(&str) -> Option<T>) -> Result<Option<T>, ApiError> {
    parsed(query, "cursor", parse, "Input should be the X-Next-Cursor of the previous page", "value_error")
}

/// `limit` with either `offset` or `cursor`.
///
/// # Errors
/// When one of them is invalid, or the request has both.
pub fn place<T>(query: &Query, parse: impl FnOnce(&str) -> Option<T>) -> Result<(Paging, Option<T>), ApiError> {
    let (paging, cursor) = (paging(query)?, cursor(query, parse)?);
    if cursor.is_some() && paging.offset > 0 {
        return Err(invalid("offset", "Send either offset or cursor, not both", "value_error"));
    }
    Ok((paging, cursor))
}

/// An optional parameter that is `true` or `false`.
///
/// # Errors
/// When the value is another one.
pub fn optional_flag(query: &Query, name: &str) -> Result<Option<bool>, ApiError> {
    parsed(query, name, flag::read, "Input should be 'true' or 'false'", "bool_parsing")
}

/// A parameter that is `true` or `false`. The default is `false`.
///
/// # Errors
/// When the value is another one.
pub fn flag(query: &Query, name: &str) -> Result<bool, ApiError> {
    Ok(optional_flag(query, name)?.unwrap_or(false))
}

/// The longest search text, in characters.
pub const SEARCH_MAX: usize = 200;

/// The search text. A blank text is the same as none.
///
/// # Errors
/// When the text is too long.
pub fn search(query: &Query) -> Result<Option<String>, ApiError> {
    let parse = |text: &str| Some(text.trim().to_owned()).filter(|text| text.chars().count() <= SEARCH_MAX);
    let msg = format!("String should have at most {SEARCH_MAX} characters");
    Ok(parsed(query, "q", parse, msg, "string_too_long")?.filter(|text| !text.is_empty()))
}

/// A time with an offset. The unescaped plus sign of an offset arrives as a space.
///
/// # Errors
/// When the text is no time with an offset.
pub fn time(query: &Query, name: &str) -> Result<Option<Moment>, ApiError> {
    let Some(text) = query.get(name).map(|text| unescaped_plus(text)) else { return Ok(None) };
    let wrong = || invalid(name, no_time(&text).msg, "datetime_parsing");
    Moment::parse_rfc3339(&text).map(Some).ok_or_else(wrong)
}

/// `since` and `until`, in this order. Between the same two times is nothing, which is no mistake.
///
/// # Errors
/// When one of them is no time, or they are the wrong way round.
pub fn range(query: &Query) -> Result<(Option<Moment>, Option<Moment>), ApiError> {
    let (since, until) = (time(query, "since")?, time(query, "until")?);
    if since.zip(until).is_some_and(|(since, until)| since > until) {
        let error = invalid("since", "since should not be after until", "value_error").coded(INVALID_DATE_RANGE);
        return Err(error.worded("since is after until.".into(), "Send the earlier time as since."));
    }
    Ok((since, until))
}

/// The text with the plus sign of its offset. A time has no space behind its `T`.
pub fn unescaped_plus(text: &str) -> String {
    let text = text.trim();
    if text.contains('T') { text.replace(' ', "+") } else { text.to_owned() }
}

/// Names the unknown parameters of a list.
const IGNORED_HEADER: &str = "x-pinbridge-ignored-parameters";
/// The number of unknown parameters that the header names.
const IGNORED_NAMED: usize = 10;
/// The longest name of an unknown parameter in the header, in bytes.
const IGNORED_NAME_MAX: usize = 64;

/// The query parameters of an endpoint whose answers name the unknown ones.
#[derive(Clone)]
pub struct Known(Arc<Vec<&'static str>>);

impl Known {
    /// `None`: the endpoint's answers don't have the header.
    pub fn of(endpoint: &Endpoint) -> Option<Self> {
        let mut headers = endpoint.answers.iter().flat_map(|answer| &answer.headers);
        let has_header = headers.any(|header| header.name.eq_ignore_ascii_case(IGNORED_HEADER));
        let parameters = endpoint.parameters.iter().filter(|parameter| parameter.place == Place::Query);
        has_header.then(|| Self(Arc::new(parameters.map(|parameter| parameter.name).collect())))
    }

    /// The unknown parameters, for the header.
    fn unknown(&self, query: &Query) -> Option<HeaderValue> {
        let is_plain = |name: &&String| {
            name.len() <= IGNORED_NAME_MAX && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        };
        let mut names: Vec<&str> =
            query.keys().filter(|name| !self.0.contains(&name.as_str())).filter(is_plain).map(String::as_str).collect();
        names.sort_unstable();
        names.truncate(IGNORED_NAMED);
        HeaderValue::try_from(names.join(",")).ok().filter(|value| !value.is_empty())
    }
}

/// The layer over such an endpoint. It names unknown parameters in a header, so that a client finds a misspelled
/// filter. As in the hosted API, they have no effect.
pub async fn name_unknown(State(known): State<Known>, request: Request, next: Next) -> Response {
    let query = axum::extract::Query::<Query>::try_from_uri(request.uri()).map(|query| query.0).unwrap_or_default();
    let mut response = next.run(request).await;
    if let Some(value) = known.unknown(&query).filter(|_| response.status().is_success()) {
        response.headers_mut().insert(IGNORED_HEADER, value);
    }
    response
}

pub fn invalid(name: &str, msg: impl Into<String>, kind: &'static str) -> ApiError {
    ApiError::invalid("query", name, msg, kind)
}
