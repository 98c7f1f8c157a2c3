//! Connected accounts and their tokens.

pub mod analytics;
pub mod connect;
pub mod connect_simulated;
pub mod disconnect;
pub mod finish_disconnecting;
pub mod forget_accounts;
pub mod move_tokens;
pub mod oauth;
pub mod refresh_due;
pub mod refresh_tokens;
pub mod with_token;
