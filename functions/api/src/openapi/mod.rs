//! The OpenAPI 3.1 document, made of [`endpoint::table`](crate::endpoint::table) and the table of errors. Schemas are
//! derived from the types that are answered and read; limits are the code's constants. The integration tests hold every
//! answer against the document, which is closed: a field that isn't in it fails.

mod assemble;
pub mod imports;
pub mod metering;
mod page;
pub mod pin_work;
pub mod pins;
pub mod schedules;
pub mod schema;

use std::sync::OnceLock;

use serde_json::Value;

pub use page::{STYLE, STYLE_HASH, page};

/// A request with an example of its JSON, until its noun has moved.
pub trait Example {
    fn example() -> Value;
}

/// The document, made once.
pub fn document() -> &'static Value {
    static DOCUMENT: OnceLock<Value> = OnceLock::new();
    DOCUMENT.get_or_init(assemble::document)
}
