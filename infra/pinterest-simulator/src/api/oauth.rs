//! `oauth/token`: form-encoded, with HTTP Basic.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use super::{Reply, Request, params};
use crate::errors::{self, ApiError};
use crate::world::World;
use crate::world::account::AccountIndex;
use crate::world::scopes::Scopes;
use crate::world::tokens::Issued;

/// The schemas `OauthAccessTokenResponse…` (OpenAPI 5.23.0).
#[derive(Serialize)]
struct TokenView<'a> {
    response_type: &'a str,
    access_token: &'a str,
    token_type: &'static str,
    expires_in: i64,
    scope: String,
    #[serde(flatten)]
    refresh: Option<RefreshView<'a>>,
}

#[derive(Serialize)]
struct RefreshView<'a> {
    refresh_token: &'a str,
    refresh_token_expires_in: i64,
    /// Unix seconds.
    refresh_token_expires_at: i64,
}

/// The fields of the form.
struct Form(Vec<(String, String)>);

impl Form {
    fn of(request: &Request) -> Self {
        Self(form_urlencoded::parse(&request.body).into_owned().collect())
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    fn required(&self, name: &str) -> Result<&str, ApiError> {
        self.get(name).ok_or_else(|| params::missing(name))
    }
}

pub fn token(world: &mut World, now_ms: i64, request: &Request) -> Result<Reply, ApiError> {
    check_client(world, request)?;
    let form = Form::of(request);
    let grant_type = form.required("grant_type")?;
    let issued = match grant_type {
        "authorization_code" => world.exchange_code(now_ms, form.required("code")?, form.required("redirect_uri")?)?,
        "refresh_token" => refresh(world, now_ms, &form)?,
        other => {
            return Err(ApiError::invalid(format!("grant_type '{other}' is not supported")));
        }
    };
    Ok(answer(now_ms, grant_type, &issued))
}

fn refresh(world: &mut World, now_ms: i64, form: &Form) -> Result<Issued, ApiError> {
    let narrowed = form
        .get("scope")
        .filter(|scope| !scope.is_empty())
        .map(|scope| Scopes::parse(scope).map_err(|unknown| ApiError::invalid(format!("unknown scope '{unknown}'"))))
        .transpose()?;
    let continuous = form.get("continuous_refresh") != Some("false");
    world.refresh(now_ms, form.required("refresh_token")?, narrowed, continuous)
}

fn answer(now_ms: i64, grant_type: &str, issued: &Issued) -> Reply {
    let seconds_left = |expires_at_ms: i64| (expires_at_ms - now_ms) / 1000;
    Reply::with_json(
        200,
        &TokenView {
            response_type: grant_type,
            access_token: &issued.access.token,
            token_type: "bearer",
            expires_in: seconds_left(issued.access.expires_at_ms),
            scope: issued.access.scopes.to_string(),
            refresh: issued.refresh.as_ref().map(|refresh| RefreshView {
                refresh_token: &refresh.token,
                refresh_token_expires_in: seconds_left(refresh.expires_at_ms),
                refresh_token_expires_at: refresh.expires_at_ms / 1000,
            }),
        },
    )
}

fn check_client(world: &World, request: &Request) -> Result<(), ApiError> {
    let (id, secret) = basic(request).ok_or(errors::AUTHENTICATION_FAILED)?;
    world.check_client(&id, &secret)
}

fn basic(request: &Request) -> Option<(String, String)> {
    let (scheme, credentials) = request.authorization.as_deref()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(credentials.trim()).ok()?).ok()?;
    text.split_once(':').map(|(id, secret)| (id.to_owned(), secret.to_owned()))
}

/// The account of the request's grant, for counting and for fault rules.
pub fn account_of(world: &World, request: &Request) -> Option<AccountIndex> {
    let form = Form::of(request);
    world.account_of_grant(form.get("code"), form.get("refresh_token"))
}
