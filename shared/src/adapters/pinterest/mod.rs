//! [`crate::ports::Pinterest`] on Pinterest's API v5.

mod client;
pub mod error_codes;
pub mod hints;
mod wire;

pub use client::PinterestClient;
