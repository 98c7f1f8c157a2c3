//! The tests that cross crates, in one binary.

mod contract;
mod cost;
mod local;
mod support;
mod template;
