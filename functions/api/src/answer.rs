//! Answers that several nouns give: a page of a list, and what was made or is there already.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode};
use serde::Serialize;

/// A page of a list. `total` is a lower bound where counting stopped at its limit; `next` is where the list goes on.
pub fn page<T: Serialize>(items: &[T], total: u64, total_is_at_least: bool, next: Option<String>) -> Response {
    let mut response = Json(items).into_response();
    let headers = response.headers_mut();
    headers.insert("x-total-count", HeaderValue::from(total));
    if total_is_at_least {
        headers.insert("x-total-count-relation", HeaderValue::from_static("gte"));
    }
    if let Some(next) = next.and_then(|next| HeaderValue::try_from(next).ok()) {
        headers.insert("x-next-cursor", next);
    }
    response
}

/// What the request has made or, if it is a replay, what the same request made before.
pub fn made<T: Serialize>(status: StatusCode, body: T, is_replay: bool) -> Response {
    let mut response = (status, Json(body)).into_response();
    if is_replay {
        response.headers_mut().insert("idempotent-replayed", HeaderValue::from_static("true"));
    }
    response
}
