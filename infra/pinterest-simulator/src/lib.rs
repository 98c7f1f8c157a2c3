//! A Pinterest API v5 to test a publishing system against.
//!
//! The map, from the inside out:
//! - [`world`]: accounts, boards, Pins, tokens and the pace limit. Pure: `now_ms` is passed in, no clock, no async,
//!   all randomness from one seed. A simulation with virtual time can drive it directly.
//! - [`api`]: `/v5` as pure functions, from a [`api::Request`] to a [`api::Reply`] over the world.
//! - [`faults`]: the rules of `PUT /_sim/faults` and how one is picked.
//! - [`provider`]: all of that behind two calls, `receive` and `resume`, which say *what* to answer and *when*.
//! - [`simulator`] and `http`: the shell with the real clock, real delays, dropped answers and the journal.
//!
//! `errors.rs` is the table of errors (`storage_error.rs` that of the storage behind uploads), `http/routes.rs` the
//! table of routes, `seed.rs` the documented accounts.

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
pub mod seed;
pub mod simulator;
pub mod storage_error;
pub mod world;

pub use config::{Config, Envelope};
pub use operations::Operation;
pub use seed::{APP_ID, APP_SECRET, SeedAccount, seed_accounts};
pub use simulator::Simulator;
