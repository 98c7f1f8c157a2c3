//! Accepts pins: checks the requests, places the pins, and writes them with their owners.
//!
//! Read [`submit_pins`] first: what single pins, batches and imports have in common. [`accept_pins`] is its last step,
//! and all that a schedule's pin needs. [`validate_pin`] makes the checks without writing anything.

pub mod accept_pin;
pub mod accept_pins;
pub mod duplicate_content;
pub mod place_pins;
pub mod submit_pins;
pub mod validate_pin;
