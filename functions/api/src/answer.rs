//! Answers of several nouns: a page of a list, and a created resource.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode};
use serde::Serialize;

/// A page of a list. `total_is_at_least`: counting stopped at its limit, so `total` is a lower bound. `next` is the
/// cursor of the next page.
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

/// The resource that the request created. A replay answers the resource that the same request created before.
pub fn made<T: Serialize>(status: StatusCode, body: T, is_replay: bool) -> Response {
    let mut response = (status, Json(body)).into_response();
    if is_replay {
        response.headers_mut().insert("idempotent-replayed", HeaderValue::from_static("true"));
    }
    response
}
