//! Adds `x-request-id` to every response, and renders every error with the id of its request.

use std::panic::AssertUnwindSafe;
use std::time::Instant;

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use http::header::ALLOW;
use http::{HeaderName, HeaderValue};
use lambda_http::request::RequestContext;
use tracing::Instrument;
use uuid::Uuid;

use crate::error::ApiError;
use crate::rate_limit_headers::{POLICY, STANDING};

pub const HEADER: &str = "x-request-id";
/// Headers that a layer has added to the response and that a rendered error keeps.
const KEPT: [HeaderName; 3] = [ALLOW, POLICY, STANDING];

/// The id of the request, for handlers and layers.
#[derive(Clone, Debug)]
pub struct RequestId(pub String);

pub async fn with_request_id(mut request: Request, next: Next) -> Response {
    let request_id = of(&request);
    request.extensions_mut().insert(RequestId(request_id.clone()));
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let span = tracing::info_span!("request", request_id);
    let began = Instant::now();
    let answered = AssertUnwindSafe(next.run(request)).catch_unwind().instrument(span.clone()).await;
    let mut response = answered.unwrap_or_else(|_| ApiError::panicked().into_response());
    let error = response.extensions_mut().remove::<ApiError>().or_else(|| ApiError::of_bare(&response));
    if let Some(error) = error {
        let kept = KEPT.map(|name| (response.headers_mut().remove(&name), name));
        response = error.render(&request_id);
        for (value, name) in kept {
            if let Some(value) = value {
                response.headers_mut().insert(name, value);
            }
        }
    }
    if let Ok(value) = HeaderValue::from_str(&request_id) {
        response.headers_mut().insert(HEADER, value);
    }
    let elapsed_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    span.in_scope(
        || tracing::info!(%method, path, status = response.status().as_u16(), elapsed_ms, "request answered"),
    );
    response
}

/// The id that API Gateway gave the request, as in its access log. Without API Gateway, a new id.
fn of(request: &Request) -> String {
    let gateway = request.extensions().get::<RequestContext>().and_then(|context| match context {
        RequestContext::ApiGatewayV2(context) => context.request_id.clone(),
        _ => None,
    });
    gateway.unwrap_or_else(|| Uuid::new_v4().to_string())
}
