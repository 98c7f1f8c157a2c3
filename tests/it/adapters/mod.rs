//! The adapters on the embedded AWS and against the Pinterest simulator.

mod addresses;
mod board_lists;
mod canary;
mod contract;
mod destinations;
mod envelope;
mod failing_work;
mod pacing_key;
mod pinterest_analytics;
mod pinterest_boards;
mod pinterest_client;
mod receipt_keys;
mod ses;
mod signed;
mod sqs_batch;
mod tasks;
mod transactions;
mod unprocessed_items;
mod webhook_sender;
