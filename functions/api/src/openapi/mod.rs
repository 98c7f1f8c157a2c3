//! The OpenAPI 3.1 document, made of [`endpoint::table`](crate::endpoint::table) and the table of errors. Schemas are
//! derived from the types that are answered and read; limits are the code's constants. The integration tests hold every
//! answer against the document, which is closed: a field that isn't in it fails.

pub mod activity;
pub mod analytics;
mod assemble;
pub mod connections;
pub mod dashboard;
mod guide;
mod page;
pub mod people;
pub mod projects;
mod samples;
pub mod schema;

use std::sync::OnceLock;

use serde_json::Value;

pub use page::{STYLE, STYLE_HASH, page};

/// What other nouns use of pins, until they have moved.
pub mod pins {
    pub use crate::routes::examples::{ACCOUNT, PIN};

    pub mod schemas {
        pub use crate::routes::pins::fields::{BoardId, Color, Priority, Terms};
        pub use crate::routes::pins::list::{Relation, Search};
        pub use crate::routes::pins::pin::{MediaType, Pin, PinErrorCode};
        pub use crate::routes::pins::retry::PinRetry;
        pub use crate::routes::pins::timeline::TimelineEvent;
    }
}

/// The same.
pub mod pin_work {
    pub use crate::routes::pins::validation::PinValidation;
}

/// A request with an example of its JSON, until its noun has moved.
pub trait Example {
    fn example() -> Value;
}

/// The document, made once.
pub fn document() -> &'static Value {
    static DOCUMENT: OnceLock<Value> = OnceLock::new();
    DOCUMENT.get_or_init(assemble::document)
}
