//! Errors as HTTP: the only place that knows status codes and the only one that builds an error body. What callers may not
//! do is in [`access`], what a flow refuses in a file per noun.
//!
//! The body is a superset that three kinds of client read: the Python SDK (`message`, `code`, and `detail` where it is a
//! list), the MCP server (`error{…}`), the n8n node (`error.message`). `detail` is never a string: the SDK would lose the
//! code.

mod access;
mod analytics;
pub mod connections;
mod imports;
mod people;
mod pins;
mod schedules;
pub mod schema;

use std::collections::BTreeSet;

use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, REFERRER_POLICY, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use pinbridge_shared::domain::ids::PinId;
use pinbridge_shared::domain::pin::failure::Failure;
use pinbridge_shared::ports::PortError;
use serde_json::{Value, json};

use crate::body::BODY_MAX;
use crate::connection_page::CONTENT_TYPE_HTML;

/// How long a client waits after a passing trouble of ours, in seconds.
const RETRY_AFTER_S: u64 = 2;

/// One error of every code and status, made by the code's own constructors: what the OpenAPI document says of errors. A new
/// error joins the samples of its file.
pub fn samples() -> Vec<ApiError> {
    let wrong = FieldError { loc: vec!["body".into(), "title".into()], msg: "Field required".into(), kind: "missing" };
    let own = [
        ApiError::route_not_found(),
        ApiError::method_not_allowed(),
        ApiError::unreadable(StatusCode::BAD_REQUEST),
        ApiError::malformed_json("unexpected input at line 1, column 17"),
        ApiError::payload_too_large(BODY_MAX),
        ApiError::body_unreadable(),
        ApiError::validation(vec![wrong]),
        ApiError::not_supported("invite_token"),
        ApiError::not_found("pin"),
        ApiError::internal(),
        ApiError::unavailable(),
    ];
    let mut samples: Vec<ApiError> = own.into();
    samples.extend(access::samples());
    samples.extend(analytics::samples());
    samples.extend(people::samples());
    samples.extend(connections::samples());
    samples.extend(pins::samples());
    samples.extend(imports::samples());
    samples.extend(schedules::samples());
    // Some flows share an error.
    let mut known = BTreeSet::new();
    samples.retain(|sample| known.insert((sample.code, sample.status)));
    samples
}

/// What is wrong with one field of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// Where: `["body", "title"]`, `["query", "limit"]`.
    pub loc: Vec<String>,
    pub msg: String,
    /// A stable word for the kind of error, as FastAPI names them.
    pub kind: &'static str,
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

