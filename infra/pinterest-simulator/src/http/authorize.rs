//! `GET /oauth/`: the page on which a user would authorize the app. The simulator agrees at once.

use axum::extract::{RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::errors::ApiError;
use crate::seed;
use crate::simulator::Simulator;
use crate::world::World;
use crate::world::scopes::Scopes;

/// Redirects to `redirect_uri` with `code` and `state`.
///
/// Besides the parameters of OAuth it accepts `account` (username or id; default: the first account) and
/// `decision=deny` (redirects with `error=access_denied`).
pub async fn redirect(State(simulator): State<Simulator>, RawQuery(query): RawQuery) -> Response {
    let query = query.unwrap_or_default();
    let decided = simulator.with(|provider, now_ms| decide(&mut provider.world, now_ms, &query));
    match decided.and_then(|decided| decided) {
        Ok(location) => (StatusCode::FOUND, [(header::LOCATION, location)]).into_response(),
        Err(error) => {
            let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::BAD_REQUEST);
            (status, [(header::CONTENT_TYPE, "application/json")], error.body()).into_response()
        }
    }
}

/// The URL to redirect to. A request with a wrong client or redirect URI must not be redirected.
fn decide(world: &mut World, now_ms: i64, query: &str) -> Result<String, ApiError> {
    let fields: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let get = |name: &str| fields.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    if get("client_id") != Some(seed::APP_ID) {
        return Err(ApiError::invalid("client_id is not the app's"));
    }
    let redirect_uri = get("redirect_uri").unwrap_or_default();
    check_redirect_uri(&world.settings().redirect_uris, redirect_uri)?;
    if get("response_type") != Some("code") {
        return Err(ApiError::invalid("response_type must be 'code'"));
    }
    let scopes = Scopes::parse(get("scope").unwrap_or_default())
        .map_err(|unknown| ApiError::invalid(format!("unknown scope '{unknown}'")))?;
    if scopes == Scopes::NONE {
        return Err(ApiError::invalid("scope is missing"));
    }
    let account = match get("account") {
        None => 0,
        Some(name) => {
            world.find_account(name).ok_or_else(|| ApiError::invalid(format!("there is no account '{name}'")))?
        }
    };
    let outcome = if get("decision") == Some("deny") {
        ("error", "access_denied".to_owned())
    } else {
        ("code", world.authorize(now_ms, account, scopes, redirect_uri))
    };
    Ok(location(redirect_uri, outcome, get("state")))
}

fn check_redirect_uri(registered: &[String], redirect_uri: &str) -> Result<(), ApiError> {
    let known = registered.is_empty() || registered.iter().any(|uri| uri == redirect_uri);
    if known && crate::api::is_web_url(redirect_uri) {
        Ok(())
    } else {
        Err(ApiError::invalid("redirect_uri is not registered"))
    }
}

fn location(redirect_uri: &str, (name, value): (&str, String), state: Option<&str>) -> String {
    let mut added = form_urlencoded::Serializer::new(String::new());
    added.append_pair(name, &value);
    if let Some(state) = state {
        added.append_pair("state", state);
    }
    let separator = if redirect_uri.contains('?') { '&' } else { '?' };
    format!("{redirect_uri}{separator}{}", added.finish())
}
