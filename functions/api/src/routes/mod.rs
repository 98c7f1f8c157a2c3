//! THE route table: method, path, whom the route is for, handler. Whom it is for is enforced over every row by
//! [`auth::enforce`](crate::auth::enforce), before its handler runs.

mod accounts;
mod boards;
mod jobs;
mod oauth;
mod pins;
mod rate_meter;
mod retries;
mod system;
mod terms;

use axum::routing::{MethodRouter, delete, get, patch, post};
use http::Method;
use pinbridge_shared::domain::scope::Scope;
use pinbridge_shared::ports::World;

use crate::auth::Access;

pub struct Route {
    pub method: Method,
    pub path: &'static str,
    pub access: Access,
    pub handler: MethodRouter<World>,
}

const PUBLIC: Access = Access::Public;
const READ: Access = Access::Scope(Scope::Read);
const WRITE: Access = Access::Scope(Scope::Write);
const DESTRUCTIVE: Access = Access::Scope(Scope::Destructive);

/// Every route of the API, in the order of the contract.
pub fn table() -> Vec<Route> {
    vec![
        route(Method::GET, "/", PUBLIC, get(system::root)),
        route(Method::GET, "/docs", PUBLIC, get(system::docs)),
        route(Method::GET, "/healthz", PUBLIC, get(system::healthz)),
        route(Method::GET, "/readyz", PUBLIC, get(system::readyz)),
        route(Method::GET, "/v1/pinterest/oauth/start", WRITE, get(oauth::start)),
        route(Method::GET, "/v1/pinterest/oauth/callback", PUBLIC, get(oauth::callback)),
        route(Method::GET, "/v1/pinterest/accounts", READ, get(accounts::list)),
        route(Method::DELETE, "/v1/pinterest/accounts/{id}", DESTRUCTIVE, delete(accounts::revoke)),
        route(Method::GET, "/v1/pinterest/boards", READ, get(boards::list)),
        route(Method::POST, "/v1/pinterest/boards", WRITE, post(boards::create)),
        route(Method::PATCH, "/v1/pinterest/boards/{id}", WRITE, patch(boards::update)),
        route(Method::DELETE, "/v1/pinterest/boards/{id}", DESTRUCTIVE, delete(boards::delete)),
        route(Method::GET, "/v1/pinterest/boards/{id}/access", READ, get(boards::access)),
        route(Method::GET, "/v1/pinterest/boards/{id}/sections", READ, get(boards::sections)),
        route(Method::POST, "/v1/pinterest/boards/{id}/sections", WRITE, post(boards::create_section)),
        route(Method::GET, "/v1/pinterest/terms/related", READ, get(terms::related)),
        route(Method::POST, "/v1/pins", WRITE, post(pins::create)),
        route(Method::GET, "/v1/pins", READ, get(pins::list)),
        route(Method::GET, "/v1/pins/{id}", READ, get(pins::read)),
        route(Method::GET, "/v1/pins/{id}/timeline", READ, get(pins::timeline)),
        route(Method::POST, "/v1/pins/{id}/retry", WRITE, post(retries::retry)),
        route(Method::GET, "/v1/jobs/{id}", READ, get(jobs::read)),
        route(Method::GET, "/v1/rate-meter", READ, get(rate_meter::read)),
    ]
}

fn route(method: Method, path: &'static str, access: Access, handler: MethodRouter<World>) -> Route {
    Route { method, path, access, handler }
}
