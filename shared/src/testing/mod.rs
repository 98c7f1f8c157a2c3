//! Fakes, the manual clock, and the contract suites that every implementation of a port must pass.
//!
//! [`TestWorld`] connects the fakes and steps the workers; nothing in it sleeps or uses unseeded randomness. Failures
//! are planned with [`faults`]: the nth call of a name fails, or kills the process before or after it takes effect.

pub mod contract;
pub mod fake_analytics;
pub mod fake_boards;
pub mod fake_event_bus;
pub mod fake_mailer;
pub mod fake_oauth;
pub mod fake_pacers;
pub mod fake_people;
pub mod fake_pinterest;
pub mod fake_queue;
pub mod fake_receipt_keys;
pub mod fake_secrets;
pub mod fake_store;
pub mod fake_tasks;
pub mod fake_webhook_sender;
pub mod faults;
pub mod gate;
pub mod manual_system;
mod test_world;

pub use test_world::{START, TestWorld};
