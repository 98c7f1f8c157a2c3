//! The activity log.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Query, State};
use pinbridge_shared::context::Context;
use pinbridge_shared::domain::stats::activity::{ACTIONS, By, Cursor, Entry, Outcome, Wanted, retention_label};
use pinbridge_shared::domain::time::DAY_MS;
use pinbridge_shared::flows::activity::{self, Page, Reader};
use pinbridge_shared::flows::tenants::authenticate::Who;
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use crate::answer;
use crate::auth::Caller;
use crate::endpoint::{Endpoint, READ, get, tagged};
use crate::error::ApiError;
use crate::error::codes::VALIDATION_ERROR;
use crate::openapi::schema::{Limit, Text, Time, TimeOrEmpty, names};
use crate::request::query;

pub fn endpoints() -> Vec<Endpoint> {
    tagged(
        "Activity",
        vec![
            get("/v1/activity-logs", READ, list)
                .operation("list_activity", "List the activity log")
                .costs(50)
                .about(
                    "Lists the changes that people, API keys and the system made, newest first; an entry of \
                     `pin.published` is listed above the acceptance of its pin. A filter with an unknown value \
                     matches nothing. A page can have fewer entries than `limit`; a page without \
                     `next_cursor` is the last. A key with an allow-list reads the entries about its accounts, and its \
                     own.",
                )
                .query::<Limit>("limit", "The maximum number of entries of the page.")
                .query::<Text>("cursor", "The `next_cursor` of the previous page.")
                .query::<Text>("category", "Only entries of this category.")
                .query::<Text>("action", "Only entries with this action.")
                .query::<Text>("status", "Only entries with this status.")
                .query::<Text>("resource_type", "Only entries with this type of resource.")
                .query::<Text>(
                    "resource_id",
                    "Extension: only entries about the resource with this id, also those of a bulk action that names \
                     it.",
                )
                .query::<TimeOrEmpty>("since", "Only entries at or after this time.")
                .answers::<ActivityLogs>(200, "A page of the log.")
                .fails(&[VALIDATION_ERROR]),
        ],
    )
}

names!(
    ActivityActor,
    "The kind of actor. `worker` is the publisher of the system.",
    ["user", "api_key", "system", "worker", "admin", "billing"]
);
names!(
    ActivityCategory,
    "The category of an action.",
    ["security", "publishing", "billing", "configuration", "integration"]
);
names!(ActivityStatus, "The result of an action.", ["success", "failed", "queued", "canceled"]);
names!(ActivityAction, "The action.", ACTIONS.iter().map(|action| action.name));
/// A page of the activity log.
#[derive(Serialize, JsonSchema)]
pub struct ActivityLogs {
    pub items: Vec<ActivityEntry>,
    pub next_cursor: Option<String>,
    #[schemars(with = "u32")]
    pub current_retention_days: i64,
    pub current_retention_label: String,
}

/// An entry of the activity log.
#[derive(Serialize, JsonSchema)]
pub struct ActivityEntry {
    pub id: Uuid,
    pub actor_user_id: Option<Uuid>,
    pub actor_type: ActivityActor,
    /// The name of the API key, or the email address of the person.
    pub actor_label: Option<String>,
    pub action: ActivityAction,
    pub category: ActivityCategory,
    pub resource_type: Option<&'static str>,
    pub resource_id: Option<String>,
    pub status: ActivityStatus,
    pub message: String,
    pub metadata: BTreeMap<String, String>,
    pub request_id: Option<String>,
    #[schemars(with = "u32")]
    pub retention_days: i64,
    pub expires_at: Time,
    pub created_at: Time,
}

impl ActivityLogs {
    fn of(page: Page, kept_ms: i64) -> Self {
        Self {
            items: page.entries.into_iter().map(|entry| ActivityEntry::of(entry, kept_ms)).collect(),
            next_cursor: page.next.map(|cursor| cursor.to_string()),
            current_retention_days: kept_ms / DAY_MS,
            current_retention_label: retention_label(kept_ms),
        }
    }
}

impl ActivityEntry {
    fn of(entry: Entry, kept_ms: i64) -> Self {
        let person = match entry.by {
            By::User(id) => Some(id.0),
            By::Key(_) | By::System | By::Worker => None,
        };
        Self {
            id: entry.id,
            actor_user_id: person,
            actor_type: ActivityActor(entry.by.kind()),
            action: ActivityAction(entry.action.name),
            category: ActivityCategory(entry.action.category.name()),
            resource_type: Some(entry.action.resource),
            status: ActivityStatus(entry.outcome.name()),
            message: message(&entry),
            metadata: metadata(&entry),
            retention_days: kept_ms / DAY_MS,
            expires_at: entry.at.plus_ms(kept_ms).into(),
            created_at: entry.at.into(),
            actor_label: entry.label,
            resource_id: entry.resource_id,
            request_id: entry.request_id,
        }
    }
}

fn message(entry: &Entry) -> String {
    let is_unusual = entry.outcome == Outcome::Failed && entry.action.outcome != Outcome::Failed;
    let prefix = if is_unusual { "Refused or failed: " } else { "" };
    format!("{prefix}{}", entry.action.message)
}

fn metadata(entry: &Entry) -> BTreeMap<String, String> {
    let mut metadata: BTreeMap<String, String> = entry.details.iter().cloned().collect();
    if let Some(account) = entry.account {
        metadata.insert("account_id".into(), account.to_string());
    }
    if let By::Key(id) = entry.by {
        metadata.insert("api_key_id".into(), id.to_string());
    }
    metadata
}

async fn list(
    State(context): State<Context>,
    caller: Caller,
    Query(mut query): Query<query::Query>,
) -> Result<Json<ActivityLogs>, ApiError> {
    let limit = query::paging(&query)?.limit;
    let cursor = query.get("cursor").filter(|text| !text.is_empty()).map(|text| {
        let bad = |()| query::invalid("cursor", "Input should be the next_cursor of the previous page", "value_error");
        text.parse::<Cursor>().map_err(bad)
    });
    let cursor = cursor.transpose()?;
    query.retain(|_, text| !text.is_empty());
    let since = query::time(&query, "since")?;
    let mut name = |name: &str| query.remove(name);
    let wanted = Wanted {
        category: name("category"),
        action: name("action"),
        status: name("status"),
        resource_type: name("resource_type"),
        resource_id: name("resource_id"),
        since,
    };
    let key = match caller.who {
        Who::Key(id) => Some(id),
        Who::User(_) => None,
    };
    let reader = Reader { workspace: caller.workspace, key, limited_to: caller.limited_to() };
    let found = activity::page(&context, reader, &wanted, cursor, limit).await?;
    let logs = ActivityLogs::of(found, context.settings.activity_kept_ms);
    answer::check_page(&logs.items)?;
    Ok(Json(logs))
}
