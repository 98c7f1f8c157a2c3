//! A workspace's pins.

use axum::Json;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use http::HeaderValue;
use pinbridge_shared::flows::read_pins;
use pinbridge_shared::ports::World;

use crate::auth::Caller;
use crate::error::ApiError;
use crate::{page, views};

pub async fn list(
    State(world): State<World>,
    caller: Caller,
    Query(query): Query<page::Query>,
) -> Result<Response, ApiError> {
    let (paging, filter) = (page::paging(&query)?, page::pin_filter(&query, &caller)?);
    let page = read_pins::page(&world, caller.workspace, &filter, paging.offset, paging.limit).await?;
    let mut response = Json(page.pins.iter().map(views::pin).collect::<Vec<_>>()).into_response();
    response.headers_mut().insert("x-total-count", HeaderValue::from(page.total));
    if page.total_is_at_least {
        // Counting stopped at its limit: there are at least this many.
        response.headers_mut().insert("x-total-count-relation", HeaderValue::from_static("gte"));
    }
    Ok(response)
}
