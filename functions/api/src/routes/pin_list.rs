//! A workspace's pins: filtered, searched and sorted as the contract has it, with a cursor of our own.

use axum::Json;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use http::HeaderValue;
use pinbridge_shared::context::Context;
use pinbridge_shared::domain::ids::AccountId;
use pinbridge_shared::domain::pin::attempt::Status;
use pinbridge_shared::domain::pin::blocker::Blocker;
use pinbridge_shared::domain::pin::filter::{PinFilter, PinSort};
use pinbridge_shared::flows::pins::list_pins::{self, Ask, PinPage};

use crate::auth::Caller;
use crate::error::ApiError;
use crate::page::{self, invalid};
use crate::views;

/// Everything that the route understands.
const PARAMETERS: [&str; 12] = [
    "account_id",
    "board_id",
    "status",
    "error_code",
    "since",
    "until",
    "q",
    "removed",
    "sort",
    "limit",
    "offset",
    "cursor",
];

pub async fn list(
    State(context): State<Context>,
    caller: Caller,
    Query(query): Query<page::Query>,
) -> Result<Response, ApiError> {
    let ask = ask(&query, &caller)?;
    // Codes of other systems are no mistake: no pin has them.
    let page = match ask.filter.error_code.as_deref() {
        Some(code) if !Blocker::is_code(code) => PinPage::default(),
        _ => list_pins::page(&context, caller.workspace, &ask).await?,
    };
    let mut response = Json(page.pins.iter().map(views::pin).collect::<Vec<_>>()).into_response();
    let headers = response.headers_mut();
    headers.insert("x-total-count", HeaderValue::from(page.total));
    if page.total_is_at_least {
        // Counting stopped at its limit: there are at least this many.
        headers.insert("x-total-count-relation", HeaderValue::from_static("gte"));
    }
    if let Some(next) = page.next.and_then(|next| HeaderValue::try_from(next.to_string()).ok()) {
        headers.insert("x-next-cursor", next);
    }
    page::name_ignored(&mut response, &query, &PARAMETERS);
    Ok(response)
}

/// # Errors
/// When a parameter's value can't be one, or its account isn't open to the caller.
fn ask(query: &page::Query, caller: &Caller) -> Result<Ask, ApiError> {
    let paging = page::paging(query)?;
    let sort = match query.get("sort") {
        None => PinSort::default(),
        Some(name) => PinSort::parse(name).ok_or_else(|| {
            let names = PinSort::ALL.map(|sort| format!("'{}'", sort.name())).join(", ");
            invalid("sort", format!("Input should be one of {names}"), "enum")
        })?,
    };
    let cursor =
        match query.get("cursor") {
            None => None,
            Some(text) => Some(text.parse().map_err(|()| {
                invalid("cursor", "Input should be the X-Next-Cursor of an earlier page", "value_error")
            })?),
        };
    if cursor.is_some() && paging.offset > 0 {
        return Err(invalid("offset", "Give either offset or cursor, not both", "value_error"));
    }
    Ok(Ask { filter: filter(query, caller)?, sort, cursor, offset: paging.offset, limit: paging.limit })
}

/// What is asked for, within what is open to the caller.
fn filter(query: &page::Query, caller: &Caller) -> Result<PinFilter, ApiError> {
    let status = match query.get("status") {
        None => None,
        Some(name) => Some(Status::parse(name).ok_or_else(|| {
            invalid("status", "Input should be 'queued', 'deferred', 'publishing', 'published' or 'failed'", "enum")
        })?),
    };
    let accounts = if query.contains_key("account_id") {
        Some(vec![caller.account(page::account_id(query)?)?.account])
    } else {
        caller.limited_to().map(<[AccountId]>::to_vec)
    };
    let removed = if query.contains_key("removed") { Some(page::flag(query, "removed")?) } else { None };
    Ok(PinFilter {
        status,
        accounts,
        board_id: query.get("board_id").cloned(),
        error_code: query.get("error_code").cloned(),
        since: page::time(query, "since")?,
        until: page::time(query, "until")?,
        text: page::search(query)?,
        removed,
    })
}
