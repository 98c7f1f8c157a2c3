//! An embedded AWS: DynamoDB, SQS and Secrets Manager behind one HTTP endpoint on the loopback interface. The AWS SDK
//! clients run unchanged, without an AWS account and without a network.
//!
//! `dynoxide` (DynamoDB on SQLite) and the `winterbaume` crates implement the protocols and most of the behaviour. This
//! module embeds them and corrects what would lose data or stall workers. Each correction says what the crate does and
//! why that is not enough.
//!
//! DynamoDB tables (SQLite) and secrets (one JSON file) survive a restart. Queues and their messages are in memory
//! only, so an application must find its unfinished work in its tables.

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

pub(crate) use data_dir::LOCK_FILE;
pub use local::LocalAws;
pub use options::{Durability, Options};
