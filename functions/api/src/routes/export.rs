//! A workspace's accounts and pins as JSON lines.

use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};
use pinbridge_shared::context::Context;
use pinbridge_shared::flows::tenants::export;

use crate::auth::Caller;
use crate::error::ApiError;
use crate::{page, views};

pub async fn read(
    State(context): State<Context>,
    caller: Caller,
    Query(query): Query<page::Query>,
) -> Result<Response, ApiError> {
    let limit = page::paging(&query)?.limit;
    let from = match query.get("cursor") {
        None => None,
        Some(text) => Some(text.parse().map_err(|()| {
            page::invalid("cursor", "Input should be the X-Next-Cursor of an earlier page", "value_error")
        })?),
    };
    let page = export::page(&context, caller.workspace, from, limit, |account| caller.sees(account)).await?;
    let (lines, next) = views::export::lines(&page, context.system.now());
    let mut response = (StatusCode::OK, lines).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    if let Some(next) = next.and_then(|next| HeaderValue::try_from(next.to_string()).ok()) {
        headers.insert("x-next-cursor", next);
    }
    Ok(response)
}
