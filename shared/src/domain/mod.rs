//! The pure core: no AWS, no clock, no randomness, no async. `now` and jitter come in as values.
//!
//! Start at [`pin`] (what is asked for) and [`attempt`] (what became of it); [`step`] decides what a worker does next.

pub mod account;
pub mod activity;
pub mod analytics;
pub mod api_key;
pub mod assignment;
pub mod attempt;
pub mod backlog;
pub mod backoff;
pub mod board;
pub mod board_check;
pub mod board_scan;
pub mod clock_row;
pub mod daily_budget;
pub mod deadlines;
pub mod edit;
pub mod failure;
pub mod figures;
pub mod health;
pub mod history;
pub mod idempotency;
pub mod ids;
pub mod import;
pub mod late_check;
pub mod listing;
pub mod login;
pub mod lookup;
pub mod message;
pub mod oauth_state;
pub mod origin;
pub mod pace;
pub mod period;
pub mod pin;
pub mod pin_filter;
pub mod retry;
pub mod rules;
pub mod schedule;
pub mod scope;
pub mod secret;
pub mod session;
pub mod simulated;
pub mod step;
pub mod tally;
pub mod tenant;
#[cfg(any(test, feature = "testing"))]
pub mod testdata;
pub mod time;
pub mod timeline;
pub mod token_bucket;
pub mod token_life;
pub mod trouble;
pub mod user;
