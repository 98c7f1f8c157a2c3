//! The JSON of accounts, boards and what belongs to them.

use pinbridge_shared::domain::account::Account;
use pinbridge_shared::domain::account::board::{Board, RelatedTerms, Section};
use pinbridge_shared::domain::account::health::Health;
use pinbridge_shared::domain::pacing::bucket::Bucket;
use pinbridge_shared::domain::time::Moment;
use pinbridge_shared::flows::accounts::oauth::Connected;
use pinbridge_shared::flows::boards::board_access::{BoardAccess, Obstacle};
use serde_json::{Value, json};

use super::time;
use crate::error::connections::whole_seconds;

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

pub fn board(board: &Board) -> Value {
    json!({"id": board.id, "name": board.name, "description": board.description, "privacy": board.privacy})
}

pub fn section(section: &Section) -> Value {
    json!({"id": section.id, "name": section.name})
}

pub fn related_terms(related: &RelatedTerms, asked: &[String], exact: bool) -> Value {
    let groups = &related.groups;
    json!({
        "id": related.id.as_deref().or(asked.first().map(String::as_str)).unwrap_or_default(),
        "related_term_count": groups.iter().map(|group| group.related.len()).sum::<usize>(),
        "related_terms_list":
            groups.iter().map(|group| json!({"term": group.term, "related_terms": group.related})).collect::<Vec<_>>(),
        "exact_match": exact,
    })
}

pub fn board_access(board_id: &str, access: &BoardAccess) -> Value {
    let told = access.obstacle.as_ref().map(Told::of);
    let told =
        told.unwrap_or(Told { status: "ok", code: None, message: READY.into(), remedy: None, retry_after_s: None });
    let health = access.health;
    json!({
        "account_id": access.account.key.account,
        "board_id": board_id,
        "publishable": access.obstacle.is_none() && health.publishes(),
        "status": told.status,
        "code": told.code,
        "message": told.message,
        "remediation": told.remedy,
        "checked_at": access.checked_at.rfc3339(),
        "source": if access.asked { "pinterest" } else { "cache" },
        "board": access.board.as_ref().map(board),
        "account_health": {
            "status": health.name(),
            "message": health.message(),
            "reconnect_required": health.needs_reconnect(),
            "missing_scopes": access.account.missing_scopes(),
            "token_expires_at": time(access.account.life.access_expires_at),
        },
        "retry_after_seconds": told.retry_after_s,
    })
}

const READY: &str = "The account can reach the board.";
/// After a check that could not be made, in seconds.
const CHECK_AGAIN_AFTER_S: u64 = 30;

/// An obstacle in the words of the public API.
struct Told {
    status: &'static str,
    code: Option<&'static str>,
    message: String,
    remedy: Option<&'static str>,
    retry_after_s: Option<u64>,
}

impl Told {
    fn of(obstacle: &Obstacle) -> Self {
        let retry_after_s = match obstacle {
            Obstacle::RateLimited { retry_after_ms } => {
                Some(whole_seconds(*retry_after_ms).unwrap_or(CHECK_AGAIN_AFTER_S))
            }
            Obstacle::Unreachable => Some(CHECK_AGAIN_AFTER_S),
            _ => None,
        };
        Self {
            status: if obstacle.is_untold() { "skipped" } else { "failed" },
            code: Some(obstacle.code()),
            message: obstacle.message(),
            remedy: Some(obstacle.remedy()),
            retry_after_s,
        }
    }
}
