//! The JSON of accounts.

use pinbridge_shared::domain::account::Account;
use pinbridge_shared::domain::account::health::Health;
use pinbridge_shared::domain::pacing::bucket::Bucket;
use pinbridge_shared::domain::time::Moment;
use pinbridge_shared::flows::accounts::oauth::Connected;
use serde_json::{Value, json};

use super::time;

pub fn account(account: &Account, bucket: &Bucket, now: Moment) -> Value {
    let health = Health::of(account, bucket, now);
    json!({
        "id": account.key.account,
        "workspace_id": account.key.workspace,
        "pinterest_user_id": account.pinterest_user_id,
        "display_name": account.display_name,
        "username": account.username,
        "scopes": account.scopes,
        "created_at": account.created_at.rfc3339(),
        "updated_at": account.updated_at.rfc3339(),
        "revoked_at": time(account.revoked_at),
        "token_expires_at": time(account.life.access_expires_at),
        "health_status": health.name(),
        "health_message": health.message(),
        // When Pinterest last accepted the connection, as far as it was asked.
        "health_checked_at": account.life.checked_at.unwrap_or(account.updated_at).rfc3339(),
        "reconnect_required": health.needs_reconnect(),
        "missing_scopes": account.missing_scopes(),
    })
}

pub fn oauth_callback(connected: &Connected) -> Value {
    let account = &connected.account;
    let missing = account.missing_scopes();
    let message = if missing.is_empty() {
        "The Pinterest account is connected.".to_owned()
    } else {
        format!("The Pinterest account is connected, but can't publish: {} were not granted.", missing.join(", "))
    };
    json!({"status": "success", "message": message, "account_id": account.key.account})
}
