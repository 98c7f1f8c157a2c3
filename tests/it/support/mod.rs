//! What several tests need.

pub mod api;
pub mod embedded_aws;
pub mod real;
