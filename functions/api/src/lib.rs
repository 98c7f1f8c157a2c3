//! The HTTP API. [`routes`] is the route table; each file below it is one noun's handlers, which extract, authorise,
//! call one flow and answer. [`error`] alone knows status codes and builds every error body.

pub mod activity;
pub mod auth;
pub mod body;
pub mod connection_page;
pub mod error;
pub mod openapi;
pub mod page;
pub mod request_id;
pub mod routes;
pub mod schedule_query;
pub mod views;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use pinbridge_shared::context::Context;

use error::ApiError;

/// The API, ready to be served: under `lambda_http` on Lambda, by `axum::serve` locally.
pub fn router(context: Context) -> Router {
    let mut router = Router::new();
    for route in routes::table() {
        let enforce = from_fn_with_state((context.clone(), route.access), auth::enforce);
        let mut handler = route.handler;
        if let Some(noted) = activity::Noted::of(&route.method, route.path) {
            handler = handler.route_layer(from_fn_with_state((context.clone(), noted), activity::keep));
        }
        // The last one is the outermost: whoever isn't let in leaves no entry.
        router = router.route(route.path, handler.route_layer(enforce));
    }
    router
        .fallback(|| async { ApiError::route_not_found() })
        .method_not_allowed_fallback(|| async { ApiError::method_not_allowed() })
        .with_state(context)
        .layer(from_fn(request_id::with_request_id))
}
