//! The name, the description and the health of the system, for anybody.

use std::sync::OnceLock;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use pinbridge_shared::config::VERSION;
use pinbridge_shared::context::Context;
use schemars::{JsonSchema, json_schema};
use serde::Serialize;
use serde_json::Value;

use crate::connection_page;
use crate::content_type::{HTML, TEXT};
use crate::endpoint::{Endpoint, PUBLIC, get, tagged};
use crate::openapi;
use crate::openapi::schema::{Text, inline_schema, names};

pub fn endpoints() -> Vec<Endpoint> {
    tagged(
        "System",
        vec![
            get("/", PUBLIC, root)
                .operation("get_root", "Read the name and version of the service")
                .answers::<Root>(200, "The name and version."),
            get("/docs", PUBLIC, docs)
                .operation("get_docs", "Read this page")
                .about(
                    "The answer is this page if `Accept` prefers `text/html`. Otherwise it is a list of all \
                     operations as plain text: method, path, and who may call it, in the words of the table under \
                     Authentication.",
                )
                .answers_content::<Text>(200, "The description of the API.", TEXT)
                .answers_content::<Text>(200, "The description of the API.", HTML),
            get("/openapi.json", PUBLIC, document)
                .operation("get_openapi", "Read the OpenAPI 3.1 document")
                .answers::<OpenApi>(200, "The document."),
            get("/healthz", PUBLIC, healthz)
                .operation("get_health", "Check whether the process answers")
                .answers::<Health>(200, "The process answers."),
            get("/readyz", PUBLIC, readyz)
                .operation("get_readiness", "Check whether the system is ready")
                .answers::<Readiness>(200, "The process and its database table answer.")
                .answers::<Readiness>(503, "The database table does not answer."),
        ],
    )
}

names!(HealthWord, "Always `ok`.", ["ok"]);
names!(ReadinessWord, "Whether the system is ready.", ["ready", "not_ready"]);
names!(DatabaseWord, "Whether the database table answers.", ["ok", "unreachable"]);
inline_schema!(
    /// An OpenAPI document.
    OpenApi = json_schema!({
        "type": "object",
        "required": ["openapi", "info", "paths"],
        "properties": {
            "openapi": {"type": "string", "pattern": r"^3\.1\."},
            "info": {"type": "object"},
            "paths": {"type": "object"},
        },
        "additionalProperties": true,
    })
);

/// The name and version of the service.
#[derive(Serialize, JsonSchema)]
pub struct Root {
    pub service: &'static str,
    pub version: &'static str,
    /// The path of the description.
    pub docs: &'static str,
}

/// The liveness of the process.
#[derive(Serialize, JsonSchema)]
pub struct Health {
    pub status: HealthWord,
    pub version: &'static str,
    pub environment: String,
}

/// The readiness of the system.
#[derive(Serialize, JsonSchema)]
pub struct Readiness {
    pub status: ReadinessWord,
    pub version: &'static str,
    pub environment: String,
    pub database: DatabaseWord,
}

/// The OpenAPI document of every endpoint, made once.
pub fn description() -> &'static Value {
    static DOCUMENT: OnceLock<Value> = OnceLock::new();
    DOCUMENT.get_or_init(|| openapi::document(&super::table()))
}

async fn root() -> Json<Root> {
    Json(Root { service: "pinbridge", version: VERSION, docs: "/docs" })
}

/// The description of the API: a page for browsers, otherwise every operation as plain text.
async fn docs(headers: HeaderMap) -> Response {
    if connection_page::is_wanted(&headers) {
        static PAGE: OnceLock<String> = OnceLock::new();
        return openapi::page(PAGE.get_or_init(|| openapi::html(description(), &super::table())));
    }
    let line = |one: &Endpoint| format!("{} {} {}\n", one.method, one.path, one.access.name());
    super::table().iter().map(line).collect::<String>().into_response()
}

async fn document() -> Json<&'static Value> {
    Json(description())
}

/// The process answers.
async fn healthz(State(context): State<Context>) -> Json<Health> {
    Json(Health { status: HealthWord("ok"), version: VERSION, environment: context.settings.environment.clone() })
}

/// The process and its table answer.
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
