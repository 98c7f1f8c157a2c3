//! The adapters implement the ports: DynamoDB, SQS, Secrets Manager, Pinterest, tokens sealed in the table, and the
//! only real clock and random numbers.
//!
//! Read [`assemble`] first, which puts them together. [`dynamodb`] has the table's layout; [`lambda`] runs the
//! functions.

pub mod announce;
mod announce_changes;
pub mod app_secret;
pub mod assemble;
pub mod aws;
pub mod dynamodb;
pub mod envelope;
pub mod event_bridge;
pub mod event_queue;
mod known_endpoints;
pub mod lambda;
pub mod pacing_key;
pub mod passwords;
pub mod pinterest;
pub mod printed_events;
pub mod printed_mail;
pub mod printed_tasks;
pub mod receipt_keys;
pub mod recent_outcomes;
pub mod sandbox;
pub mod secrets;
pub mod ses;
pub mod session_keys;
pub mod signed_posts;
pub mod sqs;
pub mod sqs_batch;
mod stack_key;
pub mod step_functions;
mod stored_tokens;
pub mod system;
pub mod task_token_store;
pub mod token_cache;
pub mod webhook_sender;
pub mod webhook_store;

/// The SDK's crates, for code that assembles adapters: it names one version of each.
pub mod sdk {
    pub use aws_config::SdkConfig;
    pub use aws_sdk_dynamodb as dynamodb;
    pub use aws_sdk_secretsmanager as secretsmanager;
    pub use aws_sdk_sqs as sqs;
}
