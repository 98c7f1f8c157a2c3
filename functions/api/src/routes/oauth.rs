//! Connecting Pinterest accounts as a person does.

use axum::Json;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, REFERRER_POLICY};
use http::{HeaderMap, HeaderName};
use pinbridge_shared::context::Context;
use pinbridge_shared::domain::secret::Secret;
use pinbridge_shared::domain::stats::activity::By;
use pinbridge_shared::flows::accounts::oauth::{self, Callback, Connected};
use serde_json::{Value, json};

use crate::activity::Attribution;
use crate::auth::{Caller, Who};
use crate::error::{ApiError, codes};
use crate::{connection_page, page, views};

/// The address of the answer has a code in it, and the answer a state: neither may be kept or passed on.
const PRIVATE: [(HeaderName, &str); 2] = [(CACHE_CONTROL, "no-store"), (REFERRER_POLICY, "no-referrer")];

pub async fn start(
    State(context): State<Context>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<([(HeaderName, &'static str); 2], Json<Value>), ApiError> {
    // An account that isn't there yet is in no allow-list.
    if caller.limited_to().is_some() {
        return Err(codes::KEY_IS_LIMITED.into());
    }
    let by = match caller.who {
        Who::Key(key) => format!("key {key}"),
        Who::User(user) => format!("user {user}"),
    };
    let url = oauth::start(&context, caller.workspace, &by, &callback_url(&headers)).await?;
    Ok((PRIVATE, Json(json!({"authorization_url": url}))))
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

/// This API's own callback, as the client knows us: where none is configured, a sandbox's connection goes there. Whoever forges the
/// header misleads nobody but themselves.
fn callback_url(headers: &HeaderMap) -> String {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let host = Some(text("host")).filter(|host| !host.is_empty()).unwrap_or("localhost");
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let is_local = ["localhost", "127.0.0.1", "[::1]"].contains(&name);
    let is_plain = text("x-forwarded-proto").eq_ignore_ascii_case("http") || is_local;
    format!("{}://{host}/v1/pinterest/oauth/callback", if is_plain { "http" } else { "https" })
}

/// For anybody: the state is the credential.
pub async fn callback(
    State(context): State<Context>,
    headers: HeaderMap,
    Query(mut query): Query<page::Query>,
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
                (PRIVATE, Json(views::connections::oauth_callback(&connected))).into_response()
            };
            Ok(attributed(&connected, response))
        }
        Err(error) if connection_page::is_wanted(&headers) => Ok(connection_page::failed(&error)),
        Err(error) => Err(error),
    }
}
