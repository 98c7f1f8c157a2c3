//! The JSON of the activity log.

use pinbridge_shared::domain::stats::activity::{By, Entry, Outcome, retention_label};
use pinbridge_shared::domain::time::DAY_MS;
use pinbridge_shared::flows::activity::Page;
use serde_json::{Map, Value, json};

pub fn page(page: &Page, kept_ms: i64) -> Value {
    json!({
        "items": page.entries.iter().map(|entry| item(entry, kept_ms)).collect::<Vec<_>>(),
        "next_cursor": page.next.map(|cursor| cursor.to_string()),
        "current_retention_days": kept_ms / DAY_MS,
        "current_retention_label": retention_label(kept_ms),
    })
}

fn item(entry: &Entry, kept_ms: i64) -> Value {
    let mut metadata: Map<String, Value> =
        entry.details.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str()))).collect();
    if let Some(account) = entry.account {
        metadata.insert("account_id".into(), json!(account));
    }
    if let By::Key(id) = entry.by {
        metadata.insert("api_key_id".into(), json!(id));
    }
    let person = match entry.by {
        By::User(id) => Some(id),
        By::Key(_) | By::System | By::Worker => None,
    };
    let is_unusual = entry.outcome == Outcome::Failed && entry.action.outcome != Outcome::Failed;
    let message = if is_unusual {
        format!("Refused or failed: {}", entry.action.message)
    } else {
        entry.action.message.to_owned()
    };
    json!({
        "id": entry.id,
        "actor_user_id": person,
        "actor_type": entry.by.kind(),
        "actor_label": entry.label,
        "action": entry.action.name,
        "category": entry.action.category.name(),
        "resource_type": entry.action.resource,
        "resource_id": entry.resource_id,
        "status": entry.outcome.name(),
        "message": message,
        "metadata": metadata,
        "request_id": entry.request_id,
        "retention_days": kept_ms / DAY_MS,
        "expires_at": entry.at.plus_ms(kept_ms).rfc3339(),
        "created_at": entry.at.rfc3339(),
    })
}
