//! The whole system in one process, nothing but Rust.

pub mod aws;
