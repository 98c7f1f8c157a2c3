//! Connected Pinterest accounts.

use axum::extract::{Path, State};
use axum::response::Response;
use futures_util::future::try_join_all;
use http::StatusCode;
use pinbridge_shared::context::Context;
use pinbridge_shared::domain::account;
use pinbridge_shared::domain::account::health::Health;
use pinbridge_shared::domain::pacing::bucket::Bucket;
use pinbridge_shared::domain::pin::failure::Failure;
use pinbridge_shared::domain::time::Moment;
use pinbridge_shared::flows::accounts::disconnect::{DisconnectError, disconnect};
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use crate::activity::Resource;
use crate::answer::{self, ABOUT_LEFT_OUT, Entry};
use crate::auth::Caller;
use crate::endpoint::{DESTRUCTIVE, Endpoint, READ, delete, get, tagged};
use crate::error::ApiError;
use crate::error::codes::ACCOUNT_NOT_PERMITTED;
use crate::openapi::schema::{Text, Time, names};
use crate::request::path_id;
use crate::routes::examples::ACCOUNT;

pub fn endpoints() -> Vec<Endpoint> {
    tagged(
        "Connections",
        vec![
            get("/v1/pinterest/accounts", READ, list)
                .operation("list_accounts", "List the connected accounts")
                .about("Lists the oldest accounts first. A key with an allow-list reads the accounts on its list.")
                .answers::<Vec<Account>>(200, "The accounts.")
                .with_header::<Text>("X-Pinbridge-Left-Out", false, ABOUT_LEFT_OUT),
            delete("/v1/pinterest/accounts/{id}", DESTRUCTIVE, revoke)
                .operation("disconnect_account", "Disconnect an account")
                .audited("account.disconnected", Resource::Path, &[])
                .about(
                    "Deletes the tokens of the account at once. Waiting pins are held until the same Pinterest user is \
                     connected again; then they continue within two minutes. The account keeps its id.",
                )
                .of_one("The id of the account.", ACCOUNT)
                .fails(&[ACCOUNT_NOT_PERMITTED])
                .answers_nothing("The account is disconnected."),
        ],
    )
}

names!(
    HealthStatus,
    "The health of a connection. `renewal_refused`: the account publishes until its token expires. `paused`: Pinterest \
     blocks the account for a time; see `paused_until`.",
    ["healthy", "paused", "renewal_refused", "on_hold", "scope_missing", "token_expired", "token_revoked"]
);

/// A connected Pinterest account.
#[derive(Serialize, JsonSchema)]
pub struct Account {
    pub id: Uuid,
    pub workspace_id: Uuid,
    pub pinterest_user_id: String,
    pub display_name: Option<String>,
    pub username: Option<String>,
    /// The granted scopes, separated by commas.
    pub scopes: String,
    pub created_at: Time,
    pub updated_at: Time,
    /// The time when the account was disconnected.
    pub revoked_at: Option<Time>,
    pub token_expires_at: Option<Time>,
    pub health_status: HealthStatus,
    /// The meaning of `health_status`, and what you can do about it.
    pub health_message: String,
    /// The time when Pinterest last accepted the connection.
    pub health_checked_at: Time,
    pub reconnect_required: bool,
    /// The scopes that publishing needs and the connection lacks.
    pub missing_scopes: Vec<String>,
    /// Extension: the time until which no pin starts, because Pinterest asked the account to wait. Absent otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paused_until: Option<Time>,
    /// Extension: the `error_code` of the refusal that caused the pause. Absent without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pause_code: Option<&'static str>,
    /// Extension: the time when the pace of the account was last reset, because a machine with a wrong clock had
    /// written it. Absent if it never was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pace_reset_at: Option<Time>,
}

impl Account {
    pub fn of(account: &account::Account, bucket: &Bucket, now: Moment) -> Self {
        let health = Health::of(account, bucket, now);
        let pause = bucket.pause_of_pinterest(now);
        Self {
            id: account.key.account.0,
            workspace_id: account.key.workspace.0,
            pinterest_user_id: account.pinterest_user_id.clone(),
            display_name: account.display_name.clone(),
            username: account.username.clone(),
            scopes: account.scopes.clone(),
            created_at: account.created_at.into(),
            updated_at: account.updated_at.into(),
            revoked_at: account.revoked_at.map(Time),
            token_expires_at: account.life.access_expires_at.map(Time),
            health_status: HealthStatus(health.name()),
            health_message: health.message(),
            health_checked_at: account.life.checked_at.unwrap_or(account.updated_at).into(),
            reconnect_required: health.needs_reconnect(),
            missing_scopes: account.missing_scopes(),
            paused_until: pause.map(|(until, _)| Time(until)),
            pause_code: pause.and_then(|(_, failure)| failure).map(Failure::code),
            pace_reset_at: bucket.reset_at.map(Time),
        }
    }
}

impl Entry for Account {
    const LONG: &'static str = "display_name, scopes, health_message, missing_scopes";

    fn without_long(self) -> Self {
        let (scopes, health_message) = (String::new(), String::new());
        Self { display_name: None, scopes, health_message, missing_scopes: Vec::new(), ..self }
    }
}

impl From<DisconnectError> for ApiError {
    fn from(error: DisconnectError) -> Self {
        match error {
            DisconnectError::AccountNotFound => Self::not_found("account"),
            DisconnectError::Port(error) => error.into(),
        }
    }
}

async fn list(State(context): State<Context>, caller: Caller) -> Result<Response, ApiError> {
    let mut accounts = context.store.accounts(caller.workspace).await?;
    // The name of a disconnected account is removed after a while. From then on, lists leave the account out.
    accounts.retain(|account| caller.sees(account.key.account) && !account.is_forgotten());
    accounts.sort_by_key(|account| (account.created_at, account.key.account));
    // The bucket has Pinterest's last answer about the connection.
    let buckets = try_join_all(accounts.iter().map(|account| context.store.bucket(account.key))).await?;
    let now = context.system.now();
    Ok(answer::list(accounts.iter().zip(&buckets).map(|(account, bucket)| Account::of(account, bucket, now)).collect()))
}

async fn revoke(
    State(context): State<Context>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    disconnect(&context, caller.account(path_id(&id, "id")?)?).await?;
    Ok(StatusCode::NO_CONTENT)
}
