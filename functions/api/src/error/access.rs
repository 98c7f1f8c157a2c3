//! Who may not: credentials, scopes, allow-lists.

use http::StatusCode;
use pinbridge_shared::domain::tenant::scope::Scope;

use super::ApiError;

/// See [`super::samples`].
pub fn samples() -> Vec<ApiError> {
    vec![
        ApiError::missing_api_key(),
        ApiError::invalid_api_key(),
        ApiError::invalid_session(),
        ApiError::insufficient_scope(Scope::Write),
        ApiError::account_not_permitted(),
        ApiError::session_required(),
        ApiError::workspace_resetting(),
    ]
}

impl ApiError {
    pub fn missing_api_key() -> Self {
        let remedy = "Send your key in X-API-Key, or as a bearer token in Authorization.";
        Self::new(StatusCode::UNAUTHORIZED, "missing_api_key", "The request carries no API key.", remedy)
    }

    pub fn invalid_api_key() -> Self {
        let remedy = "Check the key, or create a new one.";
        Self::new(StatusCode::UNAUTHORIZED, "invalid_api_key", "The API key is not valid.", remedy)
    }

    pub fn invalid_session() -> Self {
        let remedy = "Log in again at POST /v1/auth/login. (An API key starts with pb_live_.)";
        Self::new(StatusCode::UNAUTHORIZED, "invalid_session", "The session is not valid, or not any more.", remedy)
    }

    pub fn insufficient_scope(scope: Scope) -> Self {
        let message = format!("This needs the scope {}, which the caller doesn't hold.", scope.name());
        let remedy = "Use a key that has the scope, or widen this one with PATCH /v1/api-keys/{id}.";
        Self::new(StatusCode::FORBIDDEN, "insufficient_scope", message, remedy)
    }

    pub fn account_not_permitted() -> Self {
        let remedy = "Use an account of the key's allow-list, or a key that may use this one.";
        let message = "The key's allow-list leaves this Pinterest account out.";
        Self::new(StatusCode::FORBIDDEN, "account_not_permitted", message, remedy)
    }

    /// The key has every scope, but not for every account.
    pub fn key_is_limited() -> Self {
        let remedy = "Use a key without an allow-list, or log in.";
        let message = "A key with an allow-list can't manage the workspace.";
        Self::new(StatusCode::FORBIDDEN, "account_not_permitted", message, remedy)
    }

    pub fn session_required() -> Self {
        let remedy = "Log in at POST /v1/auth/login and send the token as Authorization: Bearer.";
        let message = "This is for people: an API key can't do it.";
        Self::new(StatusCode::FORBIDDEN, "session_required", message, remedy)
    }

    pub fn workspace_resetting() -> Self {
        let remedy = "Wait: what the sandbox held is being removed, then it opens again.";
        let message = "The workspace is being reset.";
        Self::new(StatusCode::CONFLICT, "workspace_resetting", message, remedy)
    }

    /// A handler that wants to know the caller of a route that is open to anybody.
    pub fn no_caller() -> Self {
        tracing::error!("a public route's handler asked who calls");
        Self::internal()
    }
}
