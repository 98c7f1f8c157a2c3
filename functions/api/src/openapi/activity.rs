//! The activity log.

use pinbridge_shared::domain::stats::activity::ACTIONS;
use schemars::{JsonSchema, json_schema};
use serde_json::{Value, json};
use uuid::Uuid;

use super::operation::{Example, Operation, get, tagged};
use super::types::{Limit, Text, Time, TimeOrEmpty, inline_schema, names};

pub fn operations() -> Vec<Operation> {
    tagged(
        "Activity",
        vec![
            get("/v1/activity-logs", "list_activity", "Read what people, keys and workers did")
                .about(
                    "Newest first. A filter's value that nothing has matches nothing. A page may have fewer entries than \
                     asked for; without `next_cursor` it is the last. A key with an allow-list sees what was about one of \
                     its accounts, and what it did itself.",
                )
                .query::<Limit>("limit", "Entries of a page at most.")
                .query::<Text>("cursor", "`next_cursor` of the page before.")
                .query::<Text>("category", "Only entries of that category.")
                .query::<Text>("action", "Only entries of that action.")
                .query::<Text>("status", "Only entries that ended so.")
                .query::<Text>("resource_type", "Only entries about such a thing.")
                .query::<TimeOrEmpty>("since", "Not older than that.")
                .answers::<ActivityLogs>(200, "A page of the log.")
                .refuses(&["validation_error"]),
        ],
    )
}

names!(
    ActivityActor,
    "Who did it; `worker` is the system's publisher.",
    ["user", "api_key", "system", "worker", "admin", "billing"]
);
names!(
    ActivityCategory,
    "What kind of thing was done.",
    ["security", "publishing", "billing", "configuration", "integration"]
);
names!(ActivityStatus, "How it ended.", ["success", "failed", "queued", "canceled"]);
names!(ActivityAction, "What was done.", ACTIONS.iter().map(|action| action.name));
inline_schema!(
    /// Names and texts that say more.
    Metadata = json_schema!({"type": "object", "additionalProperties": {"type": "string"}})
);

/// A page of the activity log.
#[derive(JsonSchema)]
pub struct ActivityLogs {
    pub items: Vec<ActivityEntry>,
    pub next_cursor: Option<String>,
    pub current_retention_days: u32,
    pub current_retention_label: String,
}

/// Something that was done.
#[derive(JsonSchema)]
pub struct ActivityEntry {
    pub id: Uuid,
    pub actor_user_id: Option<Uuid>,
    pub actor_type: ActivityActor,
    /// The key's name, or the person's address.
    pub actor_label: Option<String>,
    pub action: ActivityAction,
    pub category: ActivityCategory,
    pub resource_type: Option<String>,
    pub resource_id: Option<String>,
    pub status: ActivityStatus,
    pub message: String,
    pub metadata: Metadata,
    pub request_id: Option<String>,
    pub retention_days: u32,
    pub expires_at: Time,
    pub created_at: Time,
}

impl Example for ActivityLogs {
    fn example() -> Value {
        json!({
            "items": [{
                "id": "7d11ee90-a944-54ed-a55c-7f2e8a5ca0b6",
                "actor_user_id": null,
                "actor_type": "api_key",
                "actor_label": "ci",
                "action": "board.created",
                "category": "integration",
                "resource_type": "board",
                "resource_id": "1000000000000000001",
                "status": "success",
                "message": "A board was created.",
                "metadata": {"name": "Cranes"},
                "request_id": "3f0c1f5e-6d1b-4f8a-9c57-2a3b4c5d6e7f",
                "retention_days": 30,
                "expires_at": "2026-12-23T12:00:00.000Z",
                "created_at": "2026-11-23T12:00:00.000Z",
            }],
            "next_cursor": null,
            "current_retention_days": 30,
            "current_retention_label": "1 month",
        })
    }
}
