//! Which errors a route has beyond its own: those of whom it is for, and those of what it takes.

use http::Method;

use super::operation::{Operation, Place};
use crate::auth::Access;

/// Of every call that goes through to Pinterest with an account's token.
pub const PINTEREST: &[&str] = &[
    "not_found",
    "token_expired",
    "token_revoked",
    "scope_missing",
    "trial_access",
    "feature_restricted",
    "rate_limited",
    "validation_error",
    "pinterest_busy",
    "pinterest_unreachable",
    "outcome_unknown",
    "pinterest_rejected",
];

/// The codes that an operation has without naming them.
pub fn common(access: Access, operation: &Operation) -> Vec<&'static str> {
    let mut codes = vec!["internal_error"];
    if access != Access::Public {
        codes.extend(["missing_api_key", "invalid_api_key", "invalid_session", "unavailable"]);
    }
    match access {
        Access::Public => {}
        Access::Scope(_) => codes.extend(["insufficient_scope", "workspace_resetting"]),
        Access::Session => codes.push("session_required"),
        Access::Administer => codes.extend(["insufficient_scope", "account_not_permitted", "workspace_resetting"]),
    }
    if operation.parameters.iter().any(|parameter| parameter.place != Place::Header) {
        codes.push("bad_request");
    }
    // An empty segment is another path.
    if operation.parameters.iter().any(|parameter| parameter.place == Place::Path) {
        codes.extend(["route_not_found", "method_not_allowed"]);
    }
    if operation.body.is_some() && operation.method != Method::GET {
        codes.extend(["malformed_json", "body_unreadable", "payload_too_large", "validation_error"]);
    }
    codes
}
