//! What the system says of itself.

use schemars::{JsonSchema, json_schema};

use super::schema::{Text, inline_schema, names};
use crate::connection_page::CONTENT_TYPE_HTML;
use crate::endpoint::{Endpoint, get, tagged};
use crate::routes::*;

pub fn endpoints() -> Vec<Endpoint> {
    tagged(
        "System",
        vec![
            get("/", PUBLIC, system::root)
                .operation("get_root", "Read the service's name and version")
                .answers::<Root>(200, "The service."),
            get("/docs", PUBLIC, system::docs)
                .operation("get_docs", "Read this description")
                .about("A page where `Accept` asks for `text/html`; otherwise the route table as plain text.")
                .answers_content::<Text>(200, "The description.", "text/plain; charset=utf-8")
                .answers_content::<Text>(200, "The description.", CONTENT_TYPE_HTML),
            get("/openapi.json", PUBLIC, system::openapi)
                .operation("get_openapi", "Read this description as OpenAPI 3.1")
                .answers::<OpenApi>(200, "The document."),
            get("/healthz", PUBLIC, system::healthz)
                .operation("get_health", "Read whether the process answers")
                .answers::<Health>(200, "It answers."),
            get("/readyz", PUBLIC, system::readyz)
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

/// What the service is called.
#[derive(JsonSchema)]
pub struct Root {
    pub service: String,
    pub version: String,
    /// Where it is described.
    pub docs: String,
}

/// Liveness.
#[derive(JsonSchema)]
pub struct Health {
    pub status: HealthWord,
    pub version: String,
    pub environment: String,
}

/// Readiness.
#[derive(JsonSchema)]
pub struct Readiness {
    pub status: ReadinessWord,
    pub version: String,
    pub environment: String,
    pub database: DatabaseWord,
}
