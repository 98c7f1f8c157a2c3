//! The network that a request comes from, as API Gateway saw it. No header counts: a client can send any.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use http::Extensions;
use http::request::Parts;
use lambda_http::request::RequestContext;
use pinbridge_shared::domain::tenant::login::Source;

pub struct ClientSource(pub Source);

impl<S: Send + Sync> FromRequestParts<S> for ClientSource {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(of(&parts.extensions)))
    }
}

/// The network of the request with these extensions.
pub fn of(extensions: &Extensions) -> Source {
    let ip = extensions.get::<RequestContext>().and_then(|context| match context {
        RequestContext::ApiGatewayV2(context) => context.http.source_ip.as_deref(),
        _ => None,
    });
    ip.and_then(Source::parse).unwrap_or_else(Source::direct)
}
