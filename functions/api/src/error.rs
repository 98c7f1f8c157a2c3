//! Errors as HTTP: the only place that knows status codes and the only one that builds an error body. [`codes`] is the
//! table of all errors; a flow's errors become rows of it in the file of their noun.
//!
//! The body is a superset that three kinds of client read: the Python SDK (`message`, `code`, and `detail` where it is
//! a list), the MCP server (`error{…}`), the n8n node (`error.message`). `detail` is never a string: the SDK would lose
//! the code.

pub mod codes;
pub mod pinterest;

use std::collections::BTreeSet;
use std::fmt::Display;

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, REFERRER_POLICY, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use pinbridge_shared::domain::tenant::scope::Scope;
use pinbridge_shared::ports::PortError;
use schemars::JsonSchema;
use serde::Serialize;

use crate::connection_page::CONTENT_TYPE_HTML;
use codes::Code;

/// One error of every code and status, for the OpenAPI document.
pub fn samples() -> Vec<ApiError> {
    let mut known = BTreeSet::new();
    let rows = codes::TABLE.iter().filter(|row| known.insert((row.code(), row.status())));
    rows.map(|row| ApiError::from(*row)).collect()
}

/// What is wrong with one field of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "Field")]
pub struct FieldError {
    /// Where: `["body", "title"]`, `["query", "limit"]`.
    pub loc: Vec<String>,
    pub msg: String,
    /// A stable word for the kind of error, as FastAPI names them.
    #[serde(rename = "type")]
    pub kind: &'static str,
}

impl FieldError {
    pub fn new(place: &str, name: &str, msg: impl Into<String>, kind: &'static str) -> Self {
        Self { loc: vec![place.into(), name.into()], msg: msg.into(), kind }
    }
}

/// The body of an error, for three kinds of client: `code` and `message`, the same with a remedy in `error`, and the
/// fields in `detail`.
#[derive(Serialize, JsonSchema)]
pub struct Error {
    /// Stable: what a program decides by.
    pub code: &'static str,
    /// For a person.
    pub message: String,
    pub error: Explanation,
    /// The same as `error.errors`, where there are any.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub detail: Vec<FieldError>,
}

/// What went wrong, and what to do.
#[derive(Serialize, JsonSchema)]
pub struct Explanation {
    pub code: &'static str,
    pub message: String,
    /// What to do.
    pub remediation: &'static str,
    /// When to try again.
    pub retry_after_seconds: Option<u64>,
    pub request_id: String,
    /// Every field that is wrong.
    pub errors: Vec<FieldError>,
}

#[derive(Clone, Debug)]
pub struct ApiError {
    status: StatusCode,
    code: &'static str,
    message: String,
    remediation: &'static str,
    retry_after_s: Option<u64>,
    errors: Vec<FieldError>,
}

impl From<Code> for ApiError {
    fn from(code: Code) -> Self {
        Self {
            status: code.status(),
            code: code.code(),
            message: code.message().to_owned(),
            remediation: code.remediation(),
            retry_after_s: code.retry_after_s,
            errors: Vec::new(),
        }
    }
}

impl Code {
    /// The error whose message has the value for `{name}`.
    pub fn with(self, name: &str, value: impl Display) -> ApiError {
        let mut error = ApiError::from(self);
        error.message = error.message.replace(&format!("{{{name}}}"), &value.to_string());
        error
    }
}

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

    pub fn retry_after_s(&self) -> Option<u64> {
        self.retry_after_s
    }

    /// With the time that the cause names, where it names one.
    pub fn retried(mut self, after_s: Option<u64>) -> Self {
        self.retry_after_s = after_s.or(self.retry_after_s);
        self
    }

    /// With words that only the cause knows.
    pub fn worded(mut self, message: String, remediation: &'static str) -> Self {
        self.message = message;
        self.remediation = remediation;
        self
    }

    pub fn validation(errors: Vec<FieldError>) -> Self {
        let mut error = Self::from(codes::VALIDATION_ERROR);
        if let Some(first) = errors.first() {
            error.message = format!("{}: {}", first.loc.last().map_or("request", String::as_str), first.msg);
        }
        Self { errors, ..error }
    }

    /// One field of the body, the query, the path or a header is wrong.
    pub fn invalid(place: &str, name: &str, msg: impl Into<String>, kind: &'static str) -> Self {
        Self::validation(vec![FieldError::new(place, name, msg, kind)])
    }

    /// The same, and this besides. (What has no field in it is about the whole request.)
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
        tracing::error!("a handler panicked");
        codes::INTERNAL_ERROR.into()
    }

    /// A handler of a public endpoint has asked who calls.
    pub fn no_caller() -> Self {
        tracing::error!("a public route's handler asked who calls");
        codes::INTERNAL_ERROR.into()
    }

    /// The error for a response that the framework made by itself (a path that isn't UTF-8, for one): it has neither
    /// the API's JSON nor a page.
    pub fn of_bare(response: &Response) -> Option<Self> {
        let status = response.status();
        let is_ours = |kind: &HeaderValue| kind == "application/json" || kind == CONTENT_TYPE_HTML;
        if response.headers().get(CONTENT_TYPE).is_some_and(is_ours)
            || !(status.is_client_error() || status.is_server_error())
        {
            return None;
        }
        let code = if status.is_client_error() { codes::BAD_REQUEST } else { codes::INTERNAL_ERROR };
        Some(Self { status, ..code.into() })
    }

    /// The names of the headers that come with it.
    pub fn headers(&self) -> Vec<&'static str> {
        let all = [
            ("retry-after", self.retry_after_s.is_some()),
            ("www-authenticate", self.status == StatusCode::UNAUTHORIZED),
            ("allow", self.status == StatusCode::METHOD_NOT_ALLOWED),
        ];
        all.into_iter().filter(|(_, has)| *has).map(|(name, _)| name).collect()
    }

    /// The body, which names the request.
    pub fn body(&self, request_id: &str) -> Error {
        Error {
            code: self.code,
            message: self.message.clone(),
            error: Explanation {
                code: self.code,
                message: self.message.clone(),
                remediation: self.remediation,
                retry_after_seconds: self.retry_after_s,
                request_id: request_id.to_owned(),
                errors: self.errors.clone(),
            },
            detail: self.errors.clone(),
        }
    }

    pub fn render(&self, request_id: &str) -> Response {
        let mut response = (self.status, Json(self.body(request_id))).into_response();
        // The address of a request may be a secret (an OAuth callback's is).
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
    /// Only marks the response; the outermost layer renders it, because it knows the request's id.
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<PortError> for ApiError {
    /// What failed is for the log, not for the client.
    fn from(error: PortError) -> Self {
        tracing::error!(%error, "a port failed");
        match error {
            PortError::Unavailable { .. } | PortError::Contended { .. } => codes::UNAVAILABLE.into(),
            PortError::Broken { .. } => codes::INTERNAL_ERROR.into(),
        }
    }
}
