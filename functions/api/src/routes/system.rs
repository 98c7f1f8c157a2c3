//! What the system says of itself, to anyone.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use pinbridge_shared::config::VERSION;
use pinbridge_shared::context::Context;
use schemars::{JsonSchema, json_schema};
use serde::Serialize;
use serde_json::Value;

use crate::connection_page::{self, CONTENT_TYPE_HTML};
use crate::endpoint::{self, Endpoint, PUBLIC, get, tagged};
use crate::openapi;
use crate::openapi::schema::{Text, inline_schema, names};

pub fn endpoints() -> Vec<Endpoint> {
    tagged(
        "System",
        vec![
            get("/", PUBLIC, root)
                .operation("get_root", "Read the service's name and version")
                .answers::<Root>(200, "The service."),
            get("/docs", PUBLIC, docs)
                .operation("get_docs", "Read this description")
                .about("A page where `Accept` asks for `text/html`; otherwise the route table as plain text.")
                .answers_content::<Text>(200, "The description.", "text/plain; charset=utf-8")
                .answers_content::<Text>(200, "The description.", CONTENT_TYPE_HTML),
            get("/openapi.json", PUBLIC, document)
                .operation("get_openapi", "Read this description as OpenAPI 3.1")
                .answers::<OpenApi>(200, "The document."),
            get("/healthz", PUBLIC, healthz)
                .operation("get_health", "Read whether the process answers")
                .answers::<Health>(200, "The process answers."),
            get("/readyz", PUBLIC, readyz)
                .operation("get_readiness", "Read whether the system is ready")
                .answers::<Readiness>(200, "The table answers too.")
                .answers::<Readiness>(503, "The table does not answer."),
        ],
    )
}

names!(HealthWord, "Always `ok`.", ["ok"]);
names!(ReadinessWord, "Whether the system is ready.", ["ready", "not_ready"]);
names!(DatabaseWord, "Whether the table answers.", ["ok", "unreachable"]);
inline_schema!(
    /// An OpenAPI document.
    OpenApi = json_schema!({
        "type": "object",
        "required": ["openapi", "info", "paths"],
        "properties": {"openapi": {"type": "string", "pattern": r"^3\.1\."}},
        "additionalProperties": true,
    })
);

/// The service's name and version.
#[derive(Serialize, JsonSchema)]
pub struct Root {
    pub service: &'static str,
    pub version: &'static str,
    /// Where it is described.
    pub docs: &'static str,
}

/// Liveness.
#[derive(Serialize, JsonSchema)]
pub struct Health {
    pub status: HealthWord,
    pub version: &'static str,
    pub environment: String,
}

/// Readiness.
#[derive(Serialize, JsonSchema)]
pub struct Readiness {
    pub status: ReadinessWord,
    pub version: &'static str,
    pub environment: String,
    pub database: DatabaseWord,
}

async fn root() -> Json<Root> {
    Json(Root { service: "pinbridge", version: VERSION, docs: "/docs" })
}

/// The API's description: a page for browsers, the route table as plain text (method, path, access) otherwise.
async fn docs(headers: HeaderMap) -> Response {
    if connection_page::is_wanted(&headers) {
        return openapi::page();
    }
    let line = |one: &Endpoint| format!("{} {} {}\n", one.method, one.path, one.access.name());
    endpoint::table().iter().map(line).collect::<String>().into_response()
}

async fn document() -> Json<&'static Value> {
    Json(openapi::document())
}

/// Liveness: the process answers.
async fn healthz(State(context): State<Context>) -> Json<Health> {
    Json(Health { status: HealthWord("ok"), version: VERSION, environment: context.settings.environment.clone() })
}

/// Readiness: the table answers too.
async fn readyz(State(context): State<Context>) -> (StatusCode, Json<Readiness>) {
    let reachable = context.store.ping().await.inspect_err(|error| tracing::error!(%error, "not ready")).is_ok();
    let (code, status, database) = if reachable {
        (StatusCode::OK, "ready", "ok")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not_ready", "unreachable")
    };
    let readiness = Readiness {
        status: ReadinessWord(status),
        version: VERSION,
        environment: context.settings.environment.clone(),
        database: DatabaseWord(database),
    };
    (code, Json(readiness))
}
