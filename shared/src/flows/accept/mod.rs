//! Accepts pins: checks the requests, places the pins, and writes them with their owners.
//!
//! Read [`accept_pins`] first. [`validate_pin`] makes the checks without writing anything.

pub mod accept_pin;
pub mod accept_pins;
pub mod duplicate_content;
pub mod place_pins;
pub mod validate_pin;
