//! Connecting Pinterest accounts as a person does.

use axum::Json;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, REFERRER_POLICY};
use http::{HeaderMap, HeaderName};
use pinbridge_shared::context::Context;
use pinbridge_shared::domain::pin::failure::Failure;
use pinbridge_shared::domain::sandbox::ACCOUNTS_MAX;
use pinbridge_shared::domain::secret::Secret;
use pinbridge_shared::domain::stats::activity::By;
use pinbridge_shared::flows::accounts::oauth::{self, Callback, Connected, FinishError, StartError};
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use crate::activity::{Attribution, Resource};
use crate::auth::{Caller, Who};
use crate::connection_page::{self, CONTENT_TYPE_HTML};
use crate::endpoint::{Endpoint, PUBLIC, WRITE, get, tagged};
use crate::error::codes::{
    ACCOUNT_NOT_PERMITTED, BOARD_NOT_FOUND, BOARD_SECTION_NOT_FOUND, KEY_IS_LIMITED, OAUTH_CODE_MISSING,
    OAUTH_CODE_REFUSED, OAUTH_DENIED, OAUTH_PINTEREST_UNREACHABLE, OAUTH_STATE_INVALID, OAUTH_TOKENS_REFUSED,
    PINTEREST, PINTEREST_APP_MISSING, PINTEREST_APP_REFUSED, SANDBOX_ACCOUNT_LIMIT, SCOPE_MISSING, UNAVAILABLE,
    WORKSPACE_RESETTING,
};
use crate::error::{ApiError, pinterest};
use crate::openapi::schema::{Text, names};
use crate::request::field::HttpUrl;
use crate::request::query;

/// The address of the answer has a code in it, and the answer a state: neither may be kept or passed on.
const PRIVATE: [(HeaderName, &str); 2] = [(CACHE_CONTROL, "no-store"), (REFERRER_POLICY, "no-referrer")];

pub fn endpoints() -> Vec<Endpoint> {
    tagged(
        "Connections",
        vec![
            get("/v1/pinterest/oauth/start", WRITE, start)
                .operation("start_oauth", "Begin to connect a Pinterest account")
                .audited("account.connection_started", Resource::None, &[])
                .about(
                    "Answers the address of Pinterest's page, where a person agrees. Not for keys with an allow-list. \
                     In a sandbox the address is this API's own callback: opening it connects a simulated account.",
                )
                .answers::<OAuthStart>(200, "Where to send the person.")
                .fails(&[PINTEREST_APP_MISSING, SANDBOX_ACCOUNT_LIMIT, ACCOUNT_NOT_PERMITTED]),
            get("/v1/pinterest/oauth/callback", PUBLIC, callback)
                .operation("finish_oauth", "Finish connecting a Pinterest account")
                .audited("account.connected", Resource::Account, &[])
                .about(
                    "Pinterest sends the browser here. The state is the credential; it works once, for ten minutes. \
                     Answers a page where `Accept` asks for `text/html`, JSON otherwise.",
                )
                .query::<Text>("code", "Pinterest's code.")
                .query::<Text>("state", "The state of the beginning.")
                .query::<Text>("error", "What Pinterest says where the person did not agree.")
                .answers::<OAuthCallback>(200, "The account is connected.")
                .answers_content::<Text>(200, "The account is connected.", CONTENT_TYPE_HTML)
                .fails(&[OAUTH_STATE_INVALID, OAUTH_DENIED, OAUTH_CODE_MISSING, OAUTH_CODE_REFUSED])
                .fails(&[PINTEREST_APP_REFUSED, SCOPE_MISSING, BOARD_NOT_FOUND, BOARD_SECTION_NOT_FOUND])
                .fails(PINTEREST)
                .fails(&[UNAVAILABLE])
                .fails_as_page(),
        ],
    )
}

names!(Success, "Always `success`.", ["success"]);

#[derive(Serialize, JsonSchema)]
pub struct OAuthStart {
    pub authorization_url: HttpUrl,
}

#[derive(Serialize, JsonSchema)]
pub struct OAuthCallback {
    pub status: Success,
    pub message: String,
    pub account_id: Uuid,
}

