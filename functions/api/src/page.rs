//! Query parameters of lists.

use std::collections::HashMap;

use pinbridge_shared::domain::ids::AccountId;

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

pub fn invalid(name: &str, msg: impl Into<String>, kind: &'static str) -> ApiError {
    ApiError::validation(vec![FieldError { loc: vec!["query".into(), name.into()], msg: msg.into(), kind }])
}
