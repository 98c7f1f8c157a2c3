//! Connects Pinterest accounts by OAuth.

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
use crate::connection_page;
use crate::content_type::HTML;
use crate::endpoint::{Endpoint, PUBLIC, WRITE, get, tagged};
use crate::error::codes::{
    ACCOUNT_NOT_PERMITTED, Code, FEATURE_RESTRICTED, KEY_IS_LIMITED, OAUTH_CODE_MISSING, OAUTH_CODE_REFUSED,
    OAUTH_DENIED, OAUTH_PINTEREST_UNREACHABLE, OAUTH_STATE_INVALID, OAUTH_TOKENS_REFUSED, PINTEREST_APP_MISSING,
    PINTEREST_APP_REFUSED, PINTEREST_BUSY, PINTEREST_REJECTED, PINTEREST_VALIDATION_ERROR, SANDBOX_ACCOUNT_LIMIT,
    SCOPE_MISSING, TRIAL_ACCESS, UNAVAILABLE, WORKSPACE_RESETTING,
};
use crate::error::{ApiError, pinterest};
use crate::openapi::schema::{Text, names};
use crate::request::field::HttpUrl;
use crate::request::query;

/// The request has a code and the answer a state. No cache may store them, and no page may pass them on.
const PRIVATE: [(HeaderName, &str); 2] = [(CACHE_CONTROL, "no-store"), (REFERRER_POLICY, "no-referrer")];

pub fn endpoints() -> Vec<Endpoint> {
    tagged(
        "Connections",
        vec![
            get("/v1/pinterest/oauth/start", WRITE, start)
                .operation("start_oauth", "Start to connect a Pinterest account")
                .audited("account.connection_started", Resource::None, &[])
                .about(
                    "Answers the address of Pinterest's consent page. Open it in the browser of the person who owns \
                     the account. A key with an allow-list can't start a connection. In a sandbox, the address is the \
                     callback of this API, and opening it connects a simulated account.",
                )
                .answers::<OAuthStart>(200, "The address of the consent page.")
                .fails(&[PINTEREST_APP_MISSING, SANDBOX_ACCOUNT_LIMIT, ACCOUNT_NOT_PERMITTED]),
            get("/v1/pinterest/oauth/callback", PUBLIC, callback)
                .operation("finish_oauth", "Finish connecting a Pinterest account")
                .audited("account.connected", Resource::Account, &[])
                .about(
                    "Pinterest redirects the browser here. `state` is the credential: it works once, for ten minutes. \
                     The answer is a page if `Accept` prefers `text/html`, and JSON otherwise. It is never a redirect.",
                )
                .query::<Text>("code", "The authorization code of Pinterest.")
                .query::<Text>("state", "The state of the started connection, from `authorization_url`.")
                .query::<Text>("error", "Pinterest's error code, if the person did not grant access.")
                .answers::<OAuthCallback>(200, "The account is connected.")
                .answers_content::<Text>(200, "The account is connected.", HTML)
                .fails(CALLBACK)
                .fails_as_page(),
        ],
    )
}

/// The errors of the callback, which needs no account and reads no board.
const CALLBACK: &[Code] = &[
    OAUTH_STATE_INVALID,
    OAUTH_DENIED,
    OAUTH_CODE_MISSING,
    OAUTH_CODE_REFUSED,
    OAUTH_TOKENS_REFUSED,
    OAUTH_PINTEREST_UNREACHABLE,
    PINTEREST_APP_REFUSED,
    SCOPE_MISSING,
    TRIAL_ACCESS,
    FEATURE_RESTRICTED,
    PINTEREST_VALIDATION_ERROR,
    PINTEREST_BUSY,
    PINTEREST_REJECTED,
    UNAVAILABLE,
];

names!(Success, "Always `success`.", ["success"]);

/// A started connection.
#[derive(Serialize, JsonSchema)]
pub struct OAuthStart {
    /// The address of Pinterest's consent page.
    pub authorization_url: HttpUrl,
}

/// A finished connection.
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
            format!(
                "The Pinterest account is connected, but can't publish. These scopes were not granted: {}.",
                missing.join(", ")
            )
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
            FinishError::Pinterest(read) => match read.failure {
                Failure::TokenRevoked => OAUTH_TOKENS_REFUSED.into(),
                // The call that failed reads the user's profile. An error about boards would mislead.
                Failure::BoardNotFound | Failure::BoardSectionNotFound | Failure::BoardAccessDenied => {
                    pinterest::rejected(&read)
                }
                _ => pinterest::refused(&read),
            },
            FinishError::Port(error) => error.into(),
        }
    }
}

async fn start(
    State(context): State<Context>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<([(HeaderName, &'static str); 2], Json<OAuthStart>), ApiError> {
    // No allow-list contains an account that isn't connected yet.
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

/// For the activity log: the caller who started the connection has connected the account.
fn attributed(connected: &Connected, response: Response) -> Response {
    let initiator = connected.by.split_once(' ').and_then(|(kind, id)| match kind {
        "key" => id.parse().ok().map(By::Key),
        _ => id.parse().ok().map(By::User),
    });
    let account = connected.account.key;
    let by = initiator.unwrap_or(By::System);
    Attribution { workspace: account.workspace, by, label: None, account: Some(account.account) }.of(response)
}

/// The address of this API's callback, from the `Host` header of the request. A sandbox uses it if no redirect URL is
/// configured. A forged header misleads only its sender.
fn callback_url(headers: &HeaderMap) -> String {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let host = Some(text("host")).filter(|host| !host.is_empty()).unwrap_or("localhost");
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let is_local = ["localhost", "127.0.0.1", "[::1]"].contains(&name);
    let is_plain = text("x-forwarded-proto").eq_ignore_ascii_case("http") || is_local;
    format!("{}://{host}/v1/pinterest/oauth/callback", if is_plain { "http" } else { "https" })
}

/// Needs no key: the state is the credential.
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
