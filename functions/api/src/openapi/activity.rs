//! The activity log.

use pinbridge_shared::domain::stats::activity::ACTIONS;
use schemars::{JsonSchema, json_schema};
use uuid::Uuid;

use super::schema::{Limit, Text, Time, TimeOrEmpty, inline_schema, names};
use crate::endpoint::{Endpoint, get, tagged};
use crate::error::codes::VALIDATION_ERROR;
use crate::routes::*;

pub fn endpoints() -> Vec<Endpoint> {
    tagged(
        "Activity",
        vec![
            get("/v1/activity-logs", READ, activity::list).operation("list_activity", "Read what people, keys and workers did")
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
                .fails(&[VALIDATION_ERROR]),
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
