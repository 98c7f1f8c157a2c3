//! The pure core: no AWS, no clock, no randomness, no async. The caller passes `now` and jitter as values.
//!
//! Start at [`pin`]: what was requested ([`pin::request`]), what has happened to it ([`pin::attempt`]), and what a
//! worker does next ([`pin::decide`], then [`pin::outcome`]).

pub mod account;
pub mod characters;
pub mod credit;
pub mod deadlines;
pub mod event;
pub mod ids;
pub mod import;
pub mod jws;
pub mod link;
pub mod mail;
pub mod message;
pub mod metric;
pub mod pacing;
pub mod pin;
pub mod receipt_key;
pub mod reconcile;
pub mod recovery;
pub mod repeated_write;
pub mod sandbox;
pub mod schedule;
pub mod secret;
pub mod shown;
pub mod stats;
pub mod task;
pub mod tenant;
#[cfg(any(test, feature = "testing"))]
pub mod testdata;
pub mod time;
pub mod webhook;
