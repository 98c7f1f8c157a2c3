//! Makes the OpenAPI 3.1 document and the page at `/docs` from the table of endpoints and the table of errors. The
//! schemas are derived from the types of requests and answers, the limits are the constants of the code. The
//! integration tests compare every answer with the document. An answer with a field that the document lacks fails them.

mod assemble;
pub mod events;
pub mod guide;
mod page;
mod samples;
pub mod schema;

pub use assemble::document;
pub use page::{html, page};
