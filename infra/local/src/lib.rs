//! The local stack: all of pinbridge in one process. `cargo run` starts it.
//!
//! [`stack::Stack`] starts an embedded AWS ([`aws`]) with the resources of template.yaml ([`resources`]), the Pinterest
//! simulator (unless `--pinterest-url` names another Pinterest), a [`receiver`] of webhooks, the API on HTTP
//! ([`pinbridge_loopback`]), and [`runner`], which stands in for Lambda's event sources. Every function is invoked as
//! on Lambda: by HTTP, by a queue or by a schedule.

pub mod args;
pub mod aws;
pub mod data_files;
pub mod demo;
pub mod files;
pub mod guide;
pub mod identity;
pub mod receiver;
pub mod resources;
pub mod room;
pub mod runner;
pub mod stack;
mod write_ahead_log;
