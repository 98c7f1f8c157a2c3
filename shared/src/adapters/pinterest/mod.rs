//! [`crate::ports::Pinterest`] on Pinterest's API v5.

mod client;
mod error_codes;
mod hints;
mod wire;

pub use client::PinterestClient;
