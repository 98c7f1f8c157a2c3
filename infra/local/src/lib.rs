//! The whole system in one process, nothing but Rust: what `cargo run` starts.
//!
//! [`stack::Stack`] starts it: an embedded AWS ([`aws`]) with the resources of template.yaml ([`resources`]), the
//! Pinterest simulator unless told otherwise, the API behind HTTP, and [`runner`] in the part of Lambda's event sources.
//! The functions are reached only as on Lambda: through HTTP, queue polling and the schedule.

pub mod args;
pub mod aws;
pub mod demo;
pub mod files;
pub mod identity;
pub mod resources;
pub mod runner;
pub mod stack;
