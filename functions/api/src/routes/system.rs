//! What the system says of itself, to anyone.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use pinbridge_shared::config::VERSION;
use pinbridge_shared::context::Context;
use serde_json::{Value, json};

use crate::endpoint::{self, Endpoint};
use crate::{connection_page, openapi, views};

pub async fn root() -> Json<Value> {
    Json(json!({"service": "pinbridge", "version": VERSION, "docs": "/docs"}))
}

/// The API's description: a page for browsers, the route table as plain text (method, path, whom it is for) otherwise.
pub async fn docs(headers: HeaderMap) -> Response {
    if connection_page::is_wanted(&headers) {
        return openapi::page();
    }
    let line = |one: &Endpoint| format!("{} {} {}\n", one.method, one.path, one.access.name());
    endpoint::table().iter().map(line).collect::<String>().into_response()
}

pub async fn openapi() -> Json<&'static Value> {
    Json(openapi::document())
}

/// Liveness: the process answers.
pub async fn healthz(State(context): State<Context>) -> Json<Value> {
    Json(views::health(&context.settings))
}

/// Readiness: the table answers too.
pub async fn readyz(State(context): State<Context>) -> Response {
    let reachable = context.store.ping().await.inspect_err(|error| tracing::error!(%error, "not ready")).is_ok();
    let mut body = views::health(&context.settings);
    body["status"] = json!(if reachable { "ready" } else { "not_ready" });
    body["database"] = json!(if reachable { "ok" } else { "unreachable" });
    let status = if reachable { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(body)).into_response()
}
