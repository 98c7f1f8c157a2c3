//! The pure core: no AWS, no clock, no randomness, no async. `now` and jitter come in as values.
//!
//! Start at [`pin`] (what is asked for) and [`attempt`] (what became of it); [`step`] decides what a worker does next.

pub mod account;
pub mod deadlines;
pub mod ids;
pub mod import;
pub mod invariants;
pub mod message;
pub mod pacing;
pub mod pin;
pub mod reconcile;
pub mod recovery;
pub mod sandbox;
pub mod schedule;
pub mod secret;
pub mod stats;
pub mod tenant;
#[cfg(any(test, feature = "testing"))]
pub mod testdata;
pub mod time;
