//! A pin: what was requested ([`request`]), what has happened to it ([`attempt`]), what a worker does next
//! ([`decide`]), and why it isn't published yet ([`waits`]).

pub mod attempt;
pub mod backoff;
pub mod blocker;
pub mod candidate;
pub mod decide;
pub mod deleted;
pub mod edit;
pub mod failure;
pub mod fields;
pub mod filter;
pub mod history;
pub mod idempotency;
pub mod image_url;
pub mod late_cause;
pub mod lateness;
pub mod listing;
pub mod origin;
pub mod outcome;
pub mod receipt;
pub mod request;
pub mod retry;
pub mod said;
pub mod sentences;
pub mod shortened;
pub mod signed_url;
pub mod timeline;
pub mod waits;

pub use request::*;
