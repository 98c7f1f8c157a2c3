//! What several tests need.

pub mod agreement;
pub mod api;
pub mod embedded_aws;
pub mod front;
pub mod logs;
pub mod meter;
pub mod real;
pub mod sweep;
