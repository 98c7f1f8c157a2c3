//! The table of errors: every refusal of the simulator, with status, code and message.
//!
//! Rows under "documented" are the examples of Pinterest's OpenAPI description (release 5.17.0, the last one that
//! listed them), word for word. Several of them repeat the HTTP status as `code`, as documented. Rows under "reported"
//! come from public issue trackers. Rows under "assumed" are the simulator's own.

use std::borrow::Cow;

use serde::Serialize;

/// One refusal of the API: an HTTP status and the body `{"code": …, "message": …}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    pub status: u16,
    pub code: i64,
    pub message: Cow<'static, str>,
}

/// The body of every error answer.
#[derive(Serialize)]
struct ErrorBody<'a> {
    code: i64,
    message: &'a str,
}

const fn row(status: u16, code: i64, message: &'static str) -> ApiError {
    ApiError { status, code, message: Cow::Borrowed(message) }
}

// Documented.
pub const AUTHENTICATION_FAILED: ApiError = row(401, 2, "Authentication failed.");
pub const NOT_PERMITTED: ApiError = row(403, 29, "You are not permitted to access that resource.");
pub const RATE_LIMITED: ApiError = row(
    429,
    8,
    "This request exceeded a rate limit. This can happen if the client exceeds one of the published rate limits or \
     if multiple write operations are applied to an object within a short time window.",
);
pub const BOARD_INVALID_OR_DUPLICATED: ApiError = row(400, 400, "The board name is invalid or duplicated.");
pub const BOARD_NOT_FOUND: ApiError = row(404, 404, "Board not found.");
pub const BOARD_PARAMETERS_INVALID: ApiError = row(400, 400, "Invalid board parameters.");
pub const BOARD_UPDATE_NOT_AUTHORIZED: ApiError = row(403, 403, "Not authorized to update the board.");
pub const BOARD_DELETE_NOT_AUTHORIZED: ApiError = row(403, 403, "Not authorized to delete the board.");
pub const SECTION_PARAMETERS_INVALID: ApiError = row(400, 400, "Invalid board section parameters.");
pub const SECTION_CREATE_NOT_AUTHORIZED: ApiError = row(403, 403, "Not authorized to create board sections.");
pub const SECTION_UPDATE_NOT_AUTHORIZED: ApiError = row(403, 403, "Not authorized to update board section.");
pub const SECTION_DELETE_NOT_AUTHORIZED: ApiError = row(403, 403, "Not authorized to delete board section.");
pub const SECTION_NOT_FOUND: ApiError = row(404, 404, "Board section not found.");
pub const SECTION_PINS_NOT_AUTHORIZED: ApiError = row(403, 403, "Not authorized to access Pins on board section.");
pub const SECTION_PINS_NOT_FOUND: ApiError = row(404, 404, "Board or section not found.");
pub const MEDIA_NOT_FOUND: ApiError = row(404, 404, "Media upload not found");
pub const PIN_INVALID_URL: ApiError =
    row(400, 1, "Whoops! It looks like you entered an invalid URL. Try creating a Pin again with a valid URL.");
pub const PIN_IMAGE_BROKEN: ApiError = row(403, 235, "Sorry, this image is broken. Please pick a different image.");
pub const PIN_BOARD_NOT_FOUND: ApiError = row(404, 40, "Board not found.");
pub const PIN_SECTION_NOT_FOUND: ApiError = row(404, 2031, "Sorry! We couldn't find this board section.");
pub const PIN_FILTER_INVALID: ApiError = row(400, 400, "Invalid pin filter value");
pub const PIN_NOT_FOUND: ApiError = row(404, 50, "Pin not found.");
pub const PIN_DELETE_NOT_AUTHORIZED: ApiError = row(403, 403, "Not authorized to access board or Pin.");
pub const PIN_DELETE_NOT_FOUND: ApiError = row(404, 404, "Pin not found.");
pub const PIN_ANALYTICS_INVALID: ApiError = row(400, 400, "Invalid pins analytics parameters.");
pub const PIN_ANALYTICS_NOT_AUTHORIZED: ApiError = row(403, 403, "Not authorized to access board or Pin.");
pub const PIN_ANALYTICS_NOT_FOUND: ApiError = row(404, 404, "Pin not found.");
pub const ACCOUNT_ANALYTICS_INVALID: ApiError = row(400, 400, "Invalid user accounts analytics parameters.");
pub const TERMS_RELATED_INVALID: ApiError = row(400, 400, "Invalid terms related parameters.");

// Reported.
/// A wrong or used authorization code.
pub const CODE_INVALID: ApiError = row(400, 283, "The authorization grant is invalid");
/// A wrong, used or expired refresh token. Pinterest's own SDK expects the status 401 for it.
pub const REFRESH_TOKEN_INVALID: ApiError = row(401, 283, "The authorization grant is invalid");

// Assumed.
pub const ROUTE_NOT_FOUND: ApiError = row(404, 404, "API method not found.");
pub const METHOD_NOT_ALLOWED: ApiError = row(405, 405, "Method not allowed.");
pub const BODY_UNREADABLE: ApiError = row(400, 1, "Invalid request: the body is too large or broke off");
/// The simulator could not write its journal, so it must not report success.
pub const JOURNAL_FAILED: ApiError = row(500, 500, "pinterest-simulator could not write its journal.");

impl ApiError {
    /// 400 code 1: a body or parameter does not match the schema. The code is documented, the wording is not.
    pub fn invalid(what: impl std::fmt::Display) -> Self {
        Self { status: 400, code: 1, message: Cow::Owned(format!("Invalid request: {what}")) }
    }

    /// 401 code 3: the token lacks scopes. The message lists them as Pinterest does: `Missing: ['boards:write']`.
    pub fn missing_scopes(scopes: &[&str]) -> Self {
        Self { status: 401, code: 3, message: Cow::Owned(format!("Missing: ['{}']", scopes.join("', '"))) }
    }

    /// The JSON body, ready to send.
    pub fn body(&self) -> Vec<u8> {
        crate::api::json(&ErrorBody { code: self.code, message: &self.message })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_scopes_are_listed_as_python_prints_a_list() {
        let error = ApiError::missing_scopes(&["boards:write", "pins:write"]);
        assert_eq!(error.message, "Missing: ['boards:write', 'pins:write']");
        assert_eq!((error.status, error.code), (401, 3));
    }

    #[test]
    fn the_body_has_code_and_message_only() {
        assert_eq!(AUTHENTICATION_FAILED.body(), br#"{"code":2,"message":"Authentication failed."}"#);
    }
}
