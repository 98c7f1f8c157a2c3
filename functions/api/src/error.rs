//! Errors as HTTP: the only module that knows status codes and builds error bodies. [`codes`] is the table of all
//! errors. The file of a noun maps the errors of its flows to rows of that table.
//!
//! Three kinds of client read the body: the Python SDK (`message`, `code`, and `detail` if it is
//! a list), the MCP server (`error{…}`), the n8n node (`error.message`). `detail` is never a string: the
//! SDK would lose the code.

pub mod codes;
pub mod pinterest;

use std::collections::BTreeSet;
use std::fmt::Display;

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, REFERRER_POLICY, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use pinbridge_shared::domain::pin::deleted::{Deleted, DeletedBy, Outcome};
use pinbridge_shared::domain::tenant::scope::Scope;
use pinbridge_shared::ports::PortError;
use schemars::JsonSchema;
use serde::Serialize;

use crate::content_type::{HTML, JSON};
use crate::named_board::NamedBoard;
use crate::openapi::schema::{Time, names};
use codes::Code;

/// One error of every code and status, for the OpenAPI document.
pub fn samples() -> Vec<ApiError> {
    let mut known = BTreeSet::new();
    let rows = codes::TABLE.iter().filter(|row| known.insert((row.code(), row.status())));
    rows.map(|row| ApiError::from(*row)).collect()
}

/// The error of one field of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "Field")]
pub struct FieldError {
    /// The location of the field, such as `["body", "title"]` or `["query", "limit"]`.
    pub loc: Vec<String>,
    /// The error in a sentence for people.
    pub msg: String,
    /// The stable name of the kind of error, as in FastAPI.
    #[serde(rename = "type")]
    pub kind: &'static str,
}

impl FieldError {
    pub fn new(place: &str, name: &str, msg: impl Into<String>, kind: &'static str) -> Self {
        Self { loc: vec![place.into(), name.into()], msg: msg.into(), kind }
    }
}

/// The body of every error. `error` repeats `code` and `message` and says what to do.
#[derive(Serialize, JsonSchema)]
pub struct Error {
    /// The stable code. Programs branch on it.
    pub code: &'static str,
    /// The error in a sentence for people.
    pub message: String,
    pub error: Explanation,
    /// Equal to `error.errors`. Absent if there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub detail: Vec<FieldError>,
}

/// An error and its remedy.
#[derive(Serialize, JsonSchema)]
pub struct Explanation {
    pub code: &'static str,
    pub message: String,
    /// What the client can do about the error.
    pub remediation: &'static str,
    /// The seconds to wait before the next request.
    pub retry_after_seconds: Option<u64>,
    pub request_id: String,
    /// Every invalid field.
    pub errors: Vec<FieldError>,
    /// Of `pin_deleted` (404): the pin's outcome. Absent in other errors.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deleted_pin: Option<DeletedPin>,
    /// Of `board_not_found` and `board_ambiguous`: the boards that the request may mean. Absent in other errors.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub boards: Vec<NamedBoard>,
}

names!(
    DeletionReason,
    "Why the pin is gone: its owner deleted it, or its schedule was canceled.",
    DeletedBy::ALL.map(DeletedBy::name)
);
names!(
    DeletionOutcome,
    "The outcome of the pin. `publishing`: it was deleted during its call to Pinterest, so its Pin may appear. \
     `unknown`: its last call may have created a Pin.",
    Outcome::ALL.map(Outcome::name)
);

/// The outcome of a deleted pin.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct DeletedPin {
    pub deleted_at: Time,
    pub reason: DeletionReason,
    pub outcome: DeletionOutcome,
    /// The id of the Pin on Pinterest.
    pub pinterest_pin_id: Option<String>,
    /// Whether the Pin is known to be gone from Pinterest.
    pub removed_from_pinterest: bool,
}

impl From<Deleted> for DeletedPin {
    fn from(deleted: Deleted) -> Self {
        Self {
            deleted_at: Time(deleted.at),
            reason: DeletionReason(deleted.by.name()),
            outcome: DeletionOutcome(deleted.outcome.name()),
            pinterest_pin_id: deleted.pinterest_pin_id,
            removed_from_pinterest: deleted.is_removed,
        }
    }
}

#[derive(Clone, Debug)]
pub struct ApiError {
    status: StatusCode,
    code: &'static str,
    message: Box<str>,
    remediation: &'static str,
    retry_after_s: Option<u64>,
    errors: Vec<FieldError>,
    deleted_pin: Option<Box<DeletedPin>>,
    boards: Box<[NamedBoard]>,
}

impl From<Code> for ApiError {
    fn from(code: Code) -> Self {
        Self {
            status: code.status(),
            code: code.code(),
            message: code.message().into(),
            remediation: code.remediation(),
            retry_after_s: code.retry_after_s,
            errors: Vec::new(),
            deleted_pin: None,
            boards: Box::default(),
        }
    }
}

/// Only for callers who could read the pin.
impl From<Deleted> for ApiError {
    fn from(deleted: Deleted) -> Self {
        Self {
            message: deleted.message().into(),
            deleted_pin: Some(Box::new(deleted.into())),
            ..codes::PIN_GONE.into()
        }
    }
}

impl Code {
    /// The error with the value in place of `{name}` in its message.
    pub fn with(self, name: &str, value: impl Display) -> ApiError {
        let mut error = ApiError::from(self);
        error.message = error.message.replace(&format!("{{{name}}}"), &value.to_string()).into();
        error
    }
}

