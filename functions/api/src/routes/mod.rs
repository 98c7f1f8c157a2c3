//! The endpoints, noun by noun, in the order of the page at `/docs`.

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
pub mod jobs;
pub mod oauth;
pub mod pin_batch;
pub mod pin_bulk;
pub mod pin_edits;
pub mod pin_list;
pub mod pin_validation;
pub mod pins;
pub mod profile;
pub mod projects;
pub mod rate_meter;
pub mod retries;
pub mod schedules;
pub mod self_hosted;
pub mod system;
pub mod terms;

use crate::endpoint::Endpoint;
use crate::openapi;

pub use crate::endpoint::{ADMINISTER, DESTRUCTIVE, PUBLIC, READ, SESSION, WRITE};
pub use bulk::BULK_MAX;
pub use pin_batch::BATCH_MAX;

pub fn endpoints() -> Vec<Endpoint> {
    [
        openapi::pins::endpoints(),
        openapi::pin_work::endpoints(),
        analytics::endpoints(),
        openapi::imports::endpoints(),
        openapi::schedules::endpoints(),
        openapi::metering::endpoints(),
        dashboard::endpoints(),
        oauth::endpoints(),
        accounts::endpoints(),
        boards::endpoints(),
        board_access::endpoints(),
        terms::endpoints(),
        auth::endpoints(),
        profile::endpoints(),
        projects::endpoints(),
        api_keys::endpoints(),
        activity::endpoints(),
        self_hosted::endpoints(),
        system::endpoints(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
