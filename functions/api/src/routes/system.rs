//! What the system says of itself, to anyone.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use pinbridge_shared::config::VERSION;
use pinbridge_shared::ports::World;
use serde_json::{Value, json};

use crate::views;

pub async fn root() -> Json<Value> {
    Json(json!({"service": "pinbridge", "version": VERSION, "docs": "/docs"}))
}

/// The route table, for people: method, path, whom it is for. (The OpenAPI document is still to come.)
pub async fn docs() -> String {
    super::table().iter().map(|route| format!("{} {} {}\n", route.method, route.path, route.access.name())).collect()
}

/// Liveness: the process answers.
pub async fn healthz(State(world): State<World>) -> Json<Value> {
    Json(views::health(&world.settings))
}

/// Readiness: the table answers too.
pub async fn readyz(State(world): State<World>) -> Response {
    let reachable = world.store.ping().await.inspect_err(|error| tracing::error!(%error, "not ready")).is_ok();
    let mut body = views::health(&world.settings);
    body["status"] = json!(if reachable { "ready" } else { "not_ready" });
    body["database"] = json!(if reachable { "ok" } else { "unreachable" });
    let status = if reachable { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(body)).into_response()
}
