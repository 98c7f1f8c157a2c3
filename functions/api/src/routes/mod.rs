//! The endpoints of the API, one file for each noun.

pub mod accounts;
pub mod activity;
pub mod analytics;
pub mod api_keys;
pub mod auth;
pub mod board_access;
pub mod boards;
pub mod bulk;
pub mod dashboard;
pub mod examples;
pub mod export;
pub mod imports;
pub mod oauth;
pub mod pins;
pub mod profile;
pub mod projects;
pub mod rate_meter;
pub mod registration;
pub mod schedules;
pub mod self_hosted;
mod session_token;
pub mod system;
pub mod terms;
pub mod webhooks;

use crate::endpoint::Endpoint;

/// Every endpoint of the API, in the order of the page at `/docs`.
pub fn table() -> Vec<Endpoint> {
    [
        oauth::endpoints(),
        accounts::endpoints(),
        boards::endpoints(),
        board_access::endpoints(),
        terms::endpoints(),
        pins::endpoints(),
        imports::endpoints(),
        schedules::endpoints(),
        webhooks::endpoints(),
        rate_meter::endpoints(),
        export::endpoints(),
        analytics::endpoints(),
        dashboard::endpoints(),
        activity::endpoints(),
        registration::endpoints(),
        auth::endpoints(),
        profile::endpoints(),
        projects::endpoints(),
        api_keys::endpoints(),
        system::endpoints(),
        self_hosted::endpoints(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
