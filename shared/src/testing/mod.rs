//! Fakes, the manual clock, and the contract suites that every implementation of a port must pass.

pub mod contract;
pub mod fake_pinterest;
pub mod fake_queue;
pub mod fake_secrets;
pub mod fake_store;
pub mod manual_system;
