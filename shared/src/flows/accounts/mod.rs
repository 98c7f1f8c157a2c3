//! Connected accounts: connecting and disconnecting them, refreshing their tokens, calling Pinterest with a token.
//!
//! Read [`connect`] and [`refresh_tokens`] first. [`with_token`] makes the API's calls to Pinterest.

pub mod analytics;
pub mod connect;
pub mod connect_simulated;
pub mod disconnect;
pub mod finish_disconnecting;
pub mod forget_accounts;
pub mod hold_refused;
pub mod move_tokens;
pub mod oauth;
pub mod refresh_due;
pub mod refresh_tokens;
pub mod with_token;
