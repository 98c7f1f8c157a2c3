//! Who calls: an API key in `X-API-Key`, or as a bearer token. Where both are sent, the explicit key counts.

use axum::extract::FromRequestParts;
use http::header::AUTHORIZATION;
use http::request::Parts;
use pinbridge_shared::domain::api_key::PresentedKey;
use pinbridge_shared::domain::ids::WorkspaceId;
use pinbridge_shared::ports::World;

use crate::error::ApiError;

/// A caller with a valid key, and the one workspace it opens.
#[derive(Clone, Copy, Debug)]
pub struct Caller {
    pub workspace: WorkspaceId,
}

impl FromRequestParts<World> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, world: &World) -> Result<Self, ApiError> {
        let text = presented(parts).ok_or_else(ApiError::missing_api_key)?;
        let key = PresentedKey::parse(text).map_err(|_| ApiError::invalid_api_key())?;
        if world.tenants.api_key_exists(&key).await? {
            Ok(Self { workspace: key.workspace })
        } else {
            Err(ApiError::invalid_api_key())
        }
    }
}

fn presented(parts: &Parts) -> Option<&str> {
    let text = |name: &str| parts.headers.get(name).map(|value| value.to_str().unwrap_or(""));
    text("x-api-key").map(str::trim).filter(|key| !key.is_empty()).or_else(|| {
        let (scheme, token) = text(AUTHORIZATION.as_str())?.trim().split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(token.trim()).filter(|token| !token.is_empty())
    })
}
