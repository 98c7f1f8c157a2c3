//! Connecting Pinterest accounts.

use schemars::JsonSchema;
use serde_json::{Value, json};
use uuid::Uuid;

use super::operation::{Example, Operation, delete, get, tagged};
use super::pins::ACCOUNT;
use super::types::{HttpUrl, Text, Time, names};
use crate::connection_page::CONTENT_TYPE_HTML;

pub fn operations() -> Vec<Operation> {
    tagged(
        "Connections",
        vec![
            get("/v1/pinterest/oauth/start", "start_oauth", "Begin to connect a Pinterest account")
                .about(
                    "Answers the address of Pinterest's page, where a person agrees. Not for keys with an allow-list. In a \
                     sandbox the address is this API's own callback: opening it connects a simulated account.",
                )
                .answers::<OAuthStart>(200, "Where to send the person.")
                .refuses(&["pinterest_app_missing", "sandbox_account_limit", "account_not_permitted"]),
            get("/v1/pinterest/oauth/callback", "finish_oauth", "Finish connecting a Pinterest account")
                .about(
                    "Pinterest sends the browser here. The state is the credential; it works once, for ten minutes. \
                     Answers a page where `Accept` asks for `text/html`, JSON otherwise.",
                )
                .query::<Text>("code", "Pinterest's code.")
                .query::<Text>("state", "The state of the beginning.")
                .query::<Text>("error", "What Pinterest says where the person did not agree.")
                .answers::<OAuthCallback>(200, "The account is connected.")
                .answers_content::<Text>(
                    200,
                    "The account is connected.",
                    CONTENT_TYPE_HTML,
                    "<!doctype html><title>Connected</title>".into(),
                )
                .refuses(&["oauth_state_invalid", "oauth_denied", "oauth_code_missing", "oauth_code_refused"])
                .refuses(&["pinterest_app_refused", "scope_missing", "board_not_found", "board_section_not_found"])
                .refuses(super::refusals::PINTEREST)
                .refuses(&["unavailable"])
                .refuses_as_page(),
            get("/v1/pinterest/accounts", "list_accounts", "List the connected accounts")
                .about("Oldest first. A key with an allow-list sees the accounts on it.")
                .answers::<Vec<Account>>(200, "The accounts."),
            delete("/v1/pinterest/accounts/{id}", "disconnect_account", "Disconnect an account")
                .about(
                    "Its tokens are removed at once, its pins are held (`token_revoked`) until the same Pinterest user \
                     is connected again.",
                )
                .path::<Uuid>("id", "The account's id.", ACCOUNT)
                .answers_nothing("The account is disconnected.")
                .refuses(&["not_found", "validation_error", "account_not_permitted"]),
        ],
    )
}

names!(
    HealthStatus,
    "The state of a connection.",
    ["healthy", "renewal_refused", "on_hold", "scope_missing", "token_expired", "token_revoked"]
);
names!(Success, "Always `success`.", ["success"]);

#[derive(JsonSchema)]
pub struct OAuthStart {
    pub authorization_url: HttpUrl,
}

impl Example for OAuthStart {
    fn example() -> Value {
        json!({"authorization_url": "https://www.pinterest.com/oauth/?client_id=1&state=s"})
    }
}

#[derive(JsonSchema)]
pub struct OAuthCallback {
    pub status: Success,
    pub message: String,
    pub account_id: Uuid,
}

impl Example for OAuthCallback {
    fn example() -> Value {
        json!({"status": "success", "message": "The Pinterest account is connected.", "account_id": ACCOUNT})
    }
}

/// A connected Pinterest account.
#[derive(JsonSchema)]
pub struct Account {
    pub id: Uuid,
    pub workspace_id: Uuid,
    pub pinterest_user_id: String,
    pub display_name: Option<String>,
    pub username: Option<String>,
    /// Separated by commas.
    pub scopes: String,
    pub created_at: Time,
    pub updated_at: Time,
    /// When it was disconnected.
    pub revoked_at: Option<Time>,
    pub token_expires_at: Option<Time>,
    pub health_status: HealthStatus,
    /// What it means, and what to do if there is anything to do.
    pub health_message: String,
    /// When Pinterest last accepted the connection.
    pub health_checked_at: Time,
    pub reconnect_required: bool,
    /// What publishing needs and was not granted.
    pub missing_scopes: Vec<String>,
}

impl Example for Account {
    fn example() -> Value {
        json!({
            "id": ACCOUNT,
            "workspace_id": "00000000-0000-0000-0000-00000000000a",
            "pinterest_user_id": "549755885175",
            "display_name": "Paper & Co.",
            "username": "paperandco",
            "scopes": "boards:read,boards:write,pins:read,pins:write,user_accounts:read",
            "created_at": "2026-11-01T09:00:00.000Z",
            "updated_at": "2026-11-01T09:00:00.000Z",
            "revoked_at": null,
            "token_expires_at": "2026-12-01T09:00:00.000Z",
            "health_status": "healthy",
            "health_message": "The connection works.",
            "health_checked_at": "2026-11-23T12:00:00.000Z",
            "reconnect_required": false,
            "missing_scopes": [],
        })
    }
}
