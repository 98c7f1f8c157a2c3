//! What several tests need.

pub mod embedded_aws;
