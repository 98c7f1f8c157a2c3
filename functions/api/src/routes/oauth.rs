//! Connects Pinterest accounts by OAuth.

use axum::Json;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, LOCATION, REFERRER_POLICY};
use http::{HeaderMap, HeaderName, Method, StatusCode};
use pinbridge_shared::context::Context;
use pinbridge_shared::domain::account::oauth::PendingAuthorization;
use pinbridge_shared::domain::account::return_to::{CLIENT_STATE_MAX, NoReturn, RETURN_TO_MAX, ReturnTo};
use pinbridge_shared::domain::pin::failure::Failure;
use pinbridge_shared::domain::sandbox::ACCOUNTS_MAX;
use pinbridge_shared::domain::secret::Secret;
use pinbridge_shared::domain::stats::activity::By;
use pinbridge_shared::flows::accounts::oauth::{self, Callback, Connected, FinishError, Finished, Start, StartError};
use schemars::{JsonSchema, json_schema};
use serde::Serialize;
use serde_json::json;
use uuid::Uuid;

use crate::activity::{Attribution, Resource};
use crate::auth::{Caller, Who};
use crate::connection_page;
use crate::content_type::{HTML, PAGE_FORM};
use crate::endpoint::{Endpoint, PUBLIC, WRITE, get, post, tagged};
use crate::error::codes::{
    ACCOUNT_NOT_PERMITTED, Code, FEATURE_RESTRICTED, KEY_IS_LIMITED, OAUTH_CODE_MISSING, OAUTH_CODE_REFUSED,
    OAUTH_DENIED, OAUTH_PINTEREST_UNREACHABLE, OAUTH_STATE_INVALID, OAUTH_TOKENS_REFUSED, PINTEREST_APP_MISSING,
    PINTEREST_APP_REFUSED, PINTEREST_BUSY, PINTEREST_REJECTED, PINTEREST_VALIDATION_ERROR, RETURN_TO_NOT_ALLOWED,
    SANDBOX_ACCOUNT_LIMIT, SCOPE_MISSING, TRIAL_ACCESS, UNAVAILABLE, VALIDATION_ERROR, WORKSPACE_RESETTING,
};
use crate::error::{ApiError, pinterest};
use crate::openapi::schema::{Text, names};
use crate::request::field::{HttpUrl, Wrong, field_schema, readable};
use crate::request::{BODY_MAX, Raw, query};

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
                     callback of this API, and opening it connects a simulated account. With `return_to`, the browser \
                     comes back with `status` (`connected` or `failed`), `account_id`, `error` (an error code of the \
                     callback), `missing_scopes`, and your `client_state`.",
                )
                .query::<ReturnAddress>(
                    "return_to",
                    "Extension: where the browser goes afterwards. The operator allows its origin.",
                )
                .query::<ClientState>(
                    "client_state",
                    "Extension: a text of yours, such as the id of your customer. It comes back with the result. It is \
                     not the `state` of `authorization_url`.",
                )
                .answers::<OAuthStart>(200, "The address of the consent page.")
                .fails(&[PINTEREST_APP_MISSING, SANDBOX_ACCOUNT_LIMIT, ACCOUNT_NOT_PERMITTED])
                .fails(&[VALIDATION_ERROR, RETURN_TO_NOT_ALLOWED]),
            get("/v1/pinterest/oauth/callback", PUBLIC, callback)
                .operation("finish_oauth", "Finish connecting a Pinterest account")
                .audited("account.connected", Resource::Account, &[])
                .about(
                    "Pinterest redirects the browser here. `state` is the credential: it works once, for ten minutes. \
                     If `Accept` names `application/json`, the account is connected, and the answer is JSON. Everybody \
                     else, also with `*/*`, receives a page that names the workspace and asks the person first. After \
                     a refusal the browser returns to the `return_to` of the start. `HEAD` changes nothing.",
                )
                .query::<Text>("code", "The authorization code of Pinterest.")
                .query::<Text>("state", "The state of the started connection, from `authorization_url`.")
                .query::<Text>("error", "Pinterest's error code, if the person did not grant access.")
                .answers::<OAuthCallback>(200, "The account is connected.")
                .answers_content::<Text>(200, "The account is connected.", HTML)
                .redirects("The person refused. The start of the connection had a `return_to`.")
                .fails(CALLBACK)
                .fails_as_page(),
            post("/v1/pinterest/oauth/callback", PUBLIC, confirm)
                .operation("confirm_oauth", "Answer the question whether to connect the account")
                .audited("account.connected", Resource::Account, &[])
                .about(
                    "The form of the callback's page. The page names the workspace, so that a person who was lured \
                     onto another's `authorization_url` can refuse.",
                )
                .takes_content::<Confirmation>(
                    PAGE_FORM,
                    true,
                    || json!({"state": "the state of the page", "code": "the code of the page", "decision": "connect"}),
                )
                .answers::<OAuthCallback>(200, "The account is connected.")
                .answers_content::<Text>(200, "The account is connected.", HTML)
                .redirects("The result. The start of the connection had a `return_to`.")
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

