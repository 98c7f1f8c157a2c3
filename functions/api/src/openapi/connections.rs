//! Connecting Pinterest accounts.

use schemars::JsonSchema;
use uuid::Uuid;

use super::pins::ACCOUNT;
use super::schema::{Text, Time, names};
use crate::activity::Resource;
use crate::connection_page::CONTENT_TYPE_HTML;
use crate::endpoint::{Endpoint, delete, get, tagged};
use crate::error::codes::{
    self, ACCOUNT_NOT_PERMITTED, BOARD_NOT_FOUND, BOARD_SECTION_NOT_FOUND, NOT_FOUND, OAUTH_CODE_MISSING,
    OAUTH_CODE_REFUSED, OAUTH_DENIED, OAUTH_STATE_INVALID, PINTEREST_APP_MISSING, PINTEREST_APP_REFUSED,
    SANDBOX_ACCOUNT_LIMIT, SCOPE_MISSING, UNAVAILABLE, VALIDATION_ERROR,
};
use crate::request::field::HttpUrl;
use crate::routes::*;

pub fn endpoints() -> Vec<Endpoint> {
    tagged(
        "Connections",
        vec![
            get("/v1/pinterest/oauth/start", WRITE, oauth::start).operation("start_oauth", "Begin to connect a Pinterest account").audited("account.connection_started", Resource::None, &[])
                .about(
                    "Answers the address of Pinterest's page, where a person agrees. Not for keys with an allow-list. In a \
                     sandbox the address is this API's own callback: opening it connects a simulated account.",
                )
                .answers::<OAuthStart>(200, "Where to send the person.")
                .fails(&[PINTEREST_APP_MISSING, SANDBOX_ACCOUNT_LIMIT, ACCOUNT_NOT_PERMITTED]),
            get("/v1/pinterest/oauth/callback", PUBLIC, oauth::callback).operation("finish_oauth", "Finish connecting a Pinterest account").audited("account.connected", Resource::Account, &[])
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
                )
                .fails(&[OAUTH_STATE_INVALID, OAUTH_DENIED, OAUTH_CODE_MISSING, OAUTH_CODE_REFUSED])
                .fails(&[PINTEREST_APP_REFUSED, SCOPE_MISSING, BOARD_NOT_FOUND, BOARD_SECTION_NOT_FOUND])
                .fails(codes::PINTEREST)
                .fails(&[UNAVAILABLE])
                .fails_as_page(),
            get("/v1/pinterest/accounts", READ, accounts::list).operation("list_accounts", "List the connected accounts")
                .about("Oldest first. A key with an allow-list sees the accounts on it.")
                .answers::<Vec<Account>>(200, "The accounts."),
            delete("/v1/pinterest/accounts/{id}", DESTRUCTIVE, accounts::revoke).operation("disconnect_account", "Disconnect an account").audited("account.disconnected", Resource::Path, &[])
                .about(
                    "Its tokens are removed at once, its pins are held (`token_revoked`) until the same Pinterest user \
                     is connected again.",
                )
                .path::<Uuid>("id", "The account's id.", ACCOUNT)
                .answers_nothing("The account is disconnected.")
                .fails(&[NOT_FOUND, VALIDATION_ERROR, ACCOUNT_NOT_PERMITTED]),
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

#[derive(JsonSchema)]
pub struct OAuthCallback {
    pub status: Success,
    pub message: String,
    pub account_id: Uuid,
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
