//! The OpenAPI 3.1 document: every route of the table with what it takes, answers and refuses.
//!
//! A route's description is an [`Operation`] in the file of its noun; [`assemble`] joins them with the route table, which
//! knows whom a route is for, and with [`samples`](crate::error::samples), which knows every error. Schemas are derived
//! from types, limits are the code's constants, errors are what the code's own constructors make. The integration tests
//! hold every answer against the document, which is closed: a field that isn't in it fails. The types are there to be
//! described; nobody makes one.

pub mod activity;
pub mod analytics;
pub mod api_keys;
mod assemble;
pub mod boards;
pub mod connections;
pub mod dashboard;
pub mod imports;
pub mod metering;
pub mod operation;
mod page;
pub mod people;
pub mod pin_work;
pub mod pins;
pub mod projects;
mod refusals;
pub mod schedules;
pub mod self_hosted;
pub mod system;
pub mod types;

use std::sync::OnceLock;

use serde_json::Value;

pub use operation::Operation;
pub use page::{STYLE, STYLE_HASH, page};

/// Every operation that is described, noun by noun, in the order of the page.
pub fn operations() -> Vec<Operation> {
    [
        pins::operations(),
        pin_work::operations(),
        analytics::operations(),
        imports::operations(),
        schedules::operations(),
        metering::operations(),
        dashboard::operations(),
        connections::operations(),
        boards::operations(),
        people::operations(),
        projects::operations(),
        api_keys::operations(),
        activity::operations(),
        self_hosted::operations(),
        system::operations(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The document, made once.
pub fn document() -> &'static Value {
    static DOCUMENT: OnceLock<Value> = OnceLock::new();
    DOCUMENT.get_or_init(assemble::document)
}
