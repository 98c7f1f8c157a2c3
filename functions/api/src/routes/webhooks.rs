//! The webhooks of a workspace. This version has none, so their list is empty: clients of the hosted API read it.

use axum::Json;
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use crate::endpoint::{Endpoint, READ, get, tagged};
use crate::openapi::schema::Time;

pub fn endpoints() -> Vec<Endpoint> {
    tagged(
        "Hosted service",
        vec![
            get("/v1/webhooks", READ, list)
                .operation("list_webhooks", "List webhooks")
                .about(
                    "This version has no webhooks, so the list is always empty. To wait for a pin, read it until its \
                     status is `published` or `failed`.",
                )
                .answers::<Vec<Webhook>>(200, "The webhooks."),
        ],
    )
}

/// A webhook.
#[derive(Serialize, JsonSchema)]
pub struct Webhook {
    pub id: Uuid,
    pub workspace_id: Uuid,
    pub url: String,
    pub events: Vec<String>,
    pub is_enabled: bool,
    pub created_at: Time,
    pub updated_at: Time,
}

async fn list() -> Json<Vec<Webhook>> {
    Json(Vec::new())
}
