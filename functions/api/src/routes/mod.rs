//! THE route table: method, path, whom the route is for, handler. Whom it is for is enforced over every row by
//! [`auth::enforce`](crate::auth::enforce), before its handler runs. What it takes, answers and refuses is described in
//! `openapi/`, in the file of its noun; the tests hold both against each other.

mod accounts;
mod activity;
mod analytics;
mod api_keys;
mod auth;
mod boards;
mod dashboard;
mod export;
mod imports;
mod jobs;
mod oauth;
pub mod pin_batch;
pub mod pin_bulk;
mod pin_edits;
pub mod pin_list;
mod pin_validation;
pub mod pins;
mod profile;
mod projects;
mod rate_meter;
mod retries;
mod schedules;
mod self_hosted;
mod system;
mod terms;

use axum::routing::{MethodRouter, delete, get, patch, post, put};
use http::Method;
use pinbridge_shared::context::Context;
use pinbridge_shared::domain::tenant::scope::Scope;

use crate::auth::Access;

pub use boards::{DESCRIPTION_MAX as BOARD_DESCRIPTION_MAX, NAME_MAX as BOARD_NAME_MAX};
pub use pin_batch::BATCH_MAX;
pub use pin_bulk::BULK_MAX;

pub struct Route {
    pub method: Method,
    pub path: &'static str,
    pub access: Access,
    pub handler: MethodRouter<Context>,
}

const PUBLIC: Access = Access::Public;
const READ: Access = Access::Scope(Scope::Read);
const WRITE: Access = Access::Scope(Scope::Write);
const SESSION: Access = Access::Session;
const ADMINISTER: Access = Access::Administer;
const DESTRUCTIVE: Access = Access::Scope(Scope::Destructive);