field_schema!(ReturnAddress = |_| json_schema!({"type": "string", "format": "uri", "maxLength": RETURN_TO_MAX}));
field_schema!(ClientState = |_| json_schema!({"type": "string", "maxLength": CLIENT_STATE_MAX}));

/// An address of the integrator's.
pub struct ReturnAddress;

/// A text of the integrator's.
pub struct ClientState;

names!(Decision, "What the person chose.", ["connect", "cancel"]);

/// The fields of the page's form.
#[derive(JsonSchema)]
pub struct Confirmation {
    pub state: String,
    pub code: String,
    pub decision: Decision,
}

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
    /// Extension: the `client_state` of the start.
    pub client_state: Option<String>,
}

impl OAuthCallback {
    fn of(connected: &Connected, client_state: Option<String>) -> Self {
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
        Self { status: Success("success"), message, account_id: account.key.account.0, client_state }
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
    Query(query): Query<query::Query>,
) -> Result<([(HeaderName, &'static str); 2], Json<OAuthStart>), ApiError> {
    // No allow-list contains an account that isn't connected yet.
    if caller.limited_to().is_some() {
        return Err(KEY_IS_LIMITED.into());
    }
    let by = match caller.who {
        Who::Key(key) => format!("key {key}"),
        Who::User(user) => format!("user {user}"),
    };
    let return_to = return_to(&context, &query)?;
    let start = Start {
        by: &by,
        callback_url: &callback_url(&headers),
        return_to: return_to.as_ref(),
        client_state: client_state(&query)?,
    };
    let url = oauth::start(&context, caller.workspace, start).await?;
    Ok((PRIVATE, Json(OAuthStart { authorization_url: HttpUrl(url) })))
}

fn return_to(context: &Context, query: &query::Query) -> Result<Option<ReturnTo>, ApiError> {
    let Some(text) = query.get("return_to") else { return Ok(None) };
    match ReturnTo::parse(text, &context.settings.return_origins) {
        Ok(to) => Ok(Some(to)),
        Err(NoReturn::NotAllowed { origin }) => Err(RETURN_TO_NOT_ALLOWED.with("origin", origin)),
        Err(NoReturn::NotAnAddress) => {
            let msg = format!("Input should be an http or https address of at most {RETURN_TO_MAX} characters");
            Err(query::invalid("return_to", msg, "url_parsing"))
        }
    }
}

fn client_state(query: &query::Query) -> Result<Option<String>, ApiError> {
    // Dropped in silence, the caller would miss it only when the first customer is back.
    if query.contains_key("state") {
        let msg = "Send this text as client_state: state is the name of the callback's credential";
        return Err(query::invalid("state", msg, "extra_forbidden"));
    }
    let Some(text) = query.get("client_state") else { return Ok(None) };
    readable(text).map_err(|Wrong { msg, kind }| query::invalid("client_state", msg, kind))?;
    if text.chars().count() > CLIENT_STATE_MAX {
        let msg = format!("String should have at most {CLIENT_STATE_MAX} characters");
        return Err(query::invalid("client_state", msg, "string_too_long"));
    }
    Ok(Some(text.clone()))
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

/// Needs no key: the state is the credential. A browser may have been sent here by another's link, and whatever checks
/// links may request the address again, so only a program that names JSON connects without a question.
async fn callback(
    State(context): State<Context>,
    method: Method,
    headers: HeaderMap,
    Query(mut query): Query<query::Query>,
) -> Result<Response, ApiError> {
    let callback = Callback {
        state: query.remove("state").map(Secret::new),
        code: query.remove("code").map(Secret::new),
        error: query.remove("error").filter(|error| !error.is_empty()),
    };
    let is_decided = connection_page::is_decided(&method, &headers);
    let is_granted = callback.error.is_none() && callback.code.as_ref().is_some_and(|code| !code.is_empty());
    if is_decided || (!is_granted && method != Method::HEAD) {
        return finish(&context, callback, !is_decided).await;
    }
    Ok(match oauth::ask(&context, callback.state.as_ref()).await {
        Ok(question) => connection_page::question(&question, &callback, returns_to(&context, &question.pending)),
        Err(error) => connection_page::failed(&error.into()),
    })
}

/// The form of the page.
async fn confirm(
    State(context): State<Context>,
    headers: HeaderMap,
    Raw(body): Raw<BODY_MAX>,
) -> Result<Response, ApiError> {
    let mut fields: query::Query = url::form_urlencoded::parse(&body).into_owned().collect();
    let (state, code) = (fields.remove("state").map(Secret::new), fields.remove("code").map(Secret::new));
    let callback = match fields.get("decision").map(String::as_str) {
        Some("connect") => Callback { state, code, error: None },
        Some("cancel") => Callback { state, code: None, error: Some("access_denied".into()) },
        _ => return Err(ApiError::invalid("body", "decision", "Input should be 'connect' or 'cancel'", "enum")),
    };
    finish(&context, callback, connection_page::is_wanted(&headers)).await
}

/// Where the browser goes, if the operator still allows it.
fn returns_to(context: &Context, pending: &PendingAuthorization) -> Option<ReturnTo> {
    ReturnTo::parse(pending.return_to.as_deref()?, &context.settings.return_origins).ok()
}

async fn finish(context: &Context, callback: Callback, is_person: bool) -> Result<Response, ApiError> {
    let Finished { result, pending } = oauth::finish(context, callback).await;
    let result = result.map_err(ApiError::from);
    let to = pending.as_ref().and_then(|pending| returns_to(context, pending)).filter(|_| is_person);
    let client_state = pending.and_then(|pending| pending.client_state);
    let response = match (&result, to) {
        (_, Some(to)) => redirect(&to, &result, client_state.as_deref()),
        (Ok(connected), None) if is_person => connection_page::connected(connected),
        (Ok(connected), None) => (PRIVATE, Json(OAuthCallback::of(connected, client_state))).into_response(),
        (Err(error), None) if is_person => connection_page::failed(error),
        (Err(error), None) => return Err(error.clone()),
    };
    Ok(match &result {
        Ok(connected) => attributed(connected, response),
        Err(_) => response,
    })
}

/// Sends the browser to the integrator, with the result.
fn redirect(to: &ReturnTo, result: &Result<Connected, ApiError>, client_state: Option<&str>) -> Response {
    let (account, missing);
    let mut results = Vec::new();
    match result {
        Ok(connected) => {
            account = connected.account.key.account.to_string();
            missing = connected.account.missing_scopes().join(",");
            results.extend([("status", "connected"), ("account_id", account.as_str())]);
            if !missing.is_empty() {
                results.push(("missing_scopes", missing.as_str()));
            }
        }
        Err(error) => results.extend([("status", "failed"), ("error", error.code())]),
    }
    results.extend(client_state.map(|text| ("client_state", text)));
    (StatusCode::SEE_OTHER, PRIVATE, [(LOCATION, to.with(&results))]).into_response()
}
