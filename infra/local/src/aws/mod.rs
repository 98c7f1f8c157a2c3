//! An embedded "local AWS": DynamoDB, SQS and Secrets Manager behind one
//! loopback HTTP endpoint, so the real AWS SDK clients run unchanged on a
//! machine with no account and no network.
//!
//! The protocol and the semantics come from `dynoxide` (DynamoDB on SQLite) and
//! the `winterbaume` crates; this module embeds them, and puts right the few
//! places where they are not good enough to keep data or to run workers on.
//! Each such place says what the crate does and why that was not enough.
//!
//! What is kept: DynamoDB tables (SQLite) and secrets (one JSON file). Queues
//! and their messages live in memory only and are gone after a restart, so an
//! application must be able to find its unfinished work from its tables.

mod access;
mod data_dir;
mod dynamo;
mod local;
mod options;
mod reply;
mod router;
mod secrets;
mod server;
mod sqs;

pub use local::LocalAws;
pub use options::{Durability, Options};