/// Every route of the API, in the order of the contract.
pub fn table() -> Vec<Route> {
    vec![
        route(Method::GET, "/", PUBLIC, get(system::root)),
        route(Method::GET, "/docs", PUBLIC, get(system::docs)),
        route(Method::GET, "/openapi.json", PUBLIC, get(system::openapi)),
        route(Method::GET, "/healthz", PUBLIC, get(system::healthz)),
        route(Method::GET, "/readyz", PUBLIC, get(system::readyz)),
        route(Method::POST, "/v1/auth/register", PUBLIC, post(auth::register)),
        route(Method::POST, "/v1/auth/login", PUBLIC, post(auth::log_in)),
        route(Method::POST, "/v1/auth/forgot-password", PUBLIC, post(self_hosted::no_password_mail)),
        route(Method::POST, "/v1/auth/reset-password", PUBLIC, post(self_hosted::no_password_mail)),
        route(Method::POST, "/v1/auth/change-password", SESSION, post(auth::change_password)),
        route(Method::POST, "/v1/auth/email/verify/request", SESSION, post(self_hosted::no_mail)),
        route(Method::GET, "/v1/auth/email/verify", PUBLIC, get(self_hosted::no_mail)),
        route(Method::POST, "/v1/auth/email/change/request", SESSION, post(self_hosted::no_mail)),
        route(Method::GET, "/v1/auth/email/change/confirm", PUBLIC, get(self_hosted::no_mail)),
        route(Method::GET, "/v1/auth/me", SESSION, get(auth::me)),
        route(Method::GET, "/v1/auth/profile", SESSION, get(profile::read)),
        route(Method::PUT, "/v1/auth/profile", SESSION, put(profile::update)),
        route(Method::GET, "/v1/projects", READ, get(projects::list)),
        route(Method::POST, "/v1/projects/sandbox", ADMINISTER, post(projects::create_sandbox)),
        route(Method::POST, "/v1/projects/sandbox/reset", ADMINISTER, post(projects::reset_sandbox)),
        route(Method::POST, "/v1/projects/switch", SESSION, post(projects::switch)),
        route(Method::POST, "/v1/api-keys", ADMINISTER, post(api_keys::create)),
        route(Method::GET, "/v1/api-keys", ADMINISTER, get(api_keys::list)),
        route(Method::PATCH, "/v1/api-keys/{id}", ADMINISTER, patch(api_keys::update)),
        route(Method::DELETE, "/v1/api-keys/{id}", ADMINISTER, delete(api_keys::revoke)),
        route(Method::GET, "/v1/pinterest/oauth/start", WRITE, get(oauth::start)),
        route(Method::GET, "/v1/pinterest/oauth/callback", PUBLIC, get(oauth::callback)),
        route(Method::GET, "/v1/pinterest/accounts", READ, get(accounts::list)),
        route(Method::DELETE, "/v1/pinterest/accounts/{id}", DESTRUCTIVE, delete(accounts::revoke)),
        route(Method::GET, "/v1/pinterest/accounts/{id}/analytics", READ, get(analytics::of_account)),
        route(Method::GET, "/v1/pinterest/boards", READ, get(boards::list)),
        route(Method::POST, "/v1/pinterest/boards", WRITE, post(boards::create)),
        route(Method::PATCH, "/v1/pinterest/boards/{id}", WRITE, patch(boards::update)),
        route(Method::DELETE, "/v1/pinterest/boards/{id}", DESTRUCTIVE, delete(boards::delete)),
        route(Method::GET, "/v1/pinterest/boards/{id}/access", READ, get(boards::access)),
        route(Method::GET, "/v1/pinterest/boards/{id}/sections", READ, get(boards::sections)),
        route(Method::POST, "/v1/pinterest/boards/{id}/sections", WRITE, post(boards::create_section)),
        route(Method::GET, "/v1/pinterest/terms/related", READ, get(terms::related)),
        // Before the pins of that path: what follows "imports" is an import's.
        route(Method::POST, "/v1/pins/imports/json", WRITE, post(imports::create_json)),
        route(Method::POST, "/v1/pins/imports/csv", WRITE, post(imports::create_csv)),
        route(Method::GET, "/v1/pins/imports", READ, get(imports::list)),
        route(Method::GET, "/v1/pins/imports/{id}", READ, get(imports::read)),
        route(Method::POST, "/v1/pins/imports/{id}/resume", WRITE, post(imports::resume)),
        route(Method::POST, "/v1/pins", WRITE, post(pins::create)),
        route(Method::GET, "/v1/pins", READ, get(pin_list::list)),
        route(Method::POST, "/v1/pins/validate", READ, post(pin_validation::validate)),
        route(Method::POST, "/v1/pins/batch", WRITE, post(pin_batch::create)),
        route(Method::POST, "/v1/pins/bulk-delete", DESTRUCTIVE, post(pin_bulk::delete)),
        route(Method::POST, "/v1/pins/bulk-retry", WRITE, post(pin_bulk::retry)),
        route(Method::GET, "/v1/pins/{id}", READ, get(pins::read)),
        route(Method::PATCH, "/v1/pins/{id}", WRITE, patch(pin_edits::update)),
        route(Method::DELETE, "/v1/pins/{id}", DESTRUCTIVE, delete(pin_edits::remove)),
        route(Method::GET, "/v1/pins/{id}/timeline", READ, get(pins::timeline)),
        route(Method::GET, "/v1/pins/{id}/analytics", READ, get(analytics::of_pin)),
        route(Method::POST, "/v1/pins/{id}/retry", WRITE, post(retries::retry)),
        route(Method::GET, "/v1/jobs/{id}", READ, get(jobs::read)),
        route(Method::POST, "/v1/schedules", WRITE, post(schedules::create)),
        route(Method::GET, "/v1/schedules", READ, get(schedules::list)),
        route(Method::POST, "/v1/schedules/validate", READ, post(schedules::validate)),
        route(Method::POST, "/v1/schedules/bulk-cancel", WRITE, post(schedules::bulk_cancel)),
        route(Method::POST, "/v1/schedules/bulk-retry", WRITE, post(schedules::bulk_retry)),
        route(Method::POST, "/v1/schedules/bulk-delete", DESTRUCTIVE, post(schedules::bulk_delete)),
        route(Method::GET, "/v1/schedules/{id}", READ, get(schedules::read)),
        route(Method::PATCH, "/v1/schedules/{id}", WRITE, patch(schedules::edit)),
        route(Method::DELETE, "/v1/schedules/{id}", DESTRUCTIVE, delete(schedules::remove)),
        route(Method::POST, "/v1/schedules/{id}/cancel", WRITE, post(schedules::cancel)),
        route(Method::POST, "/v1/schedules/{id}/retry", WRITE, post(schedules::retry)),
        route(Method::GET, "/v1/rate-meter", READ, get(rate_meter::read)),
        route(Method::GET, "/v1/activity-logs", READ, get(activity::list)),
        route(Method::GET, "/v1/dashboard/summary", READ, get(dashboard::summary)),
        route(Method::GET, "/v1/export", READ, get(export::read)),
        route(Method::GET, "/v1/billing/status", READ, get(self_hosted::billing_status)),
        route(Method::GET, "/v1/billing/pricing", PUBLIC, get(self_hosted::pricing)),
        route(Method::POST, "/v1/billing/checkout", ADMINISTER, post(self_hosted::no_billing)),
        route(Method::POST, "/v1/billing/portal", ADMINISTER, post(self_hosted::no_billing)),
        route(Method::POST, "/v1/stripe/webhook", PUBLIC, post(self_hosted::no_billing)),
        route(Method::GET, "/v1/mcp/quota", READ, get(self_hosted::mcp_quota)),
        route(Method::POST, "/v1/mcp/track", READ, post(self_hosted::mcp_quota)),
        route(Method::GET, "/v1/team/members", READ, get(self_hosted::no_team)),
        route(Method::PATCH, "/v1/team/members/{id}", ADMINISTER, patch(self_hosted::no_team)),
        route(Method::DELETE, "/v1/team/members/{id}", ADMINISTER, delete(self_hosted::no_team)),
        route(Method::GET, "/v1/team/invitations", READ, get(self_hosted::no_team)),
        route(Method::POST, "/v1/team/invitations", ADMINISTER, post(self_hosted::no_team)),
        route(Method::GET, "/v1/team/invitations/preview", PUBLIC, get(self_hosted::no_team)),
        route(Method::POST, "/v1/team/invitations/accept", PUBLIC, post(self_hosted::no_team)),
        route(Method::DELETE, "/v1/team/invitations/{id}", ADMINISTER, delete(self_hosted::no_team)),
        route(Method::POST, "/v1/team/invitations/{id}/resend", ADMINISTER, post(self_hosted::no_team)),
        route(Method::GET, "/v1/email/preferences", SESSION, get(self_hosted::no_mail)),
        route(Method::PATCH, "/v1/email/preferences", SESSION, patch(self_hosted::no_mail)),
        route(Method::GET, "/v1/email/unsubscribe", PUBLIC, get(self_hosted::no_mail)),
    ]
}

fn route(method: Method, path: &'static str, access: Access, handler: MethodRouter<Context>) -> Route {
    Route { method, path, access, handler }
}
