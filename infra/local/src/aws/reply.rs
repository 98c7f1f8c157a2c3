//! The response of every service, and its HTTP form.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Response, StatusCode};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU64, Ordering};
use winterbaume_core::MockResponse;

/// An AWS JSON response: a status and a JSON body.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) body: Bytes,
}

impl Reply {
    /// A response whose body is JSON already.
    pub(super) fn raw(status: u16, body: impl Into<Bytes>) -> Self {
        let body = body.into();
        Self { status, body }
    }

    /// A response with status 200 and this value.
    pub(super) fn ok(value: &Value) -> Self {
        Self::raw(200, value.to_string())
    }

    /// An error in the form of the AWS JSON protocols; SDKs read `__type`.
    pub(super) fn error(status: u16, code: &str, message: &str) -> Self {
        Self::raw(status, json!({ "__type": code, "message": message }).to_string())
    }

    pub(super) fn is_success(&self) -> bool {
        self.status / 100 == 2
    }

    /// The body as a value, or `Null` when it is not JSON.
    pub(super) fn value(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    pub(super) fn into_http(self) -> Response<Full<Bytes>> {
        static COUNT: AtomicU64 = AtomicU64::new(1);
        let id = format!("local-{:016x}", COUNT.fetch_add(1, Ordering::Relaxed));
        let mut response = Response::new(Full::new(self.body));
        *response.status_mut() = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-amz-json-1.0"));
        if let Ok(id) = HeaderValue::from_str(&id) {
            headers.insert("x-amzn-requestid", id);
        }
        response
    }
}

impl From<MockResponse> for Reply {
    fn from(response: MockResponse) -> Self {
        Self::raw(response.status, response.body)
    }
}