impl OAuthCallback {
    fn of(connected: &Connected) -> Self {
        let account = &connected.account;
        let missing = account.missing_scopes();
        let message = if missing.is_empty() {
            "The Pinterest account is connected.".to_owned()
        } else {
            format!("The Pinterest account is connected, but can't publish: {} were not granted.", missing.join(", "))
        };
        Self { status: Success("success"), message, account_id: account.key.account.0 }
    }
}

impl From<StartError> for ApiError {
    fn from(error: StartError) -> Self {
        match error {
            StartError::AppMissing => PINTEREST_APP_MISSING.into(),
            StartError::SandboxAccountLimit => SANDBOX_ACCOUNT_LIMIT.with("limit", ACCOUNTS_MAX),
            StartError::Closed => WORKSPACE_RESETTING.into(),
            StartError::Port(error) => error.into(),
        }
    }
}

impl From<FinishError> for ApiError {
    fn from(error: FinishError) -> Self {
        match error {
            FinishError::StateInvalid => OAUTH_STATE_INVALID.into(),
            FinishError::Denied => OAUTH_DENIED.into(),
            FinishError::NoCode => OAUTH_CODE_MISSING.into(),
            FinishError::CodeRefused => OAUTH_CODE_REFUSED.into(),
            FinishError::AppRefused => PINTEREST_APP_REFUSED.into(),
            FinishError::Unreachable { retry_after_ms } => {
                pinterest::passing(OAUTH_PINTEREST_UNREACHABLE, retry_after_ms)
            }
            FinishError::Pinterest(read) if read.failure == Failure::ScopeMissing => {
                pinterest::scope_missing(&["user_accounts:read".to_owned()])
            }
            FinishError::Pinterest(read) if read.failure == Failure::TokenRevoked => OAUTH_TOKENS_REFUSED.into(),
            FinishError::Pinterest(read) => pinterest::refused(&read),
            FinishError::Port(error) => error.into(),
        }
    }
}

async fn start(
    State(context): State<Context>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<([(HeaderName, &'static str); 2], Json<OAuthStart>), ApiError> {
    // An account that isn't there yet is in no allow-list.
    if caller.limited_to().is_some() {
        return Err(KEY_IS_LIMITED.into());
    }
    let by = match caller.who {
        Who::Key(key) => format!("key {key}"),
        Who::User(user) => format!("user {user}"),
    };
    let url = oauth::start(&context, caller.workspace, &by, &callback_url(&headers)).await?;
    Ok((PRIVATE, Json(OAuthStart { authorization_url: HttpUrl(url) })))
}

/// For the activity log: who began it has connected it.
fn attributed(connected: &Connected, response: Response) -> Response {
    let begun = connected.by.split_once(' ').and_then(|(kind, id)| match kind {
        "key" => id.parse().ok().map(By::Key),
        _ => id.parse().ok().map(By::User),
    });
    let account = connected.account.key;
    let by = begun.unwrap_or(By::System);
    Attribution { workspace: account.workspace, by, label: None, account: Some(account.account) }.of(response)
}

/// This API's own callback, by the host that the client has sent: where none is configured, a sandbox's connection goes
/// there. A forged header misleads nobody but its sender.
fn callback_url(headers: &HeaderMap) -> String {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let host = Some(text("host")).filter(|host| !host.is_empty()).unwrap_or("localhost");
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let is_local = ["localhost", "127.0.0.1", "[::1]"].contains(&name);
    let is_plain = text("x-forwarded-proto").eq_ignore_ascii_case("http") || is_local;
    format!("{}://{host}/v1/pinterest/oauth/callback", if is_plain { "http" } else { "https" })
}

/// For anybody: the state is the credential.
async fn callback(
    State(context): State<Context>,
    headers: HeaderMap,
    Query(mut query): Query<query::Query>,
) -> Result<Response, ApiError> {
    let callback = Callback {
        state: query.remove("state").map(Secret::new),
        code: query.remove("code").map(Secret::new),
        error: query.remove("error").filter(|error| !error.is_empty()),
    };
    let finished = oauth::finish(&context, callback).await.map_err(ApiError::from);
    match finished {
        Ok(connected) => {
            let response = if connection_page::is_wanted(&headers) {
                connection_page::connected(&connected)
            } else {
                (PRIVATE, Json(OAuthCallback::of(&connected))).into_response()
            };
            Ok(attributed(&connected, response))
        }
        Err(error) if connection_page::is_wanted(&headers) => Ok(connection_page::failed(&error)),
        Err(error) => Err(error),
    }
}
