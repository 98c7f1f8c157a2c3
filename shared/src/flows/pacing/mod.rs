//! An account's pacing: when it may publish next, and what it waits for.
//!
//! Read [`rate_meter`] first, which shows everything that limits an account. [`join_backlog`], [`pause_account`] and
//! [`release_hold`] change it; [`heed_limit`] pauses it for what Pinterest answers to other calls than creates;
//! [`own_write`] takes a token for what a caller writes itself; [`spend_budget`] counts against the app's daily budget;
//! [`mend_bucket`] empties what a bad clock has written; [`share_tokens`] lets the accounts of a Pinterest user share
//! its pace.

pub mod budget_left;
pub mod forecast;
pub mod headroom;
pub mod heed_limit;
pub mod join_backlog;
pub mod mend_bucket;
pub mod own_write;
pub mod pause_account;
pub mod rate_meter;
pub mod release_hold;
pub mod share_tokens;
pub mod spend_budget;
