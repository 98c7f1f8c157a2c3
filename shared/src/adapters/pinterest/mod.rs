//! [`crate::ports::Pinterest`], [`crate::ports::Boards`], [`crate::ports::Analytics`] and [`crate::ports::OAuth`] on Pinterest's API
//! v5.

mod analytics;
mod boards;
mod client;
pub mod error_codes;
pub mod hints;
mod oauth;
mod wire;

pub use client::PinterestClient;
pub use oauth::PinterestOAuth;