impl ApiError {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>, remediation: &'static str) -> Self {
        Self { status, code, message: message.into(), remediation, retry_after_s: None, errors: Vec::new() }
    }

    pub fn status(&self) -> StatusCode {
        self.status
    }

    pub fn code(&self) -> &'static str {
        self.code
    }

    pub fn message(&self) -> &str {
        &self.message
    }

    pub fn route_not_found() -> Self {
        let remedy = "Check the path; GET /docs lists the routes.";
        Self::new(StatusCode::NOT_FOUND, "route_not_found", "There is no such route.", remedy)
    }

    pub fn method_not_allowed() -> Self {
        let remedy = "Use one of the methods that the Allow header names.";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "This route has no such method.", remedy)
    }

    pub fn malformed_json(reason: &str) -> Self {
        let message = format!("The body is not valid JSON: {reason}.");
        Self::new(StatusCode::BAD_REQUEST, "malformed_json", message, "Send a JSON object in UTF-8.")
    }

    pub fn payload_too_large(max_bytes: usize) -> Self {
        let message = format!("The body is larger than {max_bytes} bytes.");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large", message, "Send a smaller body.")
    }

    pub fn body_unreadable() -> Self {
        Self::new(StatusCode::BAD_REQUEST, "body_unreadable", "The body broke off.", "Send the request again.")
    }

    pub fn validation(errors: Vec<FieldError>) -> Self {
        let message = match errors.first() {
            Some(first) => format!("{}: {}", first.loc.last().map_or("request", String::as_str), first.msg),
            None => "The request is not valid.".to_owned(),
        };
        let remedy = "Correct the fields named in errors.";
        Self { errors, ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, "validation_error", message, remedy) }
    }

    /// The same, and this besides. (What has no field in it is about the whole request.)
    pub fn and(mut self, error: FieldError) -> Self {
        if !self.errors.is_empty() {
            self.errors.push(error);
        }
        self
    }

    pub fn assets_not_enabled() -> Self {
        let message = "Uploaded assets are not available in this version.";
        Self::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "assets_not_enabled",
            message,
            "Send image_url instead of asset_id.",
        )
    }

    /// A field of the contract that this version can't honour, and must not ignore.
    pub fn not_supported(field: &str) -> Self {
        let message = format!("{field} is not supported in this version.");
        let remedy = "Leave it out.";
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "not_supported", message, remedy)
    }

    pub fn not_found(what: &str) -> Self {
        let message = format!("There is no such {what} in this workspace.");
        Self::new(StatusCode::NOT_FOUND, "not_found", message, "Check the id and the key's workspace.")
    }

    fn idempotency_key_reused(existing: PinId) -> Self {
        let message = format!("The idempotency key already stands for pin {existing}, which has another payload.");
        Self::new(StatusCode::CONFLICT, "idempotency_key_reused", message, "Use a new key for a new pin.")
    }

    fn connection(failure: Failure) -> Self {
        Self::new(StatusCode::CONFLICT, failure.code(), failure.message(), failure.remedy())
    }

    pub fn panicked() -> Self {
        tracing::error!("a handler panicked");
        Self::internal()
    }

    fn internal() -> Self {
        let remedy = "Report the request id to the operator.";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", "The system made a mistake.", remedy)
    }

    /// An error response that the framework made by itself (a path that isn't UTF-8, for one): it has neither our JSON nor a
    /// page.
    pub fn of_bare(response: &Response) -> Option<Self> {
        let status = response.status();
        let is_ours = |kind: &HeaderValue| kind == "application/json" || kind == CONTENT_TYPE_HTML;
        if response.headers().get(CONTENT_TYPE).is_some_and(is_ours)
            || !(status.is_client_error() || status.is_server_error())
        {
            return None;
        }
        Some(if status.is_client_error() { Self::unreadable(status) } else { Self { status, ..Self::internal() } })
    }

    fn unreadable(status: StatusCode) -> Self {
        Self::new(status, "bad_request", "The request could not be read.", "Check the path and the query.")
    }

    fn unavailable() -> Self {
        let message = "A part of the system did not answer; nothing was lost.";
        let remedy = "Send the same request again, with the same idempotency key.";
        let error = Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", message, remedy);
        Self { retry_after_s: Some(RETRY_AFTER_S), ..error }
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
    pub fn body(&self, request_id: &str) -> Value {
        let errors: Vec<Value> =
            self.errors.iter().map(|e| json!({"loc": e.loc, "msg": e.msg, "type": e.kind})).collect();
        let mut body = json!({
            "code": self.code,
            "message": self.message,
            "error": {
                "code": self.code,
                "message": self.message,
                "remediation": self.remediation,
                "retry_after_seconds": self.retry_after_s,
                "request_id": request_id,
                "errors": errors,
            },
        });
        if !errors.is_empty() {
            body["detail"] = Value::Array(errors);
        }
        body
    }

    pub fn render(&self, request_id: &str) -> Response {
        let body = self.body(request_id);
        let json = HeaderValue::from_static("application/json");
        let mut response = (self.status, [(CONTENT_TYPE, json)], body.to_string()).into_response();
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
            PortError::Unavailable { .. } => Self::unavailable(),
            PortError::Broken { .. } => Self::internal(),
        }
    }
}
