//! The HTTP API. A file of [`routes`] is one noun: its types, its handlers, which extract, authorise, call one flow and
//! answer, and its endpoints, each described once. [`endpoint`] is their builder. Everything is derived from the table
//! of all endpoints, [`routes::table`]. [`error`] alone knows status codes and builds every error body.

mod accept;
pub mod activity;
pub mod answer;
pub mod auth;
pub mod connection_page;
mod content_type;
pub mod endpoint;
pub mod error;
mod flag;
pub mod limits;
pub mod named_board;
pub mod openapi;
mod rate_limit_headers;
pub mod request;
pub mod request_id;
pub mod routes;
pub mod source;
pub mod verification_page;

use std::sync::Arc;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use pinbridge_shared::context::Context;
use pinbridge_shared::metering;

use activity::Audit;
use endpoint::Endpoint;
use error::{ApiError, codes};
use limits::Limited;
use request::options::{self, AllOptions, Known};
use request::{address, query};

/// The API, ready to be served: under `lambda_http` on Lambda, by `axum::serve` locally.
pub fn router(context: Context) -> Router {
    let context = metering::counting(context);
    let mut router = Router::new();
    let table = routes::table();
    let options = Arc::new(AllOptions::of(&table));
    for endpoint in table {
        let known = Known::of(&endpoint, &options);
        let parameters = query::Known::of(&endpoint);
        let (has_parameters, is_read) = (address::has_parameters(&endpoint), endpoint.is_read());
        let limited = Limited::of(&context, &endpoint);
        let Endpoint { path, access, audit, mut handler, .. } = endpoint;
        if let Audit::Audited(audited) = audit {
            let layer = activity::Layer { context: context.clone(), path, audited };
            handler = handler.route_layer(from_fn_with_state(layer, activity::keep));
        }
        handler = handler.route_layer(from_fn_with_state(known, options::check));
        if let Some(parameters) = parameters {
            handler = handler.route_layer(from_fn_with_state(parameters, query::name_unknown));
        }
        if has_parameters {
            handler = handler.route_layer(from_fn_with_state(is_read, address::check));
        }
        // The last layer is the outermost: a refused caller leaves no entry.
        let handler = handler
            .route_layer(from_fn_with_state(limited.clone(), limits::admit))
            .route_layer(from_fn_with_state((context.clone(), access), auth::enforce))
            .route_layer(from_fn_with_state(limited, limits::charge));
        router = router.route(path, handler);
    }
    router
        .fallback(|| async { ApiError::from(codes::ROUTE_NOT_FOUND) })
        .method_not_allowed_fallback(|| async { ApiError::from(codes::METHOD_NOT_ALLOWED) })
        .with_state(context)
        .layer(from_fn(request_id::with_request_id))
}
