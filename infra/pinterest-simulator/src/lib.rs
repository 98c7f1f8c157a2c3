//! A simulated Pinterest API v5 for testing a publishing system.
//!
//! The modules, from the inside out:
//! - [`world`]: accounts, boards, Pins, tokens and the rate limit. Pure: `now_ms` is passed in, it has no clock and no
//!   async code, and all randomness comes from one seed. A simulation with virtual time can drive it directly.
//! - [`api`]: `/v5` as pure functions over the world, from an [`api::Request`] to an [`api::Reply`].
//! - [`faults`]: the rules of `PUT /_sim/faults` and how one is selected.
//! - [`rewrite`]: ways in which lists may show links and texts otherwise than they were sent.
//! - [`provider`]: all of that behind two calls, `receive` and `resume`, which decide the answer and its time.
//! - [`simulator`] and `http`: the shell with the real clock, real delays, dropped connections and the journal.
//!
//! `errors.rs` has the table of errors (`storage_error.rs` that of the storage for uploads), `http/routes.rs` the
//! table of routes, and `seed.rs` the documented accounts.

pub mod api;
pub mod config;
pub mod errors;
pub mod faults;
mod http;
mod journal;
pub mod limits;
pub mod meter;
pub mod operations;
pub mod provider;
pub mod rewrite;
pub mod seed;
pub mod simulator;
pub mod storage_error;
pub mod world;

pub use config::{Access, Config};
pub use operations::Operation;
pub use seed::{APP_ID, APP_SECRET, SeedAccount, seed_accounts};
pub use simulator::Simulator;
