//! The OpenAPI 3.1 document, made of [`endpoint::table`](crate::endpoint::table) and the table of errors. Schemas are
//! derived from the types that are answered and read; limits are the code's constants. The integration tests hold every
//! answer against the document, which is closed: a field that isn't in it fails.

mod assemble;
mod guide;
mod page;
mod samples;
pub mod schema;

use std::sync::OnceLock;

use serde_json::Value;

pub use page::page;

/// The document, made once.
pub fn document() -> &'static Value {
    static DOCUMENT: OnceLock<Value> = OnceLock::new();
    DOCUMENT.get_or_init(assemble::document)
}
