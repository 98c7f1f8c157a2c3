//! What the system says of itself.

use schemars::{JsonSchema, json_schema};
use serde_json::{Value, json};

use super::operation::{Example, JSON, Operation, get, tagged};
use super::types::{Text, inline_schema, names};
use crate::connection_page::CONTENT_TYPE_HTML;

pub fn operations() -> Vec<Operation> {
    tagged(
        "System",
        vec![
            get("/", "get_root", "Read the service's name and version").answers::<Root>(200, "The service."),
            get("/docs", "get_docs", "Read this description")
                .about("A page where `Accept` asks for `text/html`; otherwise the route table as plain text.")
                .answers_content::<Text>(
                    200,
                    "The description.",
                    "text/plain; charset=utf-8",
                    "GET /v1/pins read\n".into(),
                )
                .answers_content::<Text>(
                    200,
                    "The description.",
                    CONTENT_TYPE_HTML,
                    "<!doctype html><title>PinBridge API</title>".into(),
                ),
            get("/openapi.json", "get_openapi", "Read this description as OpenAPI 3.1").answers_content::<OpenApi>(
                200,
                "The document.",
                JSON,
                json!({"openapi": "3.1.0", "info": {"title": "PinBridge API", "version": "0.1.0"}, "paths": {}}),
            ),
            get("/healthz", "get_health", "Read whether the process answers").answers::<Health>(200, "It answers."),
            get("/readyz", "get_readiness", "Read whether the system is ready")
                .answers::<Readiness>(200, "The table answers too.")
                .answers_content::<Readiness>(503, "The table does not answer.", JSON, not_ready()),
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

/// What the service is called.
#[derive(JsonSchema)]
pub struct Root {
    pub service: String,
    pub version: String,
    /// Where it is described.
    pub docs: String,
}

impl Example for Root {
    fn example() -> Value {
        json!({"service": "pinbridge", "version": "0.1.0", "docs": "/docs"})
    }
}

/// Liveness.
#[derive(JsonSchema)]
pub struct Health {
    pub status: HealthWord,
    pub version: String,
    pub environment: String,
}

impl Example for Health {
    fn example() -> Value {
        json!({"status": "ok", "version": "0.1.0", "environment": "production"})
    }
}

/// Readiness.
#[derive(JsonSchema)]
pub struct Readiness {
    pub status: ReadinessWord,
    pub version: String,
    pub environment: String,
    pub database: DatabaseWord,
}

impl Example for Readiness {
    fn example() -> Value {
        json!({"status": "ready", "version": "0.1.0", "environment": "production", "database": "ok"})
    }
}

fn not_ready() -> Value {
    json!({"status": "not_ready", "version": "0.1.0", "environment": "production", "database": "unreachable"})
}
