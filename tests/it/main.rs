//! Integration tests, one binary.

mod local;
mod template;
