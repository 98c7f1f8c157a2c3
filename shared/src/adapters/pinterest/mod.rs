//! [`crate::ports::Pinterest`], [`crate::ports::Boards`] and [`crate::ports::OAuth`] on Pinterest's API v5.

mod boards;
mod client;
pub mod error_codes;
pub mod hints;
mod oauth;
mod wire;

pub use client::PinterestClient;
pub use oauth::PinterestOAuth;
