//! The embedded AWS, through the real SDK clients.
#![allow(clippy::unwrap_used)] // A test that unwraps nothing fails, which is what it is for.

mod common;
mod dynamodb;
mod lifecycle;
mod secrets;
mod sqs;
