//! The tests that cross crates, in one binary.

mod contract;
mod cost;
mod local;
mod publisher_batch;
mod support;
mod template;
