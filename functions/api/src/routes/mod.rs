//! THE route table.

mod accounts;
mod boards;
mod jobs;
mod pins;
mod rate_meter;
mod retries;
mod system;

use axum::routing::{MethodRouter, get, post};
use http::Method;
use pinbridge_shared::ports::World;

pub struct Route {
    pub method: Method,
    pub path: &'static str,
    pub handler: MethodRouter<World>,
}

/// Every route of the API, in the order of the contract.
pub fn table() -> Vec<Route> {
    vec![
        route(Method::GET, "/", get(system::root)),
        route(Method::GET, "/docs", get(system::docs)),
        route(Method::GET, "/healthz", get(system::healthz)),
        route(Method::GET, "/readyz", get(system::readyz)),
        route(Method::GET, "/v1/pinterest/accounts", get(accounts::list)),
        route(Method::GET, "/v1/pinterest/boards", get(boards::list)),
        route(Method::POST, "/v1/pins", post(pins::create)),
        route(Method::GET, "/v1/pins", get(pins::list)),
        route(Method::GET, "/v1/pins/{id}", get(pins::read)),
        route(Method::GET, "/v1/pins/{id}/timeline", get(pins::timeline)),
        route(Method::POST, "/v1/pins/{id}/retry", post(retries::retry)),
        route(Method::GET, "/v1/jobs/{id}", get(jobs::read)),
        route(Method::GET, "/v1/rate-meter", get(rate_meter::read)),
    ]
}

fn route(method: Method, path: &'static str, handler: MethodRouter<World>) -> Route {
    Route { method, path, handler }
}