/// The kinds of errors of fields that no value would make valid.
const NOT_ACCEPTED: [&str; 2] = ["extra_forbidden", "not_supported"];

impl ApiError {
    pub fn status(&self) -> StatusCode {
        self.status
    }

    pub fn code(&self) -> &'static str {
        self.code
    }

    pub fn message(&self) -> &str {
        &self.message
    }

    pub fn remediation(&self) -> &'static str {
        self.remediation
    }

    pub fn errors(&self) -> &[FieldError] {
        &self.errors
    }

    /// The boards that the request may mean.
    pub fn boards(&self) -> &[NamedBoard] {
        &self.boards
    }

    /// With the boards that the request may mean.
    pub fn meaning(mut self, boards: Vec<NamedBoard>) -> Self {
        self.boards = boards.into();
        self
    }

    pub fn retry_after_s(&self) -> Option<u64> {
        self.retry_after_s
    }

    /// With the time of the cause, if the cause has one.
    pub fn retried(mut self, after_s: Option<u64>) -> Self {
        self.retry_after_s = after_s.or(self.retry_after_s);
        self
    }

    /// The error of a field under a code of its own.
    pub fn coded(mut self, code: Code) -> Self {
        self.code = code.code();
        self.remediation = code.remediation();
        self
    }

    /// With the texts of the cause.
    pub fn worded(mut self, message: String, remediation: &'static str) -> Self {
        self.message = message.into();
        self.remediation = remediation;
        self
    }

    pub fn validation(errors: Vec<FieldError>) -> Self {
        let must_go = |error: &FieldError| NOT_ACCEPTED.contains(&error.kind);
        let all_must_go = !errors.is_empty() && errors.iter().all(must_go);
        let mut error = Self::from(if all_must_go { codes::FIELD_NOT_ACCEPTED } else { codes::VALIDATION_ERROR });
        if let Some(first) = errors.first() {
            error.message = format!("{}: {}", first.loc.last().map_or("request", String::as_str), first.msg).into();
        }
        Self { errors, ..error }
    }

    /// One field of the body, the query, the path or a header is invalid.
    pub fn invalid(place: &str, name: &str, msg: impl Into<String>, kind: &'static str) -> Self {
        Self::validation(vec![FieldError::new(place, name, msg, kind)])
    }

    /// Adds an invalid field. An error without fields is about the whole request and stays as it is.
    pub fn and(mut self, error: FieldError) -> Self {
        if !self.errors.is_empty() {
            self.errors.push(error);
        }
        self
    }

    pub fn not_found(resource: &str) -> Self {
        codes::NOT_FOUND.with("resource", resource)
    }

    pub fn insufficient_scope(scope: Scope) -> Self {
        codes::INSUFFICIENT_SCOPE.with("scope", scope.name())
    }

    pub fn panicked() -> Self {
        tracing::error!("handler panicked");
        codes::INTERNAL_ERROR.into()
    }

    /// The handler of a public endpoint has extracted a caller.
    pub fn no_caller() -> Self {
        tracing::error!("the handler of a public endpoint extracted a caller");
        codes::INTERNAL_ERROR.into()
    }

    /// The error in place of a response of the framework, such as that to a path that isn't UTF-8. Its body is neither
    /// JSON nor a page.
    pub fn of_bare(response: &Response) -> Option<Self> {
        let status = response.status();
        let is_ours = |kind: &HeaderValue| kind == JSON || kind == HTML;
        if response.headers().get(CONTENT_TYPE).is_some_and(is_ours)
            || !(status.is_client_error() || status.is_server_error())
        {
            return None;
        }
        let code = if status.is_client_error() { codes::BAD_REQUEST } else { codes::INTERNAL_ERROR };
        Some(Self { status, ..code.into() })
    }

    /// The names of the headers of the error.
    pub fn headers(&self) -> Vec<&'static str> {
        let all = [
            ("retry-after", self.retry_after_s.is_some()),
            ("www-authenticate", self.status == StatusCode::UNAUTHORIZED),
            ("allow", self.status == StatusCode::METHOD_NOT_ALLOWED),
        ];
        all.into_iter().filter(|(_, has)| *has).map(|(name, _)| name).collect()
    }

    /// The body with the id of the request.
    pub fn body(&self, request_id: &str) -> Error {
        Error {
            code: self.code,
            message: self.message.to_string(),
            error: Explanation {
                code: self.code,
                message: self.message.to_string(),
                remediation: self.remediation,
                retry_after_seconds: self.retry_after_s,
                request_id: request_id.to_owned(),
                errors: self.errors.clone(),
                deleted_pin: self.deleted_pin.as_deref().cloned(),
                boards: self.boards.to_vec(),
            },
            detail: self.errors.clone(),
        }
    }

    pub fn render(&self, request_id: &str) -> Response {
        let mut response = (self.status, Json(self.body(request_id))).into_response();
        // The address of a request can be a secret, as in the OAuth callback.
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response.headers_mut().insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        if let Some(seconds) = self.retry_after_s {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl IntoResponse for ApiError {
    /// Marks the response. The outermost layer renders the error, because it knows the id of the request.
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<PortError> for ApiError {
    /// The cause goes to the log, not to the client.
    fn from(error: PortError) -> Self {
        tracing::error!(%error, "port failed");
        match error {
            PortError::Unavailable { .. } | PortError::Contended { .. } => codes::UNAVAILABLE.into(),
            PortError::Broken { .. } => codes::INTERNAL_ERROR.into(),
        }
    }
}
