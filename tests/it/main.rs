//! The tests that cross crates, in one binary.

mod adapters;
mod api;
mod cost;
mod flows;
mod golden;
mod local;
mod pages;
mod support;
