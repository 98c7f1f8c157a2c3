//! Pinterest's API v5: the ports [`Pinterest`](crate::ports::Pinterest), [`Boards`](crate::ports::Boards),
//! [`Analytics`](crate::ports::Analytics) and [`OAuth`](crate::ports::OAuth).
//!
//! Read [`error_codes`] first, which maps answers to failures, then `client` with the calls that publishing makes.

mod analytics;
mod boards;
mod client;
pub mod creation;
pub mod error_codes;
pub mod hints;
mod marks;
mod oauth;
mod rows;
mod wire;
pub mod words;

pub use client::PinterestClient;
pub use oauth::PinterestOAuth;
