//! [`crate::ports::Pinterest`] and [`crate::ports::OAuth`] on Pinterest's API v5.

mod client;
pub mod error_codes;
pub mod hints;
mod oauth;
mod wire;

pub use client::PinterestClient;
pub use oauth::PinterestOAuth;
